//! Server groups.

use proto::registry::v1::{self as wire, event};

use super::{Life, Wire, texts};
use crate::{
    domain::{Server, ServerDraft, ServerGroupDraft, ServerGroupSpec, Violations},
    service::Registry,
    store::Found,
};

impl Wire for ServerGroupSpec {
    type Message = wire::ServerGroup;
    const MESSAGE: &'static str = "causeway.registry.v1.ServerGroup";

    fn read(message: wire::ServerGroup, _problems: &mut Violations) -> ServerGroupDraft {
        let wire::ServerGroup {
            name: _,
            uid: _,
            display_name,
            description,
            labels,
            enabled,
            app_connector_groups,
            dynamic_discovery,
            servers,
            create_time: _,
            update_time: _,
            delete_time: _,
            purge_time: _,
            etag: _,
        } = message;
        let server = |wire::Server { address, ports }| ServerDraft { address, ports };
        ServerGroupDraft {
            display_name,
            description,
            labels,
            enabled,
            app_connector_groups,
            dynamic_discovery,
            servers: servers.into_iter().map(server).collect(),
        }
    }

    fn message(found: &Found<Self>, registry: &Registry) -> wire::ServerGroup {
        let (group, spec) = (&found.resource, &found.resource.spec);
        let Life { uid, create_time, update_time, delete_time, purge_time } = (&group.meta).into();
        let server = |server: &Server| wire::Server {
            address: server.address.to_string(),
            ports: server.ports.iter().map(|&port| port.into()).collect(),
        };
        wire::ServerGroup {
            name: group.name.to_string(),
            uid,
            display_name: spec.display_name.as_str().to_owned(),
            description: spec.description.as_str().to_owned(),
            labels: spec.labels.as_map().clone(),
            enabled: Some(spec.enabled),
            app_connector_groups: texts(&spec.app_connector_groups),
            dynamic_discovery: Some(spec.dynamic_discovery),
            servers: spec.servers.iter().map(server).collect(),
            create_time,
            update_time,
            delete_time,
            purge_time,
            etag: registry.etag(found.revision),
        }
    }

    fn event(message: wire::ServerGroup) -> event::Resource {
        event::Resource::ServerGroup(message)
    }
}
