//! What of a failure reaches its caller.

use super::*;
use names::Reason;
use tonic::{Code, Status};

#[test]
fn a_failure_comes_back_from_its_status_with_every_detail() {
    let failure = Failure::new(Kind::FailedPrecondition, Reason::Referenced, "empty it first")
        .metadata("group", "tenants/acme/appConnectorGroups/a")
        .violation("force", Reason::Required, "send force=true")
        .precondition(
            Reason::Referenced,
            "tenants/acme/appConnectorGroups/a",
            "move its connectors",
        )
        .quota("tenants/acme", "at most 10")
        .retry_after(Duration::from_millis(1500))
        .resource("causeway/AppConnectorGroup", "tenants/acme/appConnectorGroups/a");
    let status = Status::from(failure);
    assert_eq!(status.code(), Code::FailedPrecondition);

    let back = Failure::from_status(&status);
    assert_eq!(back.kind(), Kind::FailedPrecondition);
    assert_eq!(back.reason(), "REFERENCED");
    assert_eq!(back.message(), "empty it first");
    assert_eq!(back.metadata_map()["group"], "tenants/acme/appConnectorGroups/a");
    assert_eq!(back.violations()[0].field, "force");
    assert_eq!(back.violations()[0].reason, "REQUIRED");
    assert_eq!(back.preconditions()[0].kind, "REFERENCED");
    assert_eq!(back.quotas()[0].subject, "tenants/acme");
    assert_eq!(back.retry_delay(), Some(Duration::from_millis(1500)));
    assert_eq!(back.resource_info().unwrap().kind, "causeway/AppConnectorGroup");
}

#[test]
fn a_source_is_kept_for_the_log_and_never_sent() {
    let failure = Failure::defect(std::io::Error::other("disk sda1 is full"));
    assert!(StdError::source(&failure).is_some());
    let status = Status::from(failure);
    assert!(!format!("{status:?}").contains("sda1"), "{status:?}");
}

#[test]
fn the_largest_answer_fits_into_the_headers_that_clients_accept() {
    let long = "ü".repeat(4000);
    let mut failure = Failure::new(Kind::InvalidArgument, Reason::FieldsInvalid, long.clone());
    for _ in 0..500 {
        failure = failure.violation(long.clone(), Reason::OutOfRange, long.clone());
    }
    let status = Status::from(failure);
    let encoded = status.details().len() * 4 / 3 + status.message().len() * 3;
    assert!(encoded < 16 * 1024, "{encoded} bytes");
    assert_eq!(Failure::from_status(&status).violations().len(), details::MAX_VIOLATIONS);
}

#[test]
fn a_status_without_details_still_has_a_kind_and_a_message() {
    let back = Failure::from_status(&Status::unavailable("gone"));
    assert_eq!((back.kind(), back.reason(), back.message()), (Kind::Unavailable, "", "gone"));
}

#[test]
fn a_callee_s_fields_take_the_names_of_the_caller_s_request() {
    let failure = Failure::new(Kind::InvalidArgument, Reason::FieldsInvalid, "m")
        .violation("group.location.latitude", Reason::OutOfRange, "must be -90…90")
        .violation("group_id", Reason::Malformed, "x")
        .renamed("group", "new_group");
    let fields: Vec<_> = failure.violations().iter().map(|v| v.field.as_str()).collect();
    assert_eq!(fields, ["new_group.location.latitude", "group_id"]);
}
