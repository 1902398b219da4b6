//! paths alone: registry, provisioning, updates and the console are dead, and users go on.
//!
//! Owns: what a blackout of the siblings may change (nothing but the age of the configuration), before and after paths' own
//! death. Always holds: connectors, applications and users are real, and the siblings are killed, not stopped.

mod fleet;

use proto::paths::v1::{Degradation, Selection};
use testkit::{Connector, FRANKFURT, Plan, System, eventually};

use fleet::{Fleet, refusal};

/// From this age on answers are marked. Registry confirms every 5 s at most, so an answer is marked in a blackout only.
const STALE_AFTER: &str = "8s";
/// All that paths has beside it.
const SIBLINGS: [&str; 4] = ["console", "updates", "provisioning", "registry"];

/// Confirmed at, and how long ago, as an answer says: nanoseconds.
fn confirmed_and_age(answer: &Selection) -> (i128, i128) {
    let nanos = |seconds: i64, nanos: i32| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    let time = answer.config_confirm_time.expect("every answer says when it was confirmed");
    let age = answer.config_age.expect("every answer says how old it is");
    (nanos(time.seconds, time.nanos), nanos(age.seconds, age.nanos))
}

async fn answer(fleet: &Fleet) -> Selection {
    fleet.tenant.path(FRANKFURT, "wiki", &fleet.wiki).await.unwrap()
}

/// The first answer that is marked as stale, or as not.
async fn marked(fleet: &Fleet, stale: bool) -> Selection {
    eventually(&format!("answers are stale: {stale}"), || async {
        let answer = answer(fleet).await;
        match (answer.degradation() == Degradation::StaleConfiguration) == stale {
            true => Ok(answer),
            false => Err(format!("{answer:?}")),
        }
    })
    .await
}

/// Choices follow the health of applications, connectors that are known come and go, and those that were deleted do not.
async fn goes_on(fleet: &mut Fleet, away: Connector) -> Connector {
    fleet.mail.stop().await;
    fleet.chooses(FRANKFURT, "mail", &fleet.in_singapore).await;
    fleet.mail.restart().await.unwrap();
    fleet.chooses(FRANKFURT, "mail", &fleet.in_frankfurt).await;

    let name = away.reporting().await;
    let state = away.stop().await.expect("a goodbye");
    let back = Connector::restart(state);
    assert_eq!(back.reporting().await, name);

    let again = Connector::restart(fleet.deleted.take().expect("the state of a deleted one"));
    let (ended, state) = again.ended_within(testkit::PATIENCE).await;
    assert_eq!(refusal(ended), "IDENTITY_REVOKED");
    fleet.deleted = Some(state);
    back
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_goes_on_alone_says_the_age_of_what_it_knows_and_does_so_again_after_its_own_death() {
    let plan = Plan::default().set("paths.stale_after", STALE_AFTER);
    let mut system = System::start_as_five_with(plan).await;
    let mut fleet = Fleet::start(&system).await;
    fleet.chooses_as_it_should().await;
    let away = fleet.spare.take().expect("a connector that is no user's choice").stop().await;
    for service in SIBLINGS {
        system.kill(service);
    }

    assert_eq!(fleet.choices().await.unwrap(), fleet.expected(), "at once, and as before");
    let (confirmed, age) = confirmed_and_age(&marked(&fleet, true).await);
    // Whoever was away when the others died is admitted as well.
    let back = goes_on(&mut fleet, Connector::restart(away.expect("a goodbye"))).await;
    let (still, older) = confirmed_and_age(&answer(&fleet).await);
    assert!(still == confirmed && older > age, "{older} ns after {age} ns");

    let sessions = fleet.sessions();
    system.kill("paths");
    system.start_again("paths").await;
    let first = answer(&fleet).await;
    assert_eq!(first.degradation(), Degradation::StaleConfiguration, "{first:?}");
    let (again, oldest) = confirmed_and_age(&first);
    // A confirmation counts as soon as it is heard, and is kept a moment later: what is kept may be older, never younger.
    assert!(again <= confirmed && oldest > older, "{oldest} ns after {older} ns");
    fleet.chooses_as_it_should().await;
    fleet.have_come_back(&sessions).await;
    let back = goes_on(&mut fleet, back).await;

    for service in SIBLINGS {
        system.start_again(service).await;
    }
    let after = marked(&fleet, false).await;
    assert!(confirmed_and_age(&after).0 > confirmed);
    assert_eq!(fleet.choices().await.unwrap(), fleet.expected());
    assert!(fleet.tenant.group("after", FRANKFURT).await.is_ok(), "and it can be changed again");
    drop(back);
}
