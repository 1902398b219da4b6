use std::time::Duration;

use proto::{
    paths::v1::{
        BatchGetConnectorStatusesRequest, ConnectionState, ConnectorStatus,
        GetConnectorStatusRequest, ListConnectorStatusesRequest, report_status_request::Report,
        report_status_response::Order,
    },
    registry::v1::HealthReporting,
};
use tonic::Code;

use crate::{
    ground::{PARIS, Serving, VIEWER, WIKI, chosen, ground, reason, seconds, two_sites, until},
    siblings::group_name,
};

async fn status(serving: &Serving<'_>, id: &str) -> ConnectorStatus {
    let name = format!("tenants/acme/appConnectors/{id}/status");
    let request = GetConnectorStatusRequest { name };
    serving.client(VIEWER).get_connector_status(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn a_status_shows_who_reports_and_what_it_measured() {
    let ground = two_sites(HealthReporting::Continuous);
    let serving = ground.start().await;
    assert_eq!(status(&serving, "paris").await.state(), ConnectionState::NotSeen);
    let mut paris = serving.connector("paris").await;
    paris.assignment().await;
    paris.reaches(WIKI, 2.5).await;
    paris.beat(17).await;
    let seen = status(&serving, "paris").await;
    assert_eq!(seen.state(), ConnectionState::Connected);
    assert_eq!(seen.app_connector_group, group_name("paris"));
    assert_eq!((seen.version.as_str(), seen.hostname.as_str()), ("0.1.0", "host.example"));
    assert_eq!(seen.public_address, "127.0.0.1");
    assert_eq!(seen.load.unwrap().sessions, 17);
    let ends = rpc::time::parse(&seen.certificate_expire_time.unwrap()).unwrap();
    assert!(ends > seconds(&ground.clock, 6 * 24 * 3_600));
    assert_eq!((seen.probe_targets, seen.targets_up, seen.targets_down), (1, 1, 0));
    assert_eq!(seen.targets[0].milliseconds, 2.5);
    assert!(seen.conditions.is_empty(), "{:?}", seen.conditions);
    serving.stop().await;
}

#[tokio::test]
async fn a_goodbye_counts_at_once() {
    let ground = two_sites(HealthReporting::None);
    let serving = ground.start().await;
    let paris = serving.connector("paris").await;
    assert_eq!(chosen(&serving.select(PARIS).await), "paris");
    paris.goodbye().await;
    assert_eq!(chosen(&serving.select(PARIS).await), "NO_CONNECTED_CONNECTOR");
    let seen = status(&serving, "paris").await;
    assert_eq!(seen.state(), ConnectionState::Disconnected);
    assert_eq!(seen.conditions[0].reason, "DISCONNECTED");
    serving.stop().await;
}

#[tokio::test]
async fn a_stream_that_breaks_has_five_seconds_to_come_back() {
    let ground = two_sites(HealthReporting::None);
    let serving = ground.start().await;
    let paris = serving.connector("paris").await;
    let streams =
        || async { serving.running.metrics().encode().contains("causeway_paths_report_streams 0") };
    drop(paris);
    until("the stream is gone", streams).await;
    ground.hands.advance(Duration::from_millis(4_900));
    assert_eq!(chosen(&serving.select(PARIS).await), "paris");
    ground.hands.advance(Duration::from_millis(100));
    assert_eq!(chosen(&serving.select(PARIS).await), "NO_CONNECTED_CONNECTOR");
    let _back = serving.connector("paris").await;
    assert_eq!(chosen(&serving.select(PARIS).await), "paris");
    serving.stop().await;
}

#[tokio::test]
async fn three_missed_heartbeats_end_the_stream() {
    let ground = two_sites(HealthReporting::None);
    let serving = ground.start().await;
    let mut paris = serving.connector("paris").await;
    assert_eq!(paris.welcome.heartbeat_period.unwrap().seconds, 10);
    ground.hands.advance(Duration::from_millis(29_999));
    assert_eq!(chosen(&serving.select(PARIS).await), "paris");
    ground.hands.advance(Duration::from_millis(1));
    assert_eq!(chosen(&serving.select(PARIS).await), "NO_CONNECTED_CONNECTOR");
    let end = loop {
        match paris.order().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream ended without a word"),
            Err(status) => break status,
        }
        ground.hands.advance(Duration::from_secs(2));
    };
    assert_eq!((end.code(), reason(&end).as_str()), (Code::DeadlineExceeded, "HEARTBEAT_MISSED"));
    serving.stop().await;
}

#[tokio::test]
async fn a_newer_stream_takes_over_without_a_gap() {
    let ground = two_sites(HealthReporting::None);
    let serving = ground.start().await;
    let mut old = serving.connector("paris").await;
    let _new = serving.connector("paris").await;
    assert_eq!(chosen(&serving.select(PARIS).await), "paris");
    old.say(Report::Heartbeat(Default::default()));
    let farewell = loop {
        match old.order().await.unwrap() {
            Some(Order::Farewell(farewell)) => break farewell,
            Some(_) => {}
            None => panic!("the stream ended without a word"),
        }
    };
    assert_eq!(farewell.reason, "SUPERSEDED");
    drop(old);
    assert_eq!(chosen(&serving.select(PARIS).await), "paris");
    serving.stop().await;
}

#[tokio::test]
async fn the_end_of_the_process_is_announced_to_connectors() {
    let ground = two_sites(HealthReporting::None);
    let serving = ground.start().await;
    let mut paris = serving.connector("paris").await;
    let stopping = serving.stop();
    let farewell = async {
        loop {
            match paris.order().await.unwrap() {
                Some(Order::Farewell(farewell)) => break farewell,
                Some(_) => {}
                None => panic!("the stream ended without a word"),
            }
        }
    };
    let ((), farewell) = tokio::join!(stopping, farewell);
    assert_eq!(farewell.reason, "SHUTTING_DOWN");
}

#[tokio::test]
async fn a_revoked_or_deleted_connector_is_cut_off_and_stays_out() {
    let ground = two_sites(HealthReporting::None);
    let serving = ground.start().await;
    let mut paris = serving.connector("paris").await;
    let mut berlin = serving.connector("berlin").await;
    ground.siblings.trust.revoke("paris");
    ground.siblings.configuration.connector("berlin", "berlin", true);
    for (agent, code) in [(&mut paris, Code::Unauthenticated), (&mut berlin, Code::NotFound)] {
        let end = loop {
            agent.say(Report::Heartbeat(Default::default()));
            match agent.order().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the stream ended without a word"),
                Err(status) => break status,
            }
        };
        assert!([code, Code::Unauthenticated].contains(&end.code()), "{end:?}");
    }
    for id in ["paris", "berlin"] {
        let refused = serving.refused(id).await;
        assert_eq!(refused.code(), Code::Unauthenticated, "{refused:?}");
        assert_eq!(reason(&refused), "IDENTITY_REVOKED");
    }
    serving.stop().await;
}

