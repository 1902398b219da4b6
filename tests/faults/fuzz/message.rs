//! Messages filled by chance: mostly plausible, so that rules behind the first are reached, here and there absurd.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::LazyLock,
};

use prost_reflect::{
    DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value,
};
use rand::{Rng as _, rngs::StdRng, seq::IndexedRandom as _};

/// Deepest message in a message: deeper than any of the contract.
const MAX_DEPTH: usize = 7;
/// Items of a long list: beyond every limit of the contract on batches.
const MANY: usize = 1_100;
/// `google.api.FieldBehavior`.
const REQUIRED: i32 = 2;
const OUTPUT_ONLY: i32 = 3;
/// Most texts remembered of one field of the answers.
const MAX_LEARNT: usize = 64;

const ABSURD_TEXTS: &[&str] = &[
    "",
    " ",
    "\0",
    "-",
    "*",
    "a\u{301}",
    "\u{202e}",
    "ä",
    "İ",
    "😀",
    "../..",
    "%s",
    "tenants/-",
    "tenants/acme/appConnectorGroups/-",
    "versionProfiles/default",
    "cwk_0_0_0",
    "cwj_AAAA",
    "0.0.0.0/0",
    "::ffff:0:0/96",
    "*.",
    "*.example",
    "xn--",
    "99:99",
    "Etc/GMT+12",
    "null",
    "00000000-0000-0000-0000-000000000000",
    "AAAAAAAAAAAAAAAAAAAAAH__________",
];
const NUMBERS: &[i64] = &[
    0,
    1,
    2,
    5,
    100,
    443,
    1_000,
    65_535,
    65_536,
    -1,
    i32::MAX as i64,
    i32::MIN as i64,
    i64::MAX,
    i64::MIN,
];
const DEGREES: &[f64] = &[
    0.0,
    -0.0,
    52.5,
    13.4,
    -90.0,
    180.0,
    90.000_000_1,
    1e308,
    f64::MIN_POSITIVE,
    f64::NAN,
    f64::INFINITY,
];

/// Texts by the field that they stand in; what answers say is learnt.
pub(super) struct Words {
    texts: BTreeMap<String, VecDeque<String>>,
    /// What the method is about, `app_connector_group`: what its `name` is a name of.
    kind: String,
}

impl Words {
    pub(super) fn new(names: impl IntoIterator<Item = String>) -> Self {
        let names: Vec<String> = names.into_iter().collect();
        let plausible: [(&str, &[&str]); 13] = [
            ("time_zone", &["Europe/Berlin", "Pacific/Apia", "America/Sao_Paulo"]),
            ("country_code", &["DE", "BR"]),
            ("allowed_countries", &["DE", "US"]),
            ("domains", &["wiki.corp", "*.corp", "10.0.0.0/8", "2001:db8::1"]),
            ("address", &["10.0.0.1", "db.corp", "Main St 1"]),
            ("host", &["wiki.corp", "10.1.2.3", "x.corp"]),
            ("start", &["02:00", "23:59"]),
            ("start_time", &["02:00"]),
            ("version_profile", &["versionProfiles/default", "versionProfiles/new-release"]),
            ("allowed_cidrs", &["0.0.0.0/0", "127.0.0.0/8"]),
            ("order_by", &["name", "display_name desc", "create_time,name"]),
            ("request_id", &["0190b4f2-7a3c-7def-8a21-3f5f0c9b6d11"]),
            ("paths", &["*", "enabled", "display_name", "location", "windows", "labels"]),
        ];
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let mut texts: BTreeMap<String, VecDeque<String>> =
            plausible.into_iter().map(|(field, texts)| (field.to_owned(), owned(texts))).collect();
        texts.insert("name".to_owned(), names.iter().cloned().collect());
        texts.insert("parent".to_owned(), names.into_iter().take(1).collect());
        Self { texts, kind: String::new() }
    }

    /// What follows is for a method of this name.
    pub(super) fn about(&mut self, method: &str) {
        const VERBS: [&str; 8] =
            ["BatchGet", "BatchUpdate", "Get", "List", "Create", "Update", "Undelete", "Delete"];
        let kind = VERBS.iter().find_map(|verb| method.strip_prefix(verb)).unwrap_or(method);
        self.kind = kind.to_ascii_lowercase();
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        self.texts.iter().filter(|(field, _)| *field == "name").flat_map(|(_, names)| names)
    }

    /// Remembers the texts of an answer, each under its field.
    pub(super) fn learn(&mut self, answer: &DynamicMessage) {
        for (field, value) in answer.fields() {
            self.learn_value(field.name(), value);
        }
    }

