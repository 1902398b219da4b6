//! Application segments.

use proto::registry::v1::{self as wire, event};

use super::{Life, Wire, choice, duration_in, duration_out, texts};
use crate::{
    domain::{
        HealthReporting, MatchStyle, PortRangeDraft, Ports, Preference, PreferenceDraft,
        SegmentDraft, SegmentSpec, SelectionPolicy, UnhealthyPolicy, Violations,
    },
    service::Registry,
    store::Found,
};

impl Wire for SegmentSpec {
    type Message = wire::ApplicationSegment;
    const MESSAGE: &'static str = "causeway.registry.v1.ApplicationSegment";

    fn read(message: wire::ApplicationSegment, problems: &mut Violations) -> SegmentDraft {
        let wire::ApplicationSegment {
            name: _,
            uid: _,
            display_name,
            description,
            labels,
            enabled,
            domains,
            tcp_port_ranges,
            udp_port_ranges,
            server_groups,
            health_reporting,
            match_style,
            selection_policy,
            app_connector_group_preferences,
            allowed_countries,
            unhealthy_policy,
            minimum_available,
            sticky_for,
            disaster_recovery,
            create_time: _,
            update_time: _,
            delete_time: _,
            purge_time: _,
            etag: _,
        } = message;
        SegmentDraft {
            display_name,
            description,
            labels,
            enabled,
            domains,
            tcp: ranges(tcp_port_ranges),
            udp: ranges(udp_port_ranges),
            server_groups,
            health_reporting: health_in(health_reporting, problems),
            match_style: style_in(match_style, problems),
            selection_policy: policy_in(selection_policy, problems),
            preferences: app_connector_group_preferences.into_iter().map(preference_in).collect(),
            allowed_countries,
            unhealthy_policy: unhealthy_in(unhealthy_policy, problems),
            minimum_available,
            sticky_for: duration_in(sticky_for, "application_segment.sticky_for", problems),
            disaster_recovery,
        }
    }

    fn message(found: &Found<Self>, registry: &Registry) -> wire::ApplicationSegment {
        let (segment, spec) = (&found.resource, &found.resource.spec);
        let Life { uid, create_time, update_time, delete_time, purge_time } =
            (&segment.meta).into();
        let countries = spec.allowed_countries.iter().map(|code| code.as_str().to_owned());
        wire::ApplicationSegment {
            name: segment.name.to_string(),
            uid,
            display_name: spec.display_name.as_str().to_owned(),
            description: spec.description.as_str().to_owned(),
            labels: spec.labels.as_map().clone(),
            enabled: Some(spec.enabled),
            domains: texts(&spec.domains),
            tcp_port_ranges: ports_out(&spec.tcp),
            udp_port_ranges: ports_out(&spec.udp),
            server_groups: texts(&spec.server_groups),
            health_reporting: health_out(spec.health_reporting).into(),
            match_style: style_out(spec.match_style).into(),
            selection_policy: policy_out(spec.selection_policy).into(),
            app_connector_group_preferences: spec.preferences.iter().map(preference_out).collect(),
            allowed_countries: countries.collect(),
            unhealthy_policy: unhealthy_out(spec.unhealthy_policy).into(),
            minimum_available: spec.minimum_available.map(i32::from),
            sticky_for: Some(duration_out(spec.sticky_for)),
            disaster_recovery: spec.disaster_recovery,
            create_time,
            update_time,
            delete_time,
            purge_time,
            etag: registry.etag(found.revision),
        }
    }

    fn event(message: wire::ApplicationSegment) -> event::Resource {
        event::Resource::ApplicationSegment(message)
    }
}

fn ranges(messages: Vec<wire::PortRange>) -> Vec<PortRangeDraft> {
    let range = |wire::PortRange { first, last }| PortRangeDraft { first, last };
    messages.into_iter().map(range).collect()
}

fn ports_out(ports: &Ports) -> Vec<wire::PortRange> {
    let range = |draft: PortRangeDraft| wire::PortRange { first: draft.first, last: draft.last };
    ports.drafts().into_iter().map(range).collect()
}

