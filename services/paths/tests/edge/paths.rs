use proto::{
    paths::v1::{Degradation, LegSource, TargetHealth},
    registry::v1::HealthReporting,
};

use crate::ground::{BERLIN, PARIS, WIKI, chosen, query, two_sites, until};

#[tokio::test]
async fn what_connectors_measure_decides_with_where_the_user_is() {
    let ground = two_sites(HealthReporting::Continuous);
    let serving = ground.start().await;
    assert_eq!(chosen(&serving.select(PARIS).await), "NO_CONNECTED_CONNECTOR");
    let mut paris = serving.connector("paris").await;
    let mut berlin = serving.connector("berlin").await;
    assert_eq!(paris.welcome.app_connector, "tenants/acme/appConnectors/paris");
    let assignment = paris.assignment().await;
    let targets: Vec<_> = assignment.targets.iter().map(|it| (it.host.as_str(), it.port)).collect();
    assert_eq!(targets, [(WIKI, 443)]);
    berlin.assignment().await;
    paris.reaches(WIKI, 40.0).await;
    berlin.reaches(WIKI, 3.0).await;

    let answer = serving.select(PARIS).await;
    assert_eq!(chosen(&answer), "berlin paris");
    assert_eq!(answer.application_segment, "tenants/acme/applicationSegments/wiki");
    assert_eq!(answer.matched_domain, WIKI);
    assert_eq!(answer.degradation(), Degradation::None);
    assert!(answer.config_age.is_some() && answer.config_revision > 0);
    assert!((30..=60).contains(&answer.ttl.unwrap().seconds));
    let best = &answer.candidates[0];
    assert_eq!(best.health(), TargetHealth::Up);
    let (user, application) = (best.user_leg.unwrap(), best.application_leg.unwrap());
    assert_eq!((user.source(), application.source()), (LegSource::Estimated, LegSource::Measured));
    assert!((user.milliseconds - 13.2).abs() < 0.1 && application.milliseconds == 3.0);
    assert!(application.age.is_some());
    serving.stop().await;
}

#[tokio::test]
async fn a_connector_that_loses_one_application_goes_on_serving_others() {
    let ground = two_sites(HealthReporting::Continuous);
    let git = "git.corp.example";
    ground.siblings.configuration.segment("git", git, &["paris"], HealthReporting::Continuous);
    let serving = ground.start().await;
    let mut paris = serving.connector("paris").await;
    assert_eq!(paris.assignment().await.targets.len(), 2);
    paris.reaches(WIKI, 1.0).await;
    paris.reaches(git, 1.0).await;
    assert_eq!(chosen(&serving.select(PARIS).await), "paris");
    paris.fails(WIKI).await;
    assert_eq!(chosen(&serving.select(PARIS).await), "APPLICATION_UNREACHABLE");
    assert_eq!(chosen(&serving.ask(query(PARIS, git)).await), "paris");
    paris.reaches(WIKI, 1.0).await;
    assert_eq!(chosen(&serving.select(PARIS).await), "paris");
    serving.stop().await;
}

#[tokio::test]
async fn the_first_question_begins_the_probes_and_the_first_result_decides() {
    let ground = two_sites(HealthReporting::OnAccess);
    let serving = ground.start().await;
    let mut paris = serving.connector("paris").await;
    let mut berlin = serving.connector("berlin").await;
    assert!(paris.assignment().await.targets.is_empty());
    assert!(berlin.assignment().await.targets.is_empty());
    let first = serving.select(PARIS).await;
    assert_eq!(chosen(&first), "paris berlin");
    assert_eq!(first.degradation(), Degradation::Reduced);
    assert_eq!(paris.assignment().await.targets.len(), 1);
    berlin.assignment().await;
    paris.reaches(WIKI, 60.0).await;
    berlin.reaches(WIKI, 1.0).await;
    let mut again = query(PARIS, WIKI);
    again.previous = first.token;
    let second = serving.ask(again.clone()).await;
    assert_eq!(chosen(&second), "berlin paris", "what nobody had measured does not hold");

    for _ in 0..5 {
        berlin.reaches(WIKI, 50.0).await;
    }
    again.previous = second.token;
    let third = serving.ask(again.clone()).await;
    assert_eq!(chosen(&third), "berlin paris", "{third:?}");
    assert!(third.kept_previous);
    again.previous = format!("x{}", third.token);
    assert_eq!(chosen(&serving.ask(again).await), "paris berlin", "a made-up token holds nobody");
    serving.stop().await;
}

#[tokio::test]
async fn a_disabled_group_is_out_of_the_answers_and_explained() {
    let ground = two_sites(HealthReporting::Continuous);
    let serving = ground.start().await;
    let mut paris = serving.connector("paris").await;
    let mut berlin = serving.connector("berlin").await;
    paris.assignment().await;
    berlin.assignment().await;
    paris.reaches(WIKI, 1.0).await;
    berlin.reaches(WIKI, 1.0).await;
    assert_eq!(chosen(&serving.select(PARIS).await), "paris berlin");
    ground.siblings.configuration.group("paris", PARIS, false);
    until("paris is out", || async { chosen(&serving.select(PARIS).await) == "berlin" }).await;
    let explained = serving.explain(PARIS).await;
    let verdicts: Vec<_> = explained.considered.iter().map(|one| one.verdict.as_str()).collect();
    assert_eq!(verdicts, ["SELECTED", "GROUP_DISABLED"]);
    assert!(explained.considered[0].detail.contains("ms to the application"));
    paris.beat(1).await;
    ground.siblings.configuration.group("paris", PARIS, true);
    until("paris is back", || async { chosen(&serving.select(PARIS).await) == "paris berlin" })
        .await;
    serving.stop().await;
}

#[tokio::test]
async fn what_is_chosen_counts_as_load_until_the_next_report() {
    let ground = two_sites(HealthReporting::Continuous);
    let serving = ground.start().await;
    let mut paris = serving.connector("paris").await;
    let mut berlin = serving.connector("berlin").await;
    paris.assignment().await;
    berlin.assignment().await;
    paris.reaches(WIKI, 1.0).await;
    berlin.reaches(WIKI, 1.0).await;
    let mut first = 0;
    for client in 0..150 {
        let mut query = query(PARIS, WIKI);
        query.client_key = format!("client-{client}");
        first += u32::from(chosen(&serving.ask(query).await).starts_with("paris"));
    }
    assert!((60..=95).contains(&first), "100 sessions fit in paris, and it took {first} of 150");
    let explained = serving.explain(BERLIN).await;
    assert_eq!(explained.considered.len(), 2);
    paris.beat(0).await;
    let mut query = query(PARIS, WIKI);
    query.client_key = "one more".into();
    assert_eq!(chosen(&serving.ask(query).await), "paris berlin");
    serving.stop().await;
}
