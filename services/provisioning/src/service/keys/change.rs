//! Changing and deleting keys.

use jiff::Timestamp;
use names::{AppConnectorGroupName, Draft as _, ProvisioningKeyName, Reason, Violations};
use resource::{
    Tries, Write,
    write::{self, Ran},
};
use rpc::access::{Authorised, Principal};
use uuid::Uuid;

use super::{Keys, check_expiry};
use crate::{
    domain::{
        key::{KeyDraft, KeySpec, ProvisioningKey},
        uses::Uses,
    },
    error::Error,
    store::{ChangeKey, Found, KeyRow, Lost, MAX_COUNT_TRIES},
};

/// Who deletes a group's keys, in history.
const FOLLOWER: &str = "follow-registry";

/// A change of some fields of one key.
#[derive(Clone, Debug)]
pub(crate) struct Edit {
    /// The new values.
    pub(crate) draft: KeyDraft,
    /// Which of them count.
    pub(crate) paths: Vec<&'static str>,
}

impl Edit {
    fn names(&self, path: &str) -> bool {
        self.paths.contains(&path)
    }

    /// What is wrong with the fields that are sent, whatever the key is: what is not sent stays as it is, and is no fault.
    pub(crate) fn check_sent(&self, problems: &mut Violations) {
        let sent = KeyDraft::default().patched(&self.paths, &self.draft);
        let mut found = Violations::new();
        found.within("provisioning_key", |found| drop(KeySpec::check(&sent, None, found)));
        let is_sent =
            |field: &str| self.paths.iter().any(|path| field == format!("provisioning_key.{path}"));
        found.retain(|problem| problem.reason != Reason::Required || is_sent(&problem.field));
        problems.append(found);
    }

    /// The spec with the change.
    fn applied(&self, old: &KeySpec) -> Result<KeySpec, Error> {
        let draft = old.draft().patched(&self.paths, &self.draft);
        let mut problems = Violations::new();
        let spec = problems.within("provisioning_key", |problems| {
            KeySpec::check(&draft, Some(old.group.clone()), problems)
        });
        spec.filter(|_| problems.is_empty()).ok_or(Error::Invalid(problems))
    }
}

impl Keys {
    /// Changes what the edit names.
    pub(crate) async fn update(
        &self,
        name: &Authorised<ProvisioningKeyName>,
        edit: &Edit,
        write: &Write,
    ) -> Result<KeyRow, Error> {
        self.once(write, self.try_update(name, edit, write)).await
    }

    async fn try_update(
        &self,
        name: &ProvisioningKeyName,
        edit: &Edit,
        write: &Write,
    ) -> Result<KeyRow, Error> {
        if edit.names("expire_time") {
            check_expiry(edit.draft.expire_time, write.now)?;
        }
        let mut tries = Tries::default();
        loop {
            let row = self.expected(name, write).await?;
            let old = &row.key.value;
            if old.deleted.is_some() {
                return Err(Error::KeyDeleted(name.clone()));
            }
            let spec = edit.applied(&old.spec)?;
            let if_unused = edit.names("max_uses") && spec.max_uses != old.spec.max_uses;
            check_max_uses(&spec, row.uses.value)?;
            let new =
                ProvisioningKey { spec, update_time: old.next_write(write.now), ..old.clone() };
            if write.validate_only || new.spec == old.spec {
                return Ok(KeyRow { key: Found { value: new, ..row.key }, ..row });
            }
            match self.change(&row, &new, if_unused, write).await? {
                Ok(changed) => return Ok(changed),
                Err(Lost) => tries.lost().await?,
            }
        }
    }

    /// Deletes softly; a deleted key answers as it is.
    pub(crate) async fn delete(
        &self,
        name: &Authorised<ProvisioningKeyName>,
        write: &Write,
    ) -> Result<KeyRow, Error> {
        self.once(write, self.try_delete(name, write)).await
    }

    async fn try_delete(&self, name: &ProvisioningKeyName, write: &Write) -> Result<KeyRow, Error> {
        let mut tries = Tries::up_to(MAX_COUNT_TRIES);
        loop {
            let row = self.expected(name, write).await?;
            if row.key.value.deleted.is_some() || write.validate_only {
                return Ok(row);
            }
            let deleted = row.key.value.clone().delete(write.now, None);
            match self.change(&row, &deleted, false, write).await? {
                Ok(changed) => return Ok(changed),
                Err(Lost) => tries.lost().await?,
            }
        }
    }

    /// The group was deleted: its keys go with it, and say so. Doing it twice equals doing it once.
    pub(crate) async fn group_deleted(
        &self,
        group: &AppConnectorGroupName,
        now: Timestamp,
    ) -> Result<(), Error> {
        // Registry's Watch does not say which call deleted the group.
        let write = Write::own(Principal::worker(FOLLOWER, "", ""), now);
        let mut after = None;
        loop {
            let (rows, next) = self.rows.live_keys_of_group(group, after).await?;
            for row in rows {
                self.delete_with_group(row, group, &write).await?;
            }
            match next {
                None => return Ok(()),
                next => after = next,
            }
        }
    }

    async fn delete_with_group(
        &self,
        mut row: KeyRow,
        group: &AppConnectorGroupName,
        write: &Write,
    ) -> Result<(), Error> {
        let mut tries = Tries::up_to(MAX_COUNT_TRIES);
        while row.key.value.deleted.is_none() {
            let deleted = row.key.value.clone().delete(write.now, Some(group.clone()));
            if self.change(&row, &deleted, false, write).await?.is_ok() {
                tracing::info!(provisioning_key = %deleted.name, %group, "deleted a key with its group");
                return Ok(());
            }
            tries.lost().await?;
            row = self.read(&deleted.name).await?;
        }
        Ok(())
    }

    /// Writes a changed key; answers it as this write, or the first run of the request, left it.
    async fn change(
        &self,
        old: &KeyRow,
        new: &ProvisioningKey,
        if_unused: bool,
        write: &Write,
    ) -> Result<Result<KeyRow, Lost>, Error> {
        let tenant: Uuid = self.tenants.uid(&new.name.tenant(), write.now).await?;
        let (request, author) = (write.request.clone(), self.author(write, tenant));
        let change = ChangeKey { old, new, if_unused, request, author, now: write.now };
        match self.rows.change_key(change).await?.map_err(Error::Conflict)? {
            Ok(revision) => Ok(Ok(self.left_at(&new.name, revision).await?)),
            Err(Lost) => Ok(Err(Lost)),
        }
    }

    /// Does a change once.
    async fn once(
        &self,
        write: &Write,
        work: impl Future<Output = Result<KeyRow, Error>> + Send,
    ) -> Result<KeyRow, Error> {
        match write::once(self.store(), write, work).await? {
            Ran::Now(row) => Ok(row),
            Ran::Before(answer, revision) => self.first(&answer, revision).await,
        }
    }

    /// The key, if it is the version that the caller read.
    async fn expected(&self, name: &ProvisioningKeyName, write: &Write) -> Result<KeyRow, Error> {
        let row = self.read(name).await?;
        write.expect(self.rows.epoch(), row.key.revision, name)?;
        Ok(row)
    }
}

fn check_max_uses(spec: &KeySpec, uses: Uses) -> Result<(), Error> {
    match spec.max_uses {
        Some(max) if max.get() < uses.count => Err(Error::Field {
            field: "provisioning_key.max_uses",
            reason: Reason::BelowUseCount,
            rule: format!(
                "must not be below use_count, which is {}; to stop the key, disable it",
                uses.count
            ),
        }),
        _ => Ok(()),
    }
}
