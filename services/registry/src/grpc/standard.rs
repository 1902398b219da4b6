//! The standard methods, the same for all kinds.
//!
//! What a kind's messages share is read through `proto::shapes`, so a method of a kind is one line in `api`.

use jiff::Timestamp;
use names::{BelowTenant as _, Draft, Reason, ResourceName as _, TenantName, Violations};
use prost::Message;
use proto::shapes::{
    BatchGetRequest, BatchGetResponse, CreateRequest, ListRequest, ListResponse, NamedRequest,
    Repeatable, Resource as _, UpdateRequest,
};
use resource::{
    Parsing,
    listing::{Listing, Page},
    order::Order,
};
use rpc::{
    Answer, Failure, Refuse as _,
    access::{Authorised, Caller, Scope},
    open,
};
use tonic::{Request, Response, Status};

use super::{Api, convert::Wire};
use crate::{
    domain::{Rules, Subject},
    service::{Edit, Scoped},
    store::Found,
};

/// Most names of one BatchGet: as many as fit a default page twice.
const MAX_BATCH_GET: usize = 100;

impl Api {
    pub(super) fn show<S: Wire>(&self, found: &Found<S>) -> Response<S::Message> {
        Response::new(S::message(found, &self.registry))
    }

    pub(super) async fn get<S: Wire, R: NamedRequest>(
        &self,
        request: Request<R>,
    ) -> Answer<S::Message> {
        let (caller, message) = open(request)?;
        let mut problems = Violations::new();
        let name = problems.take("name", message.name().parse::<S::Name>());
        let time = rpc::time::from_proto("read_time", message.read_time(), &mut problems);
        let name = caller.authorise_name(problems.finish_with(|| name)?)?;
        Ok(self.show(&self.registry.get::<S>(&name, time, self.clock.now()).await?))
    }

    pub(super) async fn batch_get<S: Wire, R, A>(&self, request: Request<R>) -> Answer<A>
    where
        R: BatchGetRequest,
        A: BatchGetResponse<Item = S::Message>,
    {
        let (caller, message) = open(request)?;
        let names = batch::<S>(&caller, message.parent(), message.names())?;
        let found = self.registry.batch_get::<S>(&names).await?;
        let render = |found: &Found<S>| S::message(found, &self.registry);
        Ok(Response::new(A::of(found.iter().map(render).collect())))
    }

    pub(super) async fn list<S: Wire, R, A>(&self, request: Request<R>) -> Answer<A>
    where
        R: ListRequest,
        A: ListResponse<Item = S::Message>,
    {
        let (caller, message) = open(request)?;
        let scope = caller.authorise_scope(message.parent())?;
        let listing = self.listing::<S>(&caller, &message)?;
        let page = self.page::<S>(&scope, &listing, &|_| true).await?;
        let total = listing.is_of_all().then(|| self.registry.total_size::<S>(&scope)).flatten();
        let token = listing.next_token(&page, &self.tokens);
        Ok(Response::new(A::page(page.items, token, total)))
    }

    /// Tenants have no parent: everybody sees those that he belongs to.
    pub(super) async fn list_roots<S: Wire<Name = TenantName>, R, A>(
        &self,
        request: Request<R>,
    ) -> Answer<A>
    where
        R: ListRequest,
        A: ListResponse<Item = S::Message>,
    {
        let (caller, message) = open(request)?;
        let all = caller.authorise_system().is_ok();
        let visible = |name: &TenantName| all || caller.authorise(name).is_ok();
        let listing = self.listing::<S>(&caller, &message)?;
        let page = self.page::<S>(&Scope::All, &listing, &visible).await?;
        let token = listing.next_token(&page, &self.tokens);
        Ok(Response::new(A::page(page.items, token, None)))
    }

    fn listing<S: Wire>(
        &self,
        caller: &Caller,
        message: &impl ListRequest,
    ) -> Result<Listing, Failure> {
        let of = (S::MESSAGE, Order::FIELDS);
        Listing::parse(caller.method(), message, of, &[], &self.tokens, Violations::new())
    }

