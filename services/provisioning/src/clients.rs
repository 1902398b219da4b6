//! What provisioning asks of registry.
//!
//! Owns: the calls, and what each answer means in the words of the domain. Always holds: an answer that does not say whether
//! a connector exists is [`Registration::Unknown`]; only answers that say it are refusals.

use names::{AppConnectorGroupName, AppConnectorName, TenantName};
use proto::registry::v1::{
    AbandonRegistrationRequest, AppConnector, AppConnectorGroup, CreateAppConnectorGroupRequest,
    GetAppConnectorGroupRequest, GetAppConnectorRequest, GetTenantRequest,
    RegisterAppConnectorRequest, TenantState, registry_service_client::RegistryServiceClient,
};
use rpc::{
    Failure, Kind,
    client::{Channel, RetryPolicy, retry},
};
use tonic::Status;
use uuid::Uuid;

use crate::domain::{
    enrolment::{Enrolment, Registration},
    refusal::Refusal,
};
use crate::error::Error;

/// What registry answered to AbandonRegistration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Abandonment {
    /// A tombstone stands; the connector will never exist.
    Done,
    /// The connector exists.
    Registered,
    /// No answer that says which.
    Unknown,
}

/// A group to be made at registry; opaque to all but the wire.
#[derive(Clone, Debug)]
pub(crate) struct NewGroup(pub(crate) AppConnectorGroup);

/// Registry, as provisioning sees it. A cheap handle.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    client: RegistryServiceClient<Channel>,
}

impl Registry {
    pub(crate) fn new(channel: Channel) -> Self {
        Self { client: RegistryServiceClient::new(channel) }
    }

    /// The generated client, for the watch.
    pub(crate) fn client(&self) -> RegistryServiceClient<Channel> {
        self.client.clone()
    }

    /// (b) of enrolment; may be repeated.
    pub(crate) async fn register(&self, enrolment: &Enrolment) -> Registration {
        let request = RegisterAppConnectorRequest {
            name: enrolment.connector.to_string(),
            app_connector_group: enrolment.group.to_string(),
            enrolment: enrolment.name.to_string(),
            provisioning_key: enrolment.key.to_string(),
            display_name: String::new(),
            labels: enrolment.connector_labels.as_map().clone(),
            public_key_sha256: enrolment.public_key.to_vec().into(),
            ephemeral_ttl: None,
        };
        let call = || async { self.client.clone().register_app_connector(request.clone()).await };
        match retry(RetryPolicy::default(), call).await {
            Ok(_) => Registration::Registered,
            Err(status) => read_refusal(&Failure::from_status(&status), enrolment),
        }
    }

    /// Leaves a tombstone against a late registration; may be repeated.
    pub(crate) async fn abandon(&self, enrolment: &Enrolment) -> Abandonment {
        let request = AbandonRegistrationRequest {
            enrolment: enrolment.name.to_string(),
            name: enrolment.connector.to_string(),
        };
        let call = || async { self.client.clone().abandon_registration(request.clone()).await };
        match retry(RetryPolicy::default(), call).await {
            Ok(_) => Abandonment::Done,
            Err(status) => match Failure::from_status(&status).reason() {
                "REGISTRATION_STANDS" => Abandonment::Registered,
                _ => {
                    tracing::warn!(enrolment = %enrolment.name, %status, "registry gave no answer that counts; the use stays reserved");
                    Abandonment::Unknown
                }
            },
        }
    }

    /// Whether a group exists and is not deleted.
    pub(crate) async fn has_group(&self, name: &AppConnectorGroupName) -> Result<bool, Error> {
        let request = GetAppConnectorGroupRequest { name: name.to_string(), read_time: None };
        let call = || async { self.client.clone().get_app_connector_group(request.clone()).await };
        let group = found(retry(RetryPolicy::default(), call).await)?;
        Ok(group.is_some_and(|group| group.delete_time.is_none()))
    }

