//! Version profiles.

use proto::updates::v1 as wire;

use crate::domain::profile::{
    EffectiveProfile, ProfileSource, Rule, SystemProfile, system_profile,
};

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
