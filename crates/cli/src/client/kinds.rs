//! The kinds of objects that `get`, `describe` and `apply` know.

use anyhow::{Result, bail};
use prost_reflect::MethodDescriptor;

use super::wire;

/// One kind of object and where it lives.
pub(crate) struct Kind {
    /// Message name in the contract, also the `kind:` of a file.
    pub(crate) message: &'static str,
    /// Package and service that own it.
    package: &'static str,
    service: &'static str,
    /// Collection word in names, `appConnectorGroups`; also what people type.
    pub(crate) collection: &'static str,
    /// Shorter words that people type.
    aliases: &'static [&'static str],
    /// Field of the kind in requests, `app_connector_group`.
    pub(crate) field: &'static str,
    /// Columns of its table: title and path of JSON keys.
    pub(crate) columns: &'static [(&'static str, &'static str)],
}

const REGISTRY: &str = "RegistryService";

/// In the order in which a file with all of them is applied: what is referenced comes first.
pub(crate) const KINDS: &[Kind] = &[
    Kind {
        message: "Tenant",
        package: "causeway.registry.v1",
        service: REGISTRY,
        collection: "tenants",
        aliases: &["tenant"],
        field: "tenant",
        columns: &[("NAME", "name"), ("DISPLAY NAME", "displayName"), ("STATE", "state")],
    },
    Kind {
        message: "AppConnectorGroup",
        package: "causeway.registry.v1",
        service: REGISTRY,
        collection: "appConnectorGroups",
        aliases: &["appConnectorGroup", "groups", "group"],
        field: "app_connector_group",
        columns: &[
            ("NAME", "name"),
            ("DISPLAY NAME", "displayName"),
            ("ENABLED", "enabled"),
            ("CITY", "location.city"),
            ("TIME ZONE", "location.effectiveTimeZone"),
        ],
    },
    Kind {
        message: "AppConnector",
        package: "causeway.registry.v1",
        service: REGISTRY,
        collection: "appConnectors",
        aliases: &["appConnector", "connectors", "connector"],
        field: "app_connector",
        columns: &[
            ("NAME", "name"),
            ("DISPLAY NAME", "displayName"),
            ("GROUP", "appConnectorGroup"),
            ("ENABLED", "enabled"),
        ],
    },
    Kind {
        message: "ServerGroup",
        package: "causeway.registry.v1",
        service: REGISTRY,
        collection: "serverGroups",
        aliases: &["serverGroup"],
        field: "server_group",
        columns: &[
            ("NAME", "name"),
            ("DISPLAY NAME", "displayName"),
            ("ENABLED", "enabled"),
            ("GROUPS", "appConnectorGroups"),
        ],
    },
    Kind {
        message: "ApplicationSegment",
        package: "causeway.registry.v1",
        service: REGISTRY,
        collection: "applicationSegments",
        aliases: &["applicationSegment", "segments", "segment"],
        field: "application_segment",
        columns: &[
            ("NAME", "name"),
            ("DISPLAY NAME", "displayName"),
            ("ENABLED", "enabled"),
            ("DOMAINS", "domains"),
        ],
    },
    Kind {
        message: "ClientNetwork",
        package: "causeway.registry.v1",
        service: REGISTRY,
        collection: "clientNetworks",
        aliases: &["clientNetwork", "networks", "network"],
        field: "client_network",
        columns: &[
            ("NAME", "name"),
            ("DISPLAY NAME", "displayName"),
            ("CIDRS", "cidrs"),
            ("COUNTRY", "countryCode"),
        ],
    },
    Kind {
        message: "ProvisioningKey",
        package: "causeway.provisioning.v1",
        service: "ProvisioningService",
        collection: "provisioningKeys",
        aliases: &["provisioningKey", "keys", "key"],
        field: "provisioning_key",
        columns: &[
            ("NAME", "name"),
            ("GROUP", "appConnectorGroup"),
            ("USED", "useCount"),
            ("MAX USES", "maxUses"),
            ("ENABLED", "enabled"),
            ("EXPIRES", "expireTime"),
        ],
    },
];

impl Kind {
    /// The kind that a person typed: its collection, its message name or an alias, in any case.
    ///
    /// # Errors
    /// When there is none; the message lists them.
    pub(crate) fn named(word: &str) -> Result<&'static Self> {
        let is = |kind: &&Kind| {
            kind.collection.eq_ignore_ascii_case(word)
                || kind.message.eq_ignore_ascii_case(word)
                || kind.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(word))
        };
        match KINDS.iter().find(is) {
            Some(kind) => Ok(kind),
            None => {
                let known: Vec<_> = KINDS.iter().map(|kind| kind.collection).collect();
                bail!("there is no kind `{word}`; the kinds are {}", known.join(", "))
            }
        }
    }

    /// The full name of what a person typed: an id in this tenant, or a name as it is.
    pub(crate) fn name_of(&self, tenant: &str, id: &str) -> String {
        match () {
            () if id.contains('/') => id.to_owned(),
            () if self.collection == "tenants" => format!("tenants/{id}"),
            () => format!("tenants/{tenant}/{}/{id}", self.collection),
        }
    }

    /// Name of the object's parent, or empty for a tenant.
    pub(crate) fn parent_of(&self, name: &str) -> String {
        name.split('/')
            .take(if self.collection == "tenants" { 0 } else { 2 })
            .collect::<Vec<_>>()
            .join("/")
    }

    /// The service's method with this verb before the kind (`Get`, `Create`, `Update`).
    pub(crate) fn method(&self, verb: &str) -> Result<MethodDescriptor> {
        self.rpc(&format!("{verb}{}", self.message))
    }

    /// The service's List method.
    pub(crate) fn list_method(&self) -> Result<MethodDescriptor> {
        self.rpc(&format!("List{}s", self.message))
    }

    fn rpc(&self, name: &str) -> Result<MethodDescriptor> {
        wire::method(&format!("{}.{}", self.package, self.service), name)
    }

    /// The JSON key of its list in a List answer (`appConnectorGroups`).
    pub(crate) fn list_key(&self) -> &'static str {
        self.collection
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_message_and_the_methods_that_the_commands_call() {
        for kind in KINDS {
            let name = format!("{}.{}", kind.package, kind.message);
            let message = proto::POOL.get_message_by_name(&name).unwrap();
            kind.method("Get").unwrap();
            kind.list_method().unwrap();
            for (_, path) in kind.columns {
                let first = path.split('.').next().unwrap();
                assert!(
                    message.get_field_by_json_name(first).is_some(),
                    "{} has no field {first}",
                    kind.message
                );
            }
        }
    }

    #[test]
    fn people_may_type_what_they_like() {
        for word in ["groups", "AppConnectorGroup", "appconnectorgroups", "group"] {
            assert_eq!(Kind::named(word).unwrap().message, "AppConnectorGroup");
        }
        let error = Kind::named("gruops").err().unwrap().to_string();
        assert!(error.contains("appConnectorGroups"), "{error}");
    }

    #[test]
    fn an_id_becomes_a_name_in_the_contexts_tenant() {
        let kind = Kind::named("groups").unwrap();
        let name = kind.name_of("acme", "berlin");
        assert_eq!(name, "tenants/acme/appConnectorGroups/berlin");
        assert_eq!(kind.name_of("acme", &name), name);
        assert_eq!(kind.parent_of(&name), "tenants/acme");
        assert_eq!(Kind::named("tenant").unwrap().parent_of("tenants/acme"), "");
    }
}
