//! Certificates that must not count, at every service.
//!
//! Always holds: a refused certificate comes with a token that may do everything, so that nothing but the certificate can be
//! the reason; after each refusal the same service answers the same caller without it.
//!
//! ## Design notes
//! The tenant's authority is stolen from a backup, as a thief would: only with its key can a leaf be made whose chain is good
//! and whose name is not.

use std::time::Duration;

use bytes::Bytes;
use names::{Reason, SpiffeId};
use proto::{
    paths::v1::{Hello, ReportStatusRequest, report_status_request::Report},
    provisioning::v1::BackupRequest,
    registry::v1::DeleteAppConnectorRequest,
};
use rcgen::{CertificateParams, KeyPair, SanType};
use rpc::Failure;
use runtime::{
    Clock,
    identity::{CertificateAuthority, LEAF_LIFETIME, PublicKey, ServiceIdentity, Validity},
};
use store::{Prefix, ScanOptions, Store, StoreConfig};
use testkit::{System, eventually, within};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::{Code, Status};

use super::{
    ground::{Ground, Joined, identity},
    wire,
};

const SERVICES: [(&str, &str); 5] = [
    ("registry", "causeway.registry.v1.RegistryService"),
    ("provisioning", "causeway.provisioning.v1.ProvisioningService"),
    ("updates", "causeway.updates.v1.UpdatesService"),
    ("paths", "causeway.paths.v1.PathsService"),
    ("console", "causeway.overview.v1.OverviewService"),
];
const DOMAIN: &str = "spiffe://causeway.test";
/// Since when an expired leaf is; its authority is only an hour older than the test.
const EXPIRED_SINCE: Duration = Duration::from_secs(30 * 60);
/// How long a deleted connector may go on anywhere: the product's promise.
const CUT_WITHIN: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn no_service_believes_a_certificate_that_is_not_whole_in_time_and_of_its_own_authority() {
    let system = System::start_as_five().await;
    let acme = Ground::lay(&system).await;
    let stolen = steal_authority(&system).await;
    let _globex = Ground::lay(&system).await;
    let good = sign(&stolen, "tenants/acme/appConnectors/berlin-9", Duration::ZERO);
    for process in ["provisioning", "paths"] {
        eventually("the stolen authority is the tenant's", || ask(&system, process, Some(&good)))
            .await;
    }
    let system_authority = system.pki().authority().unwrap();
    let now = Clock::system().now();
    let foreign = CertificateAuthority::create("foreign", now, LEAF_LIFETIME).unwrap();
    let strangers = [
        ("an expired service", sign(&system_authority, "services/paths", EXPIRED_SINCE)),
        (
            "an expired connector",
            sign(&stolen, "tenants/acme/appConnectors/berlin-1", EXPIRED_SINCE),
        ),
        ("a service of a foreign authority", sign(&foreign, "services/paths", Duration::ZERO)),
        (
            "a connector of a foreign authority",
            sign(&foreign, "tenants/acme/appConnectors/berlin-1", Duration::ZERO),
        ),
        ("a self-signed service", self_signed("services/registry")),
        ("a self-signed connector", self_signed("tenants/acme/appConnectors/berlin-1")),
        (
            "another tenant's name from a tenant's authority",
            sign(&stolen, "tenants/globex/appConnectors/berlin-1", Duration::ZERO),
        ),
        (
            "a service's name from a tenant's authority",
            sign(&stolen, "services/registry", Duration::ZERO),
        ),
        (
            "a connector's name from the system's authority",
            sign(&system_authority, "tenants/acme/appConnectors/berlin-1", Duration::ZERO),
        ),
        (
            "a name that a connector signed",
            signed_by_connector(&acme.connector, "tenants/acme/appConnectors/berlin-2"),
        ),
    ];
    for (what, stranger) in &strangers {
        for (process, _) in SERVICES {
            let answer = ask(&system, process, Some(stranger)).await;
            let refused = answer.expect_err(&format!("{process} believes {what}"));
            let told = Failure::from_status(&refused);
            assert_eq!(told.reason(), Reason::PeerUnreachable, "{process}, {what}: {refused:?}");
            ask(&system, process, None).await.unwrap_or_else(|it| panic!("{process}: {it}"));
        }
    }
    asks_for_a_name_in_vain(&system, &acme).await;
    a_service_is_no_connector(&system).await;
}

