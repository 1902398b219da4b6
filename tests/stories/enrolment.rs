//! Joining: exact counts, replays, refusals, coming back.

use std::time::Duration;

use connector::AgentError;
use proto::{
    provisioning::v1::{GetProvisioningKeyRequest, ListEnrolmentsRequest, enrolment::State},
    registry::v1::DeleteAppConnectorRequest,
};
use testkit::{Connector, FRANKFURT, Plan, System, Tenant, eventually};

async fn use_count(tenant: &Tenant, key: &str) -> i64 {
    let request = GetProvisioningKeyRequest {
        name: format!("{}/provisioningKeys/{key}", tenant.parent()),
        read_time: None,
    };
    let key = tenant.api.provisioning.clone().get_provisioning_key(request).await.unwrap();
    key.into_inner().use_count
}

async fn active_enrolments(tenant: &Tenant) -> usize {
    let request = ListEnrolmentsRequest { parent: tenant.parent(), ..Default::default() };
    let listed = tenant.api.provisioning.clone().list_enrolments(request).await.unwrap();
    let enrolments = listed.into_inner().enrolments;
    enrolments.iter().filter(|enrolment| enrolment.state() == State::Active).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_3_uses_enrols_exactly_3_of_8_that_come_at_once() {
    let system = System::start().await;
    let tenant = system.tenant().await;
    let group = tenant.group("frankfurt", FRANKFURT).await.unwrap();
    let token = tenant.join_token("key", &group, 3).await;
    let connectors: Vec<_> = (0..8).map(|_| Connector::start(&token)).collect();

    let (mut joined, mut refused) = (Vec::new(), 0);
    for connector in connectors {
        match connector.joined_or_ended().await {
            Ok(connector) => joined.push(connector),
            Err(AgentError::Refused(refusal)) => {
                assert_eq!(refusal.reason, "KEY_EXHAUSTED", "{refusal}");
                refused += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((joined.len(), refused), (3, 5));
    assert_eq!(use_count(&tenant, "key").await, 3);
    assert_eq!(active_enrolments(&tenant).await, 3);
    let mut names = Vec::new();
    for connector in &joined {
        names.push(connector.reporting().await);
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 3, "each is a connector of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_whose_reply_was_lost_joins_again_with_the_same_key_pair_and_costs_no_use() {
    let system = System::start().await;
    let tenant = system.tenant().await;
    let group = tenant.group("frankfurt", FRANKFURT).await.unwrap();
    let token = tenant.join_token("key", &group, 1).await;
    let connector = Connector::start(&token);
    let name = connector.reporting().await;

    let state = connector.stop().await.unwrap();
    // What a host that crashed between sending Enroll and writing the reply is left with: its key alone.
    testkit::forget_identity(&state).unwrap();
    let again = Connector::restart_with(state, &token);
    assert_eq!(again.reporting().await, name);
    assert_eq!(use_count(&tenant, "key").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_secret_and_a_disabled_group_are_told_apart() {
    let (system, stranger) = (System::start().await, System::start().await);
    let (tenant, elsewhere) = (system.tenant().await, stranger.tenant().await);
    let group = tenant.group("frankfurt", FRANKFURT).await.unwrap();
    let token = tenant.join_token("key", &group, 0).await;
    let their_group = elsewhere.group("frankfurt", FRANKFURT).await.unwrap();
    let their_token = elsewhere.join_token("key", &their_group, 0).await;
    let refusal = |ended: Result<(), AgentError>| match ended {
        Err(AgentError::Refused(refusal)) => refusal.reason,
        other => panic!("{other:?}"),
    };

    let wrong = testkit::with_secret_of(&token, &their_token);
    assert_eq!(refusal(Connector::start(&wrong).ended().await), "KEY_UNKNOWN");
    tenant.enable_group(&group, false).await.unwrap();
    assert_eq!(refusal(Connector::start(&token).ended().await), "GROUP_DISABLED");
    assert_eq!(use_count(&tenant, "key").await, 0, "a refusal costs no use");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_another_root_is_not_given_the_secret() {
    let (system, stranger) = (System::start().await, System::start().await);
    let tenant = system.tenant().await;
    let group = tenant.group("frankfurt", FRANKFURT).await.unwrap();
    let token = tenant.join_token("key", &group, 0).await;
    // The endpoint of a stranger with the pin of our installation: somebody in between.
    let elsewhere = testkit::with_endpoint(&token, &stranger.enrolment_endpoint());
    let connector = Connector::start(&elsewhere);
    eventually("the connector notices", || async {
        match connector.progress() {
            progress if !progress.problem.is_empty() => Ok(()),
            progress => Err(format!("{progress:?}")),
        }
    })
    .await;
    assert_eq!(connector.progress().app_connector, None);
    assert_eq!(use_count(&tenant, "key").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_connector_is_cut_off_within_5_s_and_cannot_come_back_with_its_key_pair() {
    let system = System::start().await;
    let tenant = system.tenant().await;
    let group = tenant.group("frankfurt", FRANKFURT).await.unwrap();
    let token = tenant.join_token("key", &group, 0).await;
    let connector = Connector::start(&token);
    let name = connector.reporting().await.to_string();
    let delete = DeleteAppConnectorRequest { name, ..DeleteAppConnectorRequest::default() };
    tenant.api.registry.clone().delete_app_connector(delete).await.unwrap();

    let (ended, state) = connector.ended_within(Duration::from_secs(5)).await;
    let refused = |ended: Result<(), AgentError>| match ended {
        Err(AgentError::Refused(refusal)) => refusal.reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(ended), "IDENTITY_REVOKED");
    testkit::forget_identity(&state).unwrap();
    let again = Connector::restart_with(state, &token);
    assert_eq!(refused(again.ended().await), "IDENTITY_REVOKED");
    let fresh = Connector::start(&token);
    fresh.reporting().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_renewed_after_two_thirds_of_its_life_and_not_before() {
    const DAY: Duration = Duration::from_secs(86_400);
    let (system, clock, time) = System::start_with_manual_clock(Plan::default()).await;
    let tenant = system.tenant().await;
    let group = tenant.group("frankfurt", FRANKFURT).await.unwrap();
    let connector = Connector::start_on(clock, &tenant.join_token("key", &group, 1).await);
    let name = connector.reporting().await;

    // Two thirds of 7 days are 4 days and 16 hours; the spread adds 8.4 hours at most.
    time.advance(DAY * 4);
    connector.reporting().await;
    assert_eq!(connector.progress().renewals, 0);
    time.advance(DAY * 5 / 4);
    eventually("the connector renews and reports again", || async {
        match connector.progress() {
            progress if progress.renewals > 0 && progress.sessions > 1 => Ok(()),
            progress => Err(format!("{progress:?}")),
        }
    })
    .await;
    assert_eq!(connector.reporting().await, name);
    assert_eq!(use_count(&tenant, "key").await, 1, "a renewal costs no use");
}
