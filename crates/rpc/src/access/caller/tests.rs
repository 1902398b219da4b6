//! What a caller may do, by what proved who it is.

use super::*;
use crate::tokens::{TokenEntry, TokenFile, token_sha256};
use names::{Id, Reason, SpiffeId, TrustDomain};

fn tenant(id: &str) -> TenantName {
    TenantName { tenant: Id::parse(id).unwrap() }
}

fn guard(entries: Vec<TokenEntry>) -> Guard {
    let tokens = TokenVerifier::new(&TokenFile { tokens: entries }).unwrap();
    let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
    Guard {
        denied: DenyList::new(),
        tokens,
        now: Arc::new(move || now),
        expired_grace: jiff::SignedDuration::ZERO,
    }
}

fn ops(roles: &[&str], acme: &[&str]) -> Guard {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    guard(vec![TokenEntry {
        name: "ops".into(),
        sha256: token_sha256("t"),
        roles: words(roles),
        tenants: [("acme".to_owned(), words(acme))].into(),
    }])
}

fn with_token(guard: &Guard, classes: &[AccessClass]) -> Caller {
    let kind = CallerKind::Token(guard.tokens.verify("t").unwrap());
    calling(kind, None, classes, guard)
}

fn calling(
    kind: CallerKind,
    identity: Option<Arc<PeerIdentity>>,
    classes: &[AccessClass],
    guard: &Guard,
) -> Caller {
    let rule = MethodRule {
        service: "causeway.test.v1.Test".into(),
        method: "Do".into(),
        classes: classes.to_vec(),
        streaming: false,
        planned: false,
        ours: true,
    };
    let remote = SocketAddr::from(([127, 0, 0, 1], 1));
    Caller::new(kind, remote, identity, Arc::new(rule), guard.clone())
}

const ADMINS: &[AccessClass] =
    &[AccessClass::Role(Role::Admin), AccessClass::Role(Role::SystemAdmin), AccessClass::Service];

#[test]
fn a_foreign_tenant_looks_like_one_that_does_not_exist() {
    let caller = with_token(&ops(&[], &["ADMIN"]), ADMINS);
    assert_eq!(*caller.authorise(&tenant("acme")).unwrap(), tenant("acme"));
    let foreign = caller.authorise(&tenant("other")).unwrap_err();
    let missing = Failure::not_found(TenantName::TYPE, tenant("other"));
    assert_eq!(format!("{:?}", foreign.to_status()), format!("{:?}", missing.to_status()));
}

#[test]
fn a_missing_role_in_an_own_tenant_is_named() {
    let caller = with_token(&ops(&[], &["VIEWER"]), ADMINS);
    let denied = caller.authorise(&tenant("acme")).unwrap_err();
    assert_eq!(
        (denied.kind(), denied.reason()),
        (Kind::PermissionDenied, Reason::AccessDenied.word())
    );
    assert!(denied.message().contains("ADMIN"), "{denied}");
    assert_eq!(caller.admit().unwrap_err().reason(), Reason::AccessDenied);
}

#[test]
fn all_tenants_are_for_services_and_system_administrators() {
    let admin = with_token(&ops(&[], &["ADMIN"]), ADMINS);
    assert_eq!(admin.authorise_scope(ALL_TENANTS).unwrap_err().reason(), Reason::AccessDenied);
    let one = admin.authorise_scope("tenants/acme").unwrap();
    assert_eq!(*one, Scope::Tenant(tenant("acme")));
    let wrong = admin.authorise_scope("acme").unwrap_err();
    assert_eq!(wrong.violations()[0].field, "parent");

    let system = ops(&["SYSTEM_ADMIN"], &[]);
    assert_eq!(*with_token(&system, ADMINS).authorise_scope(ALL_TENANTS).unwrap(), Scope::All);
    let service = CallerKind::Service(Id::parse("paths").unwrap());
    let service = calling(service, None, ADMINS, &guard(vec![]));
    assert_eq!(*service.authorise_system().unwrap(), Scope::All);
    assert!(service.is_service());
}

