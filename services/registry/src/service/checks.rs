//! What a write looks up before it commits.

use names::{BelowTenant as _, Id, Reason, ResourceName as _};
use store::At;

use super::{Registry, Writing, coverage::Turn};
use crate::{
    domain::{DisplayName, Draft, Kind, Resource, Spec, Subject, Violations},
    error::Error,
    store::{Linked, Place, Rows},
};

impl Registry {
    /// The draft as a valid spec, or every problem of message and draft.
    pub(super) fn check<S: Spec>(
        &self,
        name: &S::Name,
        draft: &S::Draft,
        previous: Option<&S>,
        writing: &Writing,
    ) -> Result<S, Error> {
        let rules = self.rules(writing);
        let mut problems = writing.problems.clone();
        let spec = S::check(draft, &Subject { name, previous, rules: &rules }, &mut problems);
        if !problems.is_empty() {
            return Err(Error::Invalid(problems));
        }
        spec.ok_or_else(|| Error::Defect("a draft was dropped without a problem".to_owned()))
    }

    /// The refusal of a request whose object has no name that can be read: all that is wrong with the message and with the
    /// fields of the draft, as far as that can be said without knowing whose it is.
    pub(crate) fn refusal_of_unnamed<S: Spec>(
        &self,
        draft: &S::Draft,
        paths: Option<&[&'static str]>,
        writing: &Writing,
    ) -> Error {
        let Ok(id) = Id::parse("unnamed") else {
            return Error::Defect("the stand-in is no id".to_owned());
        };
        let name = S::Name::of(id.clone(), id);
        let rules = self.rules(writing);
        let mut found = Violations::new();
        let subject = Subject { name: &name, previous: None, rules: &rules };
        match paths {
            None => drop(S::check(draft, &subject, &mut found)),
            Some(paths) => {
                let mut changed = S::Draft::default();
                paths.iter().for_each(|path| changed.lay(path, draft));
                S::check(&changed, &subject, &mut found);
                // What is not sent stays as it is.
                found.retain(|problem| problem.reason != Reason::Required);
            }
        }
        found.retain(|problem| problem.reason != Reason::ForeignTenant);
        let mut problems = writing.problems.clone();
        problems.append(found);
        Error::Invalid(problems)
    }

    /// The id must never have been used, or be purged.
    pub(super) async fn expect_free<S: Spec>(&self, name: &S::Name) -> Result<(), Error> {
        match self.rows.get::<S>(name, At::Published).await? {
            None => Ok(()),
            Some(found) => Err(Error::NameTaken {
                kind: S::KIND,
                name: name.to_string(),
                deleted: found.resource.is_deleted(),
            }),
        }
    }

    /// The tenant must live.
    pub(super) async fn expect_tenant<S: Spec>(&self, name: &S::Name) -> Result<(), Error> {
        if S::KIND == Kind::Tenant {
            return Ok(());
        }
        let tenant = name.tenant();
        let place = Place::new(Kind::Tenant, &tenant, tenant.id());
        match self.rows.guard(&place).await? {
            Some(_) => Ok(()),
            None => Err(Error::NotFound(Kind::Tenant, tenant.to_string())),
        }
    }

    /// No other live object of the type may have a name that looks alike.
    pub(super) async fn expect_unique<S: Spec>(
        &self,
        name: &S::Name,
        display_name: &DisplayName,
    ) -> Result<(), Error> {
        let place = Rows::place::<S>(name);
        let Some(claim) = place.display_name(display_name) else { return Ok(()) };
        match self.rows.claimed_by(&claim).await? {
            Some(id) if id != place.id.as_str() => {
                let by = names::Id::parse(&id).map_or(id, |id| Place { id, ..place }.name());
                Err(Error::DisplayNameTaken { kind: S::KIND, by })
            }
            _ => Ok(()),
        }
    }

    /// Everything that it refers to, and did not before, must live; all that do not are named.
    pub(super) async fn expect_references<S: Linked>(
        &self,
        before: Option<&Resource<S>>,
        after: &Resource<S>,
    ) -> Result<(), Error> {
        let were = before.map(S::links).unwrap_or_default();
        let mut missing = Vec::new();
        for (index, (target, field)) in S::links(after).into_iter().enumerate() {
            if were.contains(&(target.clone(), field)) {
                continue;
            }
            if self.rows.guard(&target).await?.is_none() {
                let at = format!("{}.{field}[{index}]", S::KIND.field());
                missing.push((at, target.name()));
            }
        }
        self.add_missing_preferences(before, after, &mut missing).await?;
        if missing.is_empty() { Ok(()) } else { Err(Error::ReferenceNotFound(missing)) }
    }

    /// Preferences name groups too. They do not stop the delete of a group, so they are looked up when written
    /// and not guarded.
    async fn add_missing_preferences<S: Linked>(
        &self,
        before: Option<&Resource<S>>,
        after: &Resource<S>,
        missing: &mut Vec<(String, String)>,
    ) -> Result<(), Error> {
        let Some(segment) = S::covering(&after.spec) else { return Ok(()) };
        let were = before.and_then(|b| S::covering(&b.spec)).map(|s| s.preferences.as_slice());
        for (index, preference) in segment.preferences.iter().enumerate() {
            let group = &preference.app_connector_group;
            let stood = were.unwrap_or_default().iter().any(|p| p.app_connector_group == *group);
            let place = Place::new(Kind::Group, &group.tenant(), group.id());
            if !stood && self.rows.guard(&place).await?.is_none() {
                let field = "app_connector_group_preferences";
                let at = format!("{}.{field}[{index}].app_connector_group", S::KIND.field());
                missing.push((at, group.to_string()));
            }
        }
        Ok(())
    }

    /// What a segment covers must not clash; takes the tenant's turn if it changes.
    pub(super) async fn expect_coverage<S: Linked>(
        &self,
        name: &S::Name,
        before: Option<&S>,
        after: Option<&S>,
    ) -> Result<Option<Turn>, Error> {
        if S::KIND != Kind::Segment {
            return Ok(None);
        }
        let name =
            names::ApplicationSegmentName::of(name.tenant().id().clone(), name.last_id().clone());
        let (before, after) = (before.and_then(S::covering), after.and_then(S::covering));
        self.coverage.examine(&self.rows, &name, before, after).await
    }
}
