//! Provisioning keys: make, read, change, delete.
//!
//! Always holds: a secret is shown by the call that made it and by nothing else; a request that is repeated with its
//! request_id makes no second key; a change of the use count never aborts an operator's update; the answer of a write shows
//! what that write made, whoever wrote since (a repeat that comes after the history's end shows what there is).

use ::store::{At, Etag, EtagError, IdempotencyKey, ReadError, Revision};
use jiff::Timestamp;
use names::{AppConnectorGroupName, Id, JoinToken, ProvisioningKeyName, Reason, TenantName};
use rpc::access::{Authorised, Scope};
use uuid::Uuid;

use crate::{
    clients::{NewGroup, Registry},
    domain::{
        connector_id::ConnectorPrefix,
        key::{KeyPatch, KeySpec, ProvisioningKey, in_the_future},
        secret::{NewSecret, SECRET_BYTES},
        uses::Uses,
    },
    error::Error,
    store::{
        CreateKey, FirstRun, KeyConflict, KeyFilter, KeyRow, NewKey, Page, PageOf, Records,
        StoreError, Versioned,
    },
};

/// How often a change that lost a race is decided anew.
const MAX_RACES: usize = 16;
/// Keys of a deleted group that are looked at together.
const GROUP_PAGE: usize = 100;
/// Characters of the uid that make a generated id differ from others of the same display name.
const GENERATED_SUFFIX: usize = 8;

/// Where connectors join, and how they know the right server.
#[derive(Clone, Debug)]
pub(crate) struct JoinFacts {
    /// `https://host:port`.
    pub(crate) endpoint: String,
    /// SHA-256 of the system root's public key.
    pub(crate) root_pin: [u8; 32],
}

/// Use cases of keys.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub(crate) records: Records,
    pub(crate) registry: Registry,
    pub(crate) join: JoinFacts,
    /// Most live keys of a tenant.
    pub(crate) quota: u64,
}

/// A key to be made.
pub(crate) struct Wanted {
    /// The caller's choice; `None`: made here.
    pub(crate) id: Option<Id>,
    pub(crate) spec: KeySpec,
    /// Makes the spec's group first.
    pub(crate) new_group: Option<NewGroup>,
    pub(crate) validate_only: bool,
    pub(crate) request: Option<IdempotencyKey>,
}

/// A secret on its only journey out.
pub(crate) enum Issued {
    /// Just made.
    Shown { secret: NewSecret, join_token: String, join_command: String },
    /// Made by the first run of the request, and gone.
    AlreadyShown,
    /// Nothing was made (`validate_only`).
    Nothing,
}

/// Which version of a key a change is about.
#[derive(Clone, Debug)]
pub(crate) enum Expected {
    /// Whatever there is.
    Any,
    /// This one.
    Etag(Etag),
}

impl Expected {
    /// Reads a request's etag; empty is any.
    pub(crate) fn parse(etag: &str) -> Result<Self, EtagError> {
        if etag.is_empty() { Ok(Self::Any) } else { Etag::parse(etag).map(Self::Etag) }
    }
}

impl Keys {
    pub(crate) async fn create(
        &self,
        tenant: Authorised<TenantName>,
        wanted: Wanted,
        now: Timestamp,
    ) -> Result<(KeyRow, Issued), Error> {
        if let Some(request) = &wanted.request
            && let Some(first) = self.records.first_run(request).await?
        {
            return Ok((self.left_by(&first).await?, Issued::AlreadyShown));
        }
        check_expiry(wanted.spec.expire_time, now)?;
        let uid = Uuid::new_v4();
        let secret = NewSecret::from_random(uid, &rand::random::<[u8; SECRET_BYTES]>());
        let key = ProvisioningKey {
            name: ProvisioningKeyName::new(tenant.tenant.clone(), id_of(&wanted, uid)?),
            uid,
            secret: secret.hash(),
            spec: wanted.spec,
            create_time: now,
            update_time: now,
            deleted: None,
        };
        let request_id = wanted.request.as_ref().map_or_else(Uuid::new_v4, |r| r.request_id);
        let made_group = wanted.new_group.is_some() && !wanted.validate_only;
        self.group_of(&key, wanted.new_group, request_id, wanted.validate_only).await?;
        if wanted.validate_only {
            return Ok((self.as_if_created(key).await?, Issued::Nothing));
        }
        let written = self.write(&key, wanted.request, now).await;
        match written.map_err(|error| after_group(&key, made_group, error))? {
            NewKey::Made(revision) => {
                Ok((self.left_at(&key.name, revision).await?, self.issue(secret)))
            }
            NewKey::Replayed(first) => Ok((self.left_by(&first).await?, Issued::AlreadyShown)),
        }
    }