    /// The uid of the tenant that has this id now; `None` if there is none.
    pub(crate) async fn tenant_uid(&self, name: &TenantName) -> Result<Option<Uuid>, Error> {
        let request = GetTenantRequest { name: name.to_string(), read_time: None };
        let call = || async { self.client.clone().get_tenant(request.clone()).await };
        let Some(tenant) = found(retry(RetryPolicy::default(), call).await)? else {
            return Ok(None);
        };
        let uid = Uuid::try_parse(&tenant.uid);
        uid.map(Some).map_err(|_| Error::Broken(format!("registry says no uid of {name}")))
    }

    /// Makes a group; a repeat with the same request id finds it made.
    pub(crate) async fn create_group(
        &self,
        name: &AppConnectorGroupName,
        group: NewGroup,
        request_id: Uuid,
        validate_only: bool,
    ) -> Result<(), Error> {
        const THEIRS: &str = "app_connector_group";
        let request = CreateAppConnectorGroupRequest {
            parent: name.tenant().to_string(),
            app_connector_group_id: name.id().to_string(),
            app_connector_group: Some(group.0),
            request_id: request_id.to_string(),
            validate_only,
            allow_null_island: false,
        };
        let call =
            || async { self.client.clone().create_app_connector_group(request.clone()).await };
        match retry(RetryPolicy::default(), call).await {
            Ok(_) => Ok(()),
            Err(status) => {
                let failure = Failure::from_status(&status);
                if matches!(failure.kind(), Kind::Unavailable | Kind::DeadlineExceeded) {
                    tracing::warn!(%status, "registry gave no answer");
                    return Err(Error::RegistryUnavailable);
                }
                Err(Error::Registry(failure.renamed(THEIRS, "new_app_connector_group")))
            }
        }
    }

    /// Whether an ACTIVE enrolment may have another leaf: its connector lives, and tenant and group are enabled.
    pub(crate) async fn check_standing(&self, enrolment: &Enrolment) -> Result<(), Error> {
        let (connector, suspended) = tokio::try_join!(
            self.connector(&enrolment.connector),
            self.is_suspended(&enrolment.connector)
        )?;
        let connector = connector
            .filter(|connector| connector.delete_time.is_none())
            .ok_or(Refusal::IdentityRevoked)?;
        if suspended {
            return Err(Refusal::TenantSuspended.into());
        }
        // It may have been moved since it joined.
        let group = connector.app_connector_group.parse().unwrap_or(enrolment.group.clone());
        self.check_group(group).await
    }

    async fn connector(&self, name: &AppConnectorName) -> Result<Option<AppConnector>, Error> {
        let request = GetAppConnectorRequest { name: name.to_string() };
        let call = || async { self.client.clone().get_app_connector(request.clone()).await };
        found(retry(RetryPolicy::default(), call).await)
    }

    async fn is_suspended(&self, connector: &AppConnectorName) -> Result<bool, Error> {
        let request = GetTenantRequest { name: connector.tenant().to_string(), read_time: None };
        let call = || async { self.client.clone().get_tenant(request.clone()).await };
        let tenant = found(retry(RetryPolicy::default(), call).await)?;
        Ok(tenant.is_none_or(|t| t.delete_time.is_some() || t.state() == TenantState::Suspended))
    }

    async fn check_group(&self, group: AppConnectorGroupName) -> Result<(), Error> {
        let request = GetAppConnectorGroupRequest { name: group.to_string(), read_time: None };
        let call = || async { self.client.clone().get_app_connector_group(request.clone()).await };
        match found(retry(RetryPolicy::default(), call).await)? {
            Some(found) if found.delete_time.is_none() => match found.enabled {
                Some(false) => Err(Refusal::GroupDisabled { group }.into()),
                _ => Ok(()),
            },
            _ => Err(Refusal::GroupNotFound { group }.into()),
        }
    }
}

/// The object, or that there is none; any other failure is "no answer".
fn found<T>(answer: Result<tonic::Response<T>, Status>) -> Result<Option<T>, Error> {
    match answer {
        Ok(response) => Ok(Some(response.into_inner())),
        Err(status) if Failure::from_status(&status).kind() == Kind::NotFound => Ok(None),
        Err(status) => {
            tracing::warn!(%status, "registry gave no answer");
            Err(Error::RegistryUnavailable)
        }
    }
}

