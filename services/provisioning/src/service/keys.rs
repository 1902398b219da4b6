//! Provisioning keys: make, read, change, delete.
//!
//! Always holds: a secret is shown by the call that made it and by nothing else; a request that is repeated with its
//! request_id makes no second key; a change of the use count never aborts an operator's update; the answer of a write shows
//! what that write made, whoever wrote since (a repeat that comes after the history's end shows what there is); every write is
//! remembered in its commit.
//! Read in this order: this page (making), `change`, `read`.

mod change;
mod read;

use ::store::{At, ReadError, Revision, Store};
use bytes::Bytes;
use jiff::Timestamp;
use names::{Id, JoinToken, ProvisioningKeyName, Reason, TenantName};
use resource::{
    Fault, Write,
    history::History,
    write::{self, Ran},
};
use rpc::access::{Authorised, Scope};
use uuid::Uuid;

use super::tenants::Tenants;
use crate::{
    clients::{NewGroup, Registry},
    domain::{
        connector_id::ConnectorPrefix,
        key::{KeySpec, ProvisioningKey, in_the_future},
        secret::{NewSecret, SECRET_BYTES},
        uses::Uses,
    },
    error::Error,
    store::{Author, CreateKey, FirstRun, Found, KeyRow, NewKey, Rows},
};
pub(crate) use change::Edit;
pub(crate) use read::{Listed, Shown};

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
    pub(crate) rows: Rows,
    pub(crate) history: History,
    pub(crate) registry: Registry,
    pub(crate) tenants: Tenants,
    pub(crate) join: JoinFacts,
    /// Most live keys of a tenant.
    pub(crate) quota: u64,
}

/// A key to be made.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// The caller's choice; `None`: made here.
    pub(crate) id: Option<Id>,
    pub(crate) spec: KeySpec,
    /// Makes the spec's group first.
    pub(crate) new_group: Option<NewGroup>,
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

impl Keys {
    /// Makes a key below a tenant, and its group first if that is wanted.
    pub(crate) async fn create(
        &self,
        tenant: &Authorised<TenantName>,
        wanted: Wanted,
        write: &Write,
    ) -> Result<(KeyRow, Issued), Error> {
        let made = write::once(self.store(), write, self.make(tenant, wanted, write));
        match made.await? {
            Ran::Now(made) => Ok(made),
            Ran::Before(answer, revision) => {
                Ok((self.first(&answer, revision).await?, Issued::AlreadyShown))
            }
        }
    }

    async fn make(
        &self,
        tenant: &TenantName,
        wanted: Wanted,
        write: &Write,
    ) -> Result<(KeyRow, Issued), Error> {
        check_expiry(wanted.spec.expire_time, write.now)?;
        let uid = Uuid::new_v4();
        let secret = NewSecret::from_random(uid, &rand::random::<[u8; SECRET_BYTES]>());
        let key = ProvisioningKey {
            name: ProvisioningKeyName::new(tenant.tenant.clone(), id_of(&wanted, uid)?),
            uid,
            spec: wanted.spec,
            create_time: write.now,
            update_time: write.now,
            deleted: None,
        };
        let made_group = wanted.new_group.is_some() && !write.validate_only;
        self.group_of(&key, wanted.new_group, write).await?;
        if write.validate_only {
            return Ok((self.as_if_created(key, &secret).await?, Issued::Nothing));
        }
        let written = self.write(&key, &secret, write).await;
        match written.map_err(|error| after_group(&key, made_group, error))? {
            NewKey::Made(revision) => {
                Ok((self.left_at(&key.name, revision).await?, self.issue(secret)))
            }
            NewKey::Replayed(FirstRun { name, revision }) => {
                Ok((self.left_at(&name, revision).await?, Issued::AlreadyShown))
            }
        }
    }

    /// The group of a new key stands: it is found, or made.
    async fn group_of(
        &self,
        key: &ProvisioningKey,
        new_group: Option<NewGroup>,
        write: &Write,
    ) -> Result<(), Error> {
        let name = &key.spec.group;
        let Some(group) = new_group else {
            let exists = self.registry.has_group(name).await?;
            return exists.then_some(()).ok_or_else(|| Error::GroupNotFound(name.to_string()));
        };
        // What is sure to fail for the key leaves no group behind.
        self.rows.check_free(key, self.quota).await?.map_err(Error::Conflict)?;
        let request_id = write.request.as_ref().map_or_else(Uuid::new_v4, |it| it.request_id);
        self.registry.create_group(name, group, request_id, write.validate_only).await
    }

    async fn write(
        &self,
        key: &ProvisioningKey,
        secret: &NewSecret,
        write: &Write,
    ) -> Result<NewKey, Error> {
        let tenant = self.tenants.uid_now(&key.name.tenant(), write.now).await?;
        let (quota, request) = (self.quota, write.request.clone());
        let author = self.author(write, tenant);
        let create =
            CreateKey { key, secret: secret.hash(), quota, request, author, now: write.now };
        self.rows.create_key(create).await?.map_err(Error::Conflict)
    }

    /// What `validate_only` answers: the same checks, nothing written.
    async fn as_if_created(
        &self,
        key: ProvisioningKey,
        secret: &NewSecret,
    ) -> Result<KeyRow, Error> {
        self.rows.check_free(&key, self.quota).await?.map_err(Error::Conflict)?;
        let revision = self.rows.published();
        let uses = Found { value: Uses::default(), revision };
        let key = Found { value: key, revision };
        Ok(KeyRow { key, secret: secret.hash(), uses })
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

    fn store(&self) -> &Store {
        self.rows.store()
    }

    /// Who writes in a tenant, for history.
    fn author<'a>(&'a self, write: &'a Write, tenant: Uuid) -> Author<'a> {
        Author { history: &self.history, by: &write.by, tenant }
    }

    async fn read(&self, name: &ProvisioningKeyName) -> Result<KeyRow, Error> {
        let found = self.rows.key(name, At::Published).await?;
        found.ok_or_else(|| Error::key_not_found(name))
    }

    /// The key as the first run of a request left it.
    async fn first(&self, answer: &Bytes, revision: Revision) -> Result<KeyRow, Error> {
        let FirstRun { name, revision } = Rows::first_run(answer, revision)?;
        self.left_at(&name, revision).await
    }

    /// The key as the write at a revision left it; if that is no longer kept, as it is now.
    async fn left_at(
        &self,
        name: &ProvisioningKeyName,
        revision: Revision,
    ) -> Result<KeyRow, Error> {
        match self.rows.key(name, At::Revision(revision)).await {
            Ok(found) => found.ok_or_else(|| Error::key_not_found(name)),
            Err(Fault::Read(ReadError::Compacted { .. })) => self.read(name).await,
            Err(error) => Err(error.into()),
        }
    }
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
