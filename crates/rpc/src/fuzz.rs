//! Any bytes in the place of what callers and peers write around a request: masks, orders, ids, headers, times, details of a
//! status, a token file, an endpoint. Page tokens have their target beside their seal.

use names::Reason;
use std::{net::SocketAddr, sync::Arc};

use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use prost::Message as _;
use tonic::{Code, Status};
use trial::fuzz::Verdict;

use crate::Refuse as _;
use crate::{
    Failure, Violations,
    access::{Caller, CallerKind, Guard, MethodRule, Scope},
    context::CallContext,
    deadline,
    error::MAX_VIOLATIONS,
    mask, order,
    request_id::RequestId,
    revocation::DenyList,
    time,
    tokens::{TokenFile, TokenVerifier},
};

const FIELDS: &[&str] = &["name", "display_name", "location.latitude", "location.longitude"];
/// Longest part of a text that a refusal repeats, its mark included.
const MAX_REPEATED_BYTES: usize = 64;

/// Refused as what was found, none of it longer than a caller can read.
fn refused(found: Violations) -> Verdict {
    let failure = found.finish().unwrap_err();
    for problem in failure.violations() {
        assert!(problem.description.len() <= 256 + MAX_REPEATED_BYTES, "{problem:?}");
        assert!(!problem.field.is_empty() && !problem.reason.is_empty(), "{problem:?}");
    }
    Verdict::Refused(failure.message().to_owned())
}

#[test]
fn a_mask_selects_allowed_paths_or_is_refused() {
    trial::target!("masks").words(FIELDS).words(&["*", "location"]).run_on_text(|text| {
        let paths: Vec<String> = text.split(',').map(str::to_owned).collect();
        match mask::paths(&prost_types::FieldMask { paths }, FIELDS) {
            Ok(chosen) => {
                assert!(chosen.iter().all(|path| FIELDS.contains(path)));
                assert!(!chosen.is_empty() || text.is_empty(), "nothing is selected, yet taken");
                Verdict::Taken
            }
            Err(found) => refused(found),
        }
    });
}

#[test]
fn an_order_names_allowed_fields_once_or_is_refused() {
    trial::target!("orders").words(FIELDS).words(&[" desc", " asc", ","]).run_on_text(|text| {
        let mut found = Violations::new();
        let terms = order::parse(text, FIELDS, &mut found);
        for (at, term) in terms.iter().enumerate() {
            assert!(FIELDS.contains(&term.field));
            assert!(terms[..at].iter().all(|before| before.field != term.field), "{term:?} twice");
        }
        if found.is_empty() { Verdict::Taken } else { refused(found) }
    });
}

/// An anonymous caller of a method that is nobody's.
fn anonymous() -> Caller {
    let guard = Guard {
        denied: DenyList::new(),
        tokens: TokenVerifier::empty(),
        now: Arc::new(|| Timestamp::UNIX_EPOCH),
        expired_grace: jiff::SignedDuration::ZERO,
    };
    let remote = SocketAddr::from(([127, 0, 0, 1], 1));
    Caller::new(CallerKind::Anonymous, remote, None, Arc::new(MethodRule::example()), guard)
}

#[test]
fn a_request_id_is_a_uuid_in_any_of_its_spellings_or_refused() {
    let caller = anonymous();
    trial::target!("request_ids").words(&["urn:uuid:", "{", "}", "-"]).run_on_text(|text| {
        let parsed = RequestId::parse("Do", &caller, text, &());
        if let Ok(Some(found)) = &parsed {
            let plain = found.id.to_string();
            let again = RequestId::parse("Do", &caller, &plain, &()).unwrap().unwrap();
            assert_eq!(&again, found);
            assert!(text.len() <= 45, "{} bytes are taken", text.len());
        }
        parsed
    });
}

#[test]
fn nobody_s_parent_is_anybody_s_tenant() {
    let caller = anonymous();
    trial::target!("parents").words(&["tenants/", "tenants/-"]).run_on_text(|text| {
        match caller.authorise_scope(text) {
            Ok(scope) => panic!("an anonymous caller may see {:?}", matches!(*scope, Scope::All)),
            Err(failure) if failure.kind() == crate::Kind::InvalidArgument => {
                Verdict::Refused(failure.message().to_owned())
            }
            Err(_) => Verdict::Taken,
        }
    });
}

