//! Any text in the place of a host that is asked for, or of a domain of a segment.

use std::net::IpAddr;

use crate::domain::{
    configuration::Protocol,
    matching::{
        host::{Domain, Host},
        matcher::Matcher,
    },
    testing::segment,
};

#[test]
fn a_text_is_a_host_in_its_one_form_or_refused() {
    let words =
        ["xn--", ".", "-", "ｗｉｋｉ", "１", "。", "．", "ß", "İ", "K", "::ffff:", "10.0.0.1"];
    trial::target!("hosts").words(&words).run_on_text(|text| {
        let host = Host::parse(text);
        match &host {
            Ok(host) => {
                let form = host.to_string();
                assert_eq!(Host::parse(&form).as_ref(), Ok(host), "{form} is another host");
                assert!(form.is_ascii() && form.len() <= 253, "{} bytes", form.len());
                match host {
                    Host::Name(name) => {
                        assert!(name.parse::<IpAddr>().is_err(), "{name} is an address");
                        assert!(name.split('.').all(|label| (1..=63).contains(&label.len())));
                    }
                    Host::Address(address) => assert_eq!(*address, address.to_canonical()),
                }
            }
            Err(error) => assert!(error.to_string().len() <= 400, "{error}"),
        }
        host
    });
}

#[test]
fn a_text_is_a_domain_that_covers_what_it_names_or_refused() {
    let words = ["*.", "*", "/", "/0", "/32", "/128", "+8", "::", "10.0.0.0", "xn--"];
    trial::target!("domains").words(&words).run_on_text(|text| {
        let domain = Domain::parse(text);
        if let Ok(domain) = &domain {
            let form = domain.to_string();
            assert_eq!(Domain::parse(&form).as_ref(), Ok(domain), "{form} is another domain");
            let inside = match domain {
                Domain::Host(host) => host.to_string(),
                Domain::Below(suffix) if suffix.is_empty() => "a".to_owned(),
                Domain::Below(suffix) => format!("a.{suffix}"),
                Domain::Network(network) => network.to_string().replace('/', " "),
            };
            let inside = inside.split(' ').next().expect("a text has a beginning");
            let matcher = Matcher::new([&segment(&[&form], 443)]);
            // Below the longest suffix no name fits.
            if let Ok(host) = Host::parse(inside) {
                let found = |port| matcher.search(&host, Protocol::Tcp, port).found;
                assert_eq!(found(443).expect("it is covered").domain, *domain);
                assert!(found(80).is_err(), "another port is covered");
            }
        }
        domain
    });
}
