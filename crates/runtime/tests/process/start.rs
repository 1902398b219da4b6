//! Start and readiness.

use proto::registry::v1::{GetServerInfoRequest, registry_service_client::RegistryServiceClient};
use tonic::{Code, transport::Endpoint};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::toys::{Paths, Registry, Script, ToyConfig, get, ground};
use runtime::process::Plan;

fn ask(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

#[tokio::test]
async fn a_process_is_ready_when_nothing_holds_its_services_back() {
    let ground = ground();
    let script = Script { held: true, ..Script::default() };
    let running = ground.plan(&script).start().await.unwrap();
    let admin = running.addresses().admin;
    assert_eq!(get(admin, "/livez").await, (200, "alive\n".to_owned()));
    assert_eq!(get(admin, "/readyz").await, (503, "registry: no snapshot yet\n".to_owned()));
    let hold = script.hold.lock().unwrap().take().unwrap();
    hold.release();
    running.health().ready().await;
    assert_eq!(get(admin, "/readyz").await, (200, "ready\n".to_owned()));
    assert_eq!(get(admin, "/secret").await.0, 404);
    let (code, text) = get(admin, "/metrics").await;
    assert_eq!(code, 200);
    assert!(text.contains(r#"causeway_tasks_running{task="registry"} 1"#), "{text}");
    assert!(text.ends_with("# EOF\n"), "{text}");
    running.stop().await.unwrap();
}

#[tokio::test]
async fn health_answers_without_credentials_over_tls_and_without_tls_on_the_admin_port() {
    let ground = ground();
    let running = ground.plan(&Script::default()).start().await.unwrap();
    let channel = ground.channel(&running, None).await;
    let plain = format!("http://{}", running.addresses().admin);
    let plain = Endpoint::from_shared(plain).unwrap().connect().await.unwrap();
    for channel in [channel, plain] {
        let mut health = HealthClient::new(channel);
        for name in ["", "registry", "causeway.registry.v1.RegistryService"] {
            let answer = health.check(ask(name)).await.unwrap().into_inner();
            assert_eq!(answer.status(), ServingStatus::Serving, "{name}");
        }
        assert_eq!(health.check(ask("nobody")).await.unwrap_err().code(), Code::NotFound);
    }
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_call_needs_credentials_and_a_siblings_certificate_is_one() {
    let ground = ground();
    let running = ground.plan(&Script::default()).start().await.unwrap();
    let mut nobody = RegistryServiceClient::new(ground.channel(&running, None).await);
    let error = nobody.get_server_info(GetServerInfoRequest {}).await.unwrap_err();
    assert_eq!(error.code(), Code::Unauthenticated, "{error}");
    let channel = ground.channel(&running, Some(ground.sibling())).await;
    let mut sibling = RegistryServiceClient::new(channel);
    let info = sibling.get_server_info(GetServerInfoRequest {}).await.unwrap().into_inner();
    assert_eq!(info.service, "registry");
    assert_eq!(info.version, runtime::about::VERSION);
    running.stop().await.unwrap();
}

#[tokio::test]
async fn several_services_share_one_process_and_find_each_other_in_it() {
    let ground = ground();
    let script = Script::default();
    let plan = ground.plan(&script).host::<Paths>(ToyConfig::default());
    let running = plan.start().await.unwrap();
    let here = format!("built; paths at https://localhost:{}", running.addresses().main.port());
    assert_eq!(script.told(), [here]);
    running.health().ready().await;
    for name in ["registry", "paths", "causeway.paths.v1.PathsService"] {
        assert_eq!(running.health().is_serving(name), Some(true), "{name}");
    }
    let channel = ground.channel(&running, Some(ground.sibling())).await;
    RegistryServiceClient::new(channel).get_server_info(GetServerInfoRequest {}).await.unwrap();
    running.stop().await.unwrap();
}

#[tokio::test]
async fn reflection_lists_what_is_hosted_in_both_versions_and_keeps_comments() {
    use prost::Message as _;
    use tonic_reflection::pb::v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };

    let ground = ground();
    let running = ground.plan(&Script::default()).start().await.unwrap();
    let channel = ground.channel(&running, Some(ground.sibling())).await;
    let ask =
        |message| ServerReflectionRequest { host: String::new(), message_request: Some(message) };
    let service = "causeway.registry.v1.RegistryService".to_owned();
    let requests = [
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol(service.clone())),
    ];
    let mut client = ServerReflectionClient::new(channel.clone());
    let answers = client.server_reflection_info(futures::stream::iter(requests)).await.unwrap();
    let mut answers = answers.into_inner();
    let list = answers.message().await.unwrap().unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(list)) = list else { panic!("{list:?}") };
    let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    assert!(names.contains(&service), "{names:?}");
    assert!(!names.iter().any(|name| name.contains("PathsService")), "{names:?}");
    let file = answers.message().await.unwrap().unwrap().message_response;
    let Some(MessageResponse::FileDescriptorResponse(file)) = file else { panic!("{file:?}") };
    let bytes = file.file_descriptor_proto.first().unwrap();
    let file = prost_types::FileDescriptorProto::decode(bytes.as_slice()).unwrap();
    let places = file.source_code_info.unwrap().location;
    assert!(places.iter().any(|place| !place.leading_comments().is_empty()), "no comments");

    use tonic_reflection::pb::v1alpha;
    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1alpha::server_reflection_request::MessageRequest::ListServices(
            String::new(),
        )),
    };
    let mut old = v1alpha::server_reflection_client::ServerReflectionClient::new(channel);
    let answers = old.server_reflection_info(futures::stream::iter([request])).await.unwrap();
    assert!(answers.into_inner().message().await.unwrap().is_some());
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_taken_port_or_a_missing_identity_keeps_the_process_from_starting() {
    let ground = ground();
    let running = ground.plan(&Script::default()).start().await.unwrap();
    let mut settings = ground.settings.clone();
    settings.server.listen = running.addresses().main;
    let script = Script::default();
    let second = Plan::new(settings.clone(), ground.clock.clone())
        .host::<Registry>(ToyConfig { script: script.clone() });
    let error = format!("{:#}", second.start().await.unwrap_err());
    assert!(error.contains(&running.addresses().main.to_string()), "{error}");
    assert!(script.told().is_empty(), "nothing was built");
    settings.identity.directory = ground.directory.path().join("nowhere");
    let third = Plan::new(settings, ground.clock.clone()).host::<Paths>(ToyConfig::default());
    let error = format!("{:#}", third.start().await.unwrap_err());
    assert!(error.contains("causeway pki init"), "{error}");
    running.stop().await.unwrap();
}

#[tokio::test]
async fn certificates_and_tokens_are_taken_up_from_their_files_while_it_serves() {
    use proto::registry::v1::GetServerInfoRequest as Ask;

    let mut ground = ground();
    let file = ground.directory.path().join("tokens.toml");
    let entry = |token: &str| {
        let sha256 = rpc::tokens::token_sha256(token);
        format!("[[token]]\nname = \"{token}\"\nsha256 = \"{sha256}\"\nroles = [\"ADMIN\"]\n")
    };
    std::fs::write(&file, entry("first")).unwrap();
    ground.settings.access.token_file = Some(file.clone());
    let running = ground.plan(&Script::default()).start().await.unwrap();
    let mut client = RegistryServiceClient::new(ground.channel(&running, None).await);
    let mut call = async |token: &str| {
        let mut request = tonic::Request::new(Ask {});
        let value = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
        client.get_server_info(request).await.map_err(|status| status.code())
    };
    call("first").await.unwrap();
    assert_eq!(call("second").await.unwrap_err(), Code::Unauthenticated);

    std::fs::write(&file, entry("second")).unwrap();
    running.reload();
    while call("second").await.is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(call("first").await.unwrap_err(), Code::Unauthenticated);
    running.stop().await.unwrap();
}
