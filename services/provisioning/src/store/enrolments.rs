//! The ledger, and the commits that move an enrolment and its key's count together.

use ::store::{
    At, Commit, Key, MAX_COMMIT_BYTES, MAX_COMMIT_OPS, Revision, Row, ScanOptions, Value,
};
use jiff::Timestamp;
use names::{AppConnectorName, EnrolmentName};
use resource::{Fault, record::encode};

use super::{
    Found, Lost, Rows, keys, lost, parse_name,
    provisioning_keys::{Counter, KeyRow},
    records::{StoredEnrolment, StoredPointer, StoredUses},
};
use crate::domain::{
    connector_id::ConnectorPrefix,
    enrolment::{Enrolment, PublicKeyHash},
    uses::Uses,
};

/// Writes of the commit of step (a) that its newcomers share: the count and the sequence.
const SHARED_WRITES: usize = 2;
/// Its writes for each newcomer: the enrolment and the four indexes that lead to it.
const WRITES_EACH: usize = 5;
/// Most newcomers of one commit.
pub(crate) const MAX_NEWCOMERS: usize = (MAX_COMMIT_OPS - SHARED_WRITES) / WRITES_EACH;
/// Most enrolments that one commit gives up: three writes each, and the count.
pub(crate) const MAX_RETURNED: usize = (MAX_COMMIT_OPS - 1) / 3;
/// Bytes of enrolments from which on a commit takes no more. A last one of 64 KiB, the most that a value may have, and all
/// keys and pointers still fit below the commit's own limit.
const FULL_FROM: usize = MAX_COMMIT_BYTES / 2;

/// Step (a) of several newcomers of one key, in the making: everything that one commit writes.
#[derive(Debug)]
pub(crate) struct Reservation<'a> {
    /// The key as it was judged; a change of it since then loses the race.
    key: &'a KeyRow,
    /// Its count with the uses in here.
    uses: Uses,
    /// The last number given out below the connectors' prefix, as it was read.
    sequence: Counter,
    /// Each with its record.
    enrolments: Vec<(Enrolment, Value)>,
    bytes: usize,
}

impl Reservation<'_> {
    /// The count with the uses in here.
    pub(crate) fn uses(&self) -> Uses {
        self.uses
    }

    /// The number of the next connector; the first of all is 1.
    pub(crate) fn next_number(&self) -> u64 {
        self.last_number().saturating_add(1)
    }

    fn last_number(&self) -> u64 {
        self.sequence.value.saturating_add(self.enrolments.len() as u64)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.enrolments.is_empty()
    }

    /// Whether one commit can hold another; always true of an empty one.
    pub(crate) fn has_room(&self) -> bool {
        self.enrolments.len() < MAX_NEWCOMERS && self.bytes < FULL_FROM
    }

    /// Whether somebody in here brought this public key.
    pub(crate) fn holds(&self, public_key: &PublicKeyHash) -> bool {
        self.enrolments.iter().any(|(enrolment, _)| enrolment.public_key == *public_key)
    }

    /// One more, with the count that includes it.
    pub(crate) fn add(&mut self, enrolment: Enrolment, uses: Uses) -> Result<(), Fault> {
        let record = encode::<StoredEnrolment>(&enrolment)?;
        self.bytes += record.bytes.len();
        self.uses = uses;
        self.enrolments.push((enrolment, record));
        Ok(())
    }
}

/// Enrolments of one key given up, in the making: everything that one commit writes.
#[derive(Debug)]
pub(crate) struct Return {
    /// The key's count as it was read; `None` when the key is gone.
    uses: Option<(Key, Found<Uses>)>,
    commit: Commit,
    count: usize,
    bytes: usize,
}

impl Return {
    /// Whether one commit can hold another; always true of an empty one.
    pub(crate) fn has_room(&self) -> bool {
        self.count < MAX_RETURNED && self.bytes < FULL_FROM
    }

    /// One more, which becomes `new` and whose public key is free again.
    pub(crate) fn add(&mut self, old: &Found<Enrolment>, new: &Enrolment) -> Result<(), Fault> {
        let record = encode::<StoredEnrolment>(new)?;
        self.count += 1;
        self.bytes += record.bytes.len();
        // Commit is a builder by value; an empty one stands in while it is moved through.
        let commit = std::mem::replace(&mut self.commit, Commit::new(new.update_time));
        self.commit = with_advanced(commit, old, new, record)
            .delete(keys::enrolment_by_public_key(&new.public_key));
        Ok(())
    }
}

