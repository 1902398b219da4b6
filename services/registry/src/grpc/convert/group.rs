//! App connector groups.

use proto::registry::v1::{self as wire, event};

use super::{Life, Wire, choice, location, texts};
use crate::{
    domain::{DnsResolution, GroupDraft, GroupSpec, Violations},
    service::Registry,
    store::Found,
};

impl Wire for GroupSpec {
    type Message = wire::AppConnectorGroup;
    const MESSAGE: &'static str = "causeway.registry.v1.AppConnectorGroup";

    fn read(message: wire::AppConnectorGroup, problems: &mut Violations) -> GroupDraft {
        let wire::AppConnectorGroup {
            name: _,
            uid: _,
            display_name,
            description,
            labels,
            enabled,
            location,
            dns_resolution_option,
            disaster_recovery,
            former_server_groups: _,
            create_time: _,
            update_time: _,
            delete_time: _,
            purge_time: _,
            etag: _,
        } = message;
        let at = "app_connector_group.dns_resolution_option";
        let dns_resolution = choice(dns_resolution_option, at, problems, |word| match word {
            wire::DnsResolutionOption::Unspecified => None,
            wire::DnsResolutionOption::Ipv4Ipv6 => Some(DnsResolution::Ipv4Ipv6),
            wire::DnsResolutionOption::Ipv4 => Some(DnsResolution::Ipv4),
            wire::DnsResolutionOption::Ipv6 => Some(DnsResolution::Ipv6),
        });
        GroupDraft {
            display_name,
            description,
            labels,
            enabled,
            location: location.map(location::draft),
            dns_resolution,
            disaster_recovery,
        }
    }

    fn message(found: &Found<Self>, registry: &Registry) -> wire::AppConnectorGroup {
        let (group, spec) = (&found.resource, &found.resource.spec);
        let Life { uid, create_time, update_time, delete_time, purge_time } = (&group.meta).into();
        let dns_resolution_option = match spec.dns_resolution {
            DnsResolution::Ipv4Ipv6 => wire::DnsResolutionOption::Ipv4Ipv6,
            DnsResolution::Ipv4 => wire::DnsResolutionOption::Ipv4,
            DnsResolution::Ipv6 => wire::DnsResolutionOption::Ipv6,
        };
        wire::AppConnectorGroup {
            name: group.name.to_string(),
            uid,
            display_name: spec.display_name.as_str().to_owned(),
            description: spec.description.as_str().to_owned(),
            labels: spec.labels.as_map().clone(),
            enabled: Some(spec.enabled),
            location: Some(location::message(&spec.location)),
            dns_resolution_option: dns_resolution_option.into(),
            disaster_recovery: spec.disaster_recovery,
            former_server_groups: texts(&group.server_fields.former_server_groups),
            create_time,
            update_time,
            delete_time,
            purge_time,
            etag: registry.etag(found.revision),
        }
    }

    fn event(message: wire::AppConnectorGroup) -> event::Resource {
        event::Resource::AppConnectorGroup(message)
    }
}
