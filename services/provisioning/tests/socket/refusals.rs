//! Every refusal has its own reason, and only who holds the secret hears more than `KEY_UNKNOWN`.

use std::time::Duration;

use proto::provisioning::v1::{
    DeleteProvisioningKeyRequest, ProvisioningKey, UpdateProvisioningKeyRequest,
};
use rpc::{Kind, time::to_proto};

use crate::{
    house::{GROUP, House, key_of},
    newcomer::Newcomer,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mistyped_secret_is_told_from_a_wrong_one() {
    let house = House::start().await;
    let (_, secret) = house.key(key_of("Berlin", 0)).await;
    let newcomer = Newcomer::new();
    let mut cut = secret.clone();
    cut.pop();
    assert_eq!(newcomer.refused(&house, &cut).await, "KEY_MALFORMED");
    // Well formed and right in its checksum, and of no key.
    let (other, unknown) = house.key(key_of("Other", 0)).await;
    let request = DeleteProvisioningKeyRequest { name: other.name, ..Default::default() };
    house.api().delete_provisioning_key(request).await.unwrap();
    assert_eq!(newcomer.refused(&house, &unknown).await, "KEY_UNKNOWN", "deleted keys are unknown");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_state_of_a_key_refuses_with_its_reason() {
    let house = House::start().await;
    let disabled = ProvisioningKey { enabled: Some(false), ..key_of("Disabled", 0) };
    let soon = to_proto(house.clock.now() + Duration::from_secs(60));
    let expired = ProvisioningKey { expire_time: Some(soon), ..key_of("Expired", 0) };
    let elsewhere =
        ProvisioningKey { allowed_cidrs: vec!["192.0.2.0/24".into()], ..key_of("Elsewhere", 0) };
    let here = ProvisioningKey {
        allowed_cidrs: vec!["127.0.0.0/8".into(), "::1/128".into()],
        ..key_of("Here", 0)
    };
    let mut secrets = Vec::new();
    for key in [disabled, expired, elsewhere, here] {
        secrets.push(house.key(key).await.1);
    }
    house.hand.advance(Duration::from_secs(60));
    let newcomer = Newcomer::new();
    for (secret, reason) in
        secrets.iter().zip(["KEY_DISABLED", "KEY_EXPIRED", "KEY_SOURCE_NOT_ALLOWED"])
    {
        assert_eq!(newcomer.refused(&house, secret).await, reason);
    }
    assert!(newcomer.enrol(&house, &secrets[3]).await.is_ok());
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_refusal_of_registry_keeps_its_reason() {
    let house = House::start().await;
    let (key, secret) = house.key(key_of("Berlin", 0)).await;
    let newcomer = Newcomer::new();
    house.registry.suspend(true);
    assert_eq!(newcomer.refused(&house, &secret).await, "TENANT_SUSPENDED");
    house.registry.suspend(false);
    house.registry.fill(true);
    assert_eq!(newcomer.refused(&house, &secret).await, "QUOTA_EXCEEDED");
    house.registry.fill(false);
    house.registry.group(GROUP, false);
    assert_eq!(newcomer.refused(&house, &secret).await, "GROUP_DISABLED");
    house.registry.lose_group(GROUP);
    assert_eq!(newcomer.refused(&house, &secret).await, "GROUP_NOT_FOUND");
    assert_eq!(house.use_count(&key.name).await, 0);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_is_refused_when_key_group_or_connector_are_gone() {
    let house = House::start().await;
    let (key, secret) = house.key(key_of("Berlin", 0)).await;
    let newcomer = Newcomer::new();
    let joined = newcomer.enrol(&house, &secret).await.unwrap();
    house.registry.group(GROUP, false);
    assert_eq!(newcomer.refused(&house, &secret).await, "GROUP_DISABLED");
    house.registry.group(GROUP, true);
    let off = ProvisioningKey { name: key.name, enabled: Some(false), ..Default::default() };
    let request = UpdateProvisioningKeyRequest {
        provisioning_key: Some(ProvisioningKey { enabled: Some(false), ..off.clone() }),
        ..Default::default()
    };
    house.api().update_provisioning_key(request).await.unwrap();
    assert_eq!(newcomer.refused(&house, &secret).await, "KEY_DISABLED");
    let request = UpdateProvisioningKeyRequest {
        provisioning_key: Some(ProvisioningKey { enabled: Some(true), ..off }),
        ..Default::default()
    };
    house.api().update_provisioning_key(request).await.unwrap();
    house.registry.delete_connector(&joined.app_connector);
    assert_eq!(newcomer.refused(&house, &secret).await, "IDENTITY_REVOKED");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_host_sends_is_judged_with_its_own_reasons() {
    let house = House::start().await;
    let (_, secret) = house.key(key_of("Berlin", 0)).await;
    let (_, other) = house.key(key_of("Hamburg", 0)).await;
    let reason = |request| async { house.enroll(request).await.unwrap_err().reason().to_owned() };
    let mut newcomer = Newcomer::new();
    newcomer.fingerprint = "this host".into();
    let mut request = newcomer.request(&secret);
    request.csr = vec![1, 2, 3].into();
    assert_eq!(reason(request).await, "CSR_INVALID");
    let mut request = newcomer.request(&secret);
    request.client_time = Some(to_proto(house.clock.now() + Duration::from_secs(301)));
    assert_eq!(reason(request).await, "CLOCK_SKEW");
    newcomer.enrol(&house, &secret).await.unwrap();
    assert_eq!(newcomer.refused(&house, &other).await, "PUBLIC_KEY_IN_USE");
    newcomer.fingerprint = "another host".into();
    assert_eq!(newcomer.refused(&house, &secret).await, "FINGERPRINT_MISMATCH");
    let nothing = house.enroll(Default::default()).await.unwrap_err();
    let fields: Vec<_> = nothing.violations().iter().map(|v| v.field.as_str()).collect();
    assert_eq!(fields, ["secret", "csr"], "all that is wrong is told at once");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_guesses_is_slowed_and_a_good_key_from_there_is_not() {
    let house = House::start().await;
    let (_, secret) = house.key(key_of("Berlin", 0)).await;
    let (gone, wrong) = house.key(key_of("Gone", 0)).await;
    let request = DeleteProvisioningKeyRequest { name: gone.name, ..Default::default() };
    house.api().delete_provisioning_key(request).await.unwrap();
    let newcomer = Newcomer::new();
    for _ in 0..20 {
        assert_eq!(newcomer.refused(&house, &wrong).await, "KEY_UNKNOWN");
    }
    let slowed = newcomer.enrol(&house, &wrong).await.unwrap_err();
    assert_eq!(slowed.reason(), "ENROLMENT_RATE_LIMITED");
    assert_eq!(slowed.kind(), Kind::ResourceExhausted);
    assert!(slowed.retry_delay().is_some());
    assert!(newcomer.enrol(&house, &secret).await.is_ok());
    house.stop().await;
}
