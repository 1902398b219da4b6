//! What the standard methods of all kinds share.

use names::{AppConnectorGroupName, BelowTenant as _, Reason, TenantName};
use proto::registry::v1::AppConnectorGroup;
use rpc::{
    access::Caller,
    page::{PageRequest, QueryFingerprint},
};
use store::{Key, Revision};
use tonic::{Response, Status};

use super::{Api, convert::Wire, request};
use crate::{
    domain::{Draft as _, Spec, Violations},
    error::Error,
    service::{Edit, ListQuery, Page, Writing},
    store::Found,
};

/// The fields that every list request has.
pub(super) struct Listing {
    pub(super) method: &'static str,
    pub(super) parent: String,
    pub(super) page_size: i32,
    pub(super) page_token: String,
    pub(super) filter: String,
    pub(super) order_by: String,
    pub(super) show_deleted: bool,
}

/// A parsed list request.
struct Asked<S: Spec> {
    page: PageRequest,
    query: ListQuery<S>,
}

impl Api {
    pub(super) fn show<S: Wire>(&self, found: &Found<S>) -> Response<S::Message> {
        Response::new(S::message(found, &self.registry))
    }

    pub(super) async fn get<S: Wire>(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<Response<S::Message>, Status> {
        let name: S::Name = request::name("name", name)?;
        let scope = caller.authorise_scope(&name.tenant().to_string())?;
        Ok(self.show(&self.registry.get::<S>(&scope, &name).await?))
    }

    pub(super) async fn batch_get<S: Wire>(
        &self,
        caller: &Caller,
        parent: &str,
        names: &[String],
    ) -> Result<Vec<S::Message>, Status> {
        let scope = caller.authorise_scope(parent)?;
        let mut problems = Violations::new();
        let names = crate::service::batch_names::<S>(names, &mut problems);
        for (index, name) in names.iter().enumerate() {
            if !scope.contains(&name.tenant()) {
                let field = format!("names[{index}]");
                problems.add(field, Reason::ForeignTenant, format!("must belong to `{parent}`"));
            }
        }
        refuse(problems)?;
        let names: Vec<_> = names.into_iter().map(|name| (scope.clone(), name)).collect();
        let found = self.registry.batch_get::<S>(&names).await?;
        Ok(found.iter().map(|found| S::message(found, &self.registry)).collect())
    }

    /// Tenants have no parent: each name must be one that the caller may see.
    pub(super) async fn batch_get_tenants_of<S: Wire<Name = TenantName>>(
        &self,
        caller: &Caller,
        names: &[String],
    ) -> Result<Vec<S::Message>, Status> {
        let mut problems = Violations::new();
        let parsed = crate::service::batch_names::<S>(names, &mut problems);
        refuse(problems)?;
        let scoped = |name: TenantName| Ok((caller.authorise_scope(&name.to_string())?, name));
        let names: Vec<_> = parsed.into_iter().map(scoped).collect::<Result<_, rpc::Failure>>()?;
        let found = self.registry.batch_get::<S>(&names).await?;
        Ok(found.iter().map(|found| S::message(found, &self.registry)).collect())
    }

    pub(super) async fn list<S: Wire>(
        &self,
        caller: &Caller,
        listing: &Listing,
    ) -> Result<(Vec<S::Message>, String), Status> {
        let scope = caller.authorise_scope(&listing.parent)?;
        let Asked { page, query } = self.asked::<S>(listing)?;
        let found = self.registry.list(&scope, query).await?;
        Ok(self.page(&page, found))
    }

    /// Tenants have no parent: everybody sees those that they belong to.
    pub(super) async fn list_tenants_of<S: Wire<Name = TenantName>>(
        &self,
        caller: &Caller,
        listing: &Listing,
    ) -> Result<(Vec<S::Message>, String), Status> {
        let Asked { page, query } = self.asked::<S>(listing)?;
        let all = caller.authorise_system().is_ok();
        let visible = |name: &TenantName| all || caller.authorise(name).is_ok();
        let found = self.registry.list_tenants(&caller.authorise_global(), query, &visible).await?;
        Ok(self.page(&page, found))
    }

    fn asked<S: Spec>(&self, listing: &Listing) -> Result<Asked<S>, Status> {
        let mut problems = Violations::new();
        request::no_filter(&listing.filter, &mut problems);
        let order = request::order(&listing.order_by, &mut problems);
        refuse(problems)?;
        let shown = if listing.show_deleted { "deleted too" } else { "live" };
        let parts = [listing.parent.as_str(), &listing.filter, &listing.order_by, shown];
        let fingerprint = QueryFingerprint::of(listing.method, &parts);
        let token = &listing.page_token;
        let page = PageRequest::parse(listing.page_size, token, fingerprint, &self.tokens)?;
        let query = ListQuery::new(
            page.size,
            page.after.clone().map(Key::from_bytes),
            page.revision.map(Revision::new),
            order,
            listing.show_deleted,
        );
        Ok(Asked { page, query })
    }

    fn page<S: Wire>(&self, request: &PageRequest, page: Page<S>) -> (Vec<S::Message>, String) {
        let Page { items, revision, next } = page;
        let token = next.map_or_else(String::new, |after| {
            request.next_token(&self.tokens, revision.get(), after.as_bytes())
        });
        (items.iter().map(|found| S::message(found, &self.registry)).collect(), token)
    }

    pub(super) async fn create<S: Wire<Given: Default>>(
        &self,
        caller: &Caller,
        parent: &str,
        (field, id): (&str, &str),
        message: Option<S::Message>,
        mut writing: Writing,
    ) -> Result<Response<S::Message>, Status> {
        let id = request::id(field, id, &mut writing.problems)?;
        let tenant = request::parsed::<TenantName>("parent", parent, &mut writing.problems);
        let draft = draft::<S>(message, &mut writing.problems);
        let Some(tenant) = tenant else {
            return Err(self.registry.refusal_of_unnamed::<S>(&draft, None, &writing).into());
        };
        let tenant = caller.authorise(&tenant)?;
        Ok(self.show(&self.registry.create::<S>(&tenant, id, &draft, &writing).await?))
    }

    pub(super) async fn update<S: Wire>(
        &self,
        caller: &Caller,
        message: Option<S::Message>,
        mask: Option<&prost_types::FieldMask>,
        mut writing: Writing,
    ) -> Result<Response<S::Message>, Status> {
        let field = S::KIND.field();
        let problems = &mut writing.problems;
        let masked = request::paths::<S::Draft>(mask, problems);
        let Some(message) = message else {
            problems.missing(field, "send the object to change");
            return Err(Error::Invalid(writing.problems).into());
        };
        let (name, etag) = S::identity(&message);
        writing.etag = request::etag(&format!("{field}.etag"), etag, problems);
        let name = request::parsed::<S::Name>(&format!("{field}.name"), name, problems);
        let draft = S::read(message, problems);
        let paths = masked.unwrap_or_else(|| draft.carried());
        let Some(name) = name else {
            let refusal = self.registry.refusal_of_unnamed::<S>(&draft, Some(&paths), &writing);
            return Err(refusal.into());
        };
        let tenant = caller.authorise(&name.tenant())?;
        let edit = Edit { name, draft, paths };
        Ok(self.show(&self.registry.update::<S>(&tenant, &edit, &writing).await?))
    }

    pub(super) async fn delete<S: Wire>(
        &self,
        caller: &Caller,
        (name, etag): (&str, &str),
        mut writing: Writing,
    ) -> Result<Response<S::Message>, Status> {
        writing.etag = request::etag("etag", etag, &mut writing.problems);
        let name: S::Name = request::named("name", name, &mut writing.problems)?;
        let tenant = caller.authorise(&name.tenant())?;
        Ok(self.show(&self.registry.delete::<S>(&tenant, &name, &writing).await?))
    }
}

impl Api {
    /// A group goes alone, or with `force` together with what refers to it.
    pub(super) async fn delete_group(
        &self,
        caller: &Caller,
        (name, etag): (&str, &str),
        force: bool,
        mut writing: Writing,
    ) -> Result<Response<AppConnectorGroup>, Status> {
        writing.etag = request::etag("etag", etag, &mut writing.problems);
        let name: AppConnectorGroupName = request::named("name", name, &mut writing.problems)?;
        let tenant = caller.authorise(&name.tenant())?;
        let gone = self.registry.delete_group(&tenant, &name, force, &writing).await?;
        self.swept.notify();
        Ok(self.show(&gone))
    }

    pub(super) async fn undelete<S: Wire>(
        &self,
        caller: &Caller,
        (name, etag): (&str, &str),
        mut writing: Writing,
    ) -> Result<Response<S::Message>, Status> {
        writing.etag = request::etag("etag", etag, &mut writing.problems);
        let name: S::Name = request::named("name", name, &mut writing.problems)?;
        let tenant = caller.authorise(&name.tenant())?;
        Ok(self.show(&self.registry.undelete::<S>(&tenant, &name, &writing).await?))
    }
}

/// The draft of a message; an absent one is checked as an empty one, so that its required fields are named.
pub(super) fn draft<S: Wire>(message: Option<S::Message>, problems: &mut Violations) -> S::Draft {
    S::read(message.unwrap_or_default(), problems)
}

pub(super) fn refuse(problems: Violations) -> Result<(), Error> {
    if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(problems)) }
}
