//! The agent's life against a small control plane, over real TLS.

// clippy knows tests by their attribute, and the helpers below have none.
#![allow(clippy::unwrap_used)]

mod control_plane;

use std::time::Duration;

use connector::{Agent, AgentError, Backoff, Phase, Progress, Settings, TcpDialer};
use control_plane::Handle;
use jiff::Timestamp;
use names::JoinToken;
use runtime::Clock;
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

const DAY: Duration = Duration::from_secs(86_400);
const PATIENCE: Duration = Duration::from_secs(20);

struct Running {
    progress: watch::Receiver<Progress>,
    stop: CancellationToken,
    ended: JoinHandle<Result<(), AgentError>>,
}

fn launch(directory: &TempDir, token: Option<&JoinToken>, clock: Clock) -> Running {
    let settings = Settings {
        state_dir: directory.path().join("state"),
        join_token: token.cloned(),
        backoff: Backoff::new(Duration::from_millis(10), Duration::from_millis(50)),
    };
    let agent = Agent::new(settings, TcpDialer, clock, 1);
    let (progress, stop) = (agent.progress(), CancellationToken::new());
    Running { progress, stop: stop.clone(), ended: tokio::spawn(agent.run(stop)) }
}

impl Running {
    async fn until(&mut self, what: &str, fits: impl FnMut(&Progress) -> bool) -> Progress {
        let seen = tokio::time::timeout(PATIENCE, self.progress.wait_for(fits)).await;
        if let Ok(Ok(progress)) = seen.map(|seen| seen.map(|progress| progress.clone())) {
            return progress;
        }
        panic!("not {what}: {:?}", self.progress.borrow());
    }

    async fn reporting(&mut self) -> Progress {
        self.until("reporting", |progress| progress.phase == Phase::Reporting).await
    }

    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.ended).await.unwrap().unwrap().unwrap();
    }
}

async fn plane() -> (TempDir, Handle) {
    let directory = tempfile::tempdir().unwrap();
    let handle = control_plane::start(directory.path(), Clock::system()).await;
    (directory, handle)
}

#[tokio::test]
async fn an_agent_joins_once_reports_says_goodbye_and_returns_without_its_token() {
    let (directory, plane) = plane().await;
    let mut agent = launch(&directory, Some(&plane.token), Clock::system());
    let name = agent.reporting().await.app_connector.unwrap();
    assert_eq!(name.to_string(), "tenants/acme/appConnectors/berlin-1");
    agent.stop().await;
    assert_eq!(plane.script.lock().unwrap().goodbyes, ["SHUTDOWN"]);

    let mut agent = launch(&directory, None, Clock::system());
    assert_eq!(agent.reporting().await.app_connector, Some(name));
    agent.stop().await;
    assert_eq!(plane.script.lock().unwrap().joined.len(), 1);
}

#[tokio::test]
async fn a_lost_reply_is_asked_for_again_with_the_same_key_pair() {
    let (directory, plane) = plane().await;
    plane.script.lock().unwrap().lose_next_reply = true;
    let mut agent = launch(&directory, Some(&plane.token), Clock::system());
    agent.reporting().await;
    agent.stop().await;
    let joined = plane.script.lock().unwrap().joined.clone();
    assert_eq!(joined.len(), 2);
    assert_eq!(joined[0], joined[1]);
}

#[tokio::test]
async fn a_definite_refusal_ends_the_agent_with_its_reason() {
    let (directory, plane) = plane().await;
    let token = JoinToken { secret: "cwk_another".into(), ..plane.token };
    let agent = launch(&directory, Some(&token), Clock::system());
    let Err(AgentError::Refused(refusal)) = agent.ended.await.unwrap() else { panic!() };
    assert_eq!(refusal.reason, "KEY_UNKNOWN");

    let fresh = tempfile::tempdir().unwrap();
    let agent = launch(&fresh, None, Clock::system());
    assert!(matches!(agent.ended.await.unwrap(), Err(AgentError::NotEnrolled)));
}

#[tokio::test]
async fn a_server_that_the_token_does_not_pin_never_sees_the_secret() {
    let (directory, plane) = plane().await;
    let token = JoinToken { root_pin: [7; 32], ..plane.token };
    let mut agent = launch(&directory, Some(&token), Clock::system());
    agent.until("refusing the server", |progress| !progress.problem.is_empty()).await;
    agent.stop().await;
    assert!(plane.script.lock().unwrap().joined.is_empty());
}

#[tokio::test]
async fn a_leaf_is_renewed_after_two_thirds_of_its_life_and_the_next_stream_shows_it() {
    let directory = tempfile::tempdir().unwrap();
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let (clock, time) = Clock::manual(start);
    let plane = control_plane::start(directory.path(), clock.clone()).await;
    let mut agent = launch(&directory, Some(&plane.token), clock);
    agent.reporting().await;

    time.advance(DAY * 4);
    agent.until("back after the gap", |p| p.phase == Phase::Reporting).await;
    assert_eq!(plane.script.lock().unwrap().renewed, 0);
    time.advance(DAY * 5 / 4);
    let seen = agent.until("renewed", |p| p.renewals == 1 && p.phase == Phase::Reporting).await;
    let sessions = seen.sessions;
    agent.until("on a stream with the new leaf", |p| p.sessions >= sessions.max(2)).await;
    agent.reporting().await;
    let script = plane.script.lock().unwrap();
    assert_eq!(script.renewed, 1);
    assert_ne!(script.streams.first(), script.streams.last(), "the new stream shows the new leaf");
}

#[tokio::test]
async fn an_agent_that_slept_past_its_leaf_joins_again_as_the_same_connector() {
    let directory = tempfile::tempdir().unwrap();
    let (clock, time) = Clock::manual("2026-01-01T00:00:00Z".parse().unwrap());
    let plane = control_plane::start(directory.path(), clock.clone()).await;
    let mut agent = launch(&directory, Some(&plane.token), clock.clone());
    agent.reporting().await;
    agent.stop().await;
    time.advance(DAY * 8);
    let mut agent = launch(&directory, Some(&plane.token), clock);
    agent.reporting().await;
    agent.stop().await;
    let joined = plane.script.lock().unwrap().joined.clone();
    assert_eq!(joined.len(), 2);
    assert_eq!(joined[0], joined[1], "with the same key pair");
}

#[tokio::test]
async fn an_agent_outlives_its_control_plane_and_ends_when_its_identity_is_revoked() {
    let (directory, plane) = plane().await;
    let mut agent = launch(&directory, Some(&plane.token), Clock::system());
    agent.reporting().await;
    plane.running.stop().await.unwrap();
    agent.until("waiting", |progress| progress.phase == Phase::Waiting).await;
    agent.stop().await;

    let (other, plane) = self::plane().await;
    let mut agent = launch(&other, Some(&plane.token), Clock::system());
    agent.reporting().await;
    agent.stop().await;
    plane.script.lock().unwrap().revoked = true;
    let agent = launch(&other, None, Clock::system());
    let Err(AgentError::Refused(refusal)) = agent.ended.await.unwrap() else { panic!() };
    assert_eq!(refusal.reason, "IDENTITY_REVOKED");
}
