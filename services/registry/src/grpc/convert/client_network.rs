//! Client networks.

use proto::{
    google::r#type::LatLng,
    registry::v1::{self as wire, event},
};

use super::{Life, Wire, texts};
use crate::{
    domain::{ClientNetworkDraft, ClientNetworkSpec, CountryCode, Violations},
    service::Registry,
    store::Found,
};

impl Wire for ClientNetworkSpec {
    type Message = wire::ClientNetwork;
    const MESSAGE: &'static str = "causeway.registry.v1.ClientNetwork";

    fn read(message: wire::ClientNetwork, _problems: &mut Violations) -> ClientNetworkDraft {
        let wire::ClientNetwork {
            name: _,
            uid: _,
            display_name,
            description,
            labels,
            cidrs,
            coordinates,
            country_code,
            create_time: _,
            update_time: _,
            delete_time: _,
            purge_time: _,
            etag: _,
        } = message;
        let coordinates = coordinates.map(|LatLng { latitude, longitude }| (latitude, longitude));
        ClientNetworkDraft { display_name, description, labels, cidrs, coordinates, country_code }
    }

    fn message(found: &Found<Self>, registry: &Registry) -> wire::ClientNetwork {
        let (network, spec) = (&found.resource, &found.resource.spec);
        let Life { uid, create_time, update_time, delete_time, purge_time } =
            (&network.meta).into();
        wire::ClientNetwork {
            name: network.name.to_string(),
            uid,
            display_name: spec.display_name.as_str().to_owned(),
            description: spec.description.as_str().to_owned(),
            labels: spec.labels.as_map().clone(),
            cidrs: texts(&spec.cidrs),
            coordinates: Some(LatLng {
                latitude: spec.coordinates.latitude(),
                longitude: spec.coordinates.longitude(),
            }),
            country_code: spec.country_code.as_ref().map_or("", CountryCode::as_str).to_owned(),
            create_time,
            update_time,
            delete_time,
            purge_time,
            etag: registry.etag(found.revision),
        }
    }

    fn event(message: wire::ClientNetwork) -> event::Resource {
        event::Resource::ClientNetwork(message)
    }
}
