//! Registering the connector of an enrolment, once; and giving an enrolment up.
//!
//! What makes it safe: one commit writes the connector, the enrolment's outcome and the public key's owner, and
//! requires that tenant and group stand exactly as they were read. So "the group is disabled or deleted while a
//! connector registers" ends one way or the other, and a late registration meets the tombstone of
//! [`abandon`](Registry::abandon).

use jiff::Timestamp;
use names::{AppConnectorName, EnrolmentName};
use resource::{Fault, Record, Tries, Write, record};
use rpc::access::Authorised;
use store::{At, CommitError, Revision};
use uuid::Uuid;

use super::{Counted, Registry};
use crate::{
    domain::{
        ConnectorSpec, GroupSpec, Kind, Meta, Registration, RegistrationDraft, Resource,
        TenantSpec, TenantState, Violations,
    },
    error::{Error, Refusal},
    store::{
        self as rows, AsWritten, Changes, Found, KeyOwner, Place, Rows, public_key, registration,
        spent_connector_id,
    },
};

/// Tenant and group as they were found, by the revisions of their guards.
struct Guards {
    tenant: Revision,
    group: Revision,
}

impl Registry {
    /// Checks a registration's message. The name says the tenant that the caller must be authorised for.
    pub(crate) fn check_registration(
        &self,
        draft: &RegistrationDraft,
        mut problems: Violations,
    ) -> Result<Registration, Error> {
        let rules = self.rules(false);
        let checked = Registration::check(draft, &rules, &mut problems);
        checked.filter(|_| problems.is_empty()).ok_or(Error::Invalid(problems))
    }

    /// Makes the connector, or finds the one that this enrolment made before.
    pub(crate) async fn register(
        &self,
        name: &Authorised<AppConnectorName>,
        wanted: &Registration,
        now: Timestamp,
    ) -> Result<Found<ConnectorSpec>, Error> {
        let write = Write::own(name.principal(), now);
        let outcome = self.decide_register(name, wanted, &write).await;
        self.metrics.registration(outcome.as_ref().map(|(_, new)| *new));
        outcome.map(|(connector, _)| connector)
    }

    /// The connector, and whether it is new.
    async fn decide_register(
        &self,
        name: &AppConnectorName,
        wanted: &Registration,
        write: &Write,
    ) -> Result<(Found<ConnectorSpec>, bool), Error> {
        let enrolment = &wanted.origin.enrolment;
        let mut tries = Tries::default();
        loop {
            if let Some(made) = self.registered(enrolment).await? {
                return Ok((made, false));
            }
            let ground = match self.unopposed(wanted).await {
                Ok(ground) => ground,
                // A repeat that came at the same time may just have taken the id and the key.
                Err(error) => {
                    return self.registered(enrolment).await?.map(|m| (m, false)).ok_or(error);
                }
            };
            let new = Resource {
                name: wanted.name.clone(),
                meta: Meta::created(Uuid::new_v4(), write.now),
                spec: wanted.spec.clone(),
                server_fields: wanted.origin.clone(),
            };
            let changes = self.registering(&new, &ground)?;
            let arrival = self.population.arrive::<ConnectorSpec>(name, &self.quotas)?;
            let counted = Counted::Arrives(arrival);
            if let Some(made) = self.commit(changes, write, new, counted).await? {
                return Ok((made, true));
            }
            tries.lost().await?;
        }
    }

    /// Tenant and group are in use; the id and the key pair are new.
    async fn unopposed(&self, wanted: &Registration) -> Result<Guards, Error> {
        let ground = self.ground(wanted).await?;
        self.expect_new_key(wanted).await?;
        self.expect_free::<ConnectorSpec>(&wanted.name).await?;
        let spent = spent_connector_id(&wanted.name);
        match self.rows.revision(&spent).await? {
            None => Ok(ground),
            Some(_) => Err(name_spent(&wanted.name)),
        }
    }

