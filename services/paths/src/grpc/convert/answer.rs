//! Answers out.

use std::time::Duration;

use proto::{
    google::r#type::LatLng,
    paths::v1::{
        self as wire, ClientLocationSource, Degradation as WireDegradation, LegSource, TargetHealth,
    },
};

use crate::{
    domain::{
        candidates::assess::Assessed,
        choice::answer::{Candidate, Degradation},
        cost::place::Coordinates,
        probing::health::Health,
        question::location::{ClientLocation, LocationSource},
    },
    service::select::Answered,
};

/// Renders an answer.
pub(in crate::grpc) fn selection(answered: &Answered) -> wire::Selection {
    let Answered { answer, token, freshness, stale, now } = answered;
    let path = answer.outcome.as_ref().ok();
    let known = answer.location.coordinates.is_some();
    let ranked = path.map(|path| path.ranked.as_slice()).unwrap_or_default();
    let reason = answer.reason();
    wire::Selection {
        candidates: ranked.iter().zip(1..).map(|(one, rank)| candidate(one, rank, known)).collect(),
        reason: reason.map(|reason| reason.word().to_owned()).unwrap_or_default(),
        message: reason.map(|reason| reason.message().to_owned()).unwrap_or_default(),
        application_segment: answer.segment.as_ref().map(ToString::to_string).unwrap_or_default(),
        matched_domain: answer.domain.as_ref().map(ToString::to_string).unwrap_or_default(),
        ttl: Some(rpc::time::duration_to_proto(answer.ttl)),
        token: token.clone(),
        kept_previous: path.is_some_and(|path| path.kept_previous),
        client_location: Some(location(&answer.location)),
        degradation: match path {
            Some(path) => degradation(path.degradation).into(),
            None if *stale => WireDegradation::StaleConfiguration.into(),
            None => WireDegradation::None.into(),
        },
        config_revision: freshness.revision,
        config_age: freshness.age(*now).map(rpc::time::duration_to_proto),
        config_confirm_time: freshness.confirmed.map(rpc::time::to_proto),
    }
}

/// Renders an explained answer.
pub(in crate::grpc) fn explanation(answered: &Answered) -> wire::ExplainPathResponse {
    let answer = &answered.answer;
    let known = answer.location.coordinates.is_some();
    let ranked = answer.outcome.as_ref().map_or(0, |path| path.ranked.len());
    let considered = answer.considered.iter().enumerate().map(|(n, one)| {
        let rank = if n < ranked { i32::try_from(n + 1).unwrap_or(i32::MAX) } else { 0 };
        wire::Consideration {
            candidate: Some(candidate(one, rank, known)),
            verdict: one.assessed.verdict.word().to_owned(),
            detail: detail(one),
        }
    });
    wire::ExplainPathResponse {
        selection: Some(selection(answered)),
        considered: considered.collect(),
        passed_over: answer.passed_over.iter().map(ToString::to_string).collect(),
    }
}

fn detail(one: &Candidate) -> String {
    let Assessed { verdict, user_ms, application_ms, penalty_ms, total_ms, utilisation, .. } =
        &one.assessed;
    format!(
        "{} {user_ms:.1} ms from the user + {application_ms:.1} ms to the application + {penalty_ms:.1} ms for {:.0} % load = {total_ms:.1} ms.",
        verdict.sentence(),
        utilisation * 100.0,
    )
}

fn candidate(one: &Candidate, rank: i32, location_known: bool) -> wire::Candidate {
    let Candidate { connector, group, failure_domain, assessed } = one;
    let user = if location_known { LegSource::Estimated } else { LegSource::Assumed };
    let application = if assessed.measured { LegSource::Measured } else { LegSource::Assumed };
    let age = assessed.measured.then(|| length(assessed.reading.age_ms));
    wire::Candidate {
        app_connector: connector.to_string(),
        app_connector_group: group.to_string(),
        rank,
        user_leg: Some(wire::Leg {
            milliseconds: assessed.user_ms.into(),
            source: user.into(),
            age: None,
        }),
        application_leg: Some(wire::Leg {
            milliseconds: assessed.application_ms.into(),
            source: application.into(),
            age,
        }),
        penalty_milliseconds: assessed.penalty_ms.into(),
        total_milliseconds: assessed.total_ms.into(),
        health: health(assessed.reading.health).into(),
        failure_domain: failure_domain.to_string(),
        priority: assessed.preference.priority.into(),
    }
}

/// Renders health.
pub(super) fn health(health: Health) -> TargetHealth {
    match health {
        Health::Up => TargetHealth::Up,
        Health::Down => TargetHealth::Down,
        Health::Unknown => TargetHealth::Unknown,
    }
}

fn degradation(degradation: Degradation) -> WireDegradation {
    match degradation {
        Degradation::None => WireDegradation::None,
        Degradation::Reduced => WireDegradation::Reduced,
        Degradation::StaleConfiguration => WireDegradation::StaleConfiguration,
        Degradation::Unhealthy => WireDegradation::Unhealthy,
    }
}

fn location(location: &ClientLocation) -> wire::ClientLocation {
    let source = match location.source {
        LocationSource::ClientNetwork => ClientLocationSource::ClientNetwork,
        LocationSource::Coordinates => ClientLocationSource::Coordinates,
        LocationSource::Edge => ClientLocationSource::Edge,
        LocationSource::Unknown => ClientLocationSource::Unknown,
    };
    let lat_lng = |at: Coordinates| LatLng { latitude: at.latitude(), longitude: at.longitude() };
    wire::ClientLocation {
        source: source.into(),
        coordinates: location.coordinates.map(lat_lng),
        accuracy_radius_km: location.radius_km.into(),
    }
}

fn length(milliseconds: i64) -> prost_types::Duration {
    let milliseconds = u64::try_from(milliseconds).unwrap_or(0);
    rpc::time::duration_to_proto(Duration::from_millis(milliseconds))
}
