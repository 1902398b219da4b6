//! Bearer tokens of people and programs.
//!
//! Owns: the token file (TOML: name, SHA-256 of the token, roles), looking a token up, and making one.
//! Always holds: no token is stored or logged, only its hash; a reload takes effect on the next request and on open streams;
//! a file that does not parse leaves the tokens as they were.
//! Absent on purpose: expiry and OIDC; a token counts while it stands in the file.
//!
//! ## Design notes
//! A token has 256 random bits, so a plain SHA-256 is enough (nothing to guess), and looking the hash up in a map
//! leaks no more by its time than the hash's bucket.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use names::{Id, TenantName};
use ring::digest;
use serde::{Deserialize, Serialize};

use crate::access::Role;

/// Every token begins so; secret scanners know it by this.
pub const TOKEN_PREFIX: &str = "cwt_";

/// One entry of a token file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenEntry {
    /// Who the token is for; audit events show it.
    pub name: String,
    /// SHA-256 of the whole token text, 64 hex digits.
    pub sha256: String,
    /// Roles in every tenant, and SYSTEM_ADMIN.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Roles by tenant id.
    #[serde(default)]
    pub tenants: BTreeMap<String, Vec<String>>,
}

/// The content of a token file: `[[token]]` entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenFile {
    /// The entries.
    #[serde(default, rename = "token")]
    pub tokens: Vec<TokenEntry>,
}

/// Why a token file was not taken.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    /// It cannot be read.
    #[error("the token file {path} cannot be read: {source}")]
    Read {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not TOML of the expected form.
    #[error("the token file is not valid: {0}")]
    Form(#[from] toml::de::Error),
    /// An entry breaks a rule.
    #[error("token `{name}`: {problem}")]
    Entry {
        /// The entry's name.
        name: String,
        /// The rule and the fix.
        problem: String,
    },
}

/// What one token may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenGrants {
    /// Who it is for.
    pub name: String,
    sha256: [u8; 32],
    everywhere: BTreeSet<Role>,
    by_tenant: BTreeMap<Id, BTreeSet<Role>>,
}

impl TokenGrants {
    /// Whether the token carries `role` for this tenant; without one, for the whole installation.
    #[must_use]
    pub fn holds(&self, role: Role, tenant: Option<&TenantName>) -> bool {
        let here = tenant.and_then(|tenant| self.by_tenant.get(&tenant.tenant));
        self.everywhere.contains(&role) || here.is_some_and(|roles| roles.contains(&role))
    }

    /// Whether the token carries `role` anywhere.
    #[must_use]
    pub fn holds_anywhere(&self, role: Role) -> bool {
        self.everywhere.contains(&role)
            || self.by_tenant.values().any(|roles| roles.contains(&role))
    }
}

type Grants = HashMap<[u8; 32], Arc<TokenGrants>>;

/// The tokens that count now; clones share them.
#[derive(Clone)]
pub struct TokenVerifier {
    grants: Arc<ArcSwap<Grants>>,
    path: Option<Arc<Path>>,
}

impl TokenVerifier {
    /// Knows no token.
    #[must_use]
    pub fn empty() -> Self {
        Self { grants: Arc::new(ArcSwap::from_pointee(Grants::new())), path: None }
    }

    /// Takes the tokens of a parsed file.
    ///
    /// # Errors
    /// [`TokenFileError::Entry`] naming the entry, the rule and the fix.
    pub fn new(file: &TokenFile) -> Result<Self, TokenFileError> {
        let verifier = Self::empty();
        verifier.replace(file)?;
        Ok(verifier)
    }

    /// Reads a token file; [`reload`](Self::reload) reads it again.
    ///
    /// # Errors
    /// [`TokenFileError`].
    pub fn load(path: &Path) -> Result<Self, TokenFileError> {
        let verifier = Self { path: Some(path.into()), ..Self::empty() };
        verifier.reload()?;
        Ok(verifier)
    }

    /// Reads the file again; a no-op without one.
    ///
    /// # Errors
    /// [`TokenFileError`]; the tokens stay as they were.
    pub fn reload(&self) -> Result<(), TokenFileError> {
        let Some(path) = &self.path else { return Ok(()) };
        let read = |source| TokenFileError::Read { path: path.to_path_buf(), source };
        let text = std::fs::read_to_string(path).map_err(read)?;
        self.replace(&toml::from_str(&text)?)
    }

