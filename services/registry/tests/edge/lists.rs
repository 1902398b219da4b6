use std::time::Duration;

use proto::registry::v1::*;
use rpc::Kind;

use crate::ground::{ACME, Client, Registry, fields, refusal};

fn page(size: i32, token: &str) -> ListAppConnectorGroupsRequest {
    ListAppConnectorGroupsRequest {
        parent: ACME.to_owned(),
        page_size: size,
        page_token: token.to_owned(),
        ..Default::default()
    }
}

async fn list(
    client: &mut Client,
    request: ListAppConnectorGroupsRequest,
) -> (Vec<String>, String) {
    let answer = client.list_app_connector_groups(request).await.unwrap().into_inner();
    let id = |group: AppConnectorGroup| group.name.rsplit('/').next().unwrap().to_owned();
    (answer.app_connector_groups.into_iter().map(id).collect(), answer.next_page_token)
}

async fn remove(client: &mut Client, id: &str) {
    let name = format!("{ACME}/appConnectorGroups/{id}");
    let delete = DeleteAppConnectorGroupRequest { name, force: true, ..Default::default() };
    client.delete_app_connector_group(delete).await.unwrap();
}

#[tokio::test]
async fn the_pages_of_a_list_show_one_revision_whatever_is_written_between_them() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    for id in ["a", "b", "c", "d"] {
        registry.group(id).await;
    }
    let mut root = registry.root();
    let (first, token) = list(&mut root, page(2, "")).await;
    remove(&mut root, "c").await;
    registry.group("cc").await;
    let (second, end) = list(&mut root, page(2, &token)).await;
    assert_eq!((first.concat(), second.concat(), end.as_str()), ("ab".into(), "cd".into(), ""));
    assert_eq!(list(&mut root, page(0, "")).await.0, ["a", "b", "cc", "d"]);
    let all = ListAppConnectorGroupsRequest { show_deleted: true, ..page(0, "") };
    assert_eq!(list(&mut root, all).await.0, ["a", "b", "c", "cc", "d"]);
    registry.stop().await;
}

#[tokio::test]
async fn a_list_in_another_order_pages_through_everything_once() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    for id in ["d", "a", "c", "b"] {
        registry.group(id).await;
    }
    let mut root = registry.root();
    for (order_by, expected) in
        [("create_time", "dacb"), ("create_time desc", "bcad"), ("display_name desc", "dcba")]
    {
        let (mut seen, mut token) = (String::new(), String::new());
        loop {
            let request =
                ListAppConnectorGroupsRequest { order_by: order_by.to_owned(), ..page(3, &token) };
            let (ids, next) = list(&mut root, request).await;
            seen.push_str(&ids.concat());
            if next.is_empty() {
                break;
            }
            token = next;
        }
        assert_eq!(seen, expected, "{order_by}");
    }
    registry.stop().await;
}

#[tokio::test]
async fn a_token_of_another_query_or_another_store_says_what_to_do() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    for id in ["a", "b", "c"] {
        registry.group(id).await;
    }
    let mut root = registry.root();
    let (_, token) = list(&mut root, page(1, "")).await;
    let other = ListAppConnectorGroupsRequest { show_deleted: true, ..page(1, &token) };
    let (kind, reason, failure) = refusal(root.list_app_connector_groups(other).await);
    assert_eq!((kind, reason.as_str()), (Kind::InvalidArgument, "PAGE_TOKEN_OTHER_QUERY"));
    assert!(failure.message().contains("begin again"), "{failure}");
    let (kind, ..) = refusal(root.list_app_connector_groups(page(1, "made up")).await);
    assert_eq!(kind, Kind::InvalidArgument);

    let foreign = Registry::start().await;
    foreign.tenant("acme").await;
    let answer = foreign.root().list_app_connector_groups(page(1, &token)).await;
    let (kind, reason, failure) = refusal(answer);
    assert_eq!((kind, reason.as_str()), (Kind::OutOfRange, "EPOCH_CHANGED"));
    assert!(failure.message().contains("begin again"), "{failure}");
    foreign.stop().await;
    registry.stop().await;
}

#[tokio::test]
async fn a_list_whose_revision_is_compacted_says_to_begin_again() {
    let registry = Registry::start_with(|config| {
        config.store.retention_commits = 1;
        config.store.upkeep_period = Duration::from_millis(20);
    })
    .await;
    registry.tenant("acme").await;
    for id in ["a", "b", "c"] {
        registry.group(id).await;
    }
    let mut root = registry.root();
    let (_, token) = list(&mut root, page(1, "")).await;
    for id in ["d", "e", "f"] {
        registry.group(id).await;
    }
    let mut period = tokio::time::interval(Duration::from_millis(20));
    let (kind, reason, failure) = loop {
        period.tick().await;
        let answer = root.list_app_connector_groups(page(1, &token)).await;
        if answer.is_err() {
            break refusal(answer);
        }
    };
    assert_eq!((kind, reason.as_str()), (Kind::OutOfRange, "REVISION_COMPACTED"));
    assert!(failure.message().contains("without page_token"), "{failure}");
    assert!(failure.metadata_map().contains_key("oldest_revision"));
    registry.stop().await;
}

