//! Tenants.

use std::collections::BTreeMap;

use names::TenantName;
use serde::{Deserialize, Serialize};

use super::{
    Description, DisplayName, Kind, Labels, Violations,
    resource::{Draft, Resource, Spec, Subject},
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

/// A tenant as a caller writes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TenantDraft {
    /// Name for people.
    pub display_name: String,
    /// Free text.
    pub description: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// `None`: active.
    pub state: Option<TenantState>,
}

impl Draft for TenantDraft {
    const PATHS: &'static [&'static str] = &["display_name", "description", "labels", "state"];

    fn lay(&mut self, path: &str, from: &Self) {
        match path {
            "display_name" => self.display_name.clone_from(&from.display_name),
            "description" => self.description.clone_from(&from.description),
            "labels" => self.labels.clone_from(&from.labels),
            "state" => self.state = from.state,
            _ => {}
        }
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
    type Given = ();
    const KIND: Kind = Kind::Tenant;

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

    fn is_cut_by(&self, after: &Self) -> bool {
        self.state == TenantState::Active && after.state == TenantState::Suspended
    }
}
