//! The fields of spans as JSON, for lines of the log.
//!
//! ## Design notes
//! [`JsonFields`] reads and writes all that a span has again for each field that it gets later. A call's span gets two
//! (its trace, its caller), which cost 6 % of the processor time of a call. Here new fields are put before the last brace. A field that is
//! given twice stands there twice; the writer of the line reads the later one.

use std::fmt;

use tracing::span::Record;
use tracing_subscriber::{
    field::RecordFields,
    fmt::{
        FormatFields, FormattedFields,
        format::{JsonFields, Writer},
    },
};

/// Writes fields once.
#[derive(Debug, Default)]
pub(super) struct AppendedFields(JsonFields);

impl<'writer> FormatFields<'writer> for AppendedFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        self.0.format_fields(writer, fields)
    }

    fn add_fields(
        &self,
        current: &'writer mut FormattedFields<Self>,
        fields: &Record<'_>,
    ) -> fmt::Result {
        let mut more = String::new();
        self.0.format_fields(Writer::new(&mut more), fields)?;
        append(&mut current.fields, more);
        Ok(())
    }
}

/// Puts the members of one JSON object behind those of another.
fn append(object: &mut String, more: String) {
    match more.strip_prefix('{') {
        Some(members) if object.len() > "{}".len() && members != "}" => {
            object.pop();
            object.push(',');
            object.push_str(members);
        }
        Some("}") if !object.is_empty() => {}
        _ => *object = more,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use serde_json::{Value, json};
    use tracing::field::Empty;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The span's part of a line that is written inside of it.
    fn logged(work: impl FnOnce()) -> Value {
        let lines = Lines::default();
        let writer = lines.clone();
        let logs = tracing_subscriber::fmt()
            .json()
            .fmt_fields(AppendedFields::default())
            .with_writer(move || writer.clone());
        tracing::subscriber::with_default(logs.finish(), work);
        let lines = lines.0.lock().unwrap().clone();
        let line: Value = serde_json::from_slice(&lines).unwrap();
        line["span"].clone()
    }

    #[test]
    fn what_a_span_learns_later_stands_in_the_line_beside_what_it_knew() {
        let span = logged(|| {
            let span = tracing::info_span!("call", id = 7, trace = Empty, caller = Empty);
            span.record("trace", "a \"quoted\" {one}");
            span.record("caller", "acme");
            span.in_scope(|| tracing::info!("done"));
        });
        let known =
            json!({"name": "call", "id": 7, "trace": "a \"quoted\" {one}", "caller": "acme"});
        assert_eq!(span, known);
    }

    #[test]
    fn a_span_that_knew_nothing_learns_and_the_later_of_two_counts() {
        let span = logged(|| {
            let span = tracing::info_span!("call", caller = Empty);
            span.record("caller", "nobody");
            span.record("caller", "acme");
            span.in_scope(|| tracing::info!("done"));
        });
        assert_eq!(span, json!({"name": "call", "caller": "acme"}));
    }

    #[test]
    fn objects_of_any_size_are_joined() {
        for (object, more, joined) in [
            ("", "{\"a\":1}", "{\"a\":1}"),
            ("{}", "{\"a\":1}", "{\"a\":1}"),
            ("{\"a\":1}", "{}", "{\"a\":1}"),
            ("{}", "{}", "{}"),
            ("{\"a\":1}", "{\"b\":2}", "{\"a\":1,\"b\":2}"),
        ] {
            let mut object = object.to_owned();
            append(&mut object, more.to_owned());
            assert_eq!(object, joined);
        }
    }
}
