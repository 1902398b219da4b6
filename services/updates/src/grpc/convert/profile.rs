//! Version profiles.

use names::{TenantName, VersionProfileName};
use proto::updates::v1 as wire;
use rpc::{
    Failure, Refuse as _, Violations,
    page::{PageRequest, QueryFingerprint, TokenKey},
};

use super::only_name;
use crate::domain::profile::{
    EffectiveProfile, ProfileSource, Rule, SystemProfile, system_profile,
};

pub(in crate::grpc) fn profile_name(name: String) -> Result<VersionProfileName, Failure> {
    only_name("name", &name)
}

/// What a list asks.
pub(in crate::grpc) struct ListProfilesAsk {
    pub(in crate::grpc) tenant: TenantName,
    page: PageRequest,
    keys: TokenKey,
}

pub(in crate::grpc) fn list_profiles_request(
    request: wire::ListVersionProfilesRequest,
    epoch: [u8; 16],
) -> Result<ListProfilesAsk, Failure> {
    let wire::ListVersionProfilesRequest { parent, page_size, page_token } = request;
    let mut violations = Violations::new();
    let tenant = violations.take("parent", parent.parse());
    let tenant = violations.finish_with(|| tenant)?;
    let keys = TokenKey::new(epoch, &[]);
    let query = QueryFingerprint::of("ListVersionProfiles", &[&parent]);
    let page = PageRequest::parse(page_size, &page_token, query, &keys)?;
    Ok(ListProfilesAsk { tenant, page, keys })
}

impl ListProfilesAsk {
    /// One page of the profiles, which are few and never change while the program runs.
    pub(in crate::grpc) fn page_of(
        &self,
        profiles: &[SystemProfile],
    ) -> wire::ListVersionProfilesResponse {
        let after = self.page.after.as_deref();
        let begin = after.map_or(0, |id| {
            profiles.iter().position(|profile| profile.id.as_bytes() == id).map_or(0, |at| at + 1)
        });
        let rest = profiles.get(begin..).unwrap_or_default();
        let page = rest.get(..self.page.size).unwrap_or(rest);
        let last = page.last().filter(|_| page.len() < rest.len());
        wire::ListVersionProfilesResponse {
            version_profiles: page.iter().map(profile).collect(),
            next_page_token: last.map_or_else(String::new, |last| {
                self.page.next_token(&self.keys, 0, last.id.as_bytes())
            }),
        }
    }
}

pub(in crate::grpc) fn profile(profile: &SystemProfile) -> wire::VersionProfile {
    let SystemProfile { id: _, display_name, description, rule } = *profile;
    let rule = match rule {
        Rule::Promoted => wire::VersionRule::Promoted,
        Rule::PreviouslyPromoted => wire::VersionRule::PreviouslyPromoted,
        Rule::Newest => wire::VersionRule::Newest,
    };
    wire::VersionProfile {
        name: profile.name().to_string(),
        display_name: display_name.to_owned(),
        description: description.to_owned(),
        rule: rule.into(),
        pins: Vec::new(),
        versions: Vec::new(),
        etag: String::new(),
        create_time: None,
        update_time: None,
    }
}

pub(super) fn effective_out(effective: &EffectiveProfile) -> wire::EffectiveVersionProfile {
    let EffectiveProfile { name, source } = effective;
    let display_name = system_profile(name).map_or_else(
        || name.version_profile.to_string(),
        |profile| profile.display_name.to_owned(),
    );
    let source = match source {
        ProfileSource::Tenant => wire::VersionProfileSource::Tenant,
        ProfileSource::Group => wire::VersionProfileSource::Group,
    };
    wire::EffectiveVersionProfile {
        version_profile: name.to_string(),
        display_name,
        source: source.into(),
        versions: Vec::new(),
    }
}
