//! The order of a list: `order_by` and the keys that rows are sorted by.
//!
//! Always holds: the name breaks ties, so pages of one list neither repeat nor miss an object.
//! Absent on purpose: the syntax of `order_by` (`rpc::order`).

use std::cmp::Ordering;

/// A field that a list can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderField {
    /// Resource name.
    Name,
    /// Name for people, compared as for uniqueness.
    DisplayName,
    /// Create time.
    CreateTime,
    /// Update time.
    UpdateTime,
}

/// A list's order: fields, each rising or falling; the name breaks ties.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order(Vec<(OrderField, bool)>);

impl Order {
    /// The fields that a list can be sorted by, as callers write them.
    pub const FIELDS: &'static [&'static str] =
        &["name", "display_name", "create_time", "update_time"];

    /// The order of these terms: field and whether it falls. None is by name; unknown fields are
    /// left out.
    #[must_use]
    pub fn of<'a>(terms: impl IntoIterator<Item = (&'a str, bool)>) -> Self {
        let term = |(field, falling)| {
            let field = match field {
                "name" => OrderField::Name,
                "display_name" => OrderField::DisplayName,
                "create_time" => OrderField::CreateTime,
                "update_time" => OrderField::UpdateTime,
                _ => return None,
            };
            Some((field, falling))
        };
        Self(terms.into_iter().filter_map(term).collect())
    }

    /// Whether the rows of the store come in this order already.
    #[must_use]
    pub fn is_by_name(&self) -> bool {
        self.0.is_empty() || self.0.first() == Some(&(OrderField::Name, false))
    }

    /// Compares two rows.
    #[must_use]
    pub fn compare(&self, a: &OrderKey, b: &OrderKey) -> Ordering {
        for &(field, falling) in &self.0 {
            let order = match field {
                OrderField::Name => a.place.cmp(&b.place),
                OrderField::DisplayName => a.display_name.cmp(&b.display_name),
                OrderField::CreateTime => a.create_time.cmp(&b.create_time),
                OrderField::UpdateTime => a.update_time.cmp(&b.update_time),
            };
            let order = if falling { order.reverse() } else { order };
            if order != Ordering::Equal {
                return order;
            }
        }
        a.place.cmp(&b.place)
    }
}

/// What a row is sorted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderKey {
    /// The row's key in the store; its order is the order of names.
    pub place: Vec<u8>,
    /// Name for people, folded as for uniqueness.
    pub display_name: String,
    /// When it was created.
    pub create_time: jiff::Timestamp,
    /// When it was last changed.
    pub update_time: jiff::Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(place: &str, display_name: &str, create: i64) -> OrderKey {
        OrderKey {
            place: place.as_bytes().to_vec(),
            display_name: display_name.to_owned(),
            create_time: jiff::Timestamp::from_second(create).unwrap(),
            update_time: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    fn sorted(terms: &[(&str, bool)]) -> Vec<String> {
        let order = Order::of(terms.iter().copied());
        let mut keys = vec![key("a", "x", 3), key("b", "x", 1), key("c", "w", 2)];
        keys.sort_by(|a, b| order.compare(a, b));
        keys.into_iter().map(|k| String::from_utf8(k.place).unwrap()).collect()
    }

    #[test]
    fn fields_sort_up_or_down_and_the_name_breaks_ties() {
        assert_eq!(sorted(&[]), ["a", "b", "c"]);
        assert_eq!(sorted(&[("name", true)]), ["c", "b", "a"]);
        assert_eq!(sorted(&[("create_time", false)]), ["b", "c", "a"]);
        assert_eq!(sorted(&[("display_name", false)]), ["c", "a", "b"]);
        assert_eq!(sorted(&[("display_name", true), ("create_time", false)]), ["b", "a", "c"]);
        assert_eq!(sorted(&[("update_time", false)]), ["a", "b", "c"]);
    }

    #[test]
    fn every_field_that_is_offered_is_known() {
        for field in Order::FIELDS {
            assert_ne!(Order::of([(*field, false)]), Order::default(), "{field}");
        }
    }
}