impl Rows {
    pub(crate) async fn enrolment(
        &self,
        name: &EnrolmentName,
        at: At,
    ) -> Result<Option<Found<Enrolment>>, Fault> {
        self.read::<StoredEnrolment>(&keys::enrolment(name), at).await
    }

    /// The enrolment that a public key belongs to.
    pub(crate) async fn enrolment_by_public_key(
        &self,
        sha256: &PublicKeyHash,
    ) -> Result<Option<Found<Enrolment>>, Fault> {
        self.enrolment_behind(&keys::enrolment_by_public_key(sha256)).await
    }

    /// The enrolment that made a connector.
    pub(crate) async fn enrolment_by_connector(
        &self,
        connector: &AppConnectorName,
    ) -> Result<Option<Found<Enrolment>>, Fault> {
        self.enrolment_behind(&keys::enrolment_by_connector(connector)).await
    }

    async fn enrolment_behind(&self, index: &Key) -> Result<Option<Found<Enrolment>>, Fault> {
        match self.follow(index).await? {
            Some(name) => self.enrolment(&parse_name(index, &name)?, At::Published).await,
            None => Ok(None),
        }
    }

    /// A commit of step (a) for newcomers of this key, still without any.
    pub(crate) async fn begin_reservation<'a>(
        &self,
        key: &'a KeyRow,
        prefix: &ConnectorPrefix,
    ) -> Result<Reservation<'a>, Fault> {
        let tenant = &key.key.value.name.tenant;
        let sequence = self.counter(keys::sequence(tenant, prefix.as_str())).await?;
        let uses = key.uses.value;
        Ok(Reservation { key, uses, sequence, enrolments: Vec::new(), bytes: 0 })
    }

    /// (a): the enrolments RESERVED and their uses counted, in one commit. [`Lost`] when the key, its count, the
    /// sequence or the owner of one of the public keys changed since they were read.
    pub(crate) async fn reserve(
        &self,
        reservation: Reservation<'_>,
        now: Timestamp,
    ) -> Result<Result<Vec<Found<Enrolment>>, Lost>, Fault> {
        let last_number = reservation.last_number();
        let Reservation {
            key: KeyRow { key, uses: old_uses, .. }, uses, sequence, enrolments, ..
        } = reservation;
        let (at_key, at_uses) = (keys::key(&key.value.name), keys::uses(&key.value.name));
        let mut commit = Commit::new(now)
            .require_revision(&at_key, key.revision)
            .require_revision(&at_uses, old_uses.revision)
            .put(at_uses, encode::<StoredUses>(&uses)?);
        commit = sequence.guarded_put(commit, last_number)?;
        let mut reserved = Vec::with_capacity(enrolments.len());
        for (enrolment, record) in enrolments {
            commit = with_newcomer(commit, &enrolment, record)?;
            reserved.push(enrolment);
        }
        let done = lost(self.store.commit(commit).await)?;
        let versioned = |revision| move |value| Found { value, revision };
        Ok(done.map(|done| reserved.into_iter().map(versioned(done.revision)).collect()))
    }

    /// (d), and every later change that moves no count: a fresh leaf, a revocation.
    pub(crate) async fn advance(
        &self,
        old: &Found<Enrolment>,
        new: &Enrolment,
        now: Timestamp,
    ) -> Result<Result<Revision, Lost>, Fault> {
        let commit = self.advanced(old, new, now)?;
        Ok(lost(self.store.commit(commit).await)?.map(|done| done.revision))
    }

    pub(super) fn advanced(
        &self,
        old: &Found<Enrolment>,
        new: &Enrolment,
        now: Timestamp,
    ) -> Result<Commit, Fault> {
        let record = encode::<StoredEnrolment>(new)?;
        Ok(with_advanced(Commit::new(now), old, new, record))
    }

    /// Lets a renewal's new public key belong to the enrolment too, with the change of [`Rows::advance`].
    pub(crate) async fn advance_with_public_key(
        &self,
        old: &Found<Enrolment>,
        new: &Enrolment,
        public_key: &PublicKeyHash,
        now: Timestamp,
    ) -> Result<Result<Revision, Lost>, Fault> {
        let at = keys::enrolment_by_public_key(public_key);
        let pointer = encode::<StoredPointer>(&new.name.to_string())?;
        let commit = self.advanced(old, new, now)?.require_absent(&at).put(at, pointer);
        Ok(lost(self.store.commit(commit).await)?.map(|done| done.revision))
    }

    /// A commit that gives enrolments of the key of this one up, still without any.
    pub(crate) async fn begin_return(
        &self,
        enrolment: &Enrolment,
        now: Timestamp,
    ) -> Result<Return, Fault> {
        let row = self.key(&enrolment.key, At::Published).await?;
        // The name may by now be a younger key's; the use goes back to the key that lost it or nowhere.
        let row = row.filter(|row| row.key.value.uid == enrolment.key_uid);
        let uses = row.map(|row| (keys::uses(&enrolment.key), row.uses));
        Ok(Return { uses, commit: Commit::new(now), count: 0, bytes: 0 })
    }

    /// RESERVED to ABANDONED: the uses are given back and the public keys are free again, in one commit. [`Lost`] when
    /// the count or one of the enrolments changed since they were read.
    pub(crate) async fn give_back(&self, giving: Return) -> Result<Result<Revision, Lost>, Fault> {
        let Return { uses, mut commit, count, .. } = giving;
        if let Some((at, uses)) = uses {
            let given_back = (0..count).fold(uses.value, |uses, _| uses.give_back());
            commit = commit.require_revision(&at, uses.revision);
            commit = commit.put(at, encode::<StoredUses>(&given_back)?);
        }
        Ok(lost(self.store.commit(commit).await)?.map(|done| done.revision))
    }

    /// RESERVED enrolments, the oldest first, at most `limit`.
    pub(crate) async fn reserved(&self, limit: usize) -> Result<Vec<Found<Enrolment>>, Fault> {
        let options = ScanOptions { after: None, limit, at: At::Published };
        let page = self.store.scan(&keys::all_reserved(), options).await?;
        let mut found = Vec::with_capacity(page.rows.len());
        for row in page.rows {
            let name = super::decode_value::<StoredPointer>(&row.key, &row.value)?;
            found.extend(self.enrolment(&parse_name(&row.key, &name)?, At::Published).await?);
        }
        Ok(found)
    }

    /// The enrolment that an index row, or a row of its own, is about.
    pub(crate) async fn enrolment_in(
        &self,
        row: &Row,
        at: At,
    ) -> Result<Option<Found<Enrolment>>, Fault> {
        if row.key.tag() == keys::ENROLMENT {
            return super::decode::<StoredEnrolment>(row).map(Some);
        }
        let name = super::decode_value::<StoredPointer>(&row.key, &row.value)?;
        self.enrolment(&parse_name(&row.key, &name)?, at).await
    }
}

fn with_newcomer(commit: Commit, enrolment: &Enrolment, record: Value) -> Result<Commit, Fault> {
    let Enrolment { name, key_uid, create_time, .. } = enrolment;
    let at_enrolment = keys::enrolment(name);
    let at_public_key = keys::enrolment_by_public_key(&enrolment.public_key);
    let at_connector = keys::enrolment_by_connector(&enrolment.connector);
    let pointer = encode::<StoredPointer>(&name.to_string())?;
    Ok(commit
        .require_absent(&at_public_key)
        .require_absent(&at_connector)
        .require_absent(&at_enrolment)
        .put(at_enrolment, record)
        .put(keys::enrolment_by_key(*key_uid, *create_time, name), pointer.clone())
        .put(keys::reserved(*create_time, name), pointer.clone())
        .put(at_public_key, pointer.clone())
        .put(at_connector, pointer))
}

fn with_advanced(commit: Commit, old: &Found<Enrolment>, new: &Enrolment, record: Value) -> Commit {
    let at_enrolment = keys::enrolment(&new.name);
    commit
        .require_revision(&at_enrolment, old.revision)
        .put(at_enrolment, record)
        .delete(keys::reserved(new.create_time, &new.name))
}