/// The name in a signing request is the wish of whoever joins, and is not heeded.
async fn asks_for_a_name_in_vain(system: &System, acme: &Ground) {
    let group = acme.place.ids["app_connector_group"].as_str();
    let group = format!("tenants/acme/appConnectorGroups/{group}");
    let request = proto::registry::v1::GetAppConnectorGroupRequest { name: group, read_time: None };
    let group = acme.tenant.api.registry.clone().get_app_connector_group(request).await.unwrap();
    let key = acme.tenant.key("wishes", &group.into_inner(), 0).await.unwrap();
    let secret = key.issued_secret.unwrap().secret;
    for wish in ["services/registry", "tenants/globex/appConnectors/berlin-1"] {
        let joined = Joined::by(system, &secret, &[format!("{DOMAIN}/{wish}")]).await;
        let named = joined.identity().leaf().spiffe.to_string();
        assert_eq!(named, format!("{DOMAIN}/{}", joined.answer.app_connector));
        assert!(named.starts_with(&format!("{DOMAIN}/tenants/acme/appConnectors/wishes-")));
    }
}

async fn a_service_is_no_connector(system: &System) {
    let service = system.pki().identity("registry").unwrap();
    for (process, path) in [
        ("paths", "/causeway.paths.v1.PathsService/ReportStatus"),
        ("provisioning", "/causeway.provisioning.v1.ProvisioningService/RenewCertificate"),
    ] {
        let channel = system.channel(&system.endpoint(process), Some(service.clone()));
        let path = path.parse().unwrap();
        let refused = wire::ask(&channel, None, path, Bytes::new(), false).await.unwrap_err();
        let reason = Failure::from_status(&refused).reason().to_owned();
        assert_eq!((refused.code(), reason.as_str()), (Code::PermissionDenied, "ACCESS_DENIED"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_connector_is_refused_everywhere_within_five_seconds_and_loses_its_stream() {
    let system = System::start_as_five().await;
    let acme = Ground::lay(&system).await;
    let shown = acme.connector.identity();
    let name = acme.connector.answer.app_connector.clone();
    let paths = system.channel(&system.endpoint("paths"), Some(shown.clone()));
    let provisioning = system.channel(&system.endpoint("provisioning"), Some(shown.clone()));
    let authority = || certificate_authority(&provisioning);
    authority().await.expect("provisioning believes it");
    eventually("paths believes it", || ask(&system, "paths", Some(&shown))).await;
    let mut reports =
        proto::paths::v1::paths_service_client::PathsServiceClient::new(paths.clone());
    let hello =
        Hello { instance_id: "one".to_owned(), version: "1.0.0".to_owned(), ..Hello::default() };
    let (more, messages) = tokio::sync::mpsc::channel(1);
    more.send(ReportStatusRequest { report: Some(Report::Hello(hello)) }).await.unwrap();
    let messages = futures::stream::unfold(messages, |mut messages| async {
        messages.recv().await.map(|message| (message, messages))
    });
    let mut orders = reports.report_status(messages).await.unwrap().into_inner();
    orders.message().await.unwrap().expect("a welcome");

    let request = DeleteAppConnectorRequest { name, ..DeleteAppConnectorRequest::default() };
    acme.tenant.api.registry.clone().delete_app_connector(request).await.unwrap();
    let cut = tokio::time::timeout(CUT_WITHIN, async {
        while let Ok(Some(_)) = orders.message().await {}
    });
    cut.await.expect("its stream goes on");
    within(CUT_WITHIN, "provisioning refuses it on its open connection", || async {
        refused_as_revoked(authority().await.map(drop))
    })
    .await;
    for process in ["provisioning", "paths"] {
        within(CUT_WITHIN, "a new connection does not help", || async {
            let channel = system.channel(&system.endpoint(process), Some(shown.clone()));
            let path = match process {
                "paths" => "/causeway.paths.v1.PathsService/ReportStatus",
                _ => "/causeway.provisioning.v1.ProvisioningService/RenewCertificate",
            };
            let path = path.parse().unwrap();
            refused_as_revoked(wire::ask(&channel, None, path, Bytes::new(), false).await.map(drop))
        })
        .await;
    }
    for process in ["registry", "updates", "console"] {
        ask(&system, process, Some(&shown)).await.expect_err("no connector is known there");
    }
    drop(more);
}

fn refused_as_revoked(answer: Result<(), Status>) -> Result<(), String> {
    match answer {
        Err(status) if Failure::from_status(&status).reason() == "IDENTITY_REVOKED" => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

async fn certificate_authority(channel: &rpc::client::Channel) -> Result<(), Status> {
    let request = proto::provisioning::v1::GetCertificateAuthorityRequest {
        name: "tenants/acme/certificateAuthority".to_owned(),
    };
    proto::provisioning::v1::provisioning_service_client::ProvisioningServiceClient::new(
        channel.clone(),
    )
    .get_certificate_authority(request)
    .await
    .map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn plaintext_on_any_tls_port_is_closed_and_the_service_lives_on() {
    let system = System::start_as_five().await;
    let mains = SERVICES.map(|(process, _)| system.endpoint(process));
    let ports = mains.into_iter().chain([system.enrolment_endpoint()]);
    for endpoint in ports {
        let port: u16 = endpoint.rsplit(':').next().unwrap().parse().unwrap();
        for said in
            ["GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
        {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            stream.write_all(said.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            let closed = tokio::time::timeout(testkit::PATIENCE, stream.read_to_end(&mut answer));
            closed.await.expect("it is kept open").ok();
            // A TLS alert at most, and never HTTP.
            assert!(answer.len() < 16 && !answer.starts_with(b"HTTP"), "{endpoint}: {answer:?}");
        }
    }
    for (process, _) in SERVICES {
        ask(&system, process, None).await.unwrap_or_else(|it| panic!("{process}: {it}"));
    }
}

/// Asks a service what it is, with this certificate and the token of somebody who may do everything.
async fn ask(
    system: &System,
    process: &str,
    shown: Option<&ServiceIdentity>,
) -> Result<Bytes, Status> {
    let (_, service) = SERVICES.iter().find(|(name, _)| *name == process).unwrap();
    let channel = system.channel(&system.endpoint(process), shown.cloned());
    let path = format!("/{service}/GetServerInfo").parse().unwrap();
    wire::ask(&channel, Some(system.administrator_token()), path, Bytes::new(), false).await
}

/// The authority of the only tenant, with its key, out of a backup.
async fn steal_authority(system: &System) -> CertificateAuthority {
    let directory = tempfile::tempdir().unwrap();
    let (file, store) = (directory.path().join("backup"), directory.path().join("store"));
    let api = system.administrator();
    let mut parts = api.provisioning.clone().backup(BackupRequest {}).await.unwrap().into_inner();
    let mut backup = Vec::new();
    while let Some(part) = parts.message().await.unwrap() {
        backup.extend_from_slice(&part.chunk);
    }
    std::fs::write(&file, backup).unwrap();
    store::restore(&file, &store).await.unwrap();
    let clock = Clock::system();
    let store = Store::open(StoreConfig::new(store), move || clock.now()).await.unwrap();
    let rows = store.scan(&Prefix::everything(), ScanOptions::default()).await.unwrap().rows;
    let authority = rows.iter().find_map(|row| {
        let record: serde_json::Value = serde_json::from_slice(&row.value).ok()?;
        let text = |field| record.get(field).and_then(serde_json::Value::as_str);
        CertificateAuthority::load(text("certificate_pem")?, text("key_pem")?).ok()
    });
    store.close().await;
    authority.expect("the backup holds the authority's key")
}

/// A leaf for a name, which ended so long ago; zero is one that still counts.
fn sign(authority: &CertificateAuthority, name: &str, ago: Duration) -> ServiceIdentity {
    let key = KeyPair::generate().unwrap();
    let public = rcgen::PublicKeyData::subject_public_key_info(&key);
    let spiffe: SpiffeId = format!("{DOMAIN}/{name}").parse().unwrap();
    let lifetime = if ago.is_zero() { LEAF_LIFETIME } else { Duration::ZERO };
    let validity = Validity::starting(Clock::system().now() - ago, lifetime);
    let public = PublicKey::from_der(&public).unwrap();
    let leaf = authority.sign_leaf(&public, &spiffe, validity).unwrap();
    identity(&[leaf.certificate.to_vec().into()], &key)
}

fn self_signed(name: &str) -> ServiceIdentity {
    let key = KeyPair::generate().unwrap();
    let leaf = named(name).self_signed(&key).unwrap();
    identity(&[leaf.der().to_vec().into()], &key)
}

/// A connector that plays authority: its own leaf stands in the chain.
fn signed_by_connector(connector: &Joined, name: &str) -> ServiceIdentity {
    let bundle = connector.answer.certificates.as_ref().unwrap();
    let own = bundle.certificate_chain[0].clone();
    let issuer = rcgen::Issuer::from_ca_cert_der(&own.to_vec().into(), &connector.key).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = named(name).signed_by(&key, &issuer).unwrap();
    identity(&[leaf.der().to_vec().into(), own], &key)
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    let uri = format!("{DOMAIN}/{name}");
    params.subject_alt_names = vec![SanType::URI(uri.as_str().try_into().unwrap())];
    params
}
