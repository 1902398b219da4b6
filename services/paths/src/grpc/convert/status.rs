//! Statuses out.

use proto::{
    paths::v1::{self as wire, ConnectionState},
    r#type::v1::Condition as WireCondition,
};

use super::{answer::health, report::protocol, signed_length, time_of_ms};
use crate::{
    domain::reporting::{
        numbers::Presence,
        report::{Instance, Load, Report},
    },
    service::status::{Condition, Status, TargetStatus},
};

/// Renders a status.
pub(in crate::grpc) fn connector_status(status: &Status) -> wire::ConnectorStatus {
    let Status { name, group, presence, report, last_beat, grants, targets, up, down, conditions } =
        status;
    let Report { instance, load, opened, clock_skew_ms, assigned } = report;
    let Instance {
        instance_id,
        version,
        platform,
        hostname,
        private_addresses,
        public_address,
        start,
        previous_version,
        certificate_end,
    } = instance;
    let (state, disconnected) = match presence {
        Presence::Connected => (ConnectionState::Connected, None),
        Presence::Disconnected { since_ms } => (ConnectionState::Disconnected, Some(*since_ms)),
        Presence::NotSeen => (ConnectionState::NotSeen, None),
    };
    wire::ConnectorStatus {
        name: name.status().to_string(),
        app_connector_group: group.to_string(),
        state: state.into(),
        instance_id: instance_id.clone(),
        hostname: hostname.clone(),
        platform: platform.clone(),
        private_addresses: private_addresses.clone(),
        public_address: public_address.clone(),
        version: version.clone(),
        previous_version: previous_version.clone(),
        expected_version: String::new(),
        last_update_result: String::new(),
        start_time: start.map(rpc::time::to_proto),
        connect_time: opened.map(rpc::time::to_proto),
        disconnect_time: disconnected.and_then(time_of_ms),
        last_heartbeat_time: last_beat.map(rpc::time::to_proto),
        clock_skew: clock_skew_ms.map(signed_length),
        certificate_expire_time: certificate_end.map(rpc::time::to_proto),
        load: opened.is_some().then(|| render_load(load)),
        recent_grants: count(*grants as usize),
        probe_targets: count(assigned.targets),
        probe_budget_used: assigned.budget_permille as f64 / 1_000.0,
        targets: targets.iter().map(target).collect(),
        targets_up: count(*up),
        targets_down: count(*down),
        conditions: conditions.iter().map(condition).collect(),
    }
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn render_load(load: &Load) -> wire::Load {
    let Load {
        sessions,
        session_limit,
        cpu,
        memory,
        descriptors,
        descriptor_limit,
        ports,
        disk_free_bytes,
    } = *load;
    wire::Load {
        sessions: count(sessions as usize),
        session_limit: count(session_limit as usize),
        cpu_utilisation: cpu,
        memory_utilisation: memory,
        descriptors: count(descriptors as usize),
        descriptor_limit: count(descriptor_limit as usize),
        ports: count(ports as usize),
        disk_free_bytes: i64::try_from(disk_free_bytes).unwrap_or(i64::MAX),
    }
}

fn target(status: &TargetStatus) -> wire::TargetStatus {
    let TargetStatus { target, reading, checks } = status;
    wire::TargetStatus {
        host: target.host.to_string(),
        port: target.port.into(),
        protocol: protocol(target.protocol).into(),
        health: health(reading.health).into(),
        milliseconds: reading.milliseconds.unwrap_or_default().into(),
        last_probe_time: checks.last().map(rpc::time::to_proto),
        consecutive_failures: i32::try_from(checks.failures()).unwrap_or(i32::MAX),
        last_failure: checks.last_failure().to_owned(),
        address: checks.address().to_owned(),
    }
}

fn condition(condition: &Condition) -> WireCondition {
    let Condition { reason, since, message } = condition;
    WireCondition {
        reason: (*reason).to_owned(),
        since: since.map(rpc::time::to_proto),
        message: message.clone(),
    }
}
