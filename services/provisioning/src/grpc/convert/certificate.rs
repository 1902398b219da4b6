//! Leaves, authorities and revocations.

use ::store::Epoch;
use bytes::Bytes;
use jiff::Timestamp;
use names::{CertificateAuthorityName, Violations};
use proto::provisioning::v1 as pb;
use rpc::{
    Failure, Refuse as _,
    time::{from_proto, to_proto},
};

use super::{etag, hex};
use crate::{
    domain::certificate::{Authority, CaCertificate, Revocation},
    service::authorities::Certificates,
    store::Found,
};

/// A leaf and the roots.
pub(crate) fn certificates(certificates: Certificates) -> pb::CertificateBundle {
    let Certificates {
        leaf,
        record: _,
        tenant_bundle,
        system_bundle,
        validity,
        renew_time,
        trust_domain,
    } = certificates;
    pb::CertificateBundle {
        certificate_chain: vec![leaf.into()],
        tenant_bundle: tenant_bundle.into_iter().map(Into::into).collect(),
        system_bundle: system_bundle.into_iter().map(Into::into).collect(),
        not_before_time: Some(to_proto(validity.start)),
        not_after_time: Some(to_proto(validity.end)),
        renew_time: Some(to_proto(renew_time)),
        trust_domain: trust_domain.to_string(),
    }
}

/// A signing request and the host's time.
pub(crate) fn renewal(
    message: pb::RenewCertificateRequest,
) -> Result<(Bytes, Option<Timestamp>), Failure> {
    let pb::RenewCertificateRequest { csr, client_time } = message;
    let mut problems = Violations::new();
    if csr.is_empty() {
        problems.missing("csr", "`csr` must be set: a PKCS #10 request, DER");
    }
    let client_time = from_proto("client_time", client_time.as_ref(), &mut problems);
    problems.finish()?;
    Ok((csr, client_time))
}

/// A tenant's authority.
pub(crate) fn authority(
    authority: Found<Authority>,
    trust_domain: &str,
    epoch: Epoch,
) -> pb::CertificateAuthority {
    let Found { value, revision } = authority;
    let Authority { tenant, certificates, create_time, update_time } = value;
    let certificate = |certificate: CaCertificate| {
        let CaCertificate { der, public_key_sha256, not_before, not_after } = certificate;
        pb::CaCertificate {
            der: der.into(),
            public_key_sha256: public_key_sha256.to_vec().into(),
            not_before_time: Some(to_proto(not_before)),
            not_after_time: Some(to_proto(not_after)),
        }
    };
    pb::CertificateAuthority {
        name: CertificateAuthorityName { tenant: tenant.tenant }.to_string(),
        trust_domain: trust_domain.to_owned(),
        certificates: certificates.into_iter().map(certificate).collect(),
        create_time: Some(to_proto(create_time)),
        update_time: Some(to_proto(update_time)),
        etag: etag(epoch, revision),
    }
}

pub(super) fn revocation(revocation: Revocation) -> pb::Revocation {
    let Revocation { connector, reason, revoke_time, expire_time, leaf } = revocation;
    pb::Revocation {
        app_connector: connector.to_string(),
        reason: reason.as_str().to_owned(),
        revoke_time: Some(to_proto(revoke_time)),
        expire_time: Some(to_proto(expire_time)),
        certificate_serial: leaf.map(|leaf| hex(&leaf.serial)).unwrap_or_default(),
    }
}