#[tokio::test]
async fn a_connector_that_was_never_registered_is_refused_as_unknown() {
    let ground = two_sites(HealthReporting::None);
    let serving = ground.start().await;
    let refused = serving.refused("stranger").await;
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::NotFound, "RESOURCE_NOT_FOUND"));
    serving.stop().await;
}

#[tokio::test]
async fn statuses_come_in_pages_and_in_batches() {
    let ground = ground();
    let configuration = &ground.siblings.configuration;
    configuration.group("paris", PARIS, true);
    configuration.group("berlin", PARIS, true);
    for n in 0..5 {
        configuration.connector(&format!("c-{n}"), if n == 3 { "berlin" } else { "paris" }, false);
    }
    let serving = ground.start().await;
    let mut client = serving.client(VIEWER);
    let mut request = ListConnectorStatusesRequest {
        parent: "tenants/acme".into(),
        page_size: 2,
        app_connector_group: group_name("paris"),
        ..Default::default()
    };
    let mut pages = Vec::new();
    loop {
        let page = client.list_connector_statuses(request.clone()).await.unwrap().into_inner();
        let ids = page.connector_statuses.iter().map(|status| status.name.clone());
        pages.push(ids.collect::<Vec<_>>());
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    let name = |n: usize| format!("tenants/acme/appConnectors/c-{n}/status");
    assert_eq!(pages, [vec![name(0), name(1)], vec![name(2), name(4)]]);

    let other = ListConnectorStatusesRequest {
        page_token: request.page_token.clone(),
        app_connector_group: String::new(),
        ..request
    };
    let refused = client.list_connector_statuses(other).await.unwrap_err();
    assert_eq!(reason(&refused), "PAGE_TOKEN_OTHER_QUERY");

    let batch = |names: Vec<String>| {
        let request = BatchGetConnectorStatusesRequest { parent: "tenants/acme".into(), names };
        let mut client = client.clone();
        async move { client.batch_get_connector_statuses(request).await }
    };
    let found = batch(vec![name(4), name(0)]).await.unwrap().into_inner().connector_statuses;
    assert_eq!(found.iter().map(|it| it.name.clone()).collect::<Vec<_>>(), [name(4), name(0)]);
    let missing = batch(vec![name(0), name(9)]).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    assert!(missing.message().contains("c-9"), "{missing:?}");
    serving.stop().await;
}
