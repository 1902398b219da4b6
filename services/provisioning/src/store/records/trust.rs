//! Authorities, and identities to refuse.

use jiff::Timestamp;
use names::{AppConnectorName, TenantName};
use serde::{Deserialize, Serialize};

use resource::Record;

use super::Hex;
use crate::domain::certificate::{
    Authority, CaCertificate, LeafRecord, Revocation, RevocationReason,
};

/// Versions of an authority's public record.
#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
pub(in crate::store) enum StoredAuthority {
    #[serde(rename = "1")]
    V1 {
        tenant: TenantName,
        certificates: Vec<CaCertificateV1>,
        create_time: Timestamp,
        update_time: Timestamp,
    },
}

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct CaCertificateV1 {
    der: Hex,
    public_key_sha256: Hex,
    not_before: Timestamp,
    not_after: Timestamp,
}

impl Record for StoredAuthority {
    type Domain = Authority;

    fn of(authority: &Authority) -> Self {
        let certificate = |certificate: &CaCertificate| CaCertificateV1 {
            der: Hex(certificate.der.clone()),
            public_key_sha256: Hex(certificate.public_key_sha256.to_vec()),
            not_before: certificate.not_before,
            not_after: certificate.not_after,
        };
        Self::V1 {
            tenant: authority.tenant.clone(),
            certificates: authority.certificates.iter().map(certificate).collect(),
            create_time: authority.create_time,
            update_time: authority.update_time,
        }
    }

    fn into_domain(self) -> Result<Authority, String> {
        let Self::V1 { tenant, certificates, create_time, update_time } = self;
        let certificate = |record: CaCertificateV1| {
            Ok::<_, String>(CaCertificate {
                der: record.der.0,
                public_key_sha256: record.public_key_sha256.hash()?,
                not_before: record.not_before,
                not_after: record.not_after,
            })
        };
        let certificates = certificates.into_iter().map(certificate).collect::<Result<_, _>>()?;
        Ok(Authority { tenant, certificates, create_time, update_time })
    }
}

/// Versions of the record of an authority's private key.
#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
pub(in crate::store) enum StoredAuthorityKey {
    #[serde(rename = "1")]
    V1 { certificate_pem: String, key_pem: String },
}

/// An authority's key pair, as it is loaded for signing.
pub(crate) struct AuthorityPem {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Record for StoredAuthorityKey {
    type Domain = AuthorityPem;

    fn of(pem: &AuthorityPem) -> Self {
        Self::V1 { certificate_pem: pem.certificate.clone(), key_pem: pem.key.clone() }
    }

    fn into_domain(self) -> Result<AuthorityPem, String> {
        let Self::V1 { certificate_pem, key_pem } = self;
        Ok(AuthorityPem { certificate: certificate_pem, key: key_pem })
    }
}

/// Versions of a revocation's record.
#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
pub(in crate::store) enum StoredRevocation {
    #[serde(rename = "1")]
    V1(RevocationV1),
}

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct RevocationV1 {
    app_connector: AppConnectorName,
    reason: ReasonV1,
    revoke_time: Timestamp,
    expire_time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    leaf: Option<LeafV1>,
}

impl Record for StoredRevocation {
    type Domain = Revocation;

    fn of(revocation: &Revocation) -> Self {
        Self::V1(RevocationV1 {
            app_connector: revocation.connector.clone(),
            reason: revocation.reason.into(),
            revoke_time: revocation.revoke_time,
            expire_time: revocation.expire_time,
            leaf: revocation.leaf.clone().map(Into::into),
        })
    }

    fn into_domain(self) -> Result<Revocation, String> {
        let Self::V1(record) = self;
        Ok(Revocation {
            connector: record.app_connector,
            reason: record.reason.into(),
            revoke_time: record.revoke_time,
            expire_time: record.expire_time,
            leaf: record.leaf.map(Into::into),
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ReasonV1 {
    AppConnectorDeleted,
    EnrolmentRevoked,
}

#[derive(Serialize, Deserialize)]
pub(super) struct LeafV1 {
    serial: Hex,
    not_after: Timestamp,
}

impl From<RevocationReason> for ReasonV1 {
    fn from(reason: RevocationReason) -> Self {
        match reason {
            RevocationReason::AppConnectorDeleted => Self::AppConnectorDeleted,
            RevocationReason::EnrolmentRevoked => Self::EnrolmentRevoked,
        }
    }
}

impl From<ReasonV1> for RevocationReason {
    fn from(reason: ReasonV1) -> Self {
        match reason {
            ReasonV1::AppConnectorDeleted => Self::AppConnectorDeleted,
            ReasonV1::EnrolmentRevoked => Self::EnrolmentRevoked,
        }
    }
}

impl From<LeafRecord> for LeafV1 {
    fn from(LeafRecord { serial, not_after }: LeafRecord) -> Self {
        Self { serial: Hex(serial), not_after }
    }
}

impl From<LeafV1> for LeafRecord {
    fn from(LeafV1 { serial, not_after }: LeafV1) -> Self {
        Self { serial: serial.0, not_after }
    }
}
