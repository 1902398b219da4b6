//! Step (a) for all who wait at one key: who is known, who is refused, and one commit for those who come in.
//!
//! Owns: the judgement of each applicant, and the commit of [`Reservation`]. Always holds: a repeat is found before
//! the key's own limits are looked at; nobody is refused for a use that is not durable yet; two applicants with one public key
//! are one newcomer and its repeat.
//!
//! ## Design notes
//! Whoever cannot be decided on what is durable now (the uses that are left, and the room in the commit, go to those who came
//! before) is decided in the next pass, on what that commit left. So "exhausted" is never said because of a commit that may
//! still lose its race.

use std::{net::IpAddr, sync::Arc};

use jiff::Timestamp;
use names::{AppConnectorName, EnrolmentName, Id};
use resource::Fault;
use uuid::Uuid;

use super::{folding::Fold, limits::FailureLimits};
use crate::{
    domain::{
        connector_id::ConnectorPrefix,
        enrolment::{Enrolment, EnrolmentState, Host, PublicKeyHash, Repeat},
        key::ProvisioningKey,
        refusal::Refusal,
    },
    error::Error,
    store::{Found, KeyRow, MAX_NEWCOMERS, Reservation, Rows},
};

/// Who asks to join, after the secret was found right.
#[derive(Clone, Debug)]
pub(crate) struct Applicant {
    /// The TCP peer.
    pub(crate) source: IpAddr,
    pub(crate) host: Host,
    pub(crate) public_key: PublicKeyHash,
    /// When it asked.
    pub(crate) now: Timestamp,
}

/// Step (a), or what an earlier call left.
#[derive(Debug)]
pub(crate) enum Start {
    Reserved(Found<Enrolment>),
    Known(Found<Enrolment>, Repeat),
}

/// What an applicant is told.
type Outcome = Result<Start, Error>;

/// Decides and reserves.
#[derive(Clone, Debug)]
pub(crate) struct Reserving {
    pub(crate) rows: Rows,
    pub(crate) limits: Arc<FailureLimits>,
}

impl Fold for Reserving {
    type Asked = Applicant;
    type Done = Start;
    const MOST: usize = MAX_NEWCOMERS;

    async fn pass(
        &self,
        key: Uuid,
        applicants: &[Applicant],
        outcomes: &mut [Option<Outcome>],
    ) -> Result<bool, Fault> {
        let Some(row) = self.rows.key_by_uid(key).await? else {
            for outcome in outcomes.iter_mut().filter(|outcome| outcome.is_none()) {
                *outcome = Some(Err(Refusal::KeyUnknown.into()));
            }
            return Ok(true);
        };
        let prefix = ConnectorPrefix::of(&row.key.value.spec.display_name);
        let mut reservation = self.rows.begin_reservation(&row, &prefix).await?;
        let mut newcomers = Vec::new();
        for (applicant, outcome) in applicants.iter().zip(outcomes) {
            if outcome.is_some() {
                continue;
            }
            *outcome = self.judge(&row, applicant).await?;
            if outcome.is_none() {
                match admit(&row.key.value, &prefix, &mut reservation, applicant) {
                    Ok(true) => newcomers.push(outcome),
                    Ok(false) => {}
                    Err(error) => *outcome = Some(Err(error)),
                }
            }
        }
        let (Some(last), false) = (applicants.last(), reservation.is_empty()) else {
            return Ok(true);
        };
        let Ok(reserved) = self.rows.reserve(reservation, last.now).await? else {
            return Ok(false);
        };
        for (outcome, enrolment) in newcomers.into_iter().zip(reserved) {
            *outcome = Some(Ok(Start::Reserved(enrolment)));
        }
        Ok(true)
    }
}

impl Reserving {
    /// What an applicant who is no newcomer gets: the end of its enrolment, or a refusal. `None`: it may come in.
    async fn judge(&self, row: &KeyRow, applicant: &Applicant) -> Result<Option<Outcome>, Fault> {
        let key = &row.key.value;
        if let Err(refusal) = key.admits_source(applicant.source) {
            return Ok(Some(Err(refusal.into())));
        }
        let known = self.rows.enrolment_by_public_key(&applicant.public_key).await?;
        let judged = match known {
            Some(known) => judge_known(known, row, applicant).map(Some),
            None => key.admits_newcomer(row.uses.value, applicant.now).map(|()| None),
        };
        Ok(judged.map_err(|refusal| self.counted(key, applicant, refusal).into()).transpose())
    }

    /// An exhausted key draws on its own budget.
    fn counted(&self, key: &ProvisioningKey, applicant: &Applicant, refusal: Refusal) -> Refusal {
        match refusal {
            Refusal::KeyExhausted { .. } => self.limits.exhausted(key.uid, applicant.now, refusal),
            other => other,
        }
    }
}

