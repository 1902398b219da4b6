//! Every refusal has its own reason, and only who holds the secret hears more than `KEY_UNKNOWN`.

use std::time::Duration;

use proto::provisioning::v1::{
    DeleteProvisioningKeyRequest, ProvisioningKey, UpdateProvisioningKeyRequest,
};
use rpc::{Kind, time::to_proto};

use crate::{
    ground::{GROUP, Ground, key_of},
    newcomer::Newcomer,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mistyped_secret_is_told_from_a_wrong_one() {
    let ground = Ground::start().await;
    let (_, secret) = ground.key(key_of("Berlin", 0)).await;
    let newcomer = Newcomer::new();
    let mut cut = secret.clone();
    cut.pop();
    assert_eq!(newcomer.refused(&ground, &cut).await, "KEY_MALFORMED");
    // Well formed and right in its checksum, and of no key.
    let (other, unknown) = ground.key(key_of("Other", 0)).await;
    let request = DeleteProvisioningKeyRequest { name: other.name, ..Default::default() };
    ground.api().delete_provisioning_key(request).await.unwrap();
    assert_eq!(
        newcomer.refused(&ground, &unknown).await,
        "KEY_UNKNOWN",
        "deleted keys are unknown"
    );
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_state_of_a_key_refuses_with_its_reason() {
    let ground = Ground::start().await;
    let disabled = ProvisioningKey { enabled: Some(false), ..key_of("Disabled", 0) };
    let soon = to_proto(ground.clock.now() + Duration::from_secs(60));
    let expired = ProvisioningKey { expire_time: Some(soon), ..key_of("Expired", 0) };
    let elsewhere =
        ProvisioningKey { allowed_cidrs: vec!["192.0.2.0/24".into()], ..key_of("Elsewhere", 0) };
    let here = ProvisioningKey {
        allowed_cidrs: vec!["127.0.0.0/8".into(), "::1/128".into()],
        ..key_of("Here", 0)
    };
    let mut secrets = Vec::new();
    for key in [disabled, expired, elsewhere, here] {
        secrets.push(ground.key(key).await.1);
    }
    ground.hand.advance(Duration::from_secs(60));
    let newcomer = Newcomer::new();
    for (secret, reason) in
        secrets.iter().zip(["KEY_DISABLED", "KEY_EXPIRED", "KEY_SOURCE_NOT_ALLOWED"])
    {
        assert_eq!(newcomer.refused(&ground, secret).await, reason);
    }
    assert!(newcomer.enrol(&ground, &secrets[3]).await.is_ok());
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_refusal_of_registry_keeps_its_reason() {
    let ground = Ground::start().await;
    let (key, secret) = ground.key(key_of("Berlin", 0)).await;
    let newcomer = Newcomer::new();
    ground.registry.suspend(true);
    assert_eq!(newcomer.refused(&ground, &secret).await, "TENANT_SUSPENDED");
    ground.registry.suspend(false);
    ground.registry.fill(true);
    assert_eq!(newcomer.refused(&ground, &secret).await, "QUOTA_EXCEEDED");
    ground.registry.fill(false);
    ground.registry.group(GROUP, false);
    assert_eq!(newcomer.refused(&ground, &secret).await, "GROUP_DISABLED");
    ground.registry.lose_group(GROUP);
    assert_eq!(newcomer.refused(&ground, &secret).await, "GROUP_NOT_FOUND");
    assert_eq!(ground.use_count(&key.name).await, 0);
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_is_refused_when_key_group_or_connector_are_gone() {
    let ground = Ground::start().await;
    let (key, secret) = ground.key(key_of("Berlin", 0)).await;
    let newcomer = Newcomer::new();
    let joined = newcomer.enrol(&ground, &secret).await.unwrap();
    ground.registry.group(GROUP, false);
    assert_eq!(newcomer.refused(&ground, &secret).await, "GROUP_DISABLED");
    ground.registry.group(GROUP, true);
    let off = ProvisioningKey { name: key.name, enabled: Some(false), ..Default::default() };
    let request = UpdateProvisioningKeyRequest {
        provisioning_key: Some(ProvisioningKey { enabled: Some(false), ..off.clone() }),
        ..Default::default()
    };
    ground.api().update_provisioning_key(request).await.unwrap();
    assert_eq!(newcomer.refused(&ground, &secret).await, "KEY_DISABLED");
    let request = UpdateProvisioningKeyRequest {
        provisioning_key: Some(ProvisioningKey { enabled: Some(true), ..off }),
        ..Default::default()
    };
    ground.api().update_provisioning_key(request).await.unwrap();
    ground.registry.delete_connector(&joined.app_connector);
    assert_eq!(newcomer.refused(&ground, &secret).await, "IDENTITY_REVOKED");
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_host_sends_is_judged_with_its_own_reasons() {
    let ground = Ground::start().await;
    let (_, secret) = ground.key(key_of("Berlin", 0)).await;
    let (_, other) = ground.key(key_of("Hamburg", 0)).await;
    let reason = |request| async { ground.enroll(request).await.unwrap_err().reason().to_owned() };
    let mut newcomer = Newcomer::new();
    newcomer.fingerprint = "this host".into();
    let mut request = newcomer.request(&secret);
    request.csr = vec![1, 2, 3].into();
    assert_eq!(reason(request).await, "CSR_INVALID");
    let mut request = newcomer.request(&secret);
    request.client_time = Some(to_proto(ground.clock.now() + Duration::from_secs(301)));
    assert_eq!(reason(request).await, "CLOCK_SKEW");
    newcomer.enrol(&ground, &secret).await.unwrap();
    assert_eq!(newcomer.refused(&ground, &other).await, "PUBLIC_KEY_IN_USE");
    newcomer.fingerprint = "another host".into();
    assert_eq!(newcomer.refused(&ground, &secret).await, "FINGERPRINT_MISMATCH");
    let nothing = ground.enroll(Default::default()).await.unwrap_err();
    let fields: Vec<_> = nothing.violations().iter().map(|v| v.field.as_str()).collect();
    assert_eq!(fields, ["secret", "csr"], "all that is wrong is told at once");
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_guesses_is_slowed_and_a_good_key_from_there_is_not() {
    let ground = Ground::start().await;
    let (_, secret) = ground.key(key_of("Berlin", 0)).await;
    let (gone, wrong) = ground.key(key_of("Gone", 0)).await;
    let request = DeleteProvisioningKeyRequest { name: gone.name, ..Default::default() };
    ground.api().delete_provisioning_key(request).await.unwrap();
    let newcomer = Newcomer::new();
    for _ in 0..20 {
        assert_eq!(newcomer.refused(&ground, &wrong).await, "KEY_UNKNOWN");
    }
    let slowed = newcomer.enrol(&ground, &wrong).await.unwrap_err();
    assert_eq!(slowed.reason(), "ENROLMENT_RATE_LIMITED");
    assert_eq!(slowed.kind(), Kind::ResourceExhausted);
    assert!(slowed.retry_delay().is_some());
    assert!(newcomer.enrol(&ground, &secret).await.is_ok());
    ground.stop().await;
}
