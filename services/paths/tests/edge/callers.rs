use proto::{
    paths::v1::{
        ExplainPathRequest, ListConnectorStatusesRequest, PathQuery, SelectPathRequest,
        SimulatePathRequest,
    },
    registry::v1::HealthReporting,
};
use tonic::Code;

use crate::ground::{PARIS, STRANGER, VIEWER, WIKI, chosen, query, reason, two_sites};

fn select(parent: &str) -> SelectPathRequest {
    SelectPathRequest { parent: parent.into(), query: Some(query(PARIS, WIKI)) }
}

#[tokio::test]
async fn a_foreign_tenant_looks_like_one_that_does_not_exist() {
    let ground = two_sites(HealthReporting::None);
    let serving = ground.start().await;
    let mut stranger = serving.client(STRANGER);
    let foreign = stranger.select_path(select("tenants/acme")).await.unwrap_err();
    let absent = stranger.select_path(select("tenants/nobody")).await.unwrap_err();
    assert_eq!((foreign.code(), absent.code()), (Code::NotFound, Code::NotFound));
    assert_eq!(foreign.message().replace("acme", "nobody"), absent.message());
    let list = ListConnectorStatusesRequest { parent: "tenants/-".into(), ..Default::default() };
    let all = stranger.list_connector_statuses(list).await.unwrap_err();
    assert_eq!(all.code(), Code::PermissionDenied);
    serving.stop().await;
}

#[tokio::test]
async fn a_viewer_may_look_and_not_choose() {
    let ground = two_sites(HealthReporting::None);
    let serving = ground.start().await;
    let mut viewer = serving.client(VIEWER);
    let refused = viewer.select_path(select("tenants/acme")).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::PermissionDenied, "ACCESS_DENIED")
    );
    let request = ExplainPathRequest {
        parent: "tenants/acme".into(),
        query: Some(query(PARIS, WIKI)),
        read_time: None,
    };
    assert!(viewer.explain_path(request).await.is_ok());
    serving.stop().await;
}

#[tokio::test]
async fn every_missing_or_wrong_field_is_named_at_once() {
    let ground = two_sites(HealthReporting::None);
    let serving = ground.start().await;
    let wrong = SelectPathRequest {
        parent: "acme".into(),
        query: Some(PathQuery { limit: 99, ..Default::default() }),
    };
    let refused = serving.admin().select_path(wrong).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let failure = rpc::Failure::from_status(&refused);
    let fields: Vec<_> = failure.violations().iter().map(|it| it.field.clone()).collect();
    assert_eq!(fields, ["parent", "query.destination", "query.limit"]);
    serving.stop().await;
}

#[tokio::test]
async fn a_tenant_that_does_not_exist_is_an_answer_to_who_may_see_all() {
    let ground = two_sites(HealthReporting::None);
    let serving = ground.start().await;
    let answer = serving.admin().select_path(select("tenants/nobody")).await.unwrap().into_inner();
    assert_eq!(chosen(&answer.selection.unwrap()), "TENANT_UNKNOWN");
    let planned = SimulatePathRequest { parent: "tenants/acme".into(), ..Default::default() };
    let planned = serving.admin().simulate_path(planned).await.unwrap_err();
    assert_eq!(
        (planned.code(), reason(&planned).as_str()),
        (Code::Unimplemented, "METHOD_PLANNED")
    );
    serving.stop().await;
}