    async fn page<S: Wire>(
        &self,
        scope: &Scope,
        listing: &Listing,
        visible: &(dyn Fn(&S::Name) -> bool + Sync),
    ) -> Result<Page<S::Message>, Status> {
        let scoped = Scoped::<S> { scope, visible };
        let render = |found: &Found<S>| S::message(found, &self.registry);
        Ok(self.registry.list(scoped, listing, self.clock.now(), render).await?)
    }

    pub(super) async fn create<S, R>(&self, request: Request<R>) -> Answer<S::Message>
    where
        S: Wire<ServerFields: Default>,
        R: CreateRequest<Resource = S::Message> + Repeatable + Message,
    {
        let (caller, mut message) = open(request)?;
        let mut parsing = Parsing::of(caller, &mut message, self.clock.now());
        let id = parsing.name::<names::Id>(R::ID_FIELD, message.id());
        let tenant = match S::ABOUT.is_root {
            true => id.clone().map(TenantName::new),
            false => parsing.name::<TenantName>("parent", message.parent()),
        };
        let rules = self.registry.rules(message.allow_null_island());
        // One that is absent is checked as an empty one, so that its required fields are named.
        let resource = message.take_resource().unwrap_or_default();
        let draft = S::read(resource, &mut parsing.problems);
        let subject = Subject { tenant: tenant.as_ref(), previous: None, rules: &rules };
        let spec = S::check(&draft, &subject, &mut parsing.problems);
        // Whoever may not write there is told so before what is wrong with it.
        let name = tenant.zip(id).map(|(tenant, id)| S::Name::of(tenant.id().clone(), id));
        let (name, write) = match S::ABOUT.is_root {
            true => parsing.write_system(name)?,
            false => parsing.write(name)?,
        };
        let spec = spec.ok_or_else(|| Failure::defect("a name without a spec"))?;
        Ok(self.show(&self.registry.create::<S>(&name, spec, &write).await?))
    }

    pub(super) async fn update<S, R>(&self, request: Request<R>) -> Answer<S::Message>
    where
        S: Wire,
        R: UpdateRequest<Resource = S::Message> + Repeatable + Message,
    {
        let (caller, mut message) = open(request)?;
        let mut parsing = Parsing::of(caller, &mut message, self.clock.now());
        let (name, edit) = self.edit::<S, R>(&mut message, &mut parsing);
        let (name, write) = parsing.write(name)?;
        Ok(self.show(&self.registry.update::<S>(&name, &edit, &write).await?))
    }

    /// What an update wants; everything that can be said against it without the stored object is noted.
    fn edit<S, R>(&self, message: &mut R, parsing: &mut Parsing) -> (Option<S::Name>, Edit<S>)
    where
        S: Wire,
        R: UpdateRequest<Resource = S::Message>,
    {
        let field = S::ABOUT.field;
        let masked = paths::<S::Draft>(message.update_mask(), &mut parsing.problems);
        let rules = self.registry.rules(message.allow_null_island());
        let sent = message.take_resource();
        if sent.is_none() {
            parsing.problems.missing(field, "send the object to change");
        }
        let resource = sent.unwrap_or_default();
        let name = match resource.name() {
            "" if parsing.problems.is_empty() => {
                parsing.name::<S::Name>(&format!("{field}.name"), "")
            }
            text => parsing.problems.take(format!("{field}.name"), text.parse()),
        };
        parsing.etag(&format!("{field}.etag"), resource.etag());
        let draft = S::read(resource, &mut parsing.problems);
        let paths = masked.unwrap_or_else(|| draft.non_default_paths());
        let edit = Edit { draft, paths, rules };
        if !parsing.problems.is_empty() {
            check_sent(name.as_ref(), &edit, &mut parsing.problems);
        }
        (name, edit)
    }

    pub(super) async fn delete<S, R>(&self, request: Request<R>) -> Answer<S::Message>
    where
        S: Wire,
        R: NamedRequest + Repeatable + Message,
    {
        let (caller, mut message) = open(request)?;
        let (name, write) = named::<S, R>(caller, &mut message, self.clock.now())?.write_named()?;
        Ok(self.show(&self.registry.delete::<S>(&name, &write).await?))
    }

