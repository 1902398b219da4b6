//! What the contract says of its methods, read by the test itself and not by the code under test.

use bytes::Bytes;
use http::uri::PathAndQuery;
use prost_reflect::{DynamicMessage, ExtensionDescriptor, MessageDescriptor, Value};
use proto::r#type::v1::{AccessClass, Stage};

/// A method and who may call it.
#[derive(Clone, Debug)]
pub(crate) struct Method {
    /// `package.Service`.
    pub(crate) service: String,
    /// Its own name.
    pub(crate) name: String,
    /// Who may call it.
    pub(crate) access: Vec<AccessClass>,
    /// In the contract, not built.
    pub(crate) planned: bool,
    /// The caller goes on sending.
    pub(crate) client_streaming: bool,
    /// What it is asked with.
    pub(crate) input: Input,
}

/// What a method is asked with.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// A message of ours, known by its descriptor.
    Ours(MessageDescriptor),
    /// The bytes of somebody else's.
    Theirs(Bytes),
}

impl Method {
    /// Its path on the wire.
    pub(crate) fn path(&self) -> PathAndQuery {
        format!("/{}/{}", self.service, self.name).parse().expect("names are URI-safe")
    }

    /// `Service.Method`, for complaints.
    pub(crate) fn label(&self) -> String {
        format!("{}.{}", self.service.rsplit('.').next().unwrap_or_default(), self.name)
    }

    /// The process that serves it.
    pub(crate) fn process(&self) -> &str {
        match self.service.split('.').nth(1) {
            Some("overview") => "console",
            Some(package) => package,
            None => "",
        }
    }

    /// Whether connectors join by it, which happens at a listener of its own.
    pub(crate) fn is_enrolment(&self) -> bool {
        self.service == "causeway.provisioning.v1.EnrolmentService"
    }
}

/// Every method of every service of ours.
pub(crate) fn methods() -> Vec<Method> {
    let access = extension("causeway.type.v1.access");
    let stage = extension("causeway.type.v1.stage");
    let ours = proto::POOL.services().filter(|it| it.package_name().starts_with("causeway."));
    ours.flat_map(|service| service.methods().collect::<Vec<_>>())
        .map(|method| Method {
            service: method.parent_service().full_name().to_owned(),
            name: method.name().to_owned(),
            access: numbers(&method.options(), &access)
                .into_iter()
                .map(|number| AccessClass::try_from(number).expect("a class of the contract"))
                .collect(),
            planned: numbers(&method.options(), &stage) == [Stage::Planned as i32],
            client_streaming: method.is_client_streaming(),
            input: Input::Ours(method.input()),
        })
        .collect()
}

/// The methods that we serve and did not write: probes need no credentials, reflection takes any.
pub(crate) fn third_party() -> Vec<Method> {
    use AccessClass::{Admin, Connector, Edge, Operator, Public, Service, SystemAdmin, Viewer};
    let known = [Connector, Service, Edge, Viewer, Operator, Admin, SystemAdmin];
    // `list_services`, field 7 of both versions' request, and any text.
    let list = Bytes::from_static(&[0x3a, 1, b'*']);
    let method = |service: &str, name: &str, access: &[AccessClass], input: &Bytes| Method {
        service: service.to_owned(),
        name: name.to_owned(),
        access: access.to_vec(),
        planned: false,
        client_streaming: !input.is_empty(),
        input: Input::Theirs(input.clone()),
    };
    let health = "grpc.health.v1.Health";
    let probes = ["Check", "List", "Watch"].map(|it| method(health, it, &[Public], &Bytes::new()));
    let reflection = ["v1", "v1alpha"].map(|version| {
        let service = format!("grpc.reflection.{version}.ServerReflection");
        method(&service, "ServerReflectionInfo", &known, &list)
    });
    probes.into_iter().chain(reflection).collect()
}

/// An option of the contract.
pub(crate) fn extension(name: &str) -> ExtensionDescriptor {
    proto::POOL.get_extension_by_name(name).unwrap_or_else(|| panic!("no option {name}"))
}

/// The numbers that an option of enumerations has; none if it is unset.
pub(crate) fn numbers(options: &DynamicMessage, extension: &ExtensionDescriptor) -> Vec<i32> {
    if !options.has_extension(extension) {
        return Vec::new();
    }
    match &*options.get_extension(extension) {
        Value::List(values) => values.iter().filter_map(Value::as_enum_number).collect(),
        Value::EnumNumber(number) => vec![*number],
        other => panic!("{} is no enumeration: {other:?}", extension.full_name()),
    }
}
