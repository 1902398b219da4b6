//! The ports of a process, bound and not served yet.

use rpc::peer::ListenerKind;

use super::{Addresses, ServerSettings};
use crate::{admin::Admin, listener::Listener};

/// Every port of a process.
pub(super) struct Bound {
    pub(super) main: Listener,
    pub(super) enrolment: Option<Listener>,
    pub(super) admin: Admin,
}

impl Bound {
    /// Binds every port that the settings name.
    pub(super) async fn bind(server: &ServerSettings) -> anyhow::Result<Self> {
        let enrolment = match server.enrolment_listen {
            Some(address) => Some(Listener::bind(address, ListenerKind::Enrolment).await?),
            None => None,
        };
        Ok(Self {
            main: Listener::bind(server.listen, ListenerKind::Main).await?,
            enrolment,
            admin: Admin::bind(server.admin_listen).await?,
        })
    }

    pub(super) fn addresses(&self) -> Addresses {
        Addresses {
            main: self.main.address(),
            enrolment: self.enrolment.as_ref().map(Listener::address),
            admin: self.admin.address(),
        }
    }
}