#[tokio::test]
async fn a_list_below_a_mistyped_tenant_says_so() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let request =
        ListAppConnectorGroupsRequest { parent: "tenants/acne".to_owned(), ..page(0, "") };
    let (kind, reason, _) = refusal(registry.root().list_app_connector_groups(request).await);
    assert_eq!((kind, reason.as_str()), (Kind::NotFound, "RESOURCE_NOT_FOUND"));
    registry.stop().await;
}

#[tokio::test]
async fn a_filter_asks_for_any_field_and_the_size_of_all_is_told() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    for id in ["a", "b", "c"] {
        registry.group(id).await;
    }
    let mut root = registry.root();
    let off = UpdateAppConnectorGroupRequest {
        app_connector_group: Some(AppConnectorGroup {
            name: format!("{ACME}/appConnectorGroups/b"),
            enabled: Some(false),
            ..AppConnectorGroup::default()
        }),
        ..UpdateAppConnectorGroupRequest::default()
    };
    root.update_app_connector_group(off).await.unwrap();
    let filtered =
        |filter: &str| ListAppConnectorGroupsRequest { filter: filter.to_owned(), ..page(0, "") };
    for (filter, expected) in [
        ("enabled = false", "b"),
        ("enabled = true", "ac"),
        ("location.city = \"Berlin\" AND labels:site OR NOT location.city:*", ""),
        ("name = \"*/c\" OR enabled = false", "bc"),
    ] {
        assert_eq!(list(&mut root, filtered(filter)).await.0.concat(), expected, "{filter}");
    }
    let all = root.list_app_connector_groups(page(1, "")).await.unwrap().into_inner();
    assert_eq!((all.app_connector_groups.len(), all.total_size), (1, Some(3)));
    let some = root.list_app_connector_groups(filtered("enabled = true")).await.unwrap();
    assert_eq!(some.into_inner().total_size, None);
    registry.stop().await;
}

#[tokio::test]
async fn wrong_filters_and_unknown_orders_are_refused_and_not_ignored() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let mut root = registry.root();
    let filtered = ListAppConnectorGroupsRequest { filter: "enabled".to_owned(), ..page(0, "") };
    let (_, _, failure) = refusal(root.list_app_connector_groups(filtered.clone()).await);
    assert_eq!(fields(&failure), ["filter"]);
    assert_eq!(failure.violations()[0].reason, "MALFORMED");
    let both = ListAppConnectorGroupsRequest { order_by: "size".to_owned(), ..filtered };
    let (_, _, failure) = refusal(root.list_app_connector_groups(both).await);
    assert_eq!(fields(&failure), ["filter", "order_by"]);
    let ordered = ListAppConnectorGroupsRequest { order_by: "size".to_owned(), ..page(0, "") };
    let (_, _, failure) = refusal(root.list_app_connector_groups(ordered).await);
    assert_eq!(fields(&failure), ["order_by"]);
    assert!(failure.violations()[0].description.contains("create_time"), "{failure:?}");
    registry.stop().await;
}

#[tokio::test]
async fn a_batch_answers_in_the_order_of_its_names_or_says_which_is_missing() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    for id in ["a", "b"] {
        registry.group(id).await;
    }
    let mut root = registry.root();
    let batch = |ids: &[&str]| BatchGetAppConnectorGroupsRequest {
        parent: ACME.to_owned(),
        names: ids.iter().map(|id| format!("{ACME}/appConnectorGroups/{id}")).collect(),
    };
    let found = root.batch_get_app_connector_groups(batch(&["b", "a"])).await.unwrap().into_inner();
    assert!(found.app_connector_groups[0].name.ends_with("/b"));
    let (kind, _, failure) = refusal(root.batch_get_app_connector_groups(batch(&["b", "x"])).await);
    assert_eq!(kind, Kind::NotFound);
    assert!(failure.message().contains("/x"), "{failure}");
    let (_, _, failure) =
        refusal(root.batch_get_app_connector_groups(batch(&["B", "a", "C"])).await);
    assert_eq!(fields(&failure), ["names[0]", "names[2]"]);
    registry.stop().await;
}
