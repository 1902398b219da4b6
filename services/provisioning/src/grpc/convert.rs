//! Every conversion between the wire and the domain.
//!
//! Always holds: messages that come in are taken apart in full, so that a new field is a compile error; what is wrong
//! is collected, not told one by one.

mod certificate;
mod enrolment;
mod key;
pub(super) mod key_requests;
mod ledger_requests;

use ::store::{Epoch, Etag, Revision};
use jiff::Timestamp;
use names::{BelowTenant, Reason, Violations};
use proto::provisioning::v1 as pb;
use resource::watch::Happened;
use rpc::access::Scope;

use self::certificate::revocation;
pub(crate) use self::{
    certificate::{authority, certificates, renewal},
    enrolment::{NextSteps, enroll_response, enrolment, joining},
    key::{KEY_MESSAGE, key, key_draft, key_with_secret},
    key_requests::{batch_get_keys, create_key, delete_key, get_key, list_keys, update_key},
    ledger_requests::{get_enrolment, list_enrolments},
};
use crate::{service::keys::Shown, store::Watched};

/// The name of something in a scope that a request may name; one that is wrong, or outside, is noted.
fn name_within<N>(scope: &Scope, field: &str, text: &str, problems: &mut Violations) -> Option<N>
where
    N: BelowTenant + std::str::FromStr<Err: std::fmt::Display>,
{
    let name: N = problems.take(field, text.parse())?;
    if !scope.contains(&name.tenant()) {
        problems.add(field, Reason::ForeignTenant, format!("must be below {scope}"));
        return None;
    }
    Some(name)
}

pub(crate) fn etag(epoch: Epoch, revision: Revision) -> String {
    Etag::new(epoch, revision).to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a watch needs to render.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) epoch: Epoch,
    pub(crate) trust_domain: String,
}

impl View {
    /// An event of a watch.
    pub(crate) fn event(&self, happened: Happened, watched: Watched, now: Timestamp) -> pb::Event {
        use pb::event::Resource;
        let resource = match watched {
            Watched::Key(row) => Resource::ProvisioningKey(key(Shown::now(row, now), self.epoch)),
            Watched::Enrolment(found) => Resource::Enrolment(enrolment(found)),
            Watched::Authority(found) => {
                Resource::CertificateAuthority(authority(found, &self.trust_domain, self.epoch))
            }
            Watched::Revocation(found) => Resource::Revocation(revocation(found)),
        };
        let (change, cause) = happened.words();
        pb::Event { r#type: change.into(), delete_cause: cause.into(), resource: Some(resource) }
    }
}
