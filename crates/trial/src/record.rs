//! What was read from a store is written again as it stood.

use serde_json::Value;

/// Asserts that all that is `written` stood in `input` before: the same switches, numbers and lengths, and texts where texts
/// were (a time or a name has more than one spelling). A field that did not stand there may be written only if `may_be_new`
/// says so of its value. Both are returned, for what else must hold of them.
///
/// # Panics
/// If something is written that did not stand there, or if either is no JSON.
pub fn comes_back(written: &[u8], input: &[u8], may_be_new: fn(&Value) -> bool) -> (Value, Value) {
    let value = |bytes| serde_json::from_slice::<Value>(bytes).expect("a record is JSON");
    let (written, before) = (value(written), value(input));
    assert!(stood(&written, &before, may_be_new), "{before} is written as {written}");
    (written, before)
}

fn stood(written: &Value, before: &Value, may_be_new: fn(&Value) -> bool) -> bool {
    match (written, before) {
        (Value::Object(written), Value::Object(before)) => {
            written.iter().all(|(field, value)| match before.get(field) {
                Some(before) => stood(value, before, may_be_new),
                None => may_be_new(value),
            })
        }
        (Value::Array(written), Value::Array(before)) => {
            let mut pairs = written.iter().zip(before);
            written.len() == before.len()
                && pairs.all(|(written, before)| stood(written, before, may_be_new))
        }
        (Value::String(_), Value::String(_)) => true,
        (written, before) => written == before,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_spelling_of_a_text_may_change_and_what_may_be_new() {
        let before = json!({"time": "1Z", "days": [1, 2], "on": true});
        let nothing_new = |written: Value| stood(&written, &before, |_| false);
        assert!(nothing_new(json!({"time": "1.0Z", "days": [1, 2]})));
        assert!(!nothing_new(json!({"on": false})));
        assert!(!nothing_new(json!({"days": [1]})));
        assert!(!nothing_new(json!({"days": [2, 1]})));
        assert!(!nothing_new(json!({"time": 1})));
        assert!(!nothing_new(json!({"more": null})));
        assert!(stood(&json!({"more": null}), &before, Value::is_null));
        assert!(!stood(&json!({"more": 1}), &before, Value::is_null));
    }
}
