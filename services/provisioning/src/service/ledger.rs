//! Reading the ledger.

use ::store::At;
use names::{EnrolmentName, ProvisioningKeyName, TenantName};
use rpc::access::{Authorised, Scope};

use super::keys::tenant_of;
use crate::{
    domain::enrolment::Enrolment,
    error::Error,
    store::{Page, PageOf, Records},
};

/// Who joined, with which key, from where and when.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    pub(crate) records: Records,
}

impl Ledger {
    pub(crate) async fn get(
        &self,
        _tenant: Authorised<TenantName>,
        name: &EnrolmentName,
    ) -> Result<Enrolment, Error> {
        let found = self.records.enrolment(name, At::Published).await?;
        found.map(|enrolment| enrolment.value).ok_or_else(|| Error::NotFound {
            resource: EnrolmentName::TYPE,
            name: name.to_string(),
        })
    }

    /// A page of the ledger, of one key if it is named.
    pub(crate) async fn list(
        &self,
        scope: &Authorised<Scope>,
        key: Option<&ProvisioningKeyName>,
        page: PageOf,
    ) -> Result<Page<Enrolment>, Error> {
        let Some(name) = key else {
            return Ok(self.records.list_enrolments(tenant_of(scope), page).await?);
        };
        let key = self.records.key(name, At::Published).await?;
        let key = key.ok_or_else(|| Error::key_not_found(name))?;
        Ok(self.records.list_enrolments_of_key(key.key.value.uid, page).await?)
    }
}
