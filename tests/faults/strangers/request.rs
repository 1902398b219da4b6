//! A message that a server can take, made from nothing but its descriptor.
//!
//! Always holds: every required field is set; every field that names an object names one of the place asked for, on every
//! level. Which object a field names is read from the contract: `resource_reference`, else the message it stands in, the
//! field's own name, or the method's.

use std::{collections::BTreeMap, sync::LazyLock};

use bytes::Bytes;
use prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

use super::contract::{Input, Method, extension, numbers};

/// `google.api.FieldBehavior`: REQUIRED, OUTPUT_ONLY and IMMUTABLE.
const REQUIRED: i32 = 2;
const OUTPUT_ONLY: i32 = 3;
const IMMUTABLE: i32 = 5;
/// How deep references are looked for; the contract's deepest is three.
const DEPTH: usize = 5;
/// The id of what nobody has made.
const UNMADE: &str = "unmade";

/// A tenant and the ids of its objects, by the variable of a pattern that they stand for.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) tenant: String,
    pub(crate) ids: BTreeMap<&'static str, String>,
}

impl Place {
    /// The same ids below another tenant.
    pub(crate) fn below(&self, tenant: &str) -> Self {
        Self { tenant: tenant.to_owned(), ids: self.ids.clone() }
    }

    /// The same tenant, with objects that nobody has made.
    pub(crate) fn unmade(&self) -> Self {
        Self { tenant: self.tenant.clone(), ids: BTreeMap::new() }
    }

    /// The name that a pattern has here.
    fn name(&self, pattern: &str) -> String {
        let id = |variable: &str| match (variable, self.ids.get(variable)) {
            ("tenant", _) => self.tenant.clone(),
            (_, Some(id)) => id.clone(),
            (_, None) => UNMADE.to_owned(),
        };
        let part = |part: &str| match part.strip_prefix('{').and_then(|it| it.strip_suffix('}')) {
            Some(variable) => id(variable),
            None => part.to_owned(),
        };
        pattern.split('/').map(part).collect::<Vec<_>>().join("/")
    }
}

/// How a request is filled.
pub(crate) struct Filling<'a> {
    /// Where the named objects are.
    pub(crate) place: &'a Place,
    /// One field, by its path, that names an object of another place; it is set even if it is optional.
    pub(crate) but: Option<(&'a str, &'a Place)>,
    /// Asks for nothing to be done, where the method can be asked so.
    pub(crate) validate_only: bool,
    /// A signing request, for the fields that want one.
    pub(crate) csr: &'a Bytes,
}

impl Filling<'_> {
    /// The request of a method, as bytes.
    pub(crate) fn request(&self, method: &Method) -> Bytes {
        match &method.input {
            Input::Theirs(bytes) => bytes.clone(),
            Input::Ours(input) => self.message(method, input, "").encode_to_vec().into(),
        }
    }

    fn message(&self, method: &Method, kind: &MessageDescriptor, at: &str) -> DynamicMessage {
        let mut message = DynamicMessage::new(kind.clone());
        for field in kind.fields() {
            let path = path(at, &field);
            if let Some(value) = self.value(method, &field, &path) {
                let value = if field.is_list() { Value::List(vec![value]) } else { value };
                message.set_field(&field, value);
            }
        }
        // Where nothing is required, one of the alternatives is.
        if let Some(oneof) = kind.oneofs().find(|it| !is_synthetic(it))
            && let Some(first) = oneof.fields().next()
            && let Kind::Message(inner) = first.kind()
        {
            let path = path(at, &first);
            message.set_field(&first, Value::Message(self.message(method, &inner, &path)));
        }
        message
    }

    fn value(&self, method: &Method, field: &FieldDescriptor, path: &str) -> Option<Value> {
        if field.is_map() || behaves(field, OUTPUT_ONLY) {
            return None;
        }
        let inside = |but: &str| but == path || but.starts_with(&format!("{path}."));
        let wanted = self.but.is_some_and(|(but, _)| inside(but));
        if let Some(pattern) = reference(method, field) {
            let place = match self.but {
                Some((but, place)) if but == path => place,
                _ => self.place,
            };
            let always = behaves(field, REQUIRED) || ["name", "parent"].contains(&field.name());
            return (always || wanted).then(|| Value::String(place.name(pattern)));
        }
        if field.name() == "validate_only" {
            return Some(Value::Bool(self.validate_only));
        }
        let needed = behaves(field, REQUIRED)
            || wanted
            || field.parent_message().full_name() == "google.type.LatLng";
        needed.then(|| match field.kind() {
            Kind::Message(inner) => Value::Message(self.message(method, &inner, path)),
            kind => self.scalar(field.name(), &kind),
        })
    }

    fn scalar(&self, name: &str, kind: &Kind) -> Value {
        match (kind, name) {
            (Kind::Bytes, "csr") => Value::Bytes(self.csr.clone()),
            (Kind::Bytes, _) => Value::Bytes(Bytes::from_static(&[7; 32])),
            (Kind::String, "domains" | "host") => Value::String("fresh.test".to_owned()),
            (Kind::String, "cidrs") => Value::String("192.0.2.0/24".to_owned()),
            (Kind::String, "version") => Value::String("1.0.0".to_owned()),
            (Kind::String, _) => Value::String("fresh".to_owned()),
            (Kind::Bool, _) => Value::Bool(true),
            (Kind::Int32 | Kind::Sint32 | Kind::Sfixed32, _) => Value::I32(1),
            (Kind::Int64 | Kind::Sint64 | Kind::Sfixed64, _) => Value::I64(1),
            (Kind::Uint32 | Kind::Fixed32, _) => Value::U32(1),
            (Kind::Uint64 | Kind::Fixed64, _) => Value::U64(1),
            (Kind::Float, _) => Value::F32(1.0),
            (Kind::Double, _) => Value::F64(1.0),
            (Kind::Enum(of), _) => {
                Value::EnumNumber(of.values().map(|it| it.number()).find(|it| *it > 0).unwrap_or(0))
            }
            (Kind::Message(_), _) => unreachable!("messages are filled field by field"),
        }
    }
}