    /// The group of a new key stands: it is found, or made.
    async fn group_of(
        &self,
        key: &ProvisioningKey,
        new_group: Option<NewGroup>,
        request_id: Uuid,
        validate_only: bool,
    ) -> Result<(), Error> {
        let name = &key.spec.group;
        let Some(group) = new_group else {
            let exists = self.registry.has_group(name).await?;
            return exists.then_some(()).ok_or_else(|| Error::GroupNotFound(name.to_string()));
        };
        // What is sure to fail for the key leaves no group behind.
        self.records.check_free(key, self.quota).await?.map_err(Error::Conflict)?;
        self.registry.create_group(name, group, request_id, validate_only).await
    }

    async fn write(
        &self,
        key: &ProvisioningKey,
        request: Option<IdempotencyKey>,
        now: Timestamp,
    ) -> Result<NewKey, Error> {
        let create = CreateKey { key, quota: self.quota, request, now };
        self.records.create_key(create).await?.map_err(Error::Conflict)
    }

    /// What `validate_only` answers: the same checks, nothing written.
    async fn as_if_created(&self, key: ProvisioningKey) -> Result<KeyRow, Error> {
        self.records.check_free(&key, self.quota).await?.map_err(Error::Conflict)?;
        let revision = self.records.published();
        let uses = Versioned { value: Uses::default(), revision };
        Ok(KeyRow { key: Versioned { value: key, revision }, uses })
    }

    fn issue(&self, secret: NewSecret) -> Issued {
        let token = JoinToken {
            endpoint: self.join.endpoint.clone(),
            root_pin: self.join.root_pin,
            secret: secret.reveal().to_owned(),
        };
        let join_token = token.reveal();
        let join_command = format!("causeway connector run --join-token {join_token}");
        Issued::Shown { secret, join_token, join_command }
    }

    async fn read(&self, name: &ProvisioningKeyName) -> Result<KeyRow, Error> {
        let found = self.records.key(name, At::Published).await?;
        found.ok_or_else(|| Error::key_not_found(name))
    }

    async fn left_by(&self, first: &FirstRun) -> Result<KeyRow, Error> {
        self.left_at(&first.name, first.revision).await
    }

