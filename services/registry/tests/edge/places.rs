use proto::{google::r#type::LatLng, registry::v1::*};
use rpc::Kind;

use crate::ground::{Registry, berlin, fields, group_request, mask, refusal};

#[tokio::test]
async fn a_group_says_its_place_and_the_zone_that_was_derived_from_it() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let group = registry.group("berlin").await;
    assert_eq!(group.enabled, Some(true));
    assert_eq!(group.dns_resolution_option(), DnsResolutionOption::Ipv4Ipv6);
    let location = group.location.unwrap();
    assert_eq!(location.effective_time_zone, "Europe/Berlin");
    assert_eq!(location.time_zone_source(), PlaceSource::Derived);
    assert_eq!(location.time_zone, "");
    let update = UpdateAppConnectorGroupRequest {
        app_connector_group: Some(AppConnectorGroup {
            name: group.name,
            location: Some(Location {
                coordinates: Some(LatLng { latitude: 35.6764, longitude: 139.65 }),
                ..Location::default()
            }),
            ..AppConnectorGroup::default()
        }),
        update_mask: mask(&["location.coordinates"]),
        ..Default::default()
    };
    let moved = registry.root().update_app_connector_group(update).await.unwrap().into_inner();
    let location = moved.location.unwrap();
    assert_eq!(location.effective_time_zone, "Asia/Tokyo");
    assert_eq!(location.city, "Berlin", "the mask does not name the city");
    registry.stop().await;
}

#[tokio::test]
async fn a_wrong_group_is_refused_with_every_violated_field_at_once() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let mut request = group_request("Bad Id");
    request.request_id = "not a uuid".to_owned();
    request.app_connector_group = Some(AppConnectorGroup {
        dns_resolution_option: 99,
        location: Some(Location {
            country_code: "Germany".to_owned(),
            coordinates: Some(LatLng { latitude: 91.0, longitude: -181.0 }),
            time_zone: "Mars/Base".to_owned(),
            ..Location::default()
        }),
        ..AppConnectorGroup::default()
    });
    let answer = registry.root().create_app_connector_group(request).await;
    let (kind, reason, failure) = refusal(answer);
    assert_eq!((kind, reason.as_str()), (Kind::InvalidArgument, "FIELDS_INVALID"));
    assert_eq!(
        fields(&failure),
        [
            "request_id",
            "app_connector_group_id",
            "app_connector_group.dns_resolution_option",
            "app_connector_group.display_name",
            "app_connector_group.location.country_code",
            "app_connector_group.location.coordinates.latitude",
            "app_connector_group.location.coordinates.longitude",
            "app_connector_group.location.time_zone",
        ]
    );
    assert!(failure.violations().iter().all(|v| !v.description.is_empty()), "{failure:?}");
    registry.stop().await;
}

#[tokio::test]
async fn a_group_at_zero_zero_must_be_meant() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let mut request = group_request("buoy");
    let group = request.app_connector_group.as_mut().unwrap();
    group.location =
        Some(Location { coordinates: Some(LatLng { latitude: 0.0, longitude: 0.0 }), ..berlin() });
    let (_, _, failure) =
        refusal(registry.root().create_app_connector_group(request.clone()).await);
    assert_eq!(failure.violations()[0].reason, "NULL_ISLAND");
    request.allow_null_island = true;
    let made = registry.root().create_app_connector_group(request).await.unwrap().into_inner();
    let mut renamed = made.clone();
    renamed.display_name = "Buoy 13010".to_owned();
    let update = UpdateAppConnectorGroupRequest {
        app_connector_group: Some(renamed),
        update_mask: mask(&["*"]),
        ..Default::default()
    };
    registry.root().update_app_connector_group(update).await.unwrap();
    registry.stop().await;
}