    /// Swaps all tokens at once.
    ///
    /// # Errors
    /// [`TokenFileError::Entry`]; the tokens stay as they were.
    pub fn replace(&self, file: &TokenFile) -> Result<(), TokenFileError> {
        let mut grants = Grants::new();
        for entry in &file.tokens {
            let parsed = parse(entry).map_err(|problem| entry_error(entry, problem))?;
            if grants.insert(parsed.sha256, Arc::new(parsed)).is_some() {
                return Err(entry_error(entry, "its sha256 is that of another entry".to_owned()));
            }
        }
        self.grants.store(Arc::new(grants));
        Ok(())
    }

    /// What a token may do; `None` for one that is not known.
    #[must_use]
    pub fn verify(&self, token: &str) -> Option<Arc<TokenGrants>> {
        self.grants.load().get(&hash(token)).cloned()
    }

    /// Whether the very same grants still count.
    #[must_use]
    pub fn contains(&self, grants: &TokenGrants) -> bool {
        self.grants.load().get(&grants.sha256).is_some_and(|now| **now == *grants)
    }
}

impl fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenVerifier({} tokens)", self.grants.load().len())
    }
}

/// The token text made of 32 random bytes, to be shown once.
#[must_use]
pub fn token_text(random: &[u8; 32]) -> String {
    format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(random))
}

/// What a token file keeps of a token: SHA-256 as hex.
#[must_use]
pub fn token_sha256(token: &str) -> String {
    hash(token).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hash(token: &str) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    out
}

fn entry_error(entry: &TokenEntry, problem: String) -> TokenFileError {
    TokenFileError::Entry { name: entry.name.clone(), problem }
}

fn parse(entry: &TokenEntry) -> Result<TokenGrants, String> {
    if entry.name.is_empty() {
        return Err("give it a name; audit events show it".to_owned());
    }
    let mut by_tenant = BTreeMap::new();
    for (tenant, roles) in &entry.tenants {
        let id = Id::parse(tenant).map_err(|error| format!("tenants: {error}"))?;
        let roles = parse_roles(roles)?;
        if roles.contains(&Role::SystemAdmin) {
            return Err("SYSTEM_ADMIN is for the installation: put it into `roles`".to_owned());
        }
        by_tenant.insert(id, roles);
    }
    Ok(TokenGrants {
        name: entry.name.clone(),
        sha256: parse_hex(&entry.sha256)
            .ok_or("sha256 must be 64 hex digits: the SHA-256 of the token's text")?,
        everywhere: parse_roles(&entry.roles)?,
        by_tenant,
    })
}

fn parse_roles(words: &[String]) -> Result<BTreeSet<Role>, String> {
    words.iter().map(|word| word.parse()).collect()
}

fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, at) in out.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Result<TokenVerifier, TokenFileError> {
        TokenVerifier::new(&toml::from_str(text)?)
    }

    #[test]
    fn a_token_carries_its_roles_in_its_tenants_only() {
        let token = token_text(&[3; 32]);
        let verifier = file(&format!(
            "[[token]]\nname = \"ops\"\nsha256 = \"{}\"\nroles = [\"VIEWER\"]\ntenants = {{ acme = [\"ADMIN\"] }}",
            token_sha256(&token)
        ))
        .unwrap();
        let grants = verifier.verify(&token).unwrap();
        let (acme, other) = ("tenants/acme".parse().unwrap(), "tenants/other".parse().unwrap());
        assert!(grants.holds(Role::Admin, Some(&acme)));
        assert!(!grants.holds(Role::Admin, Some(&other)));
        assert!(!grants.holds(Role::Admin, None));
        assert!(grants.holds(Role::Viewer, Some(&other)));
        assert!(verifier.verify(&token_text(&[4; 32])).is_none());
    }

    #[test]
    fn a_bad_file_is_refused_with_its_fix_and_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokens.toml");
        let token = token_text(&[3; 32]);
        let good = format!("[[token]]\nname = \"ops\"\nsha256 = \"{}\"\n", token_sha256(&token));
        std::fs::write(&path, &good).unwrap();
        let verifier = TokenVerifier::load(&path).unwrap();
        for (bad, fix) in [
            ("[[token]]\nname = \"x\"\nsha256 = \"12\"\n".to_owned(), "64 hex digits"),
            (format!("{good}roles = [\"BOSS\"]"), "use one of EDGE"),
            (format!("{good}tenants = {{ acme = [\"SYSTEM_ADMIN\"] }}"), "put it into `roles`"),
            (format!("{good}{good}"), "another entry"),
            (format!("{good}secret = 1"), "unknown field"),
        ] {
            std::fs::write(&path, bad).unwrap();
            let error = verifier.reload().unwrap_err().to_string();
            assert!(error.contains(fix), "{error}");
            assert!(verifier.verify(&token).is_some());
        }
        std::fs::write(&path, "").unwrap();
        verifier.reload().unwrap();
        assert!(verifier.verify(&token).is_none());
    }
}
