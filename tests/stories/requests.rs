//! What a wrong request, a stale etag and an unfit page token are told.

use proto::{
    google::r#type::LatLng,
    overview::v1::GetConfigurationGraphRequest,
    provisioning::v1::{CreateProvisioningKeyRequest, ProvisioningKey},
    registry::v1::{
        AppConnectorGroup, ApplicationSegment, CreateAppConnectorGroupRequest,
        CreateApplicationSegmentRequest, GetAppConnectorGroupRequest, GetServerInfoRequest,
        ListAppConnectorGroupsRequest, ListAppConnectorGroupsResponse, Location, PortRange,
        UpdateAppConnectorGroupRequest, UpdateApplicationSegmentRequest,
        registry_service_client::RegistryServiceClient,
    },
};
use rpc::error::{Failure, Kind};
use testkit::{FRANKFURT, Plan, Role, System, Tenant, Wire, eventually};
use tonic::Status;

fn told<T: std::fmt::Debug>(answer: Result<T, Status>) -> Failure {
    Failure::from_status(&answer.expect_err("it was accepted"))
}

fn mask(paths: &[&str]) -> Option<prost_types::FieldMask> {
    Some(prost_types::FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_request_names_every_violated_field_at_once() {
    let system = System::start().await;
    let tenant = system.tenant().await;
    let request = CreateAppConnectorGroupRequest {
        parent: tenant.parent(),
        app_connector_group_id: "Not An Id".into(),
        app_connector_group: Some(AppConnectorGroup {
            display_name: String::new(),
            location: Some(Location {
                coordinates: Some(LatLng { latitude: 91.0, longitude: -181.0 }),
                time_zone: "Mars/Olympus".into(),
                country_code: "Germany".into(),
                ..Location::default()
            }),
            ..AppConnectorGroup::default()
        }),
        ..CreateAppConnectorGroupRequest::default()
    };
    let answer = tenant.api.registry.clone().create_app_connector_group(request).await;
    let failure = told(answer);
    assert_eq!((failure.kind(), failure.reason()), (Kind::InvalidArgument, "FIELDS_INVALID"));
    let fields: Vec<_> =
        failure.violations().iter().map(|violation| violation.field.as_str()).collect();
    for wanted in ["app_connector_group_id", "latitude", "longitude", "time_zone", "country_code"] {
        assert!(fields.iter().any(|field| field.contains(wanted)), "{wanted} is not in {fields:?}");
    }
}

fn fields(failure: &Failure) -> Vec<&str> {
    failure.violations().iter().map(|violation| violation.field.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_cannot_be_read_is_told_beside_the_wrong_values() {
    let system = System::start().await;
    let tenant = system.tenant().await;
    let segment = |name: &str| ApplicationSegment {
        name: name.to_owned(),
        domains: vec!["10.0.0.1/8".into()],
        tcp_port_ranges: vec![PortRange { first: 0, last: 70_000 }],
        server_groups: vec![format!("{}/serverGroups/crm", tenant.parent())],
        etag: "not an etag".into(),
        ..ApplicationSegment::default()
    };
    let create = CreateApplicationSegmentRequest {
        parent: "acme".into(),
        application_segment_id: "-".into(),
        application_segment: Some(segment("")),
        request_id: "1".into(),
        ..CreateApplicationSegmentRequest::default()
    };
    let mut registry = tenant.api.registry.clone();
    let created = told(registry.create_application_segment(create).await);
    let mut wanted = vec![
        "request_id",
        "application_segment_id",
        "parent",
        "application_segment.display_name",
        "application_segment.domains[0]",
        "application_segment.tcp_port_ranges[0].first",
        "application_segment.tcp_port_ranges[0].last",
    ];
    assert_eq!(fields(&created), wanted, "the server group is of a tenant that exists");

    let update = UpdateApplicationSegmentRequest {
        application_segment: Some(segment("acme/crm")),
        update_mask: mask(&["domains", "tcp_port_ranges", "colour"]),
        ..UpdateApplicationSegmentRequest::default()
    };
    let updated = told(registry.update_application_segment(update).await);
    wanted.drain(..4);
    let both = ["update_mask", "application_segment.name", "application_segment.etag"];
    assert_eq!(fields(&updated), [&both, wanted.as_slice()].concat(), "what is not sent stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_has_ended_already_is_told_beside_whatever_else_is_wrong() {
    let system = System::start().await;
    let tenant = system.tenant().await;
    let group = tenant.group("frankfurt", FRANKFURT).await.unwrap();
    let request = |max_uses| CreateProvisioningKeyRequest {
        parent: tenant.parent(),
        provisioning_key: Some(ProvisioningKey {
            display_name: "Frankfurt".into(),
            app_connector_group: group.name.clone(),
            expire_time: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }),
            max_uses,
            ..ProvisioningKey::default()
        }),
        ..CreateProvisioningKeyRequest::default()
    };
    let mut provisioning = tenant.api.provisioning.clone();
    let ended = told(provisioning.create_provisioning_key(request(1)).await);
    assert_eq!(fields(&ended), ["provisioning_key.expire_time"]);
    let both = told(provisioning.create_provisioning_key(request(-1)).await);
    assert_eq!(fields(&both), ["provisioning_key.max_uses", "provisioning_key.expire_time"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_mask_path_is_named_with_those_that_exist_and_beside_the_wrong_values() {
    let system = System::start().await;
    let tenant = system.tenant().await;
    let mut group = tenant.group("frankfurt", FRANKFURT).await.unwrap();
    group.location = Some(Location {
        coordinates: Some(LatLng { latitude: 90.5, longitude: 0.0 }),
        time_zone: "Mars/Olympus".into(),
        ..Location::default()
    });
    let request = UpdateAppConnectorGroupRequest {
        app_connector_group: Some(group),
        update_mask: mask(&["location", "colour"]),
        ..UpdateAppConnectorGroupRequest::default()
    };
    let failure = told(tenant.api.registry.clone().update_app_connector_group(request).await);
    assert_eq!(failure.kind(), Kind::InvalidArgument);
    let words = format!("{:?}", failure.violations());
    for wanted in ["update_mask", "colour", "display_name", "latitude", "time_zone"] {
        assert!(words.contains(wanted), "{wanted} is not in {words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_etag_is_aborted_with_the_current_one_and_that_one_works() {
    let system = System::start().await;
    let tenant = system.tenant().await;
    let old = tenant.group("frankfurt", FRANKFURT).await.unwrap();
    let current = tenant.enable_group(&old, false).await.unwrap();
    let rename = |etag: &str| UpdateAppConnectorGroupRequest {
        app_connector_group: Some(AppConnectorGroup {
            display_name: "Frankfurt 2".into(),
            etag: etag.to_owned(),
            ..old.clone()
        }),
        update_mask: mask(&["display_name"]),
        ..UpdateAppConnectorGroupRequest::default()
    };
    let mut registry = tenant.api.registry.clone();
    let failure = told(registry.update_app_connector_group(rename(&old.etag)).await);
    assert_eq!((failure.kind(), failure.reason()), (Kind::Aborted, "ETAG_MISMATCH"));
    let told = failure.metadata_map().get("etag").expect("the current etag is in the answer");
    assert_eq!(*told, current.etag);
    let renamed = registry.update_app_connector_group(rename(told)).await.unwrap().into_inner();
    assert_eq!(renamed.display_name, "Frankfurt 2");
}

async fn page(
    tenant: &Tenant,
    order_by: &str,
    token: &str,
) -> Result<ListAppConnectorGroupsResponse, Status> {
    let request = ListAppConnectorGroupsRequest {
        parent: tenant.parent(),
        page_size: 2,
        page_token: token.to_owned(),
        order_by: order_by.to_owned(),
        ..ListAppConnectorGroupsRequest::default()
    };
    Ok(tenant.api.registry.clone().list_app_connector_groups(request).await?.into_inner())
}

async fn five_groups(tenant: &Tenant) {
    for id in ["a", "b", "c", "d", "e"] {
        tenant.group(id, FRANKFURT).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_show_one_revision_and_a_token_of_another_query_says_what_to_do() {
    let system = System::start().await;
    let tenant = system.tenant().await;
    five_groups(&tenant).await;
    let first = page(&tenant, "", "").await.unwrap();
    // What is made while a list is being read belongs to the next list.
    tenant.group("bb", FRANKFURT).await.unwrap();
    let mut names: Vec<_> = first.app_connector_groups;
    let mut token = first.next_page_token.clone();
    while !token.is_empty() {
        let next = page(&tenant, "", &token).await.unwrap();
        names.extend(next.app_connector_groups);
        token = next.next_page_token;
    }
    let ids: Vec<_> = names.iter().filter_map(|group| group.name.rsplit('/').next()).collect();
    assert_eq!(ids, ["a", "b", "c", "d", "e"]);

    let other_query = told(page(&tenant, "display_name desc", &first.next_page_token).await);
    assert_eq!(other_query.kind(), Kind::InvalidArgument, "{other_query}");
    assert!(other_query.message().contains("page_token"), "{other_query}");
    let garbage = told(page(&tenant, "", "garbage").await);
    assert_eq!(garbage.kind(), Kind::InvalidArgument, "{garbage}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_token_of_another_store_is_out_of_range_and_says_what_to_do() {
    let (system, restored) = (System::start().await, System::start().await);
    let tenant = system.tenant().await;
    let same_name = restored.tenant_called(tenant.name.tenant.as_str()).await;
    five_groups(&tenant).await;
    five_groups(&same_name).await;
    let token = page(&tenant, "", "").await.unwrap().next_page_token;
    let failure = told(page(&same_name, "", &token).await);
    assert_eq!((failure.kind(), failure.reason()), (Kind::OutOfRange, "EPOCH_CHANGED"));
    assert!(failure.message().contains("page_token"), "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_token_of_a_compacted_revision_is_out_of_range_and_says_what_to_do() {
    // History of ten commits; enough of them lets the store trim at once.
    let system = System::start_with(Plan::default().set("registry.retention_commits", "10")).await;
    let tenant = system.tenant().await;
    five_groups(&tenant).await;
    let token = page(&tenant, "", "").await.unwrap().next_page_token;
    let group = tenant.group("busy", FRANKFURT).await.unwrap();
    for round in 0..20 {
        tenant.enable_group(&group, round % 2 == 0).await.unwrap();
    }
    let failure = eventually("the revision of the first page is gone", || async {
        match page(&tenant, "", &token).await {
            Ok(_) => Err("it is still kept"),
            Err(status) => Ok(Failure::from_status(&status)),
        }
    })
    .await;
    assert_eq!((failure.kind(), failure.reason()), (Kind::OutOfRange, "REVISION_COMPACTED"));
    assert!(failure.message().contains("page_token"), "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_of_another_tenant_looks_like_one_that_does_not_exist() {
    let system = System::start().await;
    let (ours, theirs) = (system.tenant().await, system.tenant().await);
    let group = theirs.group("frankfurt", FRANKFURT).await.unwrap();
    let stranger = system.caller(Role::Admin, &ours.name);
    let get = |name: String| {
        let mut registry = stranger.registry.clone();
        async move {
            registry
                .get_app_connector_group(GetAppConnectorGroupRequest { name, read_time: None })
                .await
        }
    };
    let foreign = told(get(group.name.clone()).await);
    let missing = told(get(format!("{}/appConnectorGroups/frankfurt", ours.parent())).await);
    assert_eq!(foreign.kind(), Kind::NotFound);
    assert_eq!(foreign.reason(), missing.reason());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_a_token_is_unauthenticated_and_a_viewer_may_not_write() {
    let system = System::start().await;
    let tenant = system.tenant().await;
    let group = tenant.group("frankfurt", FRANKFURT).await.unwrap();
    let get = GetAppConnectorGroupRequest { name: group.name.clone(), read_time: None };

    let nobody = system.anonymous().registry.clone().get_app_connector_group(get.clone()).await;
    assert_eq!(told(nobody).kind(), Kind::Unauthenticated);

    let viewer = system.caller(Role::Viewer, &tenant.name);
    viewer.registry.clone().get_app_connector_group(get).await.unwrap();
    let viewed = Tenant { api: viewer, name: tenant.name.clone() };
    let refused = viewed.enable_group(&group, false).await;
    assert_eq!(told(refused).kind(), Kind::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planned_method_says_that_it_is_planned() {
    let system = System::start().await;
    let tenant = system.tenant().await;
    let request = GetConfigurationGraphRequest {
        parent: tenant.parent(),
        ..GetConfigurationGraphRequest::default()
    };
    let failure = told(tenant.api.overview.clone().get_configuration_graph(request).await);
    assert_eq!((failure.kind(), failure.reason()), (Kind::Unimplemented, "METHOD_PLANNED"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storing_service_says_its_version_zone_data_epoch_and_revision() {
    let system = System::start().await;
    let mut registry = system.administrator().registry;
    let ask = async |registry: &mut RegistryServiceClient<Wire>| {
        registry.get_server_info(GetServerInfoRequest {}).await.unwrap().into_inner()
    };
    let before = ask(&mut registry).await;
    assert_eq!(
        (before.service.as_str(), before.version.as_str()),
        ("registry", env!("CARGO_PKG_VERSION"))
    );
    assert!(before.tzdb_version.starts_with("20") && !before.epoch.is_empty(), "{before:?}");
    assert!(before.start_time.is_some());
    system.tenant().await;
    let after = ask(&mut registry).await;
    assert!(after.revision > before.revision, "{before:?} {after:?}");
    assert_eq!(after.epoch, before.epoch);
}
