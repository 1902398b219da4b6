//! Reading the ledger.

use ::store::{At, Row};
use names::{EnrolmentName, ProvisioningKeyName};
use prost::Message;
use resource::{
    Fault,
    listing::{Listing, Page, ReadRow},
    order::OrderKey,
};
use rpc::access::{Authorised, Scope};

use super::keys::tenant_of;
use crate::{
    domain::enrolment::Enrolment,
    error::Error,
    store::{Rows, all_ledger, ledger_of_key},
};

/// Who joined, with which key, from where and when.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    pub(crate) rows: Rows,
}

/// Whose lines are listed.
pub(crate) enum Lines {
    /// Of a tenant, or of all.
    In(Authorised<Scope>),
    /// Of one key.
    Of(Authorised<ProvisioningKeyName>),
}

impl Ledger {
    pub(crate) async fn get(&self, name: &Authorised<EnrolmentName>) -> Result<Enrolment, Error> {
        let found = self.rows.enrolment(name, At::Published).await?;
        found.map(|enrolment| enrolment.value).ok_or_else(|| Error::NotFound {
            resource: EnrolmentName::TYPE,
            name: name.to_string(),
        })
    }

    /// A page of the ledger, rendered.
    pub(crate) async fn list<M: Message>(
        &self,
        lines: &Lines,
        listing: &Listing,
        render: impl Fn(Enrolment) -> M + Sync,
    ) -> Result<Page<M>, Error> {
        let prefix = match lines {
            Lines::In(scope) => all_ledger(tenant_of(scope)),
            Lines::Of(name) => {
                let key = self.rows.key(name, At::Published).await?;
                let key = key.ok_or_else(|| Error::key_not_found(name))?;
                ledger_of_key(key.key.value.uid)
            }
        };
        let lines = Shown { rows: &self.rows, render };
        Ok(listing.scan(self.rows.store(), &prefix, &lines).await?)
    }
}

/// How a line is read and shown.
struct Shown<'a, F> {
    rows: &'a Rows,
    render: F,
}

impl<M: Message, F: Fn(Enrolment) -> M + Sync> ReadRow<M> for Shown<'_, F> {
    async fn read(&self, row: Row, at: At) -> Result<Option<(M, OrderKey)>, Fault> {
        let Some(found) = self.rows.enrolment_in(&row, at).await? else { return Ok(None) };
        let enrolment = found.value;
        let key = OrderKey {
            place: row.key.as_bytes().to_vec(),
            display_name: String::new(),
            create_time: enrolment.create_time,
            update_time: enrolment.update_time,
        };
        Ok(Some(((self.render)(enrolment), key)))
    }
}
