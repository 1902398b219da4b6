//! Any text in the place of a file of objects.

use trial::fuzz::Verdict;

use super::*;
use crate::client::wire;

/// The message that would be sent to make the object, or what is wrong with its fields.
fn message(document: &Document) -> Result<Value> {
    let method = document.kind.method("Create")?;
    let request = json!({ document.kind.field: document.body });
    output::to_json(&wire::from_json(method.input(), request)?)
}

/// A document is of a known kind, has a full name, and changes nothing where everything is as it says.
fn judge(document: &Document) -> Result<()> {
    let Document { kind, name, body } = document;
    assert!(KINDS.iter().any(|known| known.message == kind.message));
    assert!(name.contains('/') && !body.contains_key("kind") && !body.contains_key("name"));
    assert_eq!(kind.name_of("acme", name), *name, "the name is not full");
    let current = Value::Object(body.clone());
    assert!(holds(&current, &current), "it differs from itself: {current}");
    assert!(changed(&current, body).is_empty(), "something changes: {current}");
    let new = changed(&Value::Null, body);
    assert_eq!(new.len(), body.keys().filter(|key| *key != "etag").count());
    let sent = message(document)?;
    let fields = sent.as_object().into_iter().flat_map(Map::values).filter_map(Value::as_object);
    for field in fields.flat_map(Map::keys) {
        let is_written = body.keys().any(|key| key.replace('_', "").eq_ignore_ascii_case(field));
        assert!(is_written, "{field} is made up");
    }
    Ok(())
}

#[test]
fn any_text_is_a_file_of_objects_or_says_which_document_is_wrong() {
    let words = ["---\n", "kind: ", "name: ", "&a ", "*a", "<<: ", ": ", "!!binary ", ".inf", "? "];
    trial::target!("manifests").words(&words).costs(10).run_on_text(|text| {
        let documents = match parse(text, "acme") {
            Ok(documents) => documents,
            Err(error) => {
                let error = format!("{error:#}");
                assert!(error.contains("document "), "which one is wrong? {error}");
                return Verdict::Refused(error);
            }
        };
        match documents.iter().try_for_each(judge) {
            Ok(()) => Verdict::from((!documents.is_empty()).then_some(())),
            Err(error) => {
                let error = format!("{error:#}");
                assert!(error.contains("this is not a "), "{error}");
                Verdict::Refused(error)
            }
        }
    });
}
