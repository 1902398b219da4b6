//! The rule of every method, read once at start.

use std::{collections::HashMap, sync::Arc};

use prost_reflect::{DescriptorPool, MethodDescriptor, Value};
use proto::r#type::v1::Stage;

use super::class::{AccessClass, Role};

const ACCESS_OPTION: &str = "causeway.type.v1.access";
const STAGE_OPTION: &str = "causeway.type.v1.stage";
/// Packages whose methods must carry the access option.
const OUR_PACKAGES: &str = "causeway.";

const ANYONE: &[AccessClass] = &[AccessClass::Public];
/// The contract is public (it is in the repository), but its service is for those with some credential.
const KNOWN: &[AccessClass] = &[
    AccessClass::Connector,
    AccessClass::Service,
    AccessClass::Role(Role::Edge),
    AccessClass::Role(Role::Viewer),
    AccessClass::Role(Role::Operator),
    AccessClass::Role(Role::Admin),
    AccessClass::Role(Role::SystemAdmin),
];

/// Every method we serve that we did not write: service, method, classes, whether the server streams.
///
/// Health is for probes, which have no credentials. Reflection is for anyone with a credential.
const THIRD_PARTY: &[(&str, &str, &[AccessClass], bool)] = &[
    ("grpc.health.v1.Health", "Check", ANYONE, false),
    ("grpc.health.v1.Health", "List", ANYONE, false),
    ("grpc.health.v1.Health", "Watch", ANYONE, true),
    ("grpc.reflection.v1.ServerReflection", "ServerReflectionInfo", KNOWN, true),
    ("grpc.reflection.v1alpha.ServerReflection", "ServerReflectionInfo", KNOWN, true),
];

/// What the edge knows of one method.
#[derive(Debug)]
pub struct MethodRule {
    /// Full service name, for example `causeway.registry.v1.RegistryService`.
    pub service: Arc<str>,
    /// Method name, for example `GetTenant`.
    pub method: Arc<str>,
    /// Who may call it; never empty.
    pub classes: Vec<AccessClass>,
    /// Whether either side streams: such a call has no deadline by default.
    pub streaming: bool,
    /// In the contract, not built.
    pub planned: bool,
    /// Whether the method is ours; probes and reflection are not shed under load.
    pub ours: bool,
}

impl MethodRule {
    /// A unary method that is nobody's.
    #[cfg(test)]
    pub(crate) fn example() -> Self {
        Self {
            service: "causeway.test.v1.Test".into(),
            method: "Do".into(),
            classes: Vec::new(),
            streaming: false,
            planned: false,
            ours: true,
        }
    }

    /// Whether the method lists `class`.
    #[must_use]
    pub fn allows(&self, class: AccessClass) -> bool {
        self.classes.contains(&class)
    }

    /// The classes as words, for messages.
    #[must_use]
    pub fn classes_text(&self) -> String {
        let words: Vec<_> = self.classes.iter().map(ToString::to_string).collect();
        words.join(", ")
    }
}

/// The contract has methods that nobody was given access to.
#[derive(Debug, thiserror::Error)]
#[error(
    "these methods carry no `option ({ACCESS_OPTION})`, so nobody may call them; add one to each: {}",
    methods.join(", ")
)]
pub struct TableError {
    /// Full names of the methods.
    pub methods: Vec<String>,
}

/// The rule of every method that may be served, by request path (`/package.Service/Method`).
#[derive(Clone, Debug)]
pub struct AccessTable {
    by_path: Arc<HashMap<String, Arc<MethodRule>>>,
}

impl AccessTable {
    /// Reads the rules of all our packages in `pool`, and adds the table of third-party methods.
    ///
    /// # Errors
    /// [`TableError`] naming every method without an access option: such a server must not start.
    pub fn from_pool(pool: &DescriptorPool) -> Result<Self, TableError> {
        let mut by_path: HashMap<_, _> = third_party().map(entry).collect();
        let mut missing = Vec::new();
        let ours = pool.services().filter(|s| s.package_name().starts_with(OUR_PACKAGES));
        for method in ours.flat_map(|service| service.methods().collect::<Vec<_>>()) {
            match rule(&method) {
                Some(rule) => by_path.extend([entry(rule)]),
                None => missing.push(method.full_name().to_owned()),
            }
        }
        if !missing.is_empty() {
            return Err(TableError { methods: missing });
        }
        Ok(Self { by_path: Arc::new(by_path) })
    }

