//! The index of what provisioning tells: keys, by the group they belong to.

use std::collections::{BTreeMap, BTreeSet};

use names::{AppConnectorGroupName, ProvisioningKeyName};

use super::{fleet::Key, registered::unlink};

/// One change that provisioning tells; a soft delete counts as gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyChange {
    /// The key is now like this.
    Is(Key),
    /// The key is gone.
    Gone(ProvisioningKeyName),
}

/// All keys.
#[derive(Debug, Default)]
pub struct Keys {
    keys: BTreeMap<ProvisioningKeyName, Key>,
    of: BTreeMap<AppConnectorGroupName, BTreeSet<ProvisioningKeyName>>,
}

impl Keys {
    /// Takes over one change. A key belongs to its group for life.
    pub fn apply(&mut self, change: KeyChange) {
        match change {
            KeyChange::Is(key) => {
                self.of.entry(key.group.clone()).or_default().insert(key.name.clone());
                self.keys.insert(key.name.clone(), key);
            }
            KeyChange::Gone(name) => {
                if let Some(old) = self.keys.remove(&name) {
                    unlink(&mut self.of, &old.group, &name);
                }
            }
        }
    }

    /// The names of all keys.
    pub fn names(&self) -> impl Iterator<Item = &ProvisioningKeyName> {
        self.keys.keys()
    }

    /// The keys of a group, by name.
    #[must_use]
    pub fn of(&self, group: &AppConnectorGroupName) -> Vec<Key> {
        let names = self.of.get(group).into_iter().flatten();
        names.filter_map(|name| self.keys.get(name)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str, use_count: i64) -> Key {
        Key {
            name: format!("tenants/acme/provisioningKeys/{id}").parse().unwrap(),
            display_name: id.into(),
            group: "tenants/acme/appConnectorGroups/berlin".parse().unwrap(),
            enabled: true,
            use_count,
            max_uses: 0,
            expire_time: None,
        }
    }

    #[test]
    fn a_use_replaces_the_key_and_a_key_that_goes_leaves_its_group() {
        let mut keys = Keys::default();
        let group = key("a", 0).group;
        for change in
            [KeyChange::Is(key("b", 0)), KeyChange::Is(key("a", 0)), KeyChange::Is(key("a", 1))]
        {
            keys.apply(change);
        }
        assert_eq!(keys.of(&group), [key("a", 1), key("b", 0)]);
        keys.apply(KeyChange::Gone(key("a", 0).name));
        keys.apply(KeyChange::Gone(key("never-seen", 0).name));
        assert_eq!(keys.of(&group), [key("b", 0)]);
    }
}
