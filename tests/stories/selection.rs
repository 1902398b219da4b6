//! What a choice rests on, and how fast it follows the world.

use std::{collections::BTreeMap, io, net::SocketAddr, time::Duration};

use connector::Dialer;
use proto::{
    paths::v1::{
        Client, ClientLocationSource, Destination, Leg, LegSource, PathQuery, Protocol,
        SelectPathRequest, Selection,
    },
    registry::v1::{ClientNetwork, CreateClientNetworkRequest, DeleteClientNetworkRequest},
};
use testkit::{
    Application, Connector, FRANKFURT, NEW_YORK, Plan, SINGAPORE, System, Tenant, eventually,
    within,
};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep_until},
};

/// A dialer of a host that is this far from every application.
struct Far(Duration);

impl Dialer for Far {
    async fn connect(&self, address: SocketAddr) -> io::Result<()> {
        sleep_until(Instant::now() + self.0).await;
        TcpStream::connect(address).await.map(drop)
    }
}

fn chosen(selection: &Selection) -> Result<&str, String> {
    match selection.candidates.first() {
        Some(first) => Ok(&first.app_connector),
        None => Err(format!("no path: {} {}", selection.reason, selection.message)),
    }
}

/// Waits until the choice for `application` rests on a measurement of `connector`.
async fn chooses(tenant: &Tenant, id: &str, application: &Application, connector: &str) {
    eventually(&format!("{connector} is chosen for {id}"), || async {
        let selection = tenant.path(FRANKFURT, id, application).await.map_err(|s| s.to_string())?;
        let first = chosen(&selection)?;
        let leg = selection.candidates[0].application_leg.unwrap_or_default();
        match first == connector && leg.source() == LegSource::Measured {
            true => Ok(()),
            false => Err(format!("{first}, application leg {leg:?}")),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_stops_answering_moves_within_two_probe_periods_and_others_stay() {
    // A long period, so that the promise is about periods and not about how busy this machine is.
    let period = Duration::from_secs(1);
    let system = System::start_with(Plan::default().set("paths.probe_period", "1s")).await;
    let tenant = system.tenant().await;
    let (near, far) = (
        tenant.group("frankfurt", FRANKFURT).await.unwrap(),
        tenant.group("singapore", SINGAPORE).await.unwrap(),
    );
    let (mut crm, wiki) =
        (Application::start().await.unwrap(), Application::start().await.unwrap());
    // Each group reaches its own server of the CRM, so that one can stop while the other goes on.
    let spare = Application::start().await.unwrap();
    tenant.application_with("crm", crm.port(), &[(&crm, &near), (&spare, &far)]).await.unwrap();
    tenant.application("wiki", &wiki, &[&near, &far]).await.unwrap();
    let near_connector = Connector::start(&tenant.join_token("near", &near, 1).await);
    let far_connector = Connector::start(&tenant.join_token("far", &far, 1).await);
    let (near_name, far_name) =
        (near_connector.reporting().await.to_string(), far_connector.reporting().await.to_string());
    chooses(&tenant, "crm", &crm, &near_name).await;
    chooses(&tenant, "wiki", &wiki, &near_name).await;

    crm.stop().await;
    within(period * 2, "the CRM's choice leaves the connector that cannot reach it", || async {
        let selection = tenant.path(FRANKFURT, "crm", &crm).await.map_err(|s| s.to_string())?;
        match chosen(&selection)? {
            first if first == far_name => Ok(()),
            first => Err(format!("still {first}")),
        }
    })
    .await;
    let wiki_now = tenant.path(FRANKFURT, "wiki", &wiki).await.unwrap();
    assert_eq!(chosen(&wiki_now), Ok(near_name.as_str()), "it still serves the wiki");

    crm.restart().await.unwrap();
    chooses(&tenant, "crm", &crm, &near_name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sum_of_both_legs_decides_and_neither_leg_alone() {
    let system = System::start().await;
    let tenant = system.tenant().await;
    let application = Application::start().await.unwrap();
    let mut groups = Vec::new();
    for (id, place) in [("frankfurt", FRANKFURT), ("new-york", NEW_YORK), ("singapore", SINGAPORE)]
    {
        groups.push(tenant.group(id, place).await.unwrap());
    }
    tenant.application("crm", &application, &groups.iter().collect::<Vec<_>>()).await.unwrap();
    // Nearest to the user but far from the application; in between; next to the application but far from the user.
    let mut connectors = Vec::new();
    for (group, distance) in groups.iter().zip([250, 20, 1]) {
        let token = tenant.join_token(&group.display_name, group, 1).await;
        connectors.push(Connector::start_with(&token, Far(Duration::from_millis(distance))));
    }
    let mut names = Vec::new();
    for connector in &connectors {
        names.push(connector.reporting().await.to_string());
    }
    chooses(&tenant, "crm", &application, &names[1]).await;

    let legs = eventually("all three are measured", || async {
        let answer = tenant.explain(FRANKFURT, "crm", &application).await;
        let considered = answer.map_err(|status| status.to_string())?.considered;
        let legs: BTreeMap<_, _> = considered
            .into_iter()
            .filter_map(|consideration| consideration.candidate)
            .filter(|c| c.application_leg.unwrap_or_default().source() == LegSource::Measured)
            .map(|c| {
                let milliseconds = |leg: Option<Leg>| leg.unwrap_or_default().milliseconds;
                (c.app_connector, (milliseconds(c.user_leg), milliseconds(c.application_leg)))
            })
            .collect();
        if legs.len() == 3 { Ok(legs) } else { Err(format!("{legs:?}")) }
    })
    .await;
    let [near_user, between, near_application] = [0, 1, 2].map(|index| legs[&names[index]]);
    assert!(near_user.0 < between.0, "Frankfurt is nearest to the user: {legs:?}");
    assert!(near_application.1 < between.1, "Singapore is nearest to the application: {legs:?}");
    assert!(near_user.1 >= 250.0, "what was measured is what was connected: {legs:?}");
    assert_eq!(
        chosen(&tenant.path(FRANKFURT, "crm", &application).await.unwrap()),
        Ok(names[1].as_str())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_says_goodbye_is_out_at_once_and_back_when_it_returns() {
    let system = System::start().await;
    let tenant = system.tenant().await;
    let group = tenant.group("frankfurt", FRANKFURT).await.unwrap();
    let application = Application::start().await.unwrap();
    tenant.application("crm", &application, &[&group]).await.unwrap();
    let connector = Connector::start(&tenant.join_token("key", &group, 1).await);
    let name = connector.reporting().await;
    chooses(&tenant, "crm", &application, &name.to_string()).await;

    let state = connector.stop().await.unwrap();
    let gone = tenant.path(FRANKFURT, "crm", &application).await.unwrap();
    assert_eq!(gone.reason, "NO_CONNECTED_CONNECTOR", "{gone:?}");

    let back = Connector::restart(state);
    assert_eq!(back.reporting().await, name, "the same identity, without a join token");
    chooses(&tenant, "crm", &application, &name.to_string()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_a_path_names_the_first_broken_link() {
    let system = System::start().await;
    let tenant = system.tenant().await;
    let application = Application::start().await.unwrap();
    let reason = async || {
        let answer = tenant.path(FRANKFURT, "crm", &application).await;
        answer.map(|selection| selection.reason).map_err(|status| status.to_string())
    };
    let becomes = async |wanted: &str| {
        eventually(wanted, || async {
            match reason().await? {
                found if found == wanted => Ok(()),
                found => Err(found),
            }
        })
        .await;
    };
    becomes("NO_SEGMENT").await;
    let group = tenant.group("frankfurt", FRANKFURT).await.unwrap();
    tenant.application("crm", &application, &[&group]).await.unwrap();
    becomes("NO_CONNECTED_CONNECTOR").await;
    let other = Application::start().await.unwrap();
    let elsewhere = tenant.path(FRANKFURT, "crm", &other).await.unwrap();
    assert_eq!(elsewhere.reason, "PORT_NOT_COVERED", "{elsewhere:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_network_places_the_clients_behind_its_addresses() {
    let system = System::start().await;
    let tenant = system.tenant().await;
    let application = Application::start().await.unwrap();
    let groups = [
        tenant.group("frankfurt", FRANKFURT).await.unwrap(),
        tenant.group("singapore", SINGAPORE).await.unwrap(),
    ];
    tenant.application("crm", &application, &[&groups[0], &groups[1]]).await.unwrap();
    let mut connectors = Vec::new();
    for group in &groups {
        let token = tenant.join_token(&group.display_name, group, 1).await;
        let connector = Connector::start(&token);
        connectors.push((connector.reporting().await.to_string(), connector));
    }
    let query = PathQuery {
        client: Some(Client {
            ip_address: "10.20.3.4".to_owned(),
            edge_coordinates: Some(FRANKFURT.coordinates()),
            ..Client::default()
        }),
        destination: Some(Destination {
            host: "crm.test".to_owned(),
            port: application.port().into(),
            protocol: Protocol::Tcp.into(),
        }),
        ..PathQuery::default()
    };
    let placed = async |source: ClientLocationSource, connector: &str| {
        eventually(&format!("{connector} is chosen by {}", source.as_str_name()), || async {
            let request = SelectPathRequest { parent: tenant.parent(), query: Some(query.clone()) };
            let answer = tenant.api.paths.clone().select_path(request).await;
            let selection = answer.map_err(|status| status.to_string())?.into_inner().selection;
            let selection = selection.unwrap_or_default();
            let found = selection.client_location.unwrap_or_default().source();
            match chosen(&selection)? == connector && found == source {
                true => Ok(()),
                false => Err(format!("{selection:?}")),
            }
        })
        .await;
    };
    placed(ClientLocationSource::Edge, &connectors[0].0).await;

    let create = CreateClientNetworkRequest {
        parent: tenant.parent(),
        client_network_id: "office".to_owned(),
        client_network: Some(ClientNetwork {
            display_name: "Office".to_owned(),
            cidrs: vec!["10.20.0.0/16".to_owned()],
            coordinates: Some(SINGAPORE.coordinates()),
            ..ClientNetwork::default()
        }),
        ..CreateClientNetworkRequest::default()
    };
    let mut registry = tenant.api.registry.clone();
    let office = registry.create_client_network(create).await.unwrap().into_inner();
    placed(ClientLocationSource::ClientNetwork, &connectors[1].0).await;

    let delete = DeleteClientNetworkRequest { name: office.name, ..Default::default() };
    registry.delete_client_network(delete).await.unwrap();
    placed(ClientLocationSource::Edge, &connectors[0].0).await;
}
