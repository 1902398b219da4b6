//! One comparison: a field of the message against a value of its type.

use std::cmp::Ordering;

use jiff::{SignedDuration, Timestamp};
use names::Reason;
use prost_reflect::{
    DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value,
};

/// Most characters of a caller's value that a refusal repeats.
const MAX_QUOTED_CHARS: usize = 64;

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparator {
    Equal,
    NotEqual,
    Less,
    AtMost,
    More,
    AtLeast,
    Has,
}

/// One comparison.
#[derive(Clone, Debug)]
pub(super) struct Restriction {
    fields: Vec<FieldDescriptor>,
    /// The key, when the last field is a map.
    key: Option<String>,
    comparator: Comparator,
    wanted: Wanted,
}

/// The value that is compared with.
#[derive(Clone, Debug, PartialEq)]
enum Wanted {
    Flag(bool),
    Whole(i128),
    Real(f64),
    /// A text; a `*` at either end stands for anything.
    Text(String),
    Time(Timestamp),
    Length(SignedDuration),
    /// `*`: that there is something.
    Anything,
}

impl Restriction {
    /// Reads a comparison against the message's fields.
    pub(super) fn new(
        message: &MessageDescriptor,
        path: &str,
        comparator: Comparator,
        value: &str,
    ) -> Result<Self, (Reason, String)> {
        let (fields, key) = resolve(message, path)?;
        let Some(last) = fields.last() else { return Err(unknown(message, path)) };
        let is_text_only =
            matches!(comparator, Comparator::Has) && (last.is_list() || last.is_map());
        let wanted = match (value, comparator) {
            ("*", Comparator::Has) => Wanted::Anything,
            _ if last.is_map() && key.is_none() => Wanted::Text(value.to_owned()),
            _ => read(last, path, value)?,
        };
        let ordered =
            !matches!(comparator, Comparator::Equal | Comparator::NotEqual | Comparator::Has);
        let comparable = match &wanted {
            Wanted::Flag(_) | Wanted::Anything => !ordered,
            _ => true,
        };
        if !comparable || ((last.is_list() || (last.is_map() && key.is_none())) && !is_text_only) {
            let fix = format!("`{path}` cannot be compared so; use `=` or `:`");
            return Err((Reason::Malformed, fix));
        }
        Ok(Self { fields, key, comparator, wanted })
    }

    /// Whether the message's field compares so. A field that is not set compares as its default; a message that is not set has none.
    pub(super) fn holds(&self, message: &DynamicMessage) -> bool {
        self.holds_below(message, &self.fields)
    }

    fn holds_below(&self, message: &DynamicMessage, fields: &[FieldDescriptor]) -> bool {
        match fields {
            [] => false,
            [last] => self.holds_at(message, last),
            [field, _, ..] if !message.has_field(field) => self.comparator == Comparator::NotEqual,
            [field, below @ ..] => match &*message.get_field(field) {
                Value::Message(inner) => self.holds_below(inner, below),
                _ => false,
            },
        }
    }

    fn holds_at(&self, message: &DynamicMessage, last: &FieldDescriptor) -> bool {
        if self.wanted == Wanted::Anything && self.key.is_none() {
            return message.has_field(last);
        }
        match (&*message.get_field(last), &self.key) {
            (Value::Map(map), Some(key)) => match map.get(&MapKey::String(key.clone())) {
                Some(_) if self.wanted == Wanted::Anything => true,
                Some(value) => self.compares(last, value),
                None => self.comparator == Comparator::NotEqual,
            },
            (Value::Map(map), None) => {
                matches!(&self.wanted, Wanted::Text(key) if map.contains_key(&MapKey::String(key.clone())))
            }
            (Value::List(values), _) => values.iter().any(|value| self.compares(last, value)),
            (Value::Message(_), _) if !message.has_field(last) => {
                self.comparator == Comparator::NotEqual
            }
            (value, _) => self.compares(last, value),
        }
    }

    fn compares(&self, field: &FieldDescriptor, value: &Value) -> bool {
        if let (Wanted::Text(wanted), Some(text)) = (&self.wanted, text_of(field, value)) {
            let equal = matches_text(wanted, &text);
            return match self.comparator {
                Comparator::Equal | Comparator::Has => equal,
                Comparator::NotEqual => !equal,
                comparator => ordering_holds(comparator, Some(text.as_str().cmp(wanted))),
            };
        }
        ordering_holds(self.comparator, self.wanted.compare(value))
    }
}

fn ordering_holds(comparator: Comparator, order: Option<Ordering>) -> bool {
    let Some(order) = order else { return comparator == Comparator::NotEqual };
    match comparator {
        Comparator::Equal | Comparator::Has => order.is_eq(),
        Comparator::NotEqual => order.is_ne(),
        Comparator::Less => order.is_lt(),
        Comparator::AtMost => order.is_le(),
        Comparator::More => order.is_gt(),
        Comparator::AtLeast => order.is_ge(),
    }
}

impl Wanted {
    /// How a value of the message stands to this one.
    fn compare(&self, value: &Value) -> Option<Ordering> {
        match self {
            Self::Flag(wanted) => Some(value.as_bool()?.cmp(wanted)),
            Self::Whole(wanted) => Some(whole(value)?.cmp(wanted)),
            Self::Real(wanted) => {
                let value = value.as_f64().or_else(|| value.as_f32().map(f64::from))?;
                value.partial_cmp(wanted)
            }
            Self::Time(wanted) => {
                let (seconds, nanos) = parts(value)?;
                Some(Timestamp::new(seconds, nanos).ok()?.cmp(wanted))
            }
            Self::Length(wanted) => {
                let (seconds, nanos) = parts(value)?;
                Some(SignedDuration::new(seconds, nanos).cmp(wanted))
            }
            Self::Text(_) | Self::Anything => None,
        }
    }
}