    pub(super) async fn undelete<S, R>(&self, request: Request<R>) -> Answer<S::Message>
    where
        S: Wire,
        R: NamedRequest + Repeatable + Message,
    {
        let (caller, mut message) = open(request)?;
        let (name, write) = named::<S, R>(caller, &mut message, self.clock.now())?.write_named()?;
        Ok(self.show(&self.registry.undelete::<S>(&name, &write).await?))
    }
}

/// A write of one object that is there, as far as it is read.
pub(super) struct Named<S: Wire> {
    parsing: Parsing,
    name: Option<S::Name>,
}

impl<S: Wire> Named<S> {
    /// The object and the write, if nothing is wrong with them.
    pub(super) fn write_named(self) -> Result<(Authorised<S::Name>, resource::Write), Failure> {
        self.parsing.write(self.name)
    }
}

/// Reads a request about one object.
pub(super) fn named<S: Wire, R: NamedRequest + Repeatable + Message>(
    caller: Caller,
    message: &mut R,
    now: Timestamp,
) -> Result<Named<S>, Failure> {
    let mut parsing = Parsing::of(caller, message, now);
    let name = parsing.problems.take("name", message.name().parse());
    parsing.etag("etag", message.etag());
    Ok(Named { parsing, name })
}

/// The names of a batch, each with its proof; all that are wrong are noted.
fn batch<S: Wire>(
    caller: &Caller,
    parent: &str,
    texts: &[String],
) -> Result<Vec<Authorised<S::Name>>, Failure> {
    let scope = match S::ABOUT.is_root {
        true => None,
        false => Some(caller.authorise_scope(parent)?),
    };
    let mut problems = Violations::new();
    if texts.is_empty() {
        problems.missing("names", format!("send 1 to {MAX_BATCH_GET} names"));
    }
    if texts.len() > MAX_BATCH_GET {
        problems.add("names", Reason::TooMany, format!("at most {MAX_BATCH_GET}"));
    }
    let mut names: Vec<S::Name> = Vec::new();
    for (index, text) in texts.iter().take(MAX_BATCH_GET).enumerate() {
        let field = format!("names[{index}]");
        let Some(name) = problems.take(&field, text.parse::<S::Name>()) else { continue };
        if scope.as_ref().is_some_and(|scope| !scope.contains(&name.tenant())) {
            problems.add(&field, Reason::ForeignTenant, format!("must belong to `{parent}`"));
        }
        names.push(name);
    }
    problems.finish()?;
    names.into_iter().map(|name| caller.authorise_name(name)).collect()
}

/// The paths of an update mask; `None` if there is no mask. An unknown path is noted, and the others count all the
/// same, so that what they would change is checked too.
fn paths<D: Draft>(
    mask: Option<&prost_types::FieldMask>,
    problems: &mut Violations,
) -> Option<Vec<&'static str>> {
    let mask = mask.filter(|mask| !mask.paths.is_empty())?;
    let mut found = Vec::new();
    for path in &mask.paths {
        let one = prost_types::FieldMask { paths: vec![path.clone()] };
        match rpc::mask::paths(&one, D::PATHS) {
            Ok(paths) => found.extend(paths),
            Err(violations) => problems.append(violations),
        }
    }
    Some(found)
}

/// Checks the fields that are sent, of a request that is refused anyway: what is not sent stays as it is, so that it is absent is no
/// fault.
fn check_sent<S: Wire>(name: Option<&S::Name>, edit: &Edit<S>, problems: &mut Violations) {
    let changed = S::Draft::default().patched(&edit.paths, &edit.draft);
    let tenant = name.map(|name| name.tenant());
    let rules: &Rules = &edit.rules;
    let subject = Subject { tenant: tenant.as_ref(), previous: None, rules };
    let mut found = Violations::new();
    drop(S::check(&changed, &subject, &mut found));
    let field = S::ABOUT.field;
    let is_sent = |at: &str| edit.paths.iter().any(|path| at == format!("{field}.{path}"));
    found.retain(|problem| problem.reason != Reason::Required || is_sent(&problem.field));
    problems.append(found);
}
