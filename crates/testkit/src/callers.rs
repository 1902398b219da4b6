//! Who may call an installation under test, and with which token.
//!
//! Always holds: tokens are made before the first process starts, so no story depends on a reload; a story that needs a
//! narrower caller uses one of the tenants that the token file already knows.

use std::{collections::BTreeMap, fs, io, path::Path};

use rpc::{
    access::Role,
    tokens::{TokenEntry, TokenFile, token_sha256, token_text},
};

/// Tenants that the token file knows: the first that [`crate::System::tenant`] makes, in order.
pub(crate) const TENANT_IDS: [&str; 4] = ["acme", "globex", "initech", "umbrella"];

/// Roles that a caller can have in one tenant; SYSTEM_ADMIN is of the whole installation.
const IN_A_TENANT: [Role; 4] = [Role::Edge, Role::Viewer, Role::Operator, Role::Admin];

/// The tokens of one installation.
#[derive(Clone, Debug)]
pub(crate) struct Callers {
    /// May do everything everywhere.
    pub(crate) everything: String,
    /// SYSTEM_ADMIN and nothing else.
    pub(crate) system_admin: String,
    by_tenant: BTreeMap<(&'static str, &'static str), String>,
}

impl Callers {
    /// Makes the tokens and writes their hashes.
    pub(crate) fn write(file: &Path) -> io::Result<Self> {
        let fresh = || token_text(&rand::random());
        let callers = Self {
            everything: fresh(),
            system_admin: fresh(),
            by_tenant: IN_A_TENANT
                .iter()
                .flat_map(|role| TENANT_IDS.map(|tenant| ((role.as_str(), tenant), fresh())))
                .collect(),
        };
        let text = toml::to_string(&callers.file()).map_err(io::Error::other)?;
        fs::write(file, text)?;
        Ok(callers)
    }

    /// The token of a caller with one role in one tenant.
    pub(crate) fn of(&self, role: Role, tenant: &str) -> Option<&str> {
        let known = TENANT_IDS.into_iter().find(|id| *id == tenant)?;
        self.by_tenant.get(&(role.as_str(), known)).map(String::as_str)
    }

    fn file(&self) -> TokenFile {
        let everywhere = |name: &str, token: &str, roles: &[Role]| TokenEntry {
            name: name.to_owned(),
            sha256: token_sha256(token),
            roles: roles.iter().map(Role::to_string).collect(),
            tenants: BTreeMap::new(),
        };
        let wide = [
            everywhere("everything", &self.everything, &[Role::SystemAdmin, Role::Admin]),
            everywhere("system administrator", &self.system_admin, &[Role::SystemAdmin]),
        ];
        let narrow = self.by_tenant.iter().map(|((role, tenant), token)| TokenEntry {
            name: format!("{role} of {tenant}"),
            sha256: token_sha256(token),
            roles: Vec::new(),
            tenants: BTreeMap::from([((*tenant).to_owned(), vec![(*role).to_owned()])]),
        });
        TokenFile { tokens: wide.into_iter().chain(narrow).collect() }
    }
}
