//! Certificates: what a leaf says, renewing it, and losing it.

use jiff::SignedDuration;
use proto::provisioning::v1::{
    EnrollResponse, GetCertificateAuthorityRequest, RenewCertificateRequest,
    provisioning_service_client::ProvisioningServiceClient,
};
use rcgen::KeyPair;
use rpc::{Failure, client::Channel, time::parse};
use runtime::identity::read_leaf;
use rustls_pki_types::CertificateDer;

use crate::{
    ground::{GROUP, Ground, TENANT, eventually, failure, key_of},
    newcomer::{Newcomer, csr},
    registry::Mood,
};

fn connector_api(
    ground: &Ground,
    newcomer: &Newcomer,
    answer: &EnrollResponse,
) -> ProvisioningServiceClient<Channel> {
    ProvisioningServiceClient::new(ground.channel(Some(newcomer.identity(answer))))
}

async fn renew(
    api: &mut ProvisioningServiceClient<Channel>,
    key: &KeyPair,
) -> Result<Vec<u8>, Failure> {
    let request = RenewCertificateRequest { csr: csr(key).into(), client_time: None };
    let answer = api.renew_certificate(request).await.map_err(failure)?.into_inner();
    Ok(answer.certificates.unwrap().certificate_chain[0].to_vec())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaf_names_its_connector_for_seven_days_from_five_minutes_ago() {
    let ground = Ground::start().await;
    let (_, secret) = ground.key(key_of("Berlin", 1)).await;
    let newcomer = Newcomer::new();
    let answer = newcomer.enrol(&ground, &secret).await.unwrap();
    let bundle = answer.certificates.clone().unwrap();
    let leaf = read_leaf(&CertificateDer::from(bundle.certificate_chain[0].to_vec())).unwrap();
    let expected = format!("spiffe://causeway.test/{}", answer.app_connector);
    assert_eq!(leaf.spiffe.to_string(), expected);
    let now = ground.clock.now();
    let start = parse(&bundle.not_before_time.unwrap()).unwrap();
    let end = parse(&bundle.not_after_time.unwrap()).unwrap();
    let renew = parse(&bundle.renew_time.unwrap()).unwrap();
    assert_eq!(now.duration_since(start), SignedDuration::from_mins(5));
    assert_eq!(end.duration_since(now), SignedDuration::from_hours(7 * 24));
    assert!(end.duration_since(renew) >= SignedDuration::from_hours(56));
    assert_eq!(bundle.trust_domain, "causeway.test");
    assert_eq!((bundle.tenant_bundle.len(), bundle.system_bundle.len()), (1, 1));
    assert_eq!(answer.heartbeat_period.unwrap().seconds, 10);
    assert_eq!(answer.app_connector_group, GROUP);
    let request = GetCertificateAuthorityRequest { name: format!("{TENANT}/certificateAuthority") };
    let mut api = connector_api(&ground, &newcomer, &answer);
    let authority = api.get_certificate_authority(request).await.unwrap().into_inner();
    assert_eq!(authority.certificates[0].der, bundle.tenant_bundle[0]);
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connector_renews_over_mtls_while_registry_is_away_and_its_group_disabled() {
    let ground = Ground::start().await;
    let (key, secret) = ground.key(key_of("Berlin", 1)).await;
    let newcomer = Newcomer::new();
    let answer = newcomer.enrol(&ground, &secret).await.unwrap();
    ground.registry.group(GROUP, false);
    ground.registry.mood(Mood::Away);
    ground.hand.advance(std::time::Duration::from_secs(5 * 24 * 3600));
    let mut api = connector_api(&ground, &newcomer, &answer);
    let same = renew(&mut api, &newcomer.key).await.unwrap();
    assert_ne!(same, answer.certificates.clone().unwrap().certificate_chain[0].to_vec());
    let younger = KeyPair::generate().unwrap();
    let leaf = renew(&mut api, &younger).await.unwrap();
    let identity = crate::newcomer::identity(&younger, leaf);
    let mut api = ProvisioningServiceClient::new(ground.channel(Some(identity)));
    renew(&mut api, &younger).await.unwrap();
    assert_eq!(ground.use_count(&key.name).await, 1);
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_with_the_key_of_another_connector_is_refused() {
    let ground = Ground::start().await;
    let (_, secret) = ground.key(key_of("Berlin", 0)).await;
    let (one, other) = (Newcomer::new(), Newcomer::new());
    let answer = one.enrol(&ground, &secret).await.unwrap();
    other.enrol(&ground, &secret).await.unwrap();
    let mut api = connector_api(&ground, &one, &answer);
    let refused = renew(&mut api, &other.key).await.unwrap_err();
    assert_eq!(refused.reason(), "PUBLIC_KEY_IN_USE");
    let anonymous = ProvisioningServiceClient::new(ground.channel(None));
    let refused = renew(&mut anonymous.clone(), &one.key).await.unwrap_err();
    assert_eq!(refused.reason(), "CREDENTIALS_MISSING");
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_connector_is_cut_off_and_never_comes_back_with_its_key_pair() {
    let ground = Ground::start().await;
    let (_, secret) = ground.key(key_of("Berlin", 0)).await;
    let (_, other) = ground.key(key_of("Hamburg", 0)).await;
    let newcomer = Newcomer::new();
    let answer = newcomer.enrol(&ground, &secret).await.unwrap();
    let api = connector_api(&ground, &newcomer, &answer);
    renew(&mut api.clone(), &newcomer.key).await.unwrap();
    ground.registry.delete_connector(&answer.app_connector);
    eventually("the open connection is refused", || async {
        renew(&mut api.clone(), &newcomer.key)
            .await
            .is_err_and(|e| e.reason() == "IDENTITY_REVOKED")
    })
    .await;
    assert_eq!(newcomer.refused(&ground, &secret).await, "IDENTITY_REVOKED");
    eventually("the ledger knows", || async {
        newcomer.refused(&ground, &other).await == "IDENTITY_REVOKED"
    })
    .await;
    ground.stop().await;
}
