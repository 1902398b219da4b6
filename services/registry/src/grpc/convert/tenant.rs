//! Tenants.

use proto::registry::v1::{self as wire, event};

use super::{Life, Wire, choice};
use crate::{
    domain::{Quotas, TenantDraft, TenantSpec, TenantState, Violations},
    service::Registry,
    store::Found,
};

impl Wire for TenantSpec {
    type Message = wire::Tenant;
    const MESSAGE: &'static str = "causeway.registry.v1.Tenant";

    fn read(message: wire::Tenant, problems: &mut Violations) -> TenantDraft {
        let wire::Tenant {
            name: _,
            uid: _,
            display_name,
            description,
            labels,
            state,
            quotas: _,
            trust_domain: _,
            create_time: _,
            update_time: _,
            delete_time: _,
            purge_time: _,
            etag: _,
        } = message;
        let state = choice(state, "tenant.state", problems, |word| match word {
            wire::TenantState::Unspecified => None,
            wire::TenantState::Active => Some(TenantState::Active),
            wire::TenantState::Suspended => Some(TenantState::Suspended),
        });
        TenantDraft { display_name, description, labels, state }
    }

    fn message(found: &Found<Self>, registry: &Registry) -> wire::Tenant {
        let tenant = &found.resource;
        let Life { uid, create_time, update_time, delete_time, purge_time } = (&tenant.meta).into();
        let state = match tenant.spec.state {
            TenantState::Active => wire::TenantState::Active,
            TenantState::Suspended => wire::TenantState::Suspended,
        };
        wire::Tenant {
            name: tenant.name.to_string(),
            uid,
            display_name: tenant.spec.display_name.as_str().to_owned(),
            description: tenant.spec.description.as_str().to_owned(),
            labels: tenant.spec.labels.as_map().clone(),
            state: state.into(),
            quotas: Some(quotas(registry.quotas())),
            trust_domain: registry.trust_domain().to_string(),
            create_time,
            update_time,
            delete_time,
            purge_time,
            etag: registry.etag(found.revision),
        }
    }

    fn event(message: wire::Tenant) -> event::Resource {
        event::Resource::Tenant(message)
    }
}

fn quotas(quotas: &Quotas) -> wire::TenantQuotas {
    let number = |limit: usize| i32::try_from(limit).unwrap_or(i32::MAX);
    wire::TenantQuotas {
        app_connector_groups: number(quotas.app_connector_groups),
        app_connectors: number(quotas.app_connectors),
        server_groups: number(quotas.server_groups),
        application_segments: number(quotas.application_segments),
        domains_per_segment: number(quotas.domains_per_segment),
        port_ranges_per_object: number(quotas.port_ranges_per_object),
        labels_per_object: number(quotas.labels_per_object),
        servers_per_server_group: number(quotas.servers_per_server_group),
    }
}