    /// Gives an enrolment up for ever. Idempotent.
    pub(crate) async fn abandon(
        &self,
        enrolment: &Authorised<EnrolmentName>,
        name: &AppConnectorName,
        now: Timestamp,
    ) -> Result<(), Error> {
        let key = registration(enrolment);
        let mut tries = Tries::default();
        loop {
            match self.rows.registration(enrolment).await? {
                Some(rows::Registration::Abandoned) => return Ok(()),
                Some(rows::Registration::Registered { app_connector }) => {
                    return Err(Error::Registration(Refusal::RegistrationStands(app_connector)));
                }
                None => {}
            }
            let tombstone = small(&rows::Registration::Abandoned)?;
            let changes = Changes::new(now).with(|commit| {
                let commit = commit.require_absent(&key).put(key.clone(), tombstone);
                commit.put(spent_connector_id(name), "")
            });
            match self.rows.store().commit(changes.finish()).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Precondition { .. }) => tries.lost().await?,
                Err(error) => return Err(Fault::from(error).into()),
            }
        }
    }

    /// The connector that this enrolment made before.
    async fn registered(
        &self,
        enrolment: &EnrolmentName,
    ) -> Result<Option<Found<ConnectorSpec>>, Error> {
        let name = match self.rows.registration(enrolment).await? {
            None => return Ok(None),
            Some(rows::Registration::Abandoned) => {
                let refusal = Refusal::EnrolmentAbandoned(enrolment.to_string());
                return Err(Error::Registration(refusal));
            }
            Some(rows::Registration::Registered { app_connector }) => app_connector,
        };
        match self.rows.get::<ConnectorSpec>(&name, At::Published).await? {
            Some(found) if !found.resource.is_deleted() => Ok(Some(found)),
            _ => Err(Error::Registration(Refusal::IdentityRevoked(name))),
        }
    }

    /// Tenant and group must live and be in use. Each guard is read before its row: if the row changes in
    /// between, the guard's revision is stale and the commit fails.
    async fn ground(&self, wanted: &Registration) -> Result<Guards, Error> {
        let refuse = |refusal| Err(Error::Registration(refusal));
        let name = wanted.name.tenant();
        let tenant = self.rows.guard(&Rows::place::<TenantSpec>(&name)).await?;
        let found = self.rows.live::<TenantSpec>(&name).await?;
        let (Some(tenant), Some(found)) = (tenant, found) else {
            return refuse(Refusal::TenantNotFound(name));
        };
        if found.resource.spec.state == TenantState::Suspended {
            return refuse(Refusal::TenantSuspended(name));
        }
        let name = &wanted.origin.app_connector_group;
        let group = self.rows.guard(&Rows::place::<GroupSpec>(name)).await?;
        let found = self.rows.live::<GroupSpec>(name).await?;
        let (Some(group), Some(found)) = (group, found) else {
            return refuse(Refusal::GroupNotFound(name.to_string()));
        };
        if !found.resource.spec.enabled {
            return refuse(Refusal::GroupDisabled(name.to_string()));
        }
        Ok(Guards { tenant, group })
    }

    /// A key pair makes one connector, ever.
    async fn expect_new_key(&self, wanted: &Registration) -> Result<(), Error> {
        let tenant = wanted.name.tenant();
        let owner = self.rows.key_owner(&tenant, &wanted.origin.public_key_sha256).await?;
        let Some(KeyOwner { app_connector }) = owner else { return Ok(()) };
        let lives = self.rows.live::<ConnectorSpec>(&app_connector).await?.is_some();
        Err(Error::Registration(if lives {
            Refusal::PublicKeyInUse(app_connector)
        } else {
            Refusal::IdentityRevoked(app_connector)
        }))
    }

    fn registering(
        &self,
        new: &Resource<ConnectorSpec>,
        ground: &Guards,
    ) -> Result<Changes, Error> {
        let (name, origin) = (&new.name, &new.server_fields);
        let tenant = name.tenant();
        let group = &origin.app_connector_group;
        let tenant_guard = Place::of_tenant(&tenant).guard();
        let group_guard = Place::new(Kind::Group, &tenant, group.id()).guard();
        let outcome = registration(&origin.enrolment);
        let owner = public_key(&tenant, &origin.public_key_sha256);
        let made = small(&rows::Registration::Registered { app_connector: name.clone() })?;
        let owned = small(&KeyOwner { app_connector: name.clone() })?;
        let changes = Changes::new(new.meta.create_time).create(new)?;
        Ok(changes.with(|commit| {
            commit
                .require_revision(&tenant_guard, ground.tenant)
                .require_revision(&group_guard, ground.group)
                .require_absent(&spent_connector_id(name))
                .require_absent(&outcome)
                .require_absent(&owner)
                .put(outcome, made)
                .put(owner, owned)
        }))
    }
}

fn small<T>(value: &T) -> Result<store::Value, Fault>
where
    AsWritten<T>: Record<Domain = T>,
{
    Ok(record::encode::<AsWritten<T>>(value)?)
}

fn name_spent(name: &AppConnectorName) -> Error {
    Error::NameTaken { kind: Kind::Connector, name: name.to_string(), deleted: true }
}