    /// The key as the write at a revision left it; if that is no longer kept, as it is now.
    async fn left_at(
        &self,
        name: &ProvisioningKeyName,
        revision: Revision,
    ) -> Result<KeyRow, Error> {
        match self.records.key(name, At::Revision(revision)).await {
            Ok(found) => found.ok_or_else(|| Error::key_not_found(name)),
            Err(StoreError::Read(ReadError::Compacted { .. })) => self.read(name).await,
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn get(
        &self,
        _tenant: Authorised<TenantName>,
        name: &ProvisioningKeyName,
    ) -> Result<KeyRow, Error> {
        self.read(name).await
    }

    /// Several keys, all of one revision.
    pub(crate) async fn batch_get(
        &self,
        _scope: Authorised<Scope>,
        names: &[ProvisioningKeyName],
    ) -> Result<Vec<KeyRow>, Error> {
        let at = At::Revision(self.records.published());
        let mut rows = Vec::with_capacity(names.len());
        for name in names {
            let row = self.records.key(name, at).await?;
            rows.push(row.ok_or_else(|| Error::key_not_found(name))?);
        }
        Ok(rows)
    }

    pub(crate) async fn list(
        &self,
        scope: &Authorised<Scope>,
        group: Option<AppConnectorGroupName>,
        show_deleted: bool,
        page: PageOf,
    ) -> Result<Page<KeyRow>, Error> {
        let filter = KeyFilter { tenant: tenant_of(scope).cloned(), group, show_deleted };
        Ok(self.records.list_keys(&filter, page).await?)
    }

    /// Changes what the patch names.
    pub(crate) async fn update(
        &self,
        _tenant: Authorised<TenantName>,
        name: &ProvisioningKeyName,
        patch: KeyPatch,
        change: Change,
        now: Timestamp,
    ) -> Result<KeyRow, Error> {
        self.once(&change, self.try_update(name, patch, &change, now)).await
    }

    async fn try_update(
        &self,
        name: &ProvisioningKeyName,
        patch: KeyPatch,
        change: &Change,
        now: Timestamp,
    ) -> Result<KeyRow, Error> {
        check_expiry(patch.expire_time.flatten(), now)?;
        for _ in 0..MAX_RACES {
            let row = self.expected(name, &change.expected).await?;
            let old = &row.key.value;
            if old.deleted.is_some() {
                return Err(Error::KeyDeleted);
            }
            let spec = old.spec.clone().patched(patch.clone());
            let lowered = patch.max_uses.is_some() && spec.max_uses != old.spec.max_uses;
            check_max_uses(&spec, row.uses.value)?;
            let new = ProvisioningKey { spec, update_time: now, ..old.clone() };
            if change.validate_only || new.spec == old.spec {
                return Ok(KeyRow { key: Versioned { value: new, ..row.key }, ..row });
            }
            let uses = lowered.then_some(row.uses.revision);
            let request = change.request.clone();
            match self.records.change_key(&row.key, &new, uses, request, now).await? {
                Ok(revision) => return self.left_at(name, revision).await,
                Err(KeyConflict::Changed) => {}
                Err(conflict) => return Err(Error::Conflict(conflict)),
            }
        }
        Err(Error::Conflict(KeyConflict::Changed))
    }

    /// Deletes softly; a deleted key answers as it is.
    pub(crate) async fn delete(
        &self,
        _tenant: Authorised<TenantName>,
        name: &ProvisioningKeyName,
        change: Change,
        now: Timestamp,
    ) -> Result<KeyRow, Error> {
        self.once(&change, self.try_delete(name, &change, now)).await
    }

    async fn try_delete(
        &self,
        name: &ProvisioningKeyName,
        change: &Change,
        now: Timestamp,
    ) -> Result<KeyRow, Error> {
        for _ in 0..MAX_RACES {
            let row = self.expected(name, &change.expected).await?;
            if row.key.value.deleted.is_some() || change.validate_only {
                return Ok(row);
            }
            let deleted = row.key.value.clone().delete(now, None);
            let request = change.request.clone();
            match self.records.change_key(&row.key, &deleted, None, request, now).await? {
                Ok(revision) => return self.left_at(name, revision).await,
                Err(KeyConflict::Changed) => {}
                Err(conflict) => return Err(Error::Conflict(conflict)),
            }
        }
        Err(Error::Conflict(KeyConflict::Changed))
    }

    /// The group was deleted: its keys go with it, and say so. Doing it twice equals doing it once.
    pub(crate) async fn group_deleted(
        &self,
        group: &AppConnectorGroupName,
        now: Timestamp,
    ) -> Result<(), Error> {
        let filter = KeyFilter { tenant: None, group: Some(group.clone()), show_deleted: false };
        let mut after = None;
        loop {
            let page = PageOf { size: GROUP_PAGE, after, revision: None };
            let page = self.records.list_keys(&filter, page).await?;
            for row in page.items {
                self.delete_with_group(row, group, now).await?;
            }
            match page.next {
                None => return Ok(()),
                next => after = next,
            }
        }
    }

    async fn delete_with_group(
        &self,
        mut row: KeyRow,
        group: &AppConnectorGroupName,
        now: Timestamp,
    ) -> Result<(), Error> {
        for _ in 0..MAX_RACES {
            if row.key.value.deleted.is_some() {
                return Ok(());
            }
            let deleted = row.key.value.clone().delete(now, Some(group.clone()));
            match self.records.change_key(&row.key, &deleted, None, None, now).await? {
                Ok(_) => {
                    tracing::info!(provisioning_key = %deleted.name, %group, "deleted a key with its group");
                    return Ok(());
                }
                Err(_) => row = self.read(&deleted.name).await?,
            }
        }
        Err(Error::Conflict(KeyConflict::Changed))
    }

    /// Does a change once. A repeat is answered as the first run was, also when the first finished only while this one was
    /// being decided: then what refused this one (the etag is stale) is the first one's own doing.
    async fn once(
        &self,
        change: &Change,
        write: impl Future<Output = Result<KeyRow, Error>> + Send,
    ) -> Result<KeyRow, Error> {
        if let Some(first) = self.replayed(change).await? {
            return Ok(first);
        }
        match write.await {
            Err(error) => Ok(self.replayed(change).await.ok().flatten().ok_or(error)?),
            done => done,
        }
    }

    async fn replayed(&self, change: &Change) -> Result<Option<KeyRow>, Error> {
        let Some(request) = &change.request else { return Ok(None) };
        match self.records.first_run(request).await? {
            Some(first) => Ok(Some(self.left_by(&first).await?)),
            None => Ok(None),
        }
    }

    async fn expected(
        &self,
        name: &ProvisioningKeyName,
        expected: &Expected,
    ) -> Result<KeyRow, Error> {
        let row = self.read(name).await?;
        let current = Etag::new(self.records.epoch(), row.key.revision);
        match expected {
            Expected::Etag(etag) if *etag != current => {
                Err(Error::EtagMismatch { current: current.to_string() })
            }
            _ => Ok(row),
        }
    }
}

/// How a change is to be made.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) expected: Expected,
    pub(crate) validate_only: bool,
    pub(crate) request: Option<IdempotencyKey>,
}

/// The tenant of a scope; `None` for all.
pub(crate) fn tenant_of(scope: &Scope) -> Option<&TenantName> {
    match scope {
        Scope::All => None,
        Scope::Tenant(tenant) => Some(tenant),
    }
}

/// Says which half stands, when only the key failed.
fn after_group(key: &ProvisioningKey, made_group: bool, error: Error) -> Error {
    if !made_group {
        return error;
    }
    Error::KeyFailedAfterGroup { group: key.spec.group.to_string(), source: Box::new(error) }
}

fn id_of(wanted: &Wanted, uid: Uuid) -> Result<Id, Error> {
    if let Some(id) = &wanted.id {
        return Ok(id.clone());
    }
    let prefix = ConnectorPrefix::of(&wanted.spec.display_name);
    let uid = uid.simple().to_string();
    let text = format!("{}-{}", prefix.as_str(), &uid[..GENERATED_SUFFIX]);
    Id::parse(&text).map_err(|error| Error::Broken(error.to_string()))
}

/// A repeat of a request is answered though its end has come meanwhile, so this is looked at after replays.
fn check_expiry(end: Option<Timestamp>, now: Timestamp) -> Result<(), Error> {
    match end {
        Some(end) if end <= now => Err(Error::Field {
            field: "provisioning_key.expire_time",
            reason: Reason::InThePast,
            rule: in_the_future(now),
        }),
        _ => Ok(()),
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
