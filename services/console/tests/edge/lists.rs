//! Pages of rows, and who may see them.

use names::Reason;
use proto::overview::v1::{
    GetServerInfoRequest, LintTenantRequest, ListAppConnectorGroupOverviewsRequest, OverviewView,
};
use rpc::Failure;
use tonic::Code;

use crate::{
    ground::{AUDITOR, STRANGER, VIEWER, serving},
    world::World,
};

fn list(page_size: i32) -> ListAppConnectorGroupOverviewsRequest {
    ListAppConnectorGroupOverviewsRequest {
        parent: "tenants/acme".into(),
        page_size,
        ..ListAppConnectorGroupOverviewsRequest::default()
    }
}

#[tokio::test]
async fn pages_go_by_name_and_the_table_leaves_the_expanded_row_out() {
    let world = World::default();
    for id in ["c", "a", "e", "b", "d"] {
        world.complete_group(id);
    }
    let serving = serving(world).await;
    let mut client = serving.client(VIEWER);
    let (mut ids, mut request) = (Vec::new(), list(2));
    loop {
        let page = client.list_app_connector_group_overviews(request.clone()).await.unwrap();
        let page = page.into_inner();
        for row in page.app_connector_group_overviews {
            assert_eq!((row.app_connector_count, row.app_connectors.len()), (Some(2), 0));
            assert!(row.location.is_none() && row.next_periodic_update.is_some());
            ids.push(row.name.rsplit('/').next().unwrap().to_owned());
        }
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(ids, ["a", "b", "c", "d", "e"]);

    let full = ListAppConnectorGroupOverviewsRequest { view: OverviewView::Full.into(), ..list(0) };
    let page = client.list_app_connector_group_overviews(full).await.unwrap().into_inner();
    assert!(page.app_connector_group_overviews.iter().all(|row| row.app_connectors.len() == 2));
    let other = ListAppConnectorGroupOverviewsRequest { page_token: "x".into(), ..list(0) };
    let other = client.list_app_connector_group_overviews(other).await.unwrap_err();
    assert_eq!(Failure::from_status(&other).reason(), Reason::PageTokenInvalid);
    serving.stop().await;
}

#[tokio::test]
async fn an_empty_tenant_is_an_empty_page_and_one_that_does_not_exist_is_told() {
    let serving = serving(World::default()).await;
    let empty = serving.client(AUDITOR).list_app_connector_group_overviews(list(0)).await.unwrap();
    assert!(empty.into_inner().app_connector_group_overviews.is_empty());
    let nobody =
        ListAppConnectorGroupOverviewsRequest { parent: "tenants/nobody".into(), ..list(0) };
    let missing = serving.client(AUDITOR).list_app_connector_group_overviews(nobody).await;
    assert_eq!(missing.unwrap_err().code(), Code::NotFound);
    serving.stop().await;
}

#[tokio::test]
async fn rows_are_for_callers_of_the_tenant_and_everything_wrong_is_told_at_once() {
    let world = World::default();
    world.complete_group("a");
    let serving = serving(world).await;
    let foreign = serving.client(STRANGER).list_app_connector_group_overviews(list(0)).await;
    assert_eq!(foreign.unwrap_err().code(), Code::NotFound);
    let wrong = ListAppConnectorGroupOverviewsRequest {
        parent: "acme".into(),
        filter: "status = ENABLED".into(),
        order_by: "display_name".into(),
        view: 9,
        ..list(0)
    };
    let mut viewer = serving.client(VIEWER);
    let refused = viewer.list_app_connector_group_overviews(wrong).await.unwrap_err();
    let refused = Failure::from_status(&refused);
    let fields: Vec<_> = refused.violations().iter().map(|it| it.field.as_str()).collect();
    assert_eq!(fields, ["parent", "filter", "order_by", "view"]);
    let planned = LintTenantRequest { parent: "tenants/acme".into() };
    let planned = viewer.lint_tenant(planned).await.unwrap_err();
    assert_eq!(planned.code(), Code::Unimplemented);
    let info = viewer.get_server_info(GetServerInfoRequest {}).await.unwrap().into_inner();
    assert_eq!((info.service.as_str(), info.epoch.as_str(), info.revision), ("console", "", 0));
    serving.stop().await;
}
