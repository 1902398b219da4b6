//! Between the wire and the domain: every message is taken apart in full here.

use jiff::Timestamp;
use names::{AppConnectorGroupName, Id, Reason, TenantName};
use proto::{google::r#type::LatLng, overview::v1 as wire, r#type::v1 as shared};
use rpc::{
    Failure, Refuse as _, Violations,
    page::{PageRequest, QueryFingerprint, TokenKey},
};

use crate::{
    domain::{
        condition::Condition,
        fleet::{Connector, DnsResolution, Group, Key, Place, Status},
        source::{Freshness, Source, SourceStatus},
    },
    service::overviews::{Page, Row},
};

/// Most rows on a page: five hundred full rows of large groups stay below the message limit.
const MAX_PAGE_SIZE: usize = 500;

/// Most connectors, and most keys, listed in one row: more than a person reads, and about 120 KiB on the wire.
const MAX_LISTED: usize = 1_000;

/// The console has no store, so its page tokens belong to no epoch; they carry a name, and a list goes on after it.
const NO_EPOCH: [u8; 16] = [0; 16];

/// What a get asks.
pub(super) struct GetAsk {
    pub(super) name: AppConnectorGroupName,
    pub(super) full: bool,
}

pub(super) fn get_request(
    request: wire::GetAppConnectorGroupOverviewRequest,
) -> Result<GetAsk, Failure> {
    let wire::GetAppConnectorGroupOverviewRequest { name, view } = request;
    let mut violations = Violations::new();
    let name = violations.take("name", name.parse());
    let full = full_in(&mut violations, view, true);
    violations.finish_with(|| Some(GetAsk { name: name?, full: full? }))
}

/// What a list asks.
pub(super) struct ListAsk {
    pub(super) tenant: TenantName,
    pub(super) after: Option<AppConnectorGroupName>,
    pub(super) size: usize,
    full: bool,
    page: PageRequest,
    keys: TokenKey,
}

pub(super) fn list_request(
    request: wire::ListAppConnectorGroupOverviewsRequest,
) -> Result<ListAsk, Failure> {
    let wire::ListAppConnectorGroupOverviewsRequest {
        parent,
        page_size,
        page_token,
        filter,
        order_by,
        view,
    } = request;
    let mut violations = Violations::new();
    let tenant: Option<TenantName> = violations.take("parent", parent.parse());
    if !filter.is_empty() {
        violations.add("filter", Reason::Planned, "filters are not built yet: leave it empty");
    }
    if !matches!(order_by.trim(), "" | "name") {
        violations.add("order_by", Reason::Planned, "must be empty or `name` for now");
    }
    let full = full_in(&mut violations, view, false);
    let (tenant, full) = violations.finish_with(|| Some((tenant?, full?)))?;
    let keys = TokenKey::new(NO_EPOCH, &[]);
    let query = QueryFingerprint::of("ListAppConnectorGroupOverviews", &[&parent]);
    let page = PageRequest::parse(page_size, &page_token, query, &keys)?;
    // A token that opens was made here, of an id.
    let after = page.after.as_deref().and_then(|id| std::str::from_utf8(id).ok());
    let after = after.and_then(|id| Id::parse(id).ok());
    let after = after.map(|id| AppConnectorGroupName::new(tenant.tenant.clone(), id));
    Ok(ListAsk { tenant, after, size: page.size.min(MAX_PAGE_SIZE), full, page, keys })
}

impl ListAsk {
    pub(super) fn render(&self, page: Page) -> wire::ListAppConnectorGroupOverviewsResponse {
        let Page { rows, more } = page;
        let last = rows.last().filter(|_| more).map(|row| row.group.name.id().clone());
        wire::ListAppConnectorGroupOverviewsResponse {
            next_page_token: last.map_or_else(String::new, |id| {
                self.page.next_token(&self.keys, 0, id.as_str().as_bytes())
            }),
            app_connector_group_overviews: rows
                .into_iter()
                .map(|overview| row(overview, self.full))
                .collect(),
        }
    }
}

/// Whether the expanded row is asked for.
fn full_in(violations: &mut Violations, view: i32, default: bool) -> Option<bool> {
    match wire::OverviewView::try_from(view) {
        Ok(wire::OverviewView::Unspecified) => Some(default),
        Ok(wire::OverviewView::Basic) => Some(false),
        Ok(wire::OverviewView::Full) => Some(true),
        Err(_) => {
            violations.add("view", Reason::Malformed, "must be BASIC or FULL");
            None
        }
    }
}

/// A row as the wire has it; without `full`, only what the table shows.
pub(super) fn row(row: Row, full: bool) -> wire::AppConnectorGroupOverview {
    let Row { group, server_groups, connectors, connected, keys, schedule, conditions, sources } =
        row;
    let status =
        if group.enabled { wire::GroupStatus::Enabled } else { wire::GroupStatus::Disabled };
    let paths_missing = connected.is_none();
    let mut overview = wire::AppConnectorGroupOverview {
        name: group.name.to_string(),
        display_name: group.display_name.clone(),
        status: status.into(),
        conditions: conditions.iter().map(condition_out).collect(),
        sources: sources.into_iter().map(source_out).collect(),
        app_connector_count: Some(count(connectors.len())),
        connected_app_connector_count: connected.map(count),
        provisioning_key_count: keys.as_ref().map(|keys| count(keys.len())),
        ..Default::default()
    };
    let persist = schedule.as_ref().map(|it| it.persist_local_version_profile);
    if let Some(schedule) = schedule {
        overview.version_profile = schedule.version_profile;
        overview.next_periodic_update = schedule.next_periodic_update;
        overview.conditions.extend(schedule.conditions);
    }
    if full {
        overview.persist_local_version_profile = persist;
        overview.server_groups = server_groups.iter().map(ToString::to_string).collect();
        overview.provisioning_keys =
            keys.into_iter().flatten().take(MAX_LISTED).map(key_out).collect();
        let connectors = connectors.into_iter().take(MAX_LISTED);
        overview.app_connectors = connectors
            .map(|(connector, status)| connector_out(connector, status, paths_missing))
            .collect();
        expand(&mut overview, group);
    }
    overview
}

/// The columns of the expanded row that come from the group itself.
fn expand(overview: &mut wire::AppConnectorGroupOverview, group: Group) {
    let Group {
        name: _,
        display_name: _,
        description,
        enabled: _,
        labels,
        place,
        dns,
        disaster_recovery,
        create_time,
        update_time,
        etag,
    } = group;
    let dns = match dns {
        DnsResolution::Both => wire::DnsResolution::Ipv4Ipv6,
        DnsResolution::Ipv4 => wire::DnsResolution::Ipv4,
        DnsResolution::Ipv6 => wire::DnsResolution::Ipv6,
    };
    overview.dns_resolution_option = dns.into();
    overview.location = Some(place_out(place));
    overview.description = description;
    overview.disaster_recovery = Some(disaster_recovery);
    overview.labels = labels;
    overview.create_time = create_time.map(rpc::time::to_proto);
    overview.update_time = update_time.map(rpc::time::to_proto);
    overview.etag = etag;
}

/// More than two thousand million of anything is not counted further.
fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn place_out(place: Place) -> wire::GroupLocation {
    let Place { address, city, country_code, coordinates, time_zone } = place;
    let coordinates = coordinates.map(|(latitude, longitude)| LatLng { latitude, longitude });
    wire::GroupLocation { address, city, country_code, coordinates, time_zone }
}

fn key_out((key, usable): (Key, bool)) -> wire::ProvisioningKeyOverview {
    let Key { name, display_name, group: _, enabled, use_count, max_uses, expire_time } = key;
    wire::ProvisioningKeyOverview {
        name: name.to_string(),
        display_name,
        enabled,
        use_count,
        max_uses,
        expire_time: expire_time.map(rpc::time::to_proto),
        usable,
    }
}

fn connector_out(
    connector: Connector,
    status: Option<Status>,
    paths_missing: bool,
) -> wire::AppConnectorOverview {
    let Connector { name, display_name, enabled, group: _ } = connector;
    let connection = match &status {
        _ if paths_missing => wire::Connection::Unknown,
        Some(Status { connected: true, .. }) => wire::Connection::Connected,
        Some(_) | None => wire::Connection::Disconnected,
    };
    let time = |time: Option<Timestamp>| time.map(rpc::time::to_proto);
    wire::AppConnectorOverview {
        name: name.to_string(),
        display_name,
        enabled,
        connection: connection.into(),
        connect_time: time(status.as_ref().and_then(|status| status.connect_time)),
        last_heard_time: time(status.as_ref().and_then(|status| status.last_heard)),
        version: status.map(|status| status.version).unwrap_or_default(),
    }
}

fn condition_out(condition: &Condition) -> shared::Condition {
    let Condition { reason, message } = *condition;
    shared::Condition { reason: reason.to_owned(), since: None, message: message.to_owned() }
}

fn source_out(status: SourceStatus) -> wire::SourceStatus {
    let SourceStatus { source, freshness, heard } = status;
    let (state, message) = match freshness {
        Freshness::Available => (wire::SourceState::Available, String::new()),
        Freshness::Stale(why) => (wire::SourceState::Stale, why),
        Freshness::Unavailable(why) => (wire::SourceState::Unavailable, why),
    };
    let missing = state == wire::SourceState::Unavailable;
    let columns = if missing { source.columns() } else { &[] };
    let source = match source {
        Source::Registry => wire::Source::Registry,
        Source::Provisioning => wire::Source::Provisioning,
        Source::Updates => wire::Source::Updates,
        Source::Paths => wire::Source::Paths,
    };
    wire::SourceStatus {
        source: source.into(),
        state: state.into(),
        answer_time: heard.map(rpc::time::to_proto),
        message,
        missing_columns: columns.iter().map(ToString::to_string).collect(),
    }
}