/// Headers whose every value is the input, if a header may hold it.
fn headers(input: &[u8], names: &[&'static str]) -> Option<HeaderMap> {
    let value = HeaderValue::from_bytes(input).ok()?;
    Some(names.iter().map(|name| (http::HeaderName::from_static(name), value.clone())).collect())
}

#[test]
fn a_header_is_understood_or_taken_for_absent() {
    let names = ["grpc-timeout", "traceparent", "x-request-id"];
    let target = trial::target!("headers").words(&["00-", "-01", "S", "m", "99999999"]);
    target.run(|input| {
        let Some(headers) = headers(input, &names) else { return Verdict::from(None::<()>) };
        let sent = deadline::parse(&headers["grpc-timeout"]);
        let now = tokio::time::Instant::now();
        let longest = deadline::MAX_UNARY;
        let unary = deadline::Deadline::of(&headers, false, now).unwrap();
        assert!(unary.remaining() <= longest);
        assert_eq!(deadline::Deadline::of(&headers, true, now).is_some(), sent.is_some());
        if let Some(sent) = sent {
            assert!(deadline::parse(&deadline::format(sent)).unwrap() <= sent);
        }
        let context = CallContext::of(&headers, Some(unary));
        let id = context.request_id_header();
        assert!(!id.is_empty() && id.len() <= 128 && id.to_str().is_ok(), "{id:?}");
        let (trace, span, _) = context.trace.ids();
        assert!(trace != 0 && span != 0);
        let is_kept = context.request_id.as_bytes() == input;
        let goes_on = String::from_utf8_lossy(input).contains(&context.trace.trace_id());
        (is_kept || sent.is_some() || goes_on).then_some(()).into()
    });
}

#[test]
fn a_time_or_a_length_is_in_range_or_a_violation() {
    let target = trial::target!("times").with(b"\x08\x80\x92\xb8\xc3\x98\xfe\xff\xff\xff\x01");
    target.run(|input| {
        let mut found = Violations::new();
        let Ok(at) = prost_types::Timestamp::decode(input) else {
            return Verdict::from(None::<()>);
        };
        let parsed = time::from_proto("start_time", Some(&at), &mut found);
        if let Some(parsed) = parsed {
            assert_eq!(time::to_proto(parsed), at);
        }
        // The same fields: seconds and nanos.
        let length = prost_types::Duration { seconds: at.seconds, nanos: at.nanos };
        let length_parsed = time::duration_from_proto("ttl", Some(&length), &mut found);
        if let Some(parsed) = length_parsed {
            assert_eq!(time::duration_to_proto(parsed), length);
        }
        let expected = usize::from(parsed.is_none()) + usize::from(length_parsed.is_none());
        assert_eq!(found.len(), expected);
        parsed.into()
    });
}

#[test]
fn a_peers_status_says_no_more_than_it_may_whatever_its_details_hold() {
    let whole = Failure::new(crate::Kind::Aborted, Reason::EtagMismatch, "read again")
        .metadata("current_etag", "x")
        .violation("etag", Reason::EtagMismatch, "read again")
        .precondition(Reason::Referenced, "tenants/acme", "move its connectors")
        .quota("tenants/acme", "at most 10")
        .retry_after(std::time::Duration::from_millis(1500))
        .resource("causeway/Tenant", "tenants/acme")
        .to_status();
    let words = ["type.googleapis.com/google.rpc.", "RetryInfo", "BadRequest", "ErrorInfo"];
    let target = trial::target!("status_details").words(&words).with(whole.details());
    target.run(|input| {
        let details = bytes::Bytes::copy_from_slice(input);
        let status = Status::with_details(Code::Aborted, "a", details);
        let failure = Failure::from_status(&status);
        let again = Failure::from_status(&failure.to_status());
        assert_eq!(again.kind(), failure.kind());
        assert_eq!(again.reason(), failure.reason());
        assert_eq!(again.violations().len(), failure.violations().len().min(MAX_VIOLATIONS));
        let is_told = !failure.reason().is_empty() || !failure.violations().is_empty();
        is_told.then_some(())
    });
}

#[test]
fn a_token_file_is_taken_whole_or_named_as_wrong_and_lets_nobody_else_in() {
    let words = ["[[token]]", "name = ", "sha256 = ", "roles = ", "[\"ADMIN\"]", "tenants = ", "{"];
    trial::target!("token_files").words(&words).costs(4).run_on_text(|text| {
        toml::from_str::<TokenFile>(text).map_err(|error| error.message().to_owned()).and_then(
            |file| {
                let verifier = TokenVerifier::new(&file).map_err(|error| error.to_string())?;
                assert!(file.tokens.iter().all(|entry| entry.sha256.len() == 64));
                assert!(verifier.verify("").is_none() && verifier.verify(text).is_none());
                Ok(())
            },
        )
    });
}
