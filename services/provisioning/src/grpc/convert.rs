//! Every conversion between the wire and the domain.
//!
//! Always holds: messages that come in are taken apart in full, so that a new field is a compile error; what is wrong
//! is collected, not told one by one.

mod certificate;
mod enrolment;
mod key;

use ::store::{Epoch, Etag, Revision};
use jiff::Timestamp;
use proto::{
    provisioning::v1 as pb,
    r#type::v1::{ChangeType, DeleteCause, ServerInfo},
};
use rpc::time::to_proto;
use runtime::about::About;

use self::certificate::revocation;
pub(crate) use self::{
    certificate::{authority, certificates},
    enrolment::{NextSteps, enroll_response, enrolment, host},
    key::{UPDATABLE, key, key_patch, key_spec, key_with_secret},
};
use crate::store::{Seen, Watched};

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
    /// An object of a snapshot.
    pub(crate) fn added(&self, watched: Watched, now: Timestamp) -> pb::Event {
        self.event(ChangeType::Added, DeleteCause::Unspecified, watched, now)
    }

    /// A change of an object.
    pub(crate) fn seen(&self, seen: Seen, now: Timestamp) -> pb::Event {
        match seen {
            Seen::Added(watched) => self.added(watched, now),
            Seen::Modified(watched) => {
                self.event(ChangeType::Modified, DeleteCause::Unspecified, watched, now)
            }
            Seen::Gone(watched) => {
                self.event(ChangeType::Deleted, DeleteCause::Purged, watched, now)
            }
        }
    }

    fn event(
        &self,
        change: ChangeType,
        cause: DeleteCause,
        watched: Watched,
        now: Timestamp,
    ) -> pb::Event {
        use pb::event::Resource;
        let resource = match watched {
            Watched::Key(row) => Resource::ProvisioningKey(key(row, self.epoch, now)),
            Watched::Enrolment(found) => Resource::Enrolment(enrolment(found)),
            Watched::Authority(found) => {
                Resource::CertificateAuthority(authority(found, &self.trust_domain, self.epoch))
            }
            Watched::Revocation(found) => Resource::Revocation(revocation(found)),
        };
        pb::Event { r#type: change.into(), delete_cause: cause.into(), resource: Some(resource) }
    }
}

/// What the service says of itself.
pub(crate) fn server_info(about: &About, epoch: Epoch, revision: Revision) -> ServerInfo {
    ServerInfo {
        service: about.service.to_owned(),
        version: about.version.to_owned(),
        tzdb_version: about.tzdb_version.to_owned(),
        epoch: epoch.to_string(),
        revision: revision.get(),
        start_time: Some(to_proto(about.start_time)),
    }
}
