//! `order_by` (AIP-132): `display_name desc, create_time`.
//!
//! Always holds: every term names a field of the allowed list, and none twice. Absent on purpose: the tiebreak by name,
//! which the caller of this module adds because it knows its keys.

use names::{Reason, Violations};

/// Most terms in one order: more than two never changed a page in practice, four leaves room.
const MAX_TERMS: usize = 4;

/// One term of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderTerm {
    /// The field, from the allowed list.
    pub field: &'static str,
    /// Whether larger values come first.
    pub descending: bool,
}

/// Reads an order. An empty text is no term; what does not parse is a violation of `order_by` naming the allowed
/// fields.
pub fn parse(
    text: &str,
    allowed: &'static [&'static str],
    violations: &mut Violations,
) -> Vec<OrderTerm> {
    let mut terms: Vec<OrderTerm> = Vec::new();
    if text.trim().is_empty() {
        return terms;
    }
    for part in text.split(',') {
        match term(part, allowed) {
            Some(term)
                if terms.len() < MAX_TERMS && terms.iter().all(|t| t.field != term.field) =>
            {
                terms.push(term);
            }
            _ => {
                violations.add("order_by", Reason::Malformed, rule(part, allowed));
                break;
            }
        }
    }
    terms
}

fn term(part: &str, allowed: &'static [&'static str]) -> Option<OrderTerm> {
    let mut words = part.split_whitespace();
    let name = words.next()?;
    let field = allowed.iter().copied().find(|field| *field == name)?;
    let descending = match (words.next(), words.next()) {
        (None, _) | (Some("asc"), None) => false,
        (Some("desc"), None) => true,
        _ => return None,
    };
    Some(OrderTerm { field, descending })
}

fn rule(part: &str, allowed: &[&str]) -> String {
    let part = crate::error::clip(part.trim().to_owned(), 64);
    format!(
        "`{part}` is not a term of an order; send up to {MAX_TERMS} of `<field> [asc|desc]`, separated by commas, each field once, from: {}",
        allowed.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Refuse as _;

    const ALLOWED: &[&str] = &["name", "display_name", "create_time"];

    #[test]
    fn an_order_is_a_list_of_fields_with_directions() {
        let mut violations = Violations::new();
        let terms = parse("display_name desc,  create_time asc,name", ALLOWED, &mut violations);
        assert!(violations.is_empty());
        assert_eq!(
            terms,
            [
                OrderTerm { field: "display_name", descending: true },
                OrderTerm { field: "create_time", descending: false },
                OrderTerm { field: "name", descending: false },
            ]
        );
        assert_eq!(parse(" ", ALLOWED, &mut violations), []);
    }

    #[test]
    fn what_is_not_an_order_names_the_fields_that_are() {
        for bad in ["size", "name up", "name desc desc", "name,,name", "name,name", ","] {
            let mut violations = Violations::new();
            parse(bad, ALLOWED, &mut violations);
            let failure = violations.finish().expect_err(bad);
            assert!(failure.message().contains("display_name"), "{bad}: {failure}");
        }
    }
}
