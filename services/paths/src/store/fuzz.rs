//! Any bytes in the place of a copy of a sibling's message, or of how far a copy has come.

use std::path::PathBuf;

use bytes::Bytes;
use trial::fuzz::Verdict;

use super::records::{Progress, message, read_message};

fn golden() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/store/golden")
}

#[test]
fn any_bytes_are_a_copy_byte_for_byte_or_of_no_known_version() {
    trial::target!("copies").kept_in(&golden()).run(|input| {
        let found = read_message(Bytes::copy_from_slice(input));
        match &found {
            Ok(copied) => assert_eq!(message(copied), input, "it is not what was copied"),
            Err(error) => assert!(error.to_string().contains("a copy "), "{error}"),
        }
        found
    });
}

#[test]
fn any_bytes_say_how_far_a_copy_has_come_or_are_damage() {
    let words = ["\"v\":\"1\"", "null", "\"resume_token\":", "9999-12-30T22:00:00.999999999Z"];
    trial::target!("progress").kept_in(&golden()).words(&words).run(|input| {
        let found = Progress::read(input);
        match &found {
            Ok(progress) => {
                let written = progress.to_bytes();
                assert!(!written.is_empty(), "nothing is written");
                assert_eq!(Progress::read(&written).as_ref(), Ok(progress));
                let stood: serde_json::Value = serde_json::from_slice(input).unwrap();
                assert_eq!(stood["resume_token"], progress.resume_token.as_str());
                assert_eq!(stood["confirmed"].is_string(), progress.confirmed.is_some());
            }
            Err(error) => assert!(error.to_string().contains("cannot be read: "), "{error}"),
        }
        Verdict::from(found)
    });
}
