//! Version profiles.
//!
//! The list is over constants, so it has no rows, filters and revisions as other lists have: only pages.

use names::{TenantName, VersionProfileName};
use proto::updates::v1::{
    GetVersionProfileRequest, ListVersionProfilesRequest, ListVersionProfilesResponse,
    VersionProfile,
};
use rpc::page::{PageRequest, QueryFingerprint};
use rpc::{Answer, open};
use tonic::{Request, Response};

use super::{api::Api, convert};
use crate::service::profiles::{self, Parent};

impl Api {
    pub(super) async fn profile(
        &self,
        request: Request<GetVersionProfileRequest>,
    ) -> Answer<VersionProfile> {
        let (caller, GetVersionProfileRequest { name }) = open(request)?;
        let VersionProfileName { tenant, version_profile } = convert::only_name("name", &name)?;
        let parent = match tenant {
            None => Parent::System(caller.authorise_global()),
            Some(tenant) => Parent::Tenant(caller.authorise_name(TenantName::new(tenant))?),
        };
        Ok(Response::new(convert::profile(profiles::get(&parent, version_profile)?)))
    }

    pub(super) async fn profiles(
        &self,
        request: Request<ListVersionProfilesRequest>,
    ) -> Answer<ListVersionProfilesResponse> {
        let (caller, message) = open(request)?;
        let ListVersionProfilesRequest { parent, page_size, page_token } = message;
        let tenant = convert::only_name::<TenantName>("parent", &parent)?;
        let choice = profiles::choice_of(&caller.authorise_name(tenant)?);
        let query = QueryFingerprint::of(caller.method(), &[&parent]);
        let page = PageRequest::parse(page_size, &page_token, query, &self.tokens)?;
        let after = page.after.as_deref();
        let begin = choice.iter().position(|profile| after == Some(profile.id.as_bytes()));
        let rest = choice.get(begin.map_or(0, |begin| begin + 1)..).unwrap_or_default();
        let shown = rest.get(..page.size).unwrap_or(rest);
        let last = shown.last().filter(|_| shown.len() < rest.len());
        Ok(Response::new(ListVersionProfilesResponse {
            version_profiles: shown.iter().map(convert::profile).collect(),
            next_page_token: last.map_or_else(String::new, |last| {
                page.next_token(&self.tokens, 0, last.id.as_bytes())
            }),
        }))
    }
}
