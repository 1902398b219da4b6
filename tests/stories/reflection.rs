//! A stock client finds its way without our files.
//!
//! The client is `buf curl` of the npm package that the project's own checks install (`crates/xtask/tools`).

use std::path::{Path, PathBuf};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use testkit::System;
use tokio::process::Command;

/// The process that serves each service, as reflection lists it.
const SERVICES: [(&str, &str); 5] = [
    ("registry", "causeway.registry.v1.RegistryService"),
    ("provisioning", "causeway.provisioning.v1.ProvisioningService"),
    ("updates", "causeway.updates.v1.UpdatesService"),
    ("paths", "causeway.paths.v1.PathsService"),
    ("console", "causeway.overview.v1.OverviewService"),
];

fn buf() -> PathBuf {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/xtask/tools");
    let path = tools.join("node_modules/.bin/buf");
    assert!(path.exists(), "{} is missing: `cargo xtask contract` installs it", path.display());
    path
}

/// Runs the client with nothing but an address, the root and a token.
async fn curl(system: &System, words: &[&str], process: &str, path: &str) -> String {
    let output = Command::new(buf())
        .args(["curl", "--protocol", "grpc", "--reflect-header", "*"])
        .arg("--cacert")
        .arg(system.root_file())
        .arg("--header")
        .arg(format!("authorization: Bearer {}", system.administrator_token()))
        .args(words)
        .arg(format!("{}{path}", system.endpoint(process)))
        .output()
        .await
        .expect("buf runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{process}{path}: {}", text(&output.stderr));
    text(&output.stdout)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stock_client_lists_and_calls_every_service_by_reflection_alone() {
    let system = System::start().await;
    for (process, service) in SERVICES {
        for protocol in ["grpc-v1", "grpc-v1alpha"] {
            let words = ["--list-services", "--reflect-protocol", protocol];
            let listed = curl(&system, &words, process, "").await;
            assert!(listed.contains(service), "{protocol} of {process}: {listed}");
        }
        let path = format!("/{service}/GetServerInfo");
        let answer = curl(&system, &[], process, &path).await;
        assert!(answer.contains("\"version\""), "{service}: {answer}");
    }
    let tenant = system.tenant().await;
    let data = format!("{{\"parent\":\"{}\"}}", tenant.parent());
    let path = "/causeway.registry.v1.RegistryService/ListAppConnectorGroups";
    curl(&system, &["--data", &data], "registry", path).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_of_a_method_carries_the_substance_of_its_comment() {
    let system = System::start().await;
    let data = r#"{"file_containing_symbol":"causeway.paths.v1.PathsService.ReportStatus"}"#;
    let path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    let answer = curl(&system, &["--data", data], "paths", path).await;
    let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
    let files = answer["fileDescriptorResponse"]["fileDescriptorProto"].as_array();
    let files = files.expect("descriptors").iter().filter_map(serde_json::Value::as_str);
    let described = files.map(|file| BASE64_STANDARD.decode(file).expect("base64")).any(|file| {
        String::from_utf8_lossy(&file).contains("A connector's stream: Hello, then heartbeats")
    });
    assert!(described, "the comment of ReportStatus is not among the descriptors");
}
