//! Writes the implementations of `src/shapes.rs` for every message of ours that has the fields.

use std::fmt::Write as _;

use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};

/// Packages whose messages get shapes.
const OURS: &str = "causeway.";

/// The code of all implementations.
pub(crate) fn implementations(set: &FileDescriptorSet) -> String {
    let mut code = String::new();
    for file in set.file.iter().filter(|file| file.package().starts_with(OURS)) {
        let module = module(file.package());
        for message in &file.message_type {
            Message { path: format!("{module}::{}", message.name()), message }.write(&mut code);
        }
    }
    code
}

/// The module of a package: `causeway.type.v1` is `crate::r#type::v1`.
fn module(package: &str) -> String {
    let parts = package.split('.').skip(1).map(identifier);
    format!("crate::{}", parts.collect::<Vec<_>>().join("::"))
}

fn identifier(name: &str) -> String {
    if name == "type" { "r#type".to_owned() } else { name.to_owned() }
}

struct Message<'a> {
    path: String,
    message: &'a DescriptorProto,
}

impl Message<'_> {
    fn field(&self, name: &str) -> Option<&FieldDescriptorProto> {
        self.message.field.iter().find(|field| field.name() == name)
    }

    fn has(&self, name: &str) -> bool {
        self.field(name).is_some()
    }

    fn is(&self, begins: &str, ends: &str) -> bool {
        let name = self.message.name();
        name.starts_with(begins) && name.ends_with(ends)
    }

    fn write(&self, code: &mut String) {
        self.repeatable(code);
        if self.is("AcceptSnapshot", "Request") {
            let parts = "(self.source, self.snapshot, self.validate_only)";
            let body = format!("fn into_parts(self) -> (String, String, bool) {{ {parts} }}\n");
            self.implement(code, "AcceptSnapshotRequest", &body);
        } else if self.is("AcceptSnapshot", "Response") {
            let refused = "crate::r#type::v1::RefusedSnapshot";
            let body = format!(
                "fn of(snapshot: {refused}) -> Self {{ Self {{ snapshot: Some(snapshot) }} }}\n"
            );
            self.implement(code, "AcceptSnapshotResponse", &body);
        } else if self.is("", "Request") {
            self.request(code);
        } else if self.is("", "Response") {
            self.response(code);
        } else if self.text("name").is_some() && self.text("etag").is_some() {
            let body = format!("{}{}", self.read_text("name"), self.read_text("etag"));
            self.implement(code, "Resource", &body);
        }
    }

    fn repeatable(&self, code: &mut String) {
        if !self.has("request_id") {
            return;
        }
        let body = format!(
            "fn take_request_id(&mut self) -> String {{ std::mem::take(&mut self.request_id) }}\n{}",
            self.read_flag("validate_only")
        );
        self.implement(code, "Repeatable", &body);
    }

    fn request(&self, code: &mut String) {
        if self.has("page_size") && self.has("page_token") {
            self.list(code);
        } else if self.is("BatchGet", "") && self.has("names") {
            let body = format!(
                "{}fn names(&self) -> &[String] {{ &self.names }}\n",
                self.read_text("parent")
            );
            self.implement(code, "BatchGetRequest", &body);
        } else if self.is("Create", "") {
            self.create(code);
        } else if self.has("update_mask") {
            self.update(code);
        } else if self.text("name").is_some() {
            let body = [
                self.read_text("name"),
                self.read_text("etag"),
                self.read_message("read_time", "prost_types::Timestamp"),
                self.read_flag("allow_missing"),
            ];
            self.implement(code, "NamedRequest", &body.concat());
        }
    }

    fn list(&self, code: &mut String) {
        let body = [
            self.read_text("parent"),
            "fn page_size(&self) -> i32 { self.page_size }\n".to_owned(),
            self.read_text("page_token"),
            self.read_text("filter"),
            self.read_text("order_by"),
            self.read_flag("show_deleted"),
            self.read_message("read_time", "prost_types::Timestamp"),
        ];
        self.implement(code, "ListRequest", &body.concat());
    }

    fn create(&self, code: &mut String) {
        let with_id = |field: &&FieldDescriptorProto| {
            field.r#type() == Type::Message && self.has(&format!("{}_id", field.name()))
        };
        let Some(resource) = self.message.field.iter().find(with_id) else { return };
        let id = format!("{}_id", resource.name());
        let body = format!(
            "type Resource = {};\nconst ID_FIELD: &'static str = {id:?};\n{}\
             fn id(&self) -> &str {{ &self.{id} }}\n{}{}",
            rust_type(resource),
            self.read_text("parent"),
            self.read_flag("allow_null_island"),
            take_resource(resource),
        );
        self.implement(code, "CreateRequest", &body);
    }

    fn update(&self, code: &mut String) {
        let is_resource = |field: &&FieldDescriptorProto| {
            field.r#type() == Type::Message && field.name() != "update_mask"
        };
        let Some(resource) = self.message.field.iter().find(is_resource) else { return };
        let body = format!(
            "type Resource = {};\n{}{}{}",
            rust_type(resource),
            self.read_message("update_mask", "prost_types::FieldMask"),
            self.read_flag("allow_null_island"),
            take_resource(resource),
        );
        self.implement(code, "UpdateRequest", &body);
    }

    fn response(&self, code: &mut String) {
        let is_list = |field: &&FieldDescriptorProto| {
            field.r#type() == Type::Message && field.label() == Label::Repeated
        };
        let mut lists = self.message.field.iter().filter(is_list);
        let (Some(items), None) = (lists.next(), lists.next()) else { return };
        let (field, item) = (items.name(), rust_type(items));
        if self.has("next_page_token") {
            let (total, set) = match self.has("total_size") {
                true => ("total_size", ", total_size"),
                false => ("_total_size", ""),
            };
            let body = format!(
                "type Item = {item};\nfn page({field}: Vec<Self::Item>, next_page_token: String, \
                 {total}: Option<i32>) -> Self {{ Self {{ {field}, next_page_token{set} }} }}\n"
            );
            self.implement(code, "ListResponse", &body);
        } else if self.message.field.len() == 1 {
            let body = format!(
                "type Item = {item};\nfn of({field}: Vec<Self::Item>) -> Self {{ Self {{ {field} }} }}\n"
            );
            self.implement(code, "BatchGetResponse", &body);
        }
    }

    fn text(&self, name: &str) -> Option<&FieldDescriptorProto> {
        self.field(name)
            .filter(|field| field.r#type() == Type::String && field.label() != Label::Repeated)
    }

    fn read_text(&self, name: &str) -> String {
        let value = if self.has(name) { format!("&self.{name}") } else { "\"\"".to_owned() };
        format!("fn {name}(&self) -> &str {{ {value} }}\n")
    }

    fn read_flag(&self, name: &str) -> String {
        let value = if self.has(name) { format!("self.{name}") } else { "false".to_owned() };
        format!("fn {name}(&self) -> bool {{ {value} }}\n")
    }

    fn read_message(&self, name: &str, message: &str) -> String {
        let value =
            if self.has(name) { format!("self.{name}.as_ref()") } else { "None".to_owned() };
        format!("fn {name}(&self) -> Option<&{message}> {{ {value} }}\n")
    }

    fn implement(&self, code: &mut String, shape: &str, body: &str) {
        // Writing to a text cannot fail.
        let _ = writeln!(code, "impl crate::shapes::{shape} for {} {{\n{body}}}", self.path);
    }
}

fn take_resource(field: &FieldDescriptorProto) -> String {
    let name = field.name();
    format!("fn take_resource(&mut self) -> Option<Self::Resource> {{ self.{name}.take() }}\n")
}

/// The type behind a message field of one of our packages.
fn rust_type(field: &FieldDescriptorProto) -> String {
    let full = field.type_name().trim_start_matches('.');
    let (package, name) = full.rsplit_once('.').unwrap_or(("", full));
    format!("{}::{name}", module(package))
}
