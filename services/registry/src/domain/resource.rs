//! What the five kinds of objects have in common.

use std::fmt;

use names::{
    AppConnectorGroupName, AppConnectorName, ApplicationSegmentName, Reason, ResourceName,
    ServerGroupName, TenantName, Violations,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{DisplayName, Meta, Rules};

/// The kinds of objects that the registry owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Tenant.
    Tenant,
    /// App connector group.
    Group,
    /// App connector.
    Connector,
    /// Server group.
    ServerGroup,
    /// Application segment.
    Segment,
}

impl Kind {
    /// Every kind, in the order in which a watcher should learn of them: what is named before what
    /// names it.
    pub const ALL: [Self; 5] =
        [Self::Tenant, Self::Group, Self::Connector, Self::ServerGroup, Self::Segment];

    /// The word for people.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Group => "app connector group",
            Self::Connector => "app connector",
            Self::ServerGroup => "server group",
            Self::Segment => "application segment",
        }
    }

    /// The field that carries it in requests.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Group => "app_connector_group",
            Self::Connector => "app_connector",
            Self::ServerGroup => "server_group",
            Self::Segment => "application_segment",
        }
    }

    /// The resource type of the contract.
    #[must_use]
    pub const fn resource_type(self) -> &'static str {
        match self {
            Self::Tenant => TenantName::TYPE,
            Self::Group => AppConnectorGroupName::TYPE,
            Self::Connector => AppConnectorName::TYPE,
            Self::ServerGroup => ServerGroupName::TYPE,
            Self::Segment => ApplicationSegmentName::TYPE,
        }
    }
}

/// What a caller sent, unchecked: every writable field, absent ones at their default.
pub trait Draft: Clone + Default + PartialEq + Send + Sync + 'static {
    /// The writable paths, leaves after the messages that hold them.
    const PATHS: &'static [&'static str];

    /// Overwrites what `path` names with what `from` has there. Unknown paths change nothing.
    fn lay(&mut self, path: &str, from: &Self);

    /// The leaves in which this differs from the default: what an update without a mask changes.
    #[must_use]
    fn carried(&self) -> Vec<&'static str> {
        let holds_leaves =
            |path: &str| Self::PATHS.iter().any(|p| p.starts_with(&format!("{path}.")));
        let differs = |path: &str| {
            let mut only = Self::default();
            only.lay(path, self);
            only != Self::default()
        };
        Self::PATHS.iter().copied().filter(|p| !holds_leaves(p) && differs(p)).collect()
    }
}

/// What a check of one object may look at.
pub struct Subject<'a, S: Spec> {
    /// The object's name.
    pub name: &'a S::Name,
    /// What is stored, if this is an update.
    pub previous: Option<&'a S>,
    /// Limits and permissions.
    pub rules: &'a Rules,
}

impl<S: Spec> Subject<'_, S> {
    /// The path of a field in the request.
    #[must_use]
    pub fn at(&self, field: &str) -> String {
        format!("{}.{field}", S::KIND.field())
    }
}

/// What an administrator wrote about one object; valid by construction.
pub trait Spec:
    Clone + fmt::Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// Its name.
    type Name: ResourceName;
    /// Its unchecked form.
    type Draft: Draft;
    /// What the server gives the object and callers cannot write.
    type Given: Clone
        + fmt::Debug
        + PartialEq
        + Serialize
        + DeserializeOwned
        + Send
        + Sync
        + 'static;
    /// Which kind it is.
    const KIND: Kind;

    /// Checks a draft, noting every problem; `None` if there was one.
    fn check(
        draft: &Self::Draft,
        subject: &Subject<'_, Self>,
        problems: &mut Violations,
    ) -> Option<Self>;

    /// What a caller would have written to get this.
    fn draft(&self) -> Self::Draft;

    /// The name for people.
    fn display_name(&self) -> &DisplayName;

    /// Whether `after` takes something out of service that this has in service. Who makes such a change waits until no
    /// answer rests on the old state any more.
    fn is_cut_by(&self, after: &Self) -> bool;
}

/// Whether something that `before` names is missing in `after`.
pub(super) fn loses<T: PartialEq>(before: &[T], after: &[T]) -> bool {
    before.iter().any(|one| !after.contains(one))
}

/// One object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Resource<S: Spec> {
    /// Its name.
    pub name: S::Name,
    /// Identity and times.
    pub meta: Meta,
    /// What callers write.
    pub spec: S,
    /// What the server gives.
    pub given: S::Given,
}

impl<S: Spec> Resource<S> {
    /// Whether it is soft-deleted.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.meta.is_deleted()
    }
}

/// Parses names of other objects of the same tenant, without repeats, at most `most`.
pub(super) fn references<N: ResourceName>(
    texts: &[String],
    tenant: &TenantName,
    most: usize,
    at: &str,
    problems: &mut Violations,
) -> Option<Vec<N>> {
    let before = problems.list().len();
    if texts.len() > most {
        problems.add(at, Reason::TooMany, format!("at most {most}; remove {}", texts.len() - most));
        return None;
    }
    let mut found: Vec<N> = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let here = format!("{at}[{index}]");
        let Some(name) = reference::<N>(text, tenant, &here, problems) else { continue };
        if found.contains(&name) {
            problems.add(here, Reason::Repeated, format!("`{name}` is listed twice; remove one"));
        } else {
            found.push(name);
        }
    }
    (problems.list().len() == before).then_some(found)
}

/// Parses the name of another object of the same tenant.
pub(super) fn reference<N: ResourceName>(
    text: &str,
    tenant: &TenantName,
    at: &str,
    problems: &mut Violations,
) -> Option<N> {
    if text.is_empty() {
        problems.missing(at, format!("send a name of the form `{}`", N::FORM));
        return None;
    }
    let name: N = problems.take(at, text.parse())?;
    if name.tenant() != *tenant {
        problems.add(at, Reason::ForeignTenant, format!("must belong to `{tenant}`"));
        return None;
    }
    Some(name)
}
