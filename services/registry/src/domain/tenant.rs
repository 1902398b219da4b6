//! Tenants.

use std::collections::BTreeMap;

use names::TenantName;
use serde::{Deserialize, Serialize};

use super::{
    Description, DisplayName, Kind, Labels, Violations,
    resource::{About, Resource, Spec, Subject},
};

/// A tenant.
pub type Tenant = Resource<TenantSpec>;

/// Whether a tenant is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TenantState {
    /// In use.
    #[default]
    Active,
    /// No enrolment, no new paths.
    Suspended,
}

names::draft! {
    /// A tenant as a caller writes it.
    pub struct TenantDraft {
        /// Name for people.
        "display_name" => display_name: String;
        /// Free text.
        "description" => description: String;
        /// Labels.
        "labels" => labels: BTreeMap<String, String>;
        /// `None`: active.
        "state" => state: Option<TenantState>;
    }
}

/// A valid tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantSpec {
    /// Name for people, unique among live tenants.
    pub display_name: DisplayName,
    /// Free text.
    pub description: Description,
    /// Labels.
    pub labels: Labels,
    /// Whether it is in use.
    pub state: TenantState,
}

impl Spec for TenantSpec {
    type Name = TenantName;
    type Draft = TenantDraft;
    type ServerFields = ();
    const KIND: Kind = Kind::Tenant;
    const ABOUT: About = About {
        tag: 0x01,
        label: "tenant",
        field: "tenant",
        resource_type: TenantName::TYPE,
        is_root: true,
        id_is_spent: false,
        quota: None,
    };

    fn check(
        draft: &TenantDraft,
        subject: &Subject<'_, Self>,
        problems: &mut Violations,
    ) -> Option<Self> {
        let display_name =
            DisplayName::check(&draft.display_name, &subject.at("display_name"), problems);
        let description =
            Description::check(&draft.description, &subject.at("description"), problems);
        let labels = Labels::check(&draft.labels, subject.rules, &subject.at("labels"), problems);
        Some(Self {
            display_name: display_name?,
            description: description?,
            labels: labels?,
            state: draft.state.unwrap_or_default(),
        })
    }

    fn draft(&self) -> TenantDraft {
        TenantDraft {
            display_name: self.display_name.as_str().to_owned(),
            description: self.description.as_str().to_owned(),
            labels: self.labels.as_map().clone(),
            state: Some(self.state),
        }
    }

    fn display_name(&self) -> &DisplayName {
        &self.display_name
    }

    fn withdraws(&self, after: &Self) -> bool {
        self.state == TenantState::Active && after.state == TenantState::Suspended
    }

    fn state(&self) -> &'static str {
        match self.state {
            TenantState::Active => "active",
            TenantState::Suspended => "suspended",
        }
    }
}