/// Only reasons that registry documents for RegisterAppConnector are a definite no.
fn read_refusal(failure: &Failure, enrolment: &Enrolment) -> Registration {
    let group = enrolment.group.clone();
    let refusal = match failure.reason() {
        // Group or tenant: either way there is nothing to join.
        _ if failure.kind() == Kind::NotFound => Refusal::GroupNotFound { group },
        "GROUP_DISABLED" => Refusal::GroupDisabled { group },
        "TENANT_SUSPENDED" => Refusal::TenantSuspended,
        "IDENTITY_REVOKED" => Refusal::IdentityRevoked,
        "PUBLIC_KEY_IN_USE" => Refusal::PublicKeyInUse,
        "QUOTA_EXCEEDED" => Refusal::QuotaExceeded { problem: failure.message().to_owned() },
        // The id was given out before this store was restored; the next attempt gets another.
        reason @ ("ENROLMENT_ABANDONED" | "NAME_TAKEN") => {
            Refusal::Abandoned { reason: reason.to_owned() }
        }
        reason => {
            let (enrolment, reason) = (&enrolment.name, reason.to_owned());
            tracing::warn!(%enrolment, reason, %failure, "registry gave no answer that counts; the use stays reserved");
            return Registration::Unknown;
        }
    };
    Registration::Refused(refusal)
}

#[cfg(test)]
mod fuzz {
    use tonic::Code;
    use trial::fuzz::Verdict;

    use names::Reason;

    use super::*;
    use crate::domain::enrolment::tests::enrolment;

    /// Reasons that registry documents for RegisterAppConnector.
    const DEFINITE: [&str; 7] = [
        "GROUP_DISABLED",
        "TENANT_SUSPENDED",
        "IDENTITY_REVOKED",
        "PUBLIC_KEY_IN_USE",
        "QUOTA_EXCEEDED",
        "ENROLMENT_ABANDONED",
        "NAME_TAKEN",
    ];

    #[test]
    fn no_details_of_a_status_give_a_use_back_but_those_that_say_so() {
        let whole = |reason| Failure::new(Kind::FailedPrecondition, reason, "m").to_status();
        let target = trial::target!("registry_answers").words(&DEFINITE);
        let target = target.with(whole(Reason::GroupDisabled).details());
        target.with(whole(Reason::Defect).details()).run(|input| {
            let details = prost::bytes::Bytes::copy_from_slice(input);
            let status = Status::with_details(Code::FailedPrecondition, "m", details);
            let failure = Failure::from_status(&status);
            match read_refusal(&failure, &enrolment()) {
                Registration::Refused(_) => {
                    assert!(DEFINITE.contains(&failure.reason()), "{failure:?} is no refusal");
                    Verdict::Taken
                }
                Registration::Unknown => Verdict::Refused(failure.reason().to_owned()),
                Registration::Registered => panic!("{failure:?} is taken for a success"),
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use names::Reason;

    use super::*;
    use crate::domain::enrolment::tests::enrolment;

    #[test]
    fn only_documented_reasons_are_a_definite_no() {
        let read = |kind, reason| read_refusal(&Failure::new(kind, reason, "m"), &enrolment());
        for (kind, reason) in [
            (Kind::NotFound, Reason::GroupNotFound),
            (Kind::FailedPrecondition, Reason::GroupDisabled),
            (Kind::FailedPrecondition, Reason::TenantSuspended),
            (Kind::AlreadyExists, Reason::PublicKeyInUse),
            (Kind::ResourceExhausted, Reason::QuotaExceeded),
        ] {
            match read(kind, reason) {
                Registration::Refused(refusal) => assert_eq!(refusal.reason(), reason),
                other => panic!("{reason}: {other:?}"),
            }
        }
        let missing = read(Kind::NotFound, Reason::ResourceNotFound);
        assert!(matches!(missing, Registration::Refused(Refusal::GroupNotFound { .. })));
        for (kind, reason) in [
            (Kind::Unavailable, Reason::StoreUnavailable),
            (Kind::DeadlineExceeded, Reason::DeadlineExceeded),
            (Kind::Internal, Reason::Defect),
            (Kind::ResourceExhausted, Reason::Overloaded),
        ] {
            assert_eq!(read(kind, reason), Registration::Unknown, "{reason}");
        }
    }
}