fn whole(value: &Value) -> Option<i128> {
    let signed = value.as_i64().or_else(|| value.as_i32().map(i64::from)).map(i128::from);
    signed.or_else(|| value.as_u64().or_else(|| value.as_u32().map(u64::from)).map(i128::from))
}

/// Seconds and nanoseconds of a Timestamp or Duration.
fn parts(value: &Value) -> Option<(i64, i32)> {
    let message = value.as_message()?;
    let field = |name| message.get_field_by_name(name).map(|value| value.into_owned());
    Some((field("seconds")?.as_i64()?, field("nanos")?.as_i32()?))
}

/// A text, or an enum's word without the enum's prefix.
fn text_of(field: &FieldDescriptor, value: &Value) -> Option<String> {
    if let Some(text) = value.as_str() {
        return Some(text.to_owned());
    }
    let Kind::Enum(list) = value_kind(field) else { return None };
    let word = list.get_value(value.as_enum_number()?)?;
    Some(bare(&list, word.name()).to_owned())
}

/// An enum's word without the prefix that all words of the enum have.
fn bare<'a>(list: &EnumDescriptor, word: &'a str) -> &'a str {
    let unspecified = list.default_value();
    let prefix = unspecified.name().strip_suffix("UNSPECIFIED").unwrap_or_default();
    word.strip_prefix(prefix).unwrap_or(word)
}

/// A `*` at either end stands for anything.
fn matches_text(wanted: &str, text: &str) -> bool {
    match (wanted.strip_prefix('*'), wanted.strip_suffix('*')) {
        (Some(rest), Some(_)) if rest.len() > 1 => text.contains(&rest[..rest.len() - 1]),
        (Some(rest), None) => text.ends_with(rest),
        (None, Some(rest)) => text.starts_with(rest),
        (Some(_), Some(_)) => true,
        (None, None) => text == wanted,
    }
}

type Resolved = (Vec<FieldDescriptor>, Option<String>);

fn resolve(message: &MessageDescriptor, path: &str) -> Result<Resolved, (Reason, String)> {
    let mut at = message.clone();
    let (mut fields, mut rest) = (Vec::new(), path);
    loop {
        let (name, below) = rest.split_once('.').map_or((rest, None), |(a, b)| (a, Some(b)));
        let field = at.get_field_by_name(name).ok_or_else(|| unknown(&at, name))?;
        fields.push(field.clone());
        let Some(below) = below else { return Ok((fields, None)) };
        if field.is_map() {
            return Ok((fields, Some(below.to_owned())));
        }
        match field.kind() {
            Kind::Message(inner) if !field.is_list() => at = inner,
            _ => {
                let fix = format!("`{name}` has no fields, so `{path}` is none");
                return Err((Reason::UnknownField, fix));
            }
        }
        rest = below;
    }
}

fn unknown(message: &MessageDescriptor, name: &str) -> (Reason, String) {
    let fields: Vec<_> = message.fields().map(|field| field.name().to_owned()).collect();
    (Reason::UnknownField, format!("`{name}` is none of: {}", fields.join(", ")))
}

fn read(field: &FieldDescriptor, path: &str, value: &str) -> Result<Wanted, (Reason, String)> {
    let (wanted, form) = match &value_kind(field) {
        Kind::Bool => (value.parse().ok().map(Wanted::Flag), "true or false"),
        Kind::String => (Some(Wanted::Text(value.to_owned())), "a text"),
        Kind::Double | Kind::Float => (value.parse().ok().map(Wanted::Real), "a number"),
        Kind::Enum(list) => {
            let wanted = bare(list, value);
            let known = list.values().any(|word| bare(list, word.name()) == wanted);
            (known.then(|| Wanted::Text(wanted.to_owned())), "one of the field's words")
        }
        Kind::Message(message) if message.full_name() == "google.protobuf.Timestamp" => {
            (value.parse().ok().map(Wanted::Time), "a time such as \"2026-12-01T08:00:00Z\"")
        }
        Kind::Message(message) if message.full_name() == "google.protobuf.Duration" => {
            (length(value).map(Wanted::Length), "seconds such as \"90s\"")
        }
        Kind::Message(_) | Kind::Bytes => (None, "`*` after `:`, or one of its fields"),
        _ => (value.parse().ok().map(Wanted::Whole), "a whole number"),
    };
    wanted.ok_or_else(|| {
        let value: String = value.chars().take(MAX_QUOTED_CHARS).collect();
        (Reason::Malformed, format!("`{path}` is compared with `{value}`; it takes {form}"))
    })
}

/// The kind of a field's values; of a map: of those that the keys lead to.
fn value_kind(field: &FieldDescriptor) -> Kind {
    match field.kind() {
        Kind::Message(entry) if field.is_map() => entry.map_entry_value_field().kind(),
        kind => kind,
    }
}

/// Seconds with an `s`, the JSON form of a Duration.
fn length(text: &str) -> Option<SignedDuration> {
    let seconds: f64 = text.strip_suffix('s')?.parse().ok()?;
    SignedDuration::try_from_secs_f64(seconds).ok()
}
