//! App connectors and their registration.

use proto::registry::v1::{self as wire, event};

use super::{Life, Wire, duration_in, duration_out, location};
use crate::{
    domain::{ConnectorDraft, ConnectorSpec, RegistrationDraft, Violations},
    service::Registry,
    store::Found,
};

impl Wire for ConnectorSpec {
    type Message = wire::AppConnector;
    const MESSAGE: &'static str = "causeway.registry.v1.AppConnector";

    fn read(message: wire::AppConnector, _problems: &mut Violations) -> ConnectorDraft {
        let wire::AppConnector {
            name: _,
            uid: _,
            display_name,
            description,
            labels,
            enabled,
            app_connector_group: _,
            location,
            provisioning_key: _,
            enrolment: _,
            public_key_sha256: _,
            ephemeral_ttl: _,
            deleted_with: _,
            create_time: _,
            update_time: _,
            delete_time: _,
            purge_time: _,
            etag: _,
        } = message;
        let location = location.map(location::draft);
        ConnectorDraft { display_name, description, labels, enabled, location }
    }

    fn message(found: &Found<Self>, registry: &Registry) -> wire::AppConnector {
        let (connector, spec) = (&found.resource, &found.resource.spec);
        let origin = &connector.server_fields;
        let Life { uid, create_time, update_time, delete_time, purge_time } =
            (&connector.meta).into();
        wire::AppConnector {
            name: connector.name.to_string(),
            uid,
            display_name: spec.display_name.as_str().to_owned(),
            description: spec.description.as_str().to_owned(),
            labels: spec.labels.as_map().clone(),
            enabled: Some(spec.enabled),
            app_connector_group: origin.app_connector_group.to_string(),
            location: spec.location.as_ref().map(location::message),
            provisioning_key: origin.provisioning_key.to_string(),
            enrolment: origin.enrolment.to_string(),
            public_key_sha256: origin.public_key_sha256.to_vec().into(),
            ephemeral_ttl: origin.ephemeral_ttl.map(duration_out),
            deleted_with: origin.deleted_with.as_ref().map(ToString::to_string).unwrap_or_default(),
            create_time,
            update_time,
            delete_time,
            purge_time,
            etag: registry.etag(found.revision),
        }
    }

    fn event(message: wire::AppConnector) -> event::Resource {
        event::Resource::AppConnector(message)
    }
}

pub(in crate::grpc) fn registration(
    message: wire::RegisterAppConnectorRequest,
    problems: &mut Violations,
) -> RegistrationDraft {
    let wire::RegisterAppConnectorRequest {
        name,
        app_connector_group,
        enrolment,
        provisioning_key,
        display_name,
        labels,
        public_key_sha256,
        ephemeral_ttl,
    } = message;
    RegistrationDraft {
        name,
        app_connector_group,
        enrolment,
        provisioning_key,
        display_name,
        labels,
        public_key_sha256: public_key_sha256.to_vec(),
        ephemeral_ttl: duration_in(ephemeral_ttl, "ephemeral_ttl", problems),
    }
}