fn preference_in(message: wire::AppConnectorGroupPreference) -> PreferenceDraft {
    let wire::AppConnectorGroupPreference { app_connector_group, priority, weight } = message;
    PreferenceDraft { app_connector_group, priority, weight }
}

fn preference_out(preference: &Preference) -> wire::AppConnectorGroupPreference {
    wire::AppConnectorGroupPreference {
        app_connector_group: preference.app_connector_group.to_string(),
        priority: preference.priority.into(),
        weight: Some(preference.weight.into()),
    }
}

fn health_in(number: i32, problems: &mut Violations) -> Option<HealthReporting> {
    choice(number, "application_segment.health_reporting", problems, |word| match word {
        wire::HealthReporting::Unspecified => None,
        wire::HealthReporting::OnAccess => Some(HealthReporting::OnAccess),
        wire::HealthReporting::Continuous => Some(HealthReporting::Continuous),
        wire::HealthReporting::None => Some(HealthReporting::None),
    })
}

fn health_out(word: HealthReporting) -> wire::HealthReporting {
    match word {
        HealthReporting::OnAccess => wire::HealthReporting::OnAccess,
        HealthReporting::Continuous => wire::HealthReporting::Continuous,
        HealthReporting::None => wire::HealthReporting::None,
    }
}

fn style_in(number: i32, problems: &mut Violations) -> Option<MatchStyle> {
    choice(number, "application_segment.match_style", problems, |word| match word {
        wire::MatchStyle::Unspecified => None,
        wire::MatchStyle::Inclusive => Some(MatchStyle::Inclusive),
        wire::MatchStyle::Exclusive => Some(MatchStyle::Exclusive),
    })
}

fn style_out(word: MatchStyle) -> wire::MatchStyle {
    match word {
        MatchStyle::Inclusive => wire::MatchStyle::Inclusive,
        MatchStyle::Exclusive => wire::MatchStyle::Exclusive,
    }
}

fn policy_in(number: i32, problems: &mut Violations) -> Option<SelectionPolicy> {
    choice(number, "application_segment.selection_policy", problems, |word| match word {
        wire::SelectionPolicy::Unspecified => None,
        wire::SelectionPolicy::LowestTotalLatency => Some(SelectionPolicy::LowestTotalLatency),
        wire::SelectionPolicy::ClosestToUser => Some(SelectionPolicy::ClosestToUser),
        wire::SelectionPolicy::ClosestToApplication => Some(SelectionPolicy::ClosestToApplication),
    })
}

fn policy_out(word: SelectionPolicy) -> wire::SelectionPolicy {
    match word {
        SelectionPolicy::LowestTotalLatency => wire::SelectionPolicy::LowestTotalLatency,
        SelectionPolicy::ClosestToUser => wire::SelectionPolicy::ClosestToUser,
        SelectionPolicy::ClosestToApplication => wire::SelectionPolicy::ClosestToApplication,
    }
}

fn unhealthy_in(number: i32, problems: &mut Violations) -> Option<UnhealthyPolicy> {
    choice(number, "application_segment.unhealthy_policy", problems, |word| match word {
        wire::UnhealthyPolicy::Unspecified => None,
        wire::UnhealthyPolicy::Refuse => Some(UnhealthyPolicy::Refuse),
        wire::UnhealthyPolicy::LastKnownGood => Some(UnhealthyPolicy::LastKnownGood),
        wire::UnhealthyPolicy::Any => Some(UnhealthyPolicy::Any),
    })
}

fn unhealthy_out(word: UnhealthyPolicy) -> wire::UnhealthyPolicy {
    match word {
        UnhealthyPolicy::Refuse => wire::UnhealthyPolicy::Refuse,
        UnhealthyPolicy::LastKnownGood => wire::UnhealthyPolicy::LastKnownGood,
        UnhealthyPolicy::Any => wire::UnhealthyPolicy::Any,
    }
}
