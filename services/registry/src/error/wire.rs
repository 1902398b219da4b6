//! Errors as callers see them: what is wrong, by which rule, and what to do.

use names::Reason;
use rpc::error::{Failure, Kind as Code};

use super::{Blocker, Error, Refusal};
use crate::domain::{Conflict, Kind};

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let told = match &error {
            Error::Invalid(problems) => problems.clone().into(),
            Error::NotFound(kind, name) => Failure::not_found(kind.resource_type(), name),
            Error::ReferenceNotFound(missing) => references(&error, missing),
            Error::Referenced { kind, name, blockers, more } => {
                referenced(&error, *kind, name, blockers, *more)
            }
            Error::DomainConflict(conflict) => domain_conflict(&error, conflict),
            Error::Registration(refusal) => registration(&error, refusal),
            Error::Compacted { revision, oldest } => rpc::page::compacted(*revision, oldest.get()),
            Error::Unavailable(_)
            | Error::OutcomeUnknown(_)
            | Error::Contended
            | Error::DataLoss(_)
            | Error::Defect(_) => ours(&error),
            _ => state(&error),
        };
        match error.kind() {
            // The only ones whose cause the caller is not told; it goes to the log.
            Code::Internal | Code::DataLoss | Code::Unavailable => told.source(error),
            _ => told,
        }
    }
}

fn failure(error: &Error, message: impl Into<String>) -> Failure {
    Failure::new(error.kind(), error.reason(), message)
}

/// What the state of one object or request forbids.
fn state(error: &Error) -> Failure {
    let told = |message: String| failure(error, message);
    match error {
        Error::Deleted { kind, name } => {
            told(format!("`{name}` is deleted; undelete it first, or use another"))
                .precondition(Reason::Deleted, name, "it must not be deleted")
                .resource(kind.resource_type(), name)
        }
        Error::NotDeleted { kind, name } => {
            told(format!("`{name}` is not deleted, so there is nothing to take back"))
                .precondition(Reason::NotDeleted, name, "it must be deleted")
                .resource(kind.resource_type(), name)
        }
        Error::NameTaken { kind, name, deleted } => {
            let (state, message) = if *deleted {
                ("DELETED", format!("`{name}` is deleted and its id stays taken until it is purged; undelete it, or use another id"))
            } else {
                ("LIVE", format!("`{name}` exists already; use another id, or update it"))
            };
            told(message).metadata("state", state).resource(kind.resource_type(), name)
        }
        Error::DisplayNameTaken { kind, by } => {
            let field = format!("{}.display_name", kind.field());
            let fix = format!("`{by}` has this name or one that looks alike; choose another");
            told(format!("the display_name is taken: {fix}"))
                .violation(field, Reason::Taken, fix)
                .resource(kind.resource_type(), by)
        }
        Error::KeysUnknown(group) => told(format!(
            "provisioning cannot be asked for the keys of `{group}` now; try again, or delete with force"
        ))
        .resource(Kind::Group.resource_type(), group),
        Error::EtagMismatch { name, current } => {
            told(format!("`{name}` was changed since it was read; read it again, then repeat"))
                .metadata("etag", current)
                .metadata("name", name)
        }
        Error::QuotaExceeded { tenant, kind, limit } => {
            let what = format!("at most {limit} {}s; delete some, or raise the setting", kind.label());
            told(format!("`{tenant}` is full: {what}")).quota(tenant, what)
        }
        Error::RequestIdReused => {
            let fix = "was used for another request; send a new UUID";
            told(format!("request_id {fix}")).violation("request_id", Reason::Reused, fix)
        }
        Error::OrderTooLarge { limit } => {
            let fix = format!("sorts at most {limit} objects; order by name, or narrow the parent");
            told(format!("order_by {fix}")).violation("order_by", Reason::TooLarge, fix)
        }
        other => told(other.to_string()),
    }
}

/// What is on our side of the wire.
fn ours(error: &Error) -> Failure {
    let told = |message: &str| failure(error, message);
    match error {
        Error::Unavailable(_) => told("the store takes no calls now; try again"),
        Error::OutcomeUnknown(_) => told(
            "it is not known whether the write took place; repeat it with the same request_id, or read",
        ),
        Error::Contended => {
            told("others keep changing what this depends on; read again, then repeat")
                .retry_after(CONTENTION_PAUSE)
        }
        _ => told("the server has a defect; the request id finds its log"),
    }
}

/// How long a caller should wait after losing to others: a few commits' time.
const CONTENTION_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

fn references(error: &Error, missing: &[(String, String)]) -> Failure {
    let names: Vec<_> = missing.iter().map(|(_, name)| format!("`{name}`")).collect();
    let message =
        format!("{} do not exist; create them first, or leave them out", names.join(", "));
    missing.iter().fold(failure(error, message), |failure, (field, name)| {
        failure.violation(field, Reason::NotFound, format!("`{name}` does not exist"))
    })
}

fn referenced(error: &Error, kind: Kind, name: &str, blockers: &[Blocker], more: bool) -> Failure {
    let listed: Vec<_> = blockers.iter().map(|b| format!("`{}`", b.name)).collect();
    let rest = if more { " and more" } else { "" };
    let way = if kind == Kind::Group { ", or delete with force" } else { "" };
    let message = format!(
        "`{name}` is in use by {}{rest}; take it out of them first{way}",
        listed.join(", ")
    );
    blockers.iter().fold(
        failure(error, message).resource(kind.resource_type(), name),
        |failure, b| {
            failure.precondition(
                Reason::Referenced,
                &b.name,
                format!("{} uses it", b.resource_type),
            )
        },
    )
}

fn domain_conflict(error: &Error, conflict: &Conflict) -> Failure {
    let Conflict { with, target } = conflict;
    let fix = format!(
        "`{with}` covers `{target}` on one of these ports already; take it out of one of the two, or disable one"
    );
    failure(error, fix.clone())
        .metadata("conflicting_segment", with)
        .metadata("domain", target)
        .precondition(Reason::DomainConflict, with, fix)
}

fn registration(error: &Error, refusal: &Refusal) -> Failure {
    let failure = failure(error, refusal.message());
    match refusal {
        Refusal::IdentityRevoked(name)
        | Refusal::PublicKeyInUse(name)
        | Refusal::RegistrationStands(name) => failure.metadata("app_connector", name),
        Refusal::GroupNotFound(name) => failure.resource(Kind::Group.resource_type(), name),
        Refusal::TenantNotFound(name) => failure.resource(Kind::Tenant.resource_type(), name),
        _ => failure,
    }
}