fn judge_known(
    known: Found<Enrolment>,
    row: &KeyRow,
    applicant: &Applicant,
) -> Result<Start, Refusal> {
    let Applicant { host, now, .. } = applicant;
    let key = &row.key.value;
    if known.value.key_uid != key.uid {
        let revoked = matches!(known.value.state, EnrolmentState::Revoked { .. });
        return Err(if revoked { Refusal::IdentityRevoked } else { Refusal::PublicKeyInUse });
    }
    let repeat = known.value.judge_repeat(key, row.uses.value, &host.fingerprint, *now)?;
    Ok(Start::Known(known, repeat))
}

/// Lets an applicant into the commit, if there is a use and room for one more.
fn admit(
    key: &ProvisioningKey,
    prefix: &ConnectorPrefix,
    reservation: &mut Reservation<'_>,
    applicant: &Applicant,
) -> Result<bool, Error> {
    if !reservation.has_room() || reservation.holds(&applicant.public_key) {
        return Ok(false);
    }
    let Ok(uses) = reservation.uses().reserve(key.spec.max_uses, applicant.now) else {
        return Ok(false);
    };
    let connector = prefix.id(reservation.next_number()).ok_or_else(|| Refusal::QuotaExceeded {
        problem: "all numbers below the display name are used; change display_name".to_owned(),
    })?;
    reservation.add(new_enrolment(key, connector, applicant)?, uses)?;
    Ok(true)
}

fn new_enrolment(
    key: &ProvisioningKey,
    connector: Id,
    applicant: &Applicant,
) -> Result<Enrolment, Error> {
    let tenant = key.name.tenant.clone();
    let Applicant { source, ref host, public_key, now, .. } = *applicant;
    Ok(Enrolment {
        name: EnrolmentName::new(tenant.clone(), new_enrolment_id(now)?),
        key: key.name.clone(),
        key_uid: key.uid,
        group: key.spec.group.clone(),
        connector: AppConnectorName::new(tenant, connector),
        connector_labels: key.spec.connector_labels.clone(),
        public_key,
        source,
        host: host.clone(),
        state: EnrolmentState::Reserved,
        create_time: now,
        update_time: now,
        leaf: None,
    })
}

