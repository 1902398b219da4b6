//! Client networks: where the users behind an address range are.

use std::collections::BTreeMap;

use names::{Cidr, ClientNetworkName};
use serde::{Deserialize, Serialize};

use super::{
    Coordinates, CountryCode, Description, DisplayName, Kind, Labels, Reason, Violations,
    resource::{About, Claim, Spec, Subject},
};

/// Most ranges of one network: its claims are rows of the commit that replaces all of them.
const MAX_CIDRS: usize = 40;

names::draft! {
    /// A client network as a caller writes it.
    pub struct ClientNetworkDraft {
        /// Name for people.
        "display_name" => display_name: String;
        /// Free text.
        "description" => description: String;
        /// Labels.
        "labels" => labels: BTreeMap<String, String>;
        /// Address ranges.
        "cidrs" => cidrs: Vec<String>;
        /// Where its users are.
        "coordinates" => coordinates: Option<(f64, f64)>, by keep_coordinates;
        /// Country; empty: none.
        "country_code" => country_code: String;
    }
}

/// A patch never drops the coordinates.
fn keep_coordinates(to: &mut Option<(f64, f64)>, _path: &str, from: &Option<(f64, f64)>) {
    *to = from.or(*to);
}

/// A valid client network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientNetworkSpec {
    /// Name for people, unique among the tenant's live client networks.
    pub display_name: DisplayName,
    /// Free text.
    pub description: Description,
    /// Labels.
    pub labels: Labels,
    /// Address ranges, without repeats; an equal one is in no other live network of the tenant.
    pub cidrs: Vec<Cidr>,
    /// Where its users are.
    pub coordinates: Coordinates,
    /// Country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country_code: Option<CountryCode>,
}

impl Spec for ClientNetworkSpec {
    type Name = ClientNetworkName;
    type Draft = ClientNetworkDraft;
    type ServerFields = ();
    const KIND: Kind = Kind::ClientNetwork;
    const ABOUT: About = About::below_tenant(
        0x06,
        "client network",
        "client_network",
        ClientNetworkName::TYPE,
        |quotas| quotas.client_networks,
    );

    fn check(
        draft: &ClientNetworkDraft,
        subject: &Subject<'_, Self>,
        problems: &mut Violations,
    ) -> Option<Self> {
        let display_name =
            DisplayName::check(&draft.display_name, &subject.at("display_name"), problems);
        let description =
            Description::check(&draft.description, &subject.at("description"), problems);
        let labels = Labels::check(&draft.labels, subject.rules, &subject.at("labels"), problems);
        let cidrs = cidrs(&draft.cidrs, &subject.at("cidrs"), problems);
        let at = subject.at("coordinates");
        let previous = subject.previous.map(|spec| spec.coordinates);
        let coordinates = match draft.coordinates {
            Some(pair) => Coordinates::check(pair, previous, subject.rules, &at, problems),
            None => {
                problems.missing(at, "send latitude and longitude of the network's users");
                None
            }
        };
        let at = subject.at("country_code");
        let country = (!draft.country_code.is_empty())
            .then(|| CountryCode::check(&draft.country_code, &at, problems));
        Some(Self {
            display_name: display_name?,
            description: description?,
            labels: labels?,
            cidrs: cidrs?,
            coordinates: coordinates?,
            country_code: match country {
                Some(checked) => Some(checked?),
                None => None,
            },
        })
    }

    fn draft(&self) -> ClientNetworkDraft {
        let country = self.country_code.as_ref().map_or("", CountryCode::as_str);
        ClientNetworkDraft {
            display_name: self.display_name.as_str().to_owned(),
            description: self.description.as_str().to_owned(),
            labels: self.labels.as_map().clone(),
            cidrs: self.cidrs.iter().map(ToString::to_string).collect(),
            coordinates: Some((self.coordinates.latitude(), self.coordinates.longitude())),
            country_code: country.to_owned(),
        }
    }

    fn display_name(&self) -> &DisplayName {
        &self.display_name
    }

    /// A place that is better known takes nothing out of service.
    fn withdraws(&self, _after: &Self) -> bool {
        false
    }

    fn claims(&self) -> Vec<Claim> {
        let (field, reason) = ("cidrs", Reason::CidrConflict);
        let range = |cidr: &Cidr| Claim::Value { field, reason, value: cidr.to_string() };
        let name = Claim::DisplayName(self.display_name.key());
        std::iter::once(name).chain(self.cidrs.iter().map(range)).collect()
    }
}

fn cidrs(texts: &[String], at: &str, problems: &mut Violations) -> Option<Vec<Cidr>> {
    let before = problems.len();
    if texts.is_empty() {
        problems.missing(at, "name at least one address range, for example `192.0.2.0/24`");
    }
    if texts.len() > MAX_CIDRS {
        problems.add(at, Reason::TooMany, format!("at most {MAX_CIDRS}; make another network"));
        return None;
    }
    let mut found: Vec<Cidr> = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let here = format!("{at}[{index}]");
        let Some(cidr) = problems.take(&here, text.parse::<Cidr>()) else { continue };
        if found.contains(&cidr) {
            problems.add(here, Reason::Repeated, format!("`{cidr}` is listed twice; remove one"));
        } else {
            found.push(cidr);
        }
    }
    (problems.len() == before).then_some(found)
}