/// The paths of every field below a method's request that names an object, optional ones too. What cannot be changed is
/// ignored once it is made, and so counts only where it is made.
pub(crate) fn references(method: &Method) -> Vec<String> {
    let mut found = Vec::new();
    if let Input::Ours(input) = &method.input {
        walk(method, input, "", DEPTH, &mut found);
    }
    found
}

fn walk(
    method: &Method,
    kind: &MessageDescriptor,
    at: &str,
    depth: usize,
    found: &mut Vec<String>,
) {
    for field in kind.fields().filter(|it| !it.is_map() && !behaves(it, OUTPUT_ONLY)) {
        let path = path(at, &field);
        match field.kind() {
            _ if behaves(&field, IMMUTABLE) && !method.name.starts_with("Create") => {}
            _ if reference(method, &field).is_some() => found.push(path),
            Kind::Message(inner) if depth > 1 => walk(method, &inner, &path, depth - 1, found),
            _ => {}
        }
    }
}

fn path(at: &str, field: &FieldDescriptor) -> String {
    if at.is_empty() { field.name().to_owned() } else { format!("{at}.{}", field.name()) }
}

fn behaves(field: &FieldDescriptor, how: i32) -> bool {
    static BEHAVIOUR: LazyLock<prost_reflect::ExtensionDescriptor> =
        LazyLock::new(|| extension("google.api.field_behavior"));
    numbers(&field.options(), &BEHAVIOUR).contains(&how)
}

fn is_synthetic(oneof: &prost_reflect::OneofDescriptor) -> bool {
    oneof.fields().any(|field| field.field_descriptor_proto().proto3_optional())
}

/// A kind of object that has names.
struct Resource {
    kind: String,
    /// The pattern below a tenant, if there is one.
    pattern: String,
    singular: String,
    plural: String,
}

static RESOURCES: LazyLock<Vec<Resource>> = LazyLock::new(|| {
    let option = extension("google.api.resource");
    let messages = proto::POOL.all_messages();
    let declared = messages.filter_map(|message| {
        let options = message.options();
        let value = options.has_extension(&option).then(|| options.get_extension(&option))?;
        let declared = value.as_message().expect("a message");
        let text = |field: &str| text(declared, field);
        let patterns = declared.get_field_by_name("pattern")?;
        let patterns = patterns.as_list()?.iter().filter_map(Value::as_str);
        Some(Resource {
            kind: text("type"),
            pattern: patterns.max_by_key(|it| it.starts_with("tenants/"))?.to_owned(),
            singular: text("singular"),
            plural: text("plural"),
        })
    });
    declared.collect()
});

fn text(message: &DynamicMessage, field: &str) -> String {
    let value = message.get_field_by_name(field);
    value.and_then(|it| it.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The pattern of the names that a field takes; `None` if it names nothing.
fn reference(method: &Method, field: &FieldDescriptor) -> Option<&'static str> {
    if field.kind() != Kind::String {
        return None;
    }
    let of = |kind: &str| RESOURCES.iter().find(|it| it.kind == kind).map(|it| it.pattern.as_str());
    let is_own = field.name() == "name" && !field.parent_message().name().ends_with("Request");
    if is_own && method.name.starts_with("Create") {
        return None;
    }
    if let Some(kind) = annotated(field) {
        return of(&kind);
    }
    match field.name() {
        "parent" => of("causeway/Tenant"),
        "name" | "names" => {
            let owner = field.parent_message();
            let subject = if is_own { owner.name().to_owned() } else { method.name.clone() };
            let about = |it: &&Resource| {
                let subject = subject.to_lowercase();
                [&it.singular, &it.plural].iter().any(|word| subject.contains(&word.to_lowercase()))
            };
            let longest = RESOURCES.iter().filter(about).max_by_key(|it| it.singular.len());
            match longest {
                Some(resource) => Some(&resource.pattern),
                None if is_own => None,
                None => of("causeway/Tenant"),
            }
        }
        other => {
            let named =
                |it: &&Resource| [&it.singular, &it.plural].iter().any(|w| snake(w) == other);
            RESOURCES.iter().find(named).map(|it| it.pattern.as_str())
        }
    }
}

/// The kind of object in a field's `resource_reference`.
fn annotated(field: &FieldDescriptor) -> Option<String> {
    static REFERENCE: LazyLock<prost_reflect::ExtensionDescriptor> =
        LazyLock::new(|| extension("google.api.resource_reference"));
    let options = field.options();
    if !options.has_extension(&REFERENCE) {
        return None;
    }
    let value = options.get_extension(&REFERENCE);
    let kind = text(value.as_message()?, "type");
    (!kind.is_empty()).then_some(kind)
}

fn snake(camel: &str) -> String {
    let mut snake = String::new();
    for letter in camel.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}