    fn learn_value(&mut self, field: &str, value: &Value) {
        match value {
            Value::Message(message) => self.learn(message),
            Value::List(items) => items.iter().for_each(|item| self.learn_value(field, item)),
            Value::String(text) if !text.is_empty() => {
                // What a page or a watch gives is asked for under another name.
                let field = match field {
                    "next_page_token" => "page_token",
                    "next_selection_token" => "selection_token",
                    field => field,
                };
                let known = self.texts.entry(field.to_owned()).or_default();
                if !known.contains(text) {
                    known.push_back(text.clone());
                }
                if known.len() > MAX_LEARNT {
                    known.remove(MAX_LEARNT / 2);
                }
            }
            _ => {}
        }
    }

    /// A message of this kind. A gentle one keeps to what the contract asks for, so that it has a chance to be taken.
    pub(super) fn message(
        &self,
        kind: &MessageDescriptor,
        is_gentle: bool,
        chance: &mut StdRng,
    ) -> DynamicMessage {
        Filling { words: self, is_gentle, depth: 0 }.message(kind, chance)
    }
}

/// One message in the making.
#[derive(Clone, Copy)]
struct Filling<'a> {
    words: &'a Words,
    is_gentle: bool,
    depth: usize,
}

impl Filling<'_> {
    fn message(self, kind: &MessageDescriptor, chance: &mut StdRng) -> DynamicMessage {
        let mut message = DynamicMessage::new(kind.clone());
        for field in kind.fields() {
            if self.wants(&field, chance) {
                let value = self.field(&field, chance);
                message.set_field(&field, value);
            }
        }
        message
    }

    fn wants(self, field: &FieldDescriptor, chance: &mut StdRng) -> bool {
        let behaviour = behaviour(field);
        let others = field.containing_oneof().map_or(1, |choice| choice.fields().len());
        let is_message = matches!(field.kind(), Kind::Message(_));
        match () {
            () if self.depth >= MAX_DEPTH && is_message => false,
            // Of a choice one.
            () if others > 1 => chance.random_ratio(1, u32::try_from(others).unwrap()),
            () if behaviour.contains(&REQUIRED) => !chance.random_ratio(1, 20) || self.is_gentle,
            // Most requests are to take place.
            () if field.name() == "validate_only" => chance.random_ratio(1, 10),
            () if !self.is_gentle => chance.random_bool(0.6),
            () if behaviour.contains(&OUTPUT_ONLY) => false,
            () if field.name().ends_with("mask") => chance.random_bool(0.7),
            () => chance.random_ratio(1, 3),
        }
    }

    fn field(self, field: &FieldDescriptor, chance: &mut StdRng) -> Value {
        if field.is_map() {
            return Value::Map(self.map(field, chance));
        }
        if !field.is_list() {
            return self.scalar(field, chance);
        }
        if !self.is_gentle && chance.random_ratio(1, 50) {
            return Value::List(vec![self.scalar(field, chance); MANY]);
        }
        let count = if self.is_gentle { 1 } else { chance.random_range(0..4) };
        Value::List((0..count).map(|_| self.scalar(field, chance)).collect())
    }

    fn map(self, field: &FieldDescriptor, chance: &mut StdRng) -> HashMap<MapKey, Value> {
        let Kind::Message(entry) = field.kind() else { unreachable!("a map's entry") };
        let count = if self.is_gentle { 1 } else { chance.random_range(0..4) };
        let pair = |_| {
            let value = self.scalar(&entry.map_entry_value_field(), chance);
            Some((MapKey::String(self.text("key", chance)), value))
        };
        (0..count).filter_map(pair).collect()
    }

    fn scalar(self, field: &FieldDescriptor, chance: &mut StdRng) -> Value {
        let plausible = self.is_gentle || chance.random_bool(0.6);
        let number = if plausible {
            chance.random_range(1..1_000)
        } else {
            *NUMBERS.choose(chance).unwrap()
        };
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "any number will do"
        )]
        match field.kind() {
            Kind::Message(kind) => {
                let deeper = Self { depth: self.depth + 1, ..self };
                Value::Message(deeper.message(&kind, chance))
            }
            Kind::Enum(kind) => {
                let known: Vec<i32> = kind.values().map(|value| value.number()).collect();
                Value::EnumNumber(match self.is_gentle {
                    true => *known[1.min(known.len() - 1)..].choose(chance).unwrap(),
                    false if chance.random_ratio(1, 15) => number as i32,
                    false => *known.choose(chance).unwrap(),
                })
            }
            Kind::String => Value::String(self.text(field.name(), chance)),
            Kind::Bytes => Value::Bytes(bytes(chance).into()),
            Kind::Bool => Value::Bool(chance.random_bool(0.7)),
            Kind::Double => Value::F64(self.degrees(chance)),
            Kind::Float => Value::F32(self.degrees(chance) as f32),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(number as i32),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(number),
            Kind::Uint32 | Kind::Fixed32 => Value::U32(number as u32),
            Kind::Uint64 | Kind::Fixed64 => Value::U64(number as u64),
        }
    }

    fn degrees(self, chance: &mut StdRng) -> f64 {
        if self.is_gentle || chance.random_bool(0.8) {
            chance.random_range(-89.0..89.0)
        } else {
            *DEGREES.choose(chance).unwrap()
        }
    }

    fn text(self, field: &str, chance: &mut StdRng) -> String {
        if !self.is_gentle && chance.random_ratio(1, 10) {
            return self.absurd(chance);
        }
        match field {
            "key" => format!("k{}", chance.random_range(0..10)),
            "display_name" | "description" => format!("word {}", chance.random_range(0..10_000)),
            "filter" | "request_id" | "etag" | "page_token" | "resume_token"
                if chance.random_bool(0.8) =>
            {
                String::new()
            }
            // A new object's id.
            _ if field.ends_with("_id") && field != "request_id" => {
                format!("x{}", chance.random_range(0..200))
            }
            _ => self.known(field, chance).unwrap_or_else(|| "word".to_owned()),
        }
    }

    fn absurd(self, chance: &mut StdRng) -> String {
        let known: Vec<&String> = self.words.texts.values().flatten().collect();
        let any = known.choose(chance).map(|text| (*text).clone()).unwrap_or_default();
        match chance.random_range(0..10) {
            0..=4 => (*ABSURD_TEXTS.choose(chance).unwrap()).to_owned(),
            5 => "ä".repeat(chance.random_range(1..500)),
            6 => any.chars().skip(1).collect(),
            _ => any,
        }
    }

    /// A text that stood in this field before, or a name of what the field is called after.
    fn known(self, field: &str, chance: &mut StdRng) -> Option<String> {
        let wanted = match field {
            "name" | "names" => &self.words.kind,
            other => other,
        };
        let wanted = wanted.trim_end_matches('s').replace('_', "");
        let is_of = |name: &&String| {
            let mut parts = name.rsplit('/');
            let (last, before) = (parts.next().unwrap_or_default(), parts.next());
            let is = |word: &str| word.to_ascii_lowercase().trim_end_matches('s') == wanted;
            before.is_some_and(is) || is(last)
        };
        let named: Vec<&String> = self.words.names().filter(is_of).collect();
        let own = || self.words.texts.get(field).into_iter().flatten().collect::<Vec<_>>();
        let found = if named.is_empty() { own() } else { named };
        found.choose(chance).map(|text| (*text).clone())
    }
}