#[test]
fn nobody_without_credentials_passes_but_to_public_methods() {
    let guard = guard(vec![]);
    let refused = calling(CallerKind::Anonymous, None, ADMINS, &guard).admit().unwrap_err();
    assert_eq!(
        (refused.kind(), refused.reason()),
        (Kind::Unauthenticated, Reason::CredentialsMissing.word())
    );
    calling(CallerKind::Anonymous, None, &[AccessClass::Public], &guard).admit().unwrap();
}

#[test]
fn a_connector_acts_in_its_own_tenant_until_it_is_revoked_or_expires() {
    let name: AppConnectorName = "tenants/acme/appConnectors/c-1".parse().unwrap();
    let domain = TrustDomain::parse("causeway.test").unwrap();
    let identity = |not_after: &str| {
        Arc::new(PeerIdentity {
            spiffe: SpiffeId::app_connector(domain.clone(), name.clone()),
            serial: vec![0, 200, 1],
            not_after: not_after.parse().unwrap(),
            public_key_sha256: [0; 32],
        })
    };
    let guard = guard(vec![]);
    let connector = |not_after| {
        let kind = CallerKind::Connector(name.clone());
        calling(kind, Some(identity(not_after)), &[AccessClass::Connector], &guard)
    };
    let caller = connector("2026-11-24T00:00:00Z");
    caller.still_valid().unwrap();
    assert_eq!(caller.connector().unwrap(), &name);
    let _ = caller.authorise(&tenant("acme")).unwrap();
    assert_eq!(caller.authorise(&tenant("other")).unwrap_err().kind(), Kind::NotFound);

    let expired = connector("2026-11-23T12:00:00Z").still_valid().unwrap_err();
    assert_eq!(expired.reason(), Reason::CertificateExpired);
    let voice = guard.denied.voice("registry");
    voice.deny_name(name.clone());
    assert_eq!(caller.still_valid().unwrap_err().reason(), Reason::IdentityRevoked);
    voice.allow_name(&name);
    caller.still_valid().unwrap();
    voice.deny_serial(&[200, 1]);
    assert_eq!(caller.still_valid().unwrap_err().reason(), Reason::IdentityRevoked);
}

#[test]
fn a_token_taken_back_ends_its_streams() {
    let guard = ops(&[], &["ADMIN"]);
    let caller = with_token(&guard, ADMINS);
    caller.still_valid().unwrap();
    guard.tokens.replace(&TokenFile::default()).unwrap();
    assert_eq!(caller.still_valid().unwrap_err().reason(), Reason::TokenUnknown);
}

#[test]
fn a_grace_keeps_a_connector_whose_certificate_has_ended_and_says_so() {
    let name = AppConnectorName::new(Id::parse("acme").unwrap(), Id::parse("berlin-1").unwrap());
    let domain = TrustDomain::parse("causeway.example").unwrap();
    let mut guard = guard(vec![]);
    guard.expired_grace = SignedDuration::from_hours(72);
    let ended_at = |not_after: &str, spiffe: SpiffeId, kind| {
        let identity = PeerIdentity {
            spiffe,
            serial: vec![1],
            not_after: not_after.parse().unwrap(),
            public_key_sha256: [0; 32],
        };
        calling(kind, Some(Arc::new(identity)), &[AccessClass::Connector], &guard)
    };
    let connector = |not_after| {
        let spiffe = SpiffeId::app_connector(domain.clone(), name.clone());
        ended_at(not_after, spiffe, CallerKind::Connector(name.clone()))
    };
    let fresh = connector("2026-11-24T00:00:00Z");
    assert!(fresh.still_valid().is_ok() && !fresh.is_expired());
    let late = connector("2026-11-20T12:00:01Z");
    assert!(late.still_valid().is_ok() && late.is_expired());
    let too_late = connector("2026-11-20T12:00:00Z").still_valid().unwrap_err();
    assert_eq!(too_late.reason(), Reason::CertificateExpired);
    let paths = Id::parse("paths").unwrap();
    let spiffe = SpiffeId::service(domain.clone(), paths.clone());
    let sibling = ended_at("2026-11-23T11:59:59Z", spiffe, CallerKind::Service(paths));
    assert_eq!(sibling.still_valid().unwrap_err().reason(), Reason::CertificateExpired);
}