/// Ids sort by time, so that the ledger by name is the ledger by time; 80 random bits keep them apart.
fn new_enrolment_id(now: Timestamp) -> Result<Id, Error> {
    let random: [u8; 10] = rand::random();
    let random: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let text = format!("e{:012x}{random}", now.as_millisecond().max(0));
    Id::parse(&text).map_err(|error| Error::Broken(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use ::store::{Revision, ScanOptions, Store, StoreConfig};
    use resource::history::{History, HistoryLimits};
    use rpc::access::Principal;

    use super::*;
    use crate::{
        domain::{
            key::tests::{at, key},
            secret::SecretHash,
        },
        service::folding::decide,
        store::{Author, CreateKey, Lost, Watched, keys_of, snapshot},
    };

    /// A store with one key, and who decides at it.
    struct Door {
        _directory: tempfile::TempDir,
        store: Store,
        reserving: Reserving,
        key: Uuid,
    }

    impl Door {
        async fn with(key: ProvisioningKey) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let config = StoreConfig::new(directory.path().join("store"));
            let store = Store::open(config, Timestamp::now).await.unwrap();
            let rows = Rows::new(store.clone());
            let limits = HistoryLimits::default();
            let history = History::open(store.clone(), limits, at(0)).await.unwrap();
            let by = Principal::worker("test", "", "");
            let author = Author { history: &history, by: &by, tenant: Uuid::nil() };
            let secret = SecretHash([1; 32]);
            let create =
                CreateKey { key: &key, secret, quota: 1, request: None, author, now: at(0) };
            rows.create_key(create).await.unwrap().unwrap();
            let reserving = Reserving { rows, limits: Arc::new(FailureLimits::new()) };
            Self { _directory: directory, store, reserving, key: key.uid }
        }

        async fn with_uses(max: u64) -> Self {
            let mut key = key();
            key.spec.max_uses = NonZeroU64::new(max);
            Self::with(key).await
        }

        fn applicant(&self, public_key: u8) -> Applicant {
            let source = "192.0.2.1".parse().unwrap();
            let (host, public_key) = (Host::default(), [public_key; 32]);
            Applicant { source, host, public_key, now: at(1) }
        }

        /// What each is told, as `RESERVED <connector>`, `REPEAT <connector>` or a reason; and in how many commits.
        async fn decide(&self, public_keys: &[u8]) -> (Vec<String>, i64) {
            let before = self.store.published();
            let applicants: Vec<_> = public_keys.iter().map(|key| self.applicant(*key)).collect();
            let outcomes = decide(&self.reserving, self.key, &applicants).await;
            let told = outcomes.into_iter().map(|outcome| match outcome {
                Ok(Start::Reserved(new)) => format!("RESERVED {}", new.value.connector.id()),
                Ok(Start::Known(known, _)) => format!("REPEAT {}", known.value.connector.id()),
                Err(Error::Refused(refusal)) => refusal.reason().word().to_owned(),
                Err(other) => panic!("{other}"),
            });
            (told.collect(), commits(before, self.store.published()))
        }

        async fn use_count(&self) -> u64 {
            self.reserving.rows.key_by_uid(self.key).await.unwrap().unwrap().uses.value.count
        }
    }

    /// Revisions of the embedded engine are dense.
    fn commits(before: Revision, after: Revision) -> i64 {
        after.get() - before.get()
    }

    #[tokio::test]
    async fn as_many_newcomers_as_a_commit_holds_cost_one_commit() {
        let door = Door::with_uses(1_000).await;
        let public_keys: Vec<u8> = (1..=19).collect();
        assert_eq!(public_keys.len(), MAX_NEWCOMERS);
        let (told, commits) = door.decide(&public_keys).await;
        let expected: Vec<_> = (1..=19).map(|n| format!("RESERVED berlin-{n}")).collect();
        assert_eq!((told, commits), (expected, 1));
        assert_eq!(door.use_count().await, 19);
        let (told, commits) = door.decide(&[20, 1, 21]).await;
        let expected = ["RESERVED berlin-20", "REPEAT berlin-1", "RESERVED berlin-21"];
        assert_eq!((told, commits), (expected.map(str::to_owned).to_vec(), 1));
        assert_eq!(door.use_count().await, 21);
    }

    #[tokio::test]
    async fn the_first_get_the_uses_that_are_left_and_a_repeat_among_them_costs_none() {
        let door = Door::with_uses(2).await;
        let (told, commits) = door.decide(&[1, 1, 2, 3, 2, 4]).await;
        let expected = [
            "RESERVED berlin-1",
            "REPEAT berlin-1",
            "RESERVED berlin-2",
            "KEY_EXHAUSTED",
            "REPEAT berlin-2",
            "KEY_EXHAUSTED",
        ];
        assert_eq!((told, commits), (expected.map(str::to_owned).to_vec(), 1));
        assert_eq!(door.use_count().await, 2);
    }

    #[tokio::test]
    async fn a_key_in_a_snapshot_has_the_count_of_the_snapshots_revision() {
        let door = Door::with_uses(10).await;
        door.decide(&[1]).await;
        let revision = door.store.published();
        let rows = door.store.scan(&keys_of(None), ScanOptions::default()).await.unwrap().rows;
        door.decide(&[2, 3]).await;
        let watched = snapshot(&door.reserving.rows, &rows, revision).await.unwrap();
        let [Watched::Key(row)] = &watched[..] else { panic!("{watched:?}") };
        assert_eq!((row.uses.value.count, door.use_count().await), (1, 3));
    }

    #[tokio::test]
    async fn newcomers_too_large_for_one_commit_come_in_by_two() {
        // 54 KB each: nineteen would be more than a commit's 1 MiB.
        let label = |n| (format!("l{}{n:02}", "x".repeat(60)), "路".repeat(255));
        let labels = (0..64).map(label);
        let mut key = key();
        key.spec.max_uses = None;
        key.spec.connector_labels = crate::domain::text::Labels::parse(labels).unwrap();
        let door = Door::with(key).await;
        let (told, commits) = door.decide(&(1..=19).collect::<Vec<_>>()).await;
        let expected: Vec<_> = (1..=19).map(|n| format!("RESERVED berlin-{n}")).collect();
        assert_eq!((told, commits), (expected, 2));
        assert_eq!(door.use_count().await, 19);
    }

    #[tokio::test]
    async fn a_count_that_moved_since_it_was_read_is_not_written_over() {
        let door = Door::with_uses(10).await;
        let rows = &door.reserving.rows;
        door.decide(&[1, 2]).await;
        let old = rows.enrolment_by_public_key(&[1; 32]).await.unwrap().unwrap();
        let abandoned = old.value.clone().abandon("GROUP_DISABLED", at(1)).unwrap();
        let giving = || async {
            let mut giving = rows.begin_return(&abandoned, at(1)).await.unwrap();
            giving.add(&old, &abandoned).unwrap();
            giving
        };

        let too_late = giving().await;
        door.decide(&[3]).await;
        assert_eq!(rows.give_back(too_late).await.unwrap(), Err(Lost));
        assert_eq!(door.use_count().await, 3);

        let row = rows.key_by_uid(door.key).await.unwrap().unwrap();
        let prefix = ConnectorPrefix::of(&row.key.value.spec.display_name);
        let mut too_late = rows.begin_reservation(&row, &prefix).await.unwrap();
        let newcomer = admit(&row.key.value, &prefix, &mut too_late, &door.applicant(4));
        assert!(matches!(newcomer, Ok(true)), "{newcomer:?}");
        rows.give_back(giving().await).await.unwrap().unwrap();
        assert!(matches!(rows.reserve(too_late, at(1)).await.unwrap(), Err(Lost)));
        assert_eq!(door.use_count().await, 2);
    }
}
