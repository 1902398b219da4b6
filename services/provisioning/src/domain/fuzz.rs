//! Any text in the place of a secret or a name for people.

use std::collections::BTreeMap;

use trial::fuzz::Verdict;
use uuid::Uuid;

use super::{
    connector_id::ConnectorPrefix,
    secret::{NewSecret, PresentedSecret},
    text::{DisplayName, Labels},
};

/// Two secrets that were given out; everything else is made up.
fn given() -> [NewSecret; 2] {
    [(7, 9), (u128::MAX, 255)]
        .map(|(uid, byte)| NewSecret::from_random(Uuid::from_u128(uid), &[byte; 32]))
}

#[test]
fn a_text_is_a_secret_that_was_given_out_or_is_refused_without_being_repeated() {
    let given = given();
    let target = trial::target!("secrets").words(&["cwk_", "_", "00000000"]);
    let target = given.iter().fold(target, |target, secret| target.with(secret.reveal()));
    target.run_on_text(|text| {
        let presented = PresentedSecret::parse(text);
        match &presented {
            // A secret of somebody else's has a checksum too; it fits none of ours.
            Ok(presented) => {
                let plain = text.trim();
                assert!(plain.starts_with("cwk_") && plain.len() == 87, "{} bytes", plain.len());
                for secret in &given {
                    assert_eq!(secret.hash().fits(presented), secret.reveal() == plain);
                }
                assert!(!format!("{presented:?}").contains(&plain[37..80]), "the secret is shown");
            }
            Err(error) => assert!(error.to_string().contains("copy all of"), "{error}"),
        }
        presented
    });
}

/// Keys and values, `key=value` on a line each.
fn labels(text: &str) -> BTreeMap<String, String> {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[test]
fn a_name_for_people_is_short_and_gives_ids_and_labels_keep_their_limits() {
    let words = ["rack.eu/row-1=", "=", "\u{7}", "\u{3000}", "ＢＥＲＬＩＮ", "7", "--"];
    trial::target!("written").words(&words).run_on_text(|text| {
        let kept = Labels::parse(labels(text));
        match &kept {
            Ok(kept) => {
                assert_eq!(kept.as_map(), &labels(text), "a label is lost");
                let longest = kept.as_map().values().map(|value| value.chars().count()).max();
                assert!(kept.as_map().len() <= 64 && longest.unwrap_or_default() <= 255);
            }
            Err(error) => assert!(!error.rule.is_empty()),
        }
        let name = DisplayName::parse(text);
        if let Ok(name) = &name {
            assert!((1..=63).contains(&name.as_str().chars().count()) && name.as_str() == text);
            let prefix = ConnectorPrefix::of(name);
            for number in [1, 999_999_999_999] {
                let id = prefix.id(number).expect("a name gives ids for a fleet");
                assert_eq!(id.as_str(), format!("{}-{number}", prefix.as_str()));
            }
        }
        Verdict::from(name.map_err(|error| error.rule))
    });
}
