//! Errors as callers see them: what is wrong, by which rule, and what to do.

use names::Reason;
use rpc::error::{Failure, Kind as Code};

use super::{Blocker, Error, Refusal};
use crate::domain::{Claim, Conflict, Kind};

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Fault(fault) => fault.into(),
            Error::Invalid(problems) => problems.into(),
            Error::NotFound(kind, name) => Self::not_found(kind.resource_type(), name),
            Error::ReferenceNotFound(missing) => references(&missing),
            Error::Referenced { kind, name, blockers, more } => {
                referenced(kind, &name, &blockers, more)
            }
            Error::DomainConflict(conflict) => domain_conflict(&conflict),
            Error::Registration(refusal) => registration(&refusal),
            Error::Claimed { kind, claim, by } => claimed(kind, &claim, &by),
            Error::Deleted { kind, name } => Self::new(
                Code::FailedPrecondition,
                Reason::Deleted,
                format!("`{name}` is deleted; undelete it first, or use another"),
            )
            .precondition(Reason::Deleted, &name, "it must not be deleted")
            .resource(kind.resource_type(), name),
            Error::NotDeleted { kind, name } => Self::new(
                Code::FailedPrecondition,
                Reason::NotDeleted,
                format!("`{name}` is not deleted, so there is nothing to take back"),
            )
            .precondition(Reason::NotDeleted, &name, "it must be deleted")
            .resource(kind.resource_type(), name),
            Error::NameTaken { kind, name, deleted } => name_taken(kind, &name, deleted),
            Error::KeysUnknown(group) => Self::new(
                Code::Unavailable,
                Reason::KeysUnknown,
                format!("provisioning cannot be asked for the keys of `{group}` now; try again, or delete with force"),
            )
            .resource(Kind::Group.resource_type(), group),
            Error::QuotaExceeded { tenant, kind, limit } => {
                let what =
                    format!("at most {limit} {}s; delete some, or raise the setting", kind.label());
                let message = format!("`{tenant}` is full: {what}");
                Self::new(Code::ResourceExhausted, Reason::QuotaExceeded, message)
                    .quota(tenant, what)
            }
        }
    }
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        Failure::from(error).into()
    }
}

fn name_taken(kind: Kind, name: &str, deleted: bool) -> Failure {
    let (state, message) = if deleted {
        (
            "DELETED",
            format!(
                "`{name}` is deleted and its id stays taken until it is purged; undelete it, or use another id"
            ),
        )
    } else {
        ("LIVE", format!("`{name}` exists already; use another id, or update it"))
    };
    Failure::new(Code::AlreadyExists, Reason::NameTaken, message)
        .metadata("state", state)
        .resource(kind.resource_type(), name)
}

fn claimed(kind: Kind, claim: &Claim, by: &str) -> Failure {
    let field = format!("{}.{}", kind.field(), claim.field());
    let fix = match claim {
        Claim::DisplayName(_) => {
            format!("`{by}` has this name or one that looks alike; choose another")
        }
        Claim::Value { value, .. } => {
            format!("`{by}` has `{value}`; take it out of one of the two")
        }
    };
    let message = format!("{} is taken: {fix}", claim.field());
    Failure::new(Code::AlreadyExists, claim.reason(), message)
        .violation(field, Reason::Taken, fix)
        .resource(kind.resource_type(), by)
}

fn references(missing: &[(String, String)]) -> Failure {
    let names: Vec<_> = missing.iter().map(|(_, name)| format!("`{name}`")).collect();
    let message =
        format!("{} do not exist; create them first, or leave them out", names.join(", "));
    let failure = Failure::new(Code::NotFound, Reason::ReferenceNotFound, message);
    missing.iter().fold(failure, |failure, (field, name)| {
        failure.violation(field, Reason::NotFound, format!("`{name}` does not exist"))
    })
}

fn referenced(kind: Kind, name: &str, blockers: &[Blocker], more: bool) -> Failure {
    let listed: Vec<_> = blockers.iter().map(|b| format!("`{}`", b.name)).collect();
    let rest = if more { " and more" } else { "" };
    let way = if kind == Kind::Group { ", or delete with force" } else { "" };
    let message = format!(
        "`{name}` is in use by {}{rest}; take it out of them first{way}",
        listed.join(", ")
    );
    blockers.iter().fold(
        Failure::new(Code::FailedPrecondition, Reason::Referenced, message)
            .resource(kind.resource_type(), name),
        |failure, b| {
            failure.precondition(
                Reason::Referenced,
                &b.name,
                format!("{} uses it", b.resource_type),
            )
        },
    )
}

fn domain_conflict(conflict: &Conflict) -> Failure {
    let Conflict { with, target } = conflict;
    let fix = format!(
        "`{with}` covers `{target}` on one of these ports already; take it out of one of the two, or disable one"
    );
    Failure::new(Code::FailedPrecondition, Reason::DomainConflict, fix.clone())
        .metadata("conflicting_segment", with)
        .metadata("domain", target)
        .precondition(Reason::DomainConflict, with, fix)
}

fn registration(refusal: &Refusal) -> Failure {
    let failure = Failure::new(refusal.kind(), refusal.reason(), refusal.message());
    match refusal {
        Refusal::IdentityRevoked(name)
        | Refusal::PublicKeyInUse(name)
        | Refusal::RegistrationStands(name) => failure.metadata("app_connector", name),
        Refusal::GroupNotFound(name) => failure.resource(Kind::Group.resource_type(), name),
        Refusal::TenantNotFound(name) => failure.resource(Kind::Tenant.resource_type(), name),
        _ => failure,
    }
}