/// How the contract says that a field behaves, as numbers of `google.api.FieldBehavior`.
fn behaviour(field: &FieldDescriptor) -> Vec<i32> {
    static EXTENSION: LazyLock<ExtensionDescriptor> = LazyLock::new(|| {
        proto::POOL.get_extension_by_name("google.api.field_behavior").expect("it is imported")
    });
    let options = field.options();
    let found = options.get_extension(&EXTENSION);
    found.as_list().into_iter().flatten().filter_map(Value::as_enum_number).collect()
}

fn bytes(chance: &mut StdRng) -> Vec<u8> {
    match chance.random_range(0..4) {
        0 => Vec::new(),
        1 => vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
        2 => (0..chance.random_range(1..400)).map(|_| chance.random()).collect(),
        _ => {
            let key = rcgen::KeyPair::generate().unwrap();
            let request = rcgen::CertificateParams::default().serialize_request(&key).unwrap();
            request.der().to_vec()
        }
    }
}

/// A few bytes of an encoded message changed, or its end cut off.
pub(super) fn damage(bytes: &mut Vec<u8>, chance: &mut StdRng) {
    for _ in 0..chance.random_range(1..4) {
        if !bytes.is_empty() {
            let at = chance.random_range(0..bytes.len());
            bytes[at] = chance.random();
        }
    }
    if chance.random_bool(0.3) {
        bytes.truncate(chance.random_range(0..=bytes.len()));
    }
}
