//! Any bytes in the place of a name, an id, a SPIFFE id, a network or a written text.

use std::{fmt::Display, str::FromStr};

use trial::fuzz::Verdict;

use crate::*;

/// Longest name of the contract: three ids and the fixed words.
const MAX_NAME_BYTES: usize = 3 * MAX_ID_LEN + 64;
/// Longest refusal: the form, and two shortened texts of up to four bytes a character.
const MAX_REFUSAL_BYTES: usize = 1_200;

/// What is taken comes back as it was; a refusal says the form and repeats little.
fn exactly<T, E>(text: &str, form: &str, longest: usize) -> Verdict
where
    T: FromStr<Err = E> + Display + PartialEq + std::fmt::Debug,
    E: Display + std::fmt::Debug,
{
    let parsed = text.parse::<T>();
    match &parsed {
        Ok(value) => {
            assert_eq!(value.to_string(), text, "it has another spelling");
            assert_eq!(&value.to_string().parse::<T>().unwrap(), value);
            assert!(text.len() <= longest, "{} bytes are taken", text.len());
        }
        Err(error) => {
            let error = error.to_string();
            assert!(error.contains(form), "says not what is right: {error}");
            assert!(error.len() <= MAX_REFUSAL_BYTES, "{} bytes: {error}", error.len());
        }
    }
    parsed.into()
}

fn name<T>(text: &str, form: &str) -> Verdict
where
    T: FromStr<Err = NameError> + Display + PartialEq + std::fmt::Debug,
{
    exactly::<T, _>(text, form, MAX_NAME_BYTES)
}

#[test]
fn a_text_is_one_resource_name_or_none_and_has_one_spelling() {
    let words = ["tenants/", "appConnectorGroups", "appConnectors", "versionProfiles/", "status"];
    trial::target!("resource_names").words(&words).run_on_text(|text| {
        let mut verdicts = [
            name::<TenantName>(text, TenantName::PATTERN),
            name::<AppConnectorGroupName>(text, AppConnectorGroupName::PATTERN),
            name::<AppConnectorName>(text, AppConnectorName::PATTERN),
            name::<ServerGroupName>(text, ServerGroupName::PATTERN),
            name::<ApplicationSegmentName>(text, ApplicationSegmentName::PATTERN),
            name::<ClientNetworkName>(text, ClientNetworkName::PATTERN),
            name::<ProvisioningKeyName>(text, ProvisioningKeyName::PATTERN),
            name::<EnrolmentName>(text, EnrolmentName::PATTERN),
            name::<CertificateAuthorityName>(text, CertificateAuthorityName::PATTERN),
            name::<UpdatePolicyName>(text, UpdatePolicyName::PATTERN),
            name::<UpdateScheduleName>(text, UpdateScheduleName::PATTERN),
            name::<RolloutName>(text, RolloutName::PATTERN),
            name::<ConnectorStatusName>(text, ConnectorStatusName::PATTERN),
            name::<DisasterRecoveryName>(text, DisasterRecoveryName::PATTERN),
            name::<ReleaseName>(text, ReleaseName::PATTERN),
            name::<VersionProfileName>(text, VersionProfileName::PATTERNS[1]),
            exactly::<Id, _>(text, "1 to 63 of a-z", MAX_ID_LEN),
        ];
        let taken = verdicts.iter().filter(|verdict| **verdict == Verdict::Taken).count();
        assert!(taken <= 1, "{taken} kinds of name");
        verdicts.sort();
        verdicts[0].clone()
    });
}

#[test]
fn a_text_is_a_spiffe_id_of_ours_or_none_and_has_one_spelling() {
    let words = ["spiffe://", "/services/", "/tenants/", "/appConnectors/"];
    let longest = "spiffe:///".len() + MAX_TRUST_DOMAIN_LEN + MAX_NAME_BYTES;
    let target = trial::target!("spiffe_ids").words(&words);
    target.run_on_text(|text| exactly::<SpiffeId, _>(text, "trust domain", longest));
}

#[test]
fn a_text_is_a_network_in_its_one_spelling_or_says_which_was_meant() {
    let words = ["/", "/8", "/32", "/128", "::ffff:", "0.0.0.0", "::", "+", "0"];
    trial::target!("networks").words(&words).run_on_text(|text| {
        let network = text.parse::<Cidr>();
        let comes_back = |it: &Cidr| assert_eq!(it.to_string().parse::<Cidr>().as_ref(), Ok(it));
        match &network {
            Ok(network) => {
                comes_back(network);
                let (address, bits) = text.split_once('/').expect("a network has a length");
                assert!(bits.bytes().all(|byte| byte.is_ascii_digit()), "`{bits}` is a length");
                assert!(network.contains(address.parse().unwrap()), "its own address is outside");
                let elsewhere = if address.contains(':') { "192.0.2.1" } else { "2001:db8::1" };
                let is_mapped = network.to_string().contains('.') && address.contains(':');
                assert!(is_mapped || !network.contains(elsewhere.parse().unwrap()));
            }
            Err(CidrError::HostBits { network, address, .. }) => {
                comes_back(network);
                comes_back(address);
                assert_ne!(network, address, "the address is not in doubt");
            }
            Err(error @ CidrError::Form(_)) => {
                assert!(error.to_string().len() <= MAX_REFUSAL_BYTES, "{error}");
            }
        }
        network
    });
}

#[test]
fn no_text_is_too_strange_to_be_compared() {
    trial::target!("written_texts").costs(10).run_on_text(|text| {
        let key = display_key(text);
        assert_eq!(display_key(&key), key, "folding twice is folding once");
        let is_key = is_label_key(text);
        assert!(!is_key || (text.len() <= MAX_LABEL_KEY_BYTES && text.is_ascii()));
        is_key.then_some(())
    });
}
