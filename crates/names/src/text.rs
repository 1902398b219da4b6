//! The two rules of written texts on which services must agree, since their objects stand side by side: when display names
//! look alike, and what a label's key is.

use unicode_normalization::UnicodeNormalization;

/// Longest label key, in bytes, as in Kubernetes, from where labels are often copied.
pub const MAX_LABEL_KEY_BYTES: usize = 63;

/// What two display names that look alike share: NFKC, case folded. The key of a key is itself.
///
/// Folding is lower-casing after upper-casing, which joins the pairs that plain lower-casing misses
/// (`ß` and `SS`, final and medial sigma). It is done twice, on decomposed text, in the order of Unicode's D146: one fold of
/// `ẞ` is `ß`, and a second one `ss`.
#[must_use]
pub fn display_key(display_name: &str) -> String {
    fold(&fold(display_name)).nfkc().collect()
}

fn fold(text: &str) -> String {
    let decomposed: String = text.nfkd().collect();
    decomposed.to_uppercase().to_lowercase().replace('ς', "σ")
}

/// Whether this is a label's key: `[a-z]([a-z0-9._/-]{0,61}[a-z0-9])?`.
#[must_use]
pub fn is_label_key(key: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let inner = |byte: u8| plain(byte) || b"._-/".contains(&byte);
    let bytes = key.as_bytes();
    bytes.len() <= MAX_LABEL_KEY_BYTES
        && bytes.first().is_some_and(u8::is_ascii_lowercase)
        && bytes.last().is_some_and(|&last| plain(last))
        && bytes.iter().all(|&byte| inner(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_share_a_key() {
        for (a, b) in [
            ("Berlin", "BERLIN"),
            ("Straße", "STRASSE"),
            ("Straße", "STRAẞE"),
            ("ﬁbre", "FIBRE"),
            ("Ａ１", "a1"),
            ("Éire", "E\u{301}ire"),
            ("ΟΔΟΣ", "οδος"),
        ] {
            assert_eq!(display_key(a), display_key(b), "{a} and {b}");
        }
        assert_ne!(display_key("Berlin"), display_key("Berlin 2"));
    }

    #[test]
    fn a_label_key_is_short_and_plain() {
        for good in ["a", "rack.eu/row-1", &"a".repeat(63)] {
            assert!(is_label_key(good), "{good:?} was refused");
        }
        for bad in ["", "A", "1a", "a-", "a b", &"a".repeat(64)] {
            assert!(!is_label_key(bad), "{bad:?} was accepted");
        }
    }
}
