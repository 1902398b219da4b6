//! What the kinds of objects have in common, and what a kind says of itself.

use std::fmt;

use names::{Draft, Id, Reason, ResourceName, TenantName, Violations};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{DisplayName, Kind, Meta, Quotas, Rules, overlap::Coverage};

/// What is fixed of a kind of object.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Its number in keys; never another kind's, also not after it is gone.
    pub tag: u8,
    /// The word for people.
    pub label: &'static str,
    /// The field that carries it in requests.
    pub field: &'static str,
    /// The resource type of the contract.
    pub resource_type: &'static str,
    /// Whether everything else stands below one of it: a tenant.
    pub is_root: bool,
    /// Whether its id is never given out again, also after a purge.
    pub id_is_spent: bool,
    /// Most of them in a tenant; `None`: there is no quota.
    pub quota: Option<fn(&Quotas) -> usize>,
}

impl About {
    /// A kind below a tenant, with a quota.
    pub(super) const fn below_tenant(
        tag: u8,
        label: &'static str,
        field: &'static str,
        resource_type: &'static str,
        quota: fn(&Quotas) -> usize,
    ) -> Self {
        let (is_root, id_is_spent) = (false, false);
        Self { tag, label, field, resource_type, is_root, id_is_spent, quota: Some(quota) }
    }
}

/// Another object that one names, and the field that does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The other's kind.
    pub kind: Kind,
    /// Its tenant.
    pub tenant: TenantName,
    /// Its id.
    pub id: Id,
    /// Path of the field below the object.
    pub field: String,
}

impl Link {
    /// A link to one object in a list of them.
    pub(super) fn listed<N: ResourceName>(kind: Kind, field: &str, index: usize, to: &N) -> Self {
        let field = format!("{field}[{index}]");
        Self { kind, tenant: to.tenant(), id: to.last_id().clone(), field }
    }

    /// Whether both lead to the same object.
    #[must_use]
    pub fn leads_where(&self, other: &Self) -> bool {
        (self.kind, &self.tenant, &self.id) == (other.kind, &other.tenant, &other.id)
    }
}

/// What only one live object of a kind may have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// A name for people, in the form in which names are compared; within the tenant, or among tenants.
    DisplayName(String),
    /// Any other value, in the form in which it is compared; within the tenant.
    Value {
        /// The field that claims it.
        field: &'static str,
        /// Why another's claim is refused.
        reason: Reason,
        /// The value.
        value: String,
    },
}

impl Claim {
    /// The field that claims it.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::DisplayName(_) => "display_name",
            Self::Value { field, .. } => field,
        }
    }

    /// Why another's claim is refused.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::DisplayName(_) => Reason::DisplayNameTaken,
            Self::Value { reason, .. } => *reason,
        }
    }
}

/// What a check of one object may look at.
pub struct Subject<'a, S: Spec> {
    /// The object's tenant; `None` if the request does not say whose it is, and is refused for that.
    pub tenant: Option<&'a TenantName>,
    /// What is stored, if this is an update.
    pub previous: Option<&'a S>,
    /// Limits and permissions.
    pub rules: &'a Rules,
}

impl<S: Spec> Subject<'_, S> {
    /// The path of a field in the request.
    #[must_use]
    pub fn at(&self, field: &str) -> String {
        format!("{}.{field}", S::ABOUT.field)
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
    /// What the server sets and callers cannot write.
    type ServerFields: Clone
        + fmt::Debug
        + PartialEq
        + Serialize
        + DeserializeOwned
        + Send
        + Sync
        + 'static;
    /// Which kind it is.
    const KIND: Kind;
    /// What is fixed of the kind.
    const ABOUT: About;

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
    fn withdraws(&self, after: &Self) -> bool;

    /// What only one live object of the kind may have.
    fn claims(&self) -> Vec<Claim> {
        vec![Claim::DisplayName(self.display_name().key())]
    }

    /// The live objects that a live one refers to: they cannot be deleted under it.
    fn links(_resource: &Resource<Self>) -> Vec<Link> {
        Vec::new()
    }

    /// Objects that it names besides: they are looked up when they are written, and may go.
    fn mentions(&self) -> Vec<Link> {
        Vec::new()
    }

    /// What others rely on besides that it lives: a change of it fails the commits of those who read it before.
    fn state(&self) -> &'static str {
        "live"
    }

    /// What it covers that no other may cover too; `None` for nothing.
    fn coverage(&self) -> Option<Coverage<'_>> {
        None
    }
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
    /// What the server sets.
    #[serde(rename = "given")]
    pub server_fields: S::ServerFields,
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
    tenant: Option<&TenantName>,
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
    tenant: Option<&TenantName>,
    at: &str,
    problems: &mut Violations,
) -> Option<N> {
    if text.is_empty() {
        problems.missing(at, format!("send a name of the form `{}`", N::FORM));
        return None;
    }
    let name: N = problems.take(at, text.parse())?;
    if let Some(tenant) = tenant.filter(|tenant| name.tenant() != **tenant) {
        problems.add(at, Reason::ForeignTenant, format!("must belong to `{tenant}`"));
        return None;
    }
    Some(name)
}