    /// The rule of a request path; `None` for a method that nobody may call because we do not know it.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Arc<MethodRule>> {
        self.by_path.get(path)
    }

    /// Every rule, in no order.
    pub fn rules(&self) -> impl Iterator<Item = &Arc<MethodRule>> {
        self.by_path.values()
    }
}

fn entry(rule: MethodRule) -> (String, Arc<MethodRule>) {
    (format!("/{}/{}", rule.service, rule.method), Arc::new(rule))
}

fn third_party() -> impl Iterator<Item = MethodRule> {
    THIRD_PARTY.iter().map(|(service, method, classes, streaming)| MethodRule {
        service: (*service).into(),
        method: (*method).into(),
        classes: classes.to_vec(),
        streaming: *streaming,
        planned: false,
        ours: false,
    })
}

fn rule(method: &MethodDescriptor) -> Option<MethodRule> {
    let classes = classes(method);
    (!classes.is_empty()).then(|| MethodRule {
        service: method.parent_service().full_name().into(),
        method: method.name().into(),
        classes,
        streaming: method.is_client_streaming() || method.is_server_streaming(),
        planned: stage(method) == Some(Stage::Planned),
        ours: true,
    })
}

fn classes(method: &MethodDescriptor) -> Vec<AccessClass> {
    let Some(option) = method.parent_pool().get_extension_by_name(ACCESS_OPTION) else {
        return Vec::new();
    };
    match &*method.options().get_extension(&option) {
        Value::List(values) => values
            .iter()
            .filter_map(Value::as_enum_number)
            .filter_map(AccessClass::from_number)
            .collect(),
        _ => Vec::new(),
    }
}

fn stage(method: &MethodDescriptor) -> Option<Stage> {
    let option = method.parent_pool().get_extension_by_name(STAGE_OPTION)?;
    method.options().get_extension(&option).as_enum_number()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_of_the_contract_has_a_rule() {
        let table = AccessTable::from_pool(&proto::POOL).unwrap();
        let path = "/causeway.registry.v1.RegistryService/CreateTenant";
        assert!(table.get(path).unwrap().allows(AccessClass::Role(Role::SystemAdmin)));
        assert!(!table.get(path).unwrap().allows(AccessClass::Role(Role::Viewer)));
        assert!(table.get("/causeway.registry.v1.RegistryService/Watch").unwrap().streaming);
        assert!(table.get("/causeway.registry.v1.RegistryService/Nothing").is_none());
        assert!(table.get("/grpc.health.v1.Health/Check").unwrap().allows(AccessClass::Public));
    }

    #[test]
    fn a_method_without_a_class_is_refused_at_start() {
        let mut pool = proto::POOL.clone();
        pool.add_file_descriptor_proto(unguarded()).unwrap();
        let error = AccessTable::from_pool(&pool).unwrap_err();
        assert_eq!(error.methods, ["causeway.test.v1.Open.Door"]);
        assert!(error.to_string().contains(ACCESS_OPTION), "{error}");
    }

    fn unguarded() -> prost_types::FileDescriptorProto {
        use prost_types::{
            DescriptorProto, FileDescriptorProto, MethodDescriptorProto, ServiceDescriptorProto,
        };
        let method = MethodDescriptorProto {
            name: Some("Door".into()),
            input_type: Some(".causeway.test.v1.Nothing".into()),
            output_type: Some(".causeway.test.v1.Nothing".into()),
            ..Default::default()
        };
        FileDescriptorProto {
            name: Some("causeway/test/v1/open.proto".into()),
            package: Some("causeway.test.v1".into()),
            syntax: Some("proto3".into()),
            message_type: vec![DescriptorProto {
                name: Some("Nothing".into()),
                ..Default::default()
            }],
            service: vec![ServiceDescriptorProto {
                name: Some("Open".into()),
                method: vec![method],
                options: None,
            }],
            ..Default::default()
        }
    }
}
