//! How good the choices are on round trips measured between 240 cities: goals G1 (cold), G3 and G4.
//!
//! The measurements carry no licence, so they are not part of this repository. `CAUSEWAY_EVALUATION_DATA`
//! names the folder with `wonder2020/{sites,rtt,trials}.csv`; without it the test says that it did not run.

use std::{collections::HashMap, fs, path::Path};

use paths::domain::choice::select::Depth;

use crate::world::{World, from_place};

struct Site {
    at: (f64, f64),
}

struct Data {
    sites: HashMap<u32, Site>,
    rtt: HashMap<(u32, u32), f64>,
    trials: Vec<Trial>,
}

struct Trial {
    user: u32,
    candidates: Vec<u32>,
    leg2: Vec<f64>,
}

impl Data {
    fn read(folder: &Path, scenario: &str) -> Self {
        let rows = |name: &str| -> Vec<Vec<String>> {
            let text = fs::read_to_string(folder.join(name)).unwrap();
            text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
        };
        let number = |text: &str| text.parse::<f64>().unwrap();
        let sites = rows("sites.csv")
            .into_iter()
            .map(|row| (row[0].parse().unwrap(), Site { at: (number(&row[2]), number(&row[3])) }));
        let rtt = rows("rtt.csv")
            .into_iter()
            .map(|row| ((row[0].parse().unwrap(), row[1].parse().unwrap()), number(&row[2])));
        let trials = rows("trials.csv").into_iter().filter(|row| row[0] == scenario);
        let trials = trials.map(|row| Trial {
            user: row[1].parse().unwrap(),
            candidates: row[3].split(' ').map(|site| site.parse().unwrap()).collect(),
            leg2: row[4].split(' ').map(number).collect(),
        });
        Self { sites: sites.collect(), rtt: rtt.collect(), trials: trials.collect() }
    }

    fn round_trip(&self, from: u32, to: u32) -> f64 {
        let known = self.rtt.get(&(from, to)).or_else(|| self.rtt.get(&(to, from)));
        *known.unwrap_or_else(|| panic!("no round trip between {from} and {to}"))
    }

    fn totals(&self, trial: &Trial) -> Vec<f64> {
        let legs = trial.candidates.iter().zip(&trial.leg2);
        legs.map(|(site, leg2)| self.round_trip(trial.user, *site) + leg2).collect()
    }
}

#[derive(Debug)]
struct Regret {
    mean: f64,
    p95: f64,
    optimal: f64,
    within_tenth: f64,
}

/// Chosen minus best, over all trials; a strategy may name several of which the best counts.
fn regret(data: &Data, choose: impl Fn(&Trial) -> Vec<usize>) -> Regret {
    let mut regrets = Vec::new();
    let (mut optimal, mut within) = (0, 0);
    for trial in &data.trials {
        let totals = data.totals(trial);
        let best = totals.iter().copied().fold(f64::INFINITY, f64::min);
        let chosen = choose(trial).into_iter().map(|n| totals[n]).fold(f64::INFINITY, f64::min);
        regrets.push(chosen - best);
        optimal += u32::from(chosen - best < 1e-9);
        within += u32::from(chosen <= best * 1.1);
    }
    regrets.sort_by(f64::total_cmp);
    let count = regrets.len() as f64;
    Regret {
        mean: regrets.iter().sum::<f64>() / count,
        p95: regrets[(count * 0.95) as usize],
        optimal: f64::from(optimal) / count,
        within_tenth: f64::from(within) / count,
    }
}

/// What this service answers: positions among the candidates, best first.
fn ours(data: &Data, trial: &Trial) -> Vec<usize> {
    let mut world = World::new();
    for (n, (site, leg2)) in trial.candidates.iter().zip(&trial.leg2).enumerate() {
        let name = format!("c{n}");
        world.site(&name, data.sites[site].at);
        world.reaches(&name, *leg2 as f32);
    }
    let mut query = from_place(data.sites[&trial.user].at);
    query.client_key = format!("user-{}", trial.user);
    let moment = world.moment();
    let answer = world.evaluate(&query, None, &moment, Depth::Select).answer;
    let position = |one: &paths::domain::choice::answer::Candidate| {
        one.connector.app_connector.as_str()[1..].parse::<usize>().unwrap()
    };
    answer.outcome.unwrap().ranked.iter().map(position).collect()
}

fn least(values: impl Iterator<Item = f64>) -> usize {
    let numbered = values.enumerate();
    numbered.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(n, _)| n)
}

#[test]
fn choices_on_measured_cities_reach_the_goals() {
    let Some(folder) = std::env::var_os("CAUSEWAY_EVALUATION_DATA") else {
        println!("not evaluated: CAUSEWAY_EVALUATION_DATA does not name a folder with the data");
        return;
    };
    let data = Data::read(&Path::new(&folder).join("wonder2020"), "global_k8");
    let cold = regret(&data, |trial| vec![ours(&data, trial)[0]]);
    let three = regret(&data, |trial| ours(&data, trial));
    let nearest = regret(&data, |trial| {
        let from = crate::world::place(data.sites[&trial.user].at);
        let km = |site: &u32| f64::from(from.distance_km(crate::world::place(data.sites[site].at)));
        vec![least(trial.candidates.iter().map(km))]
    });
    let lowest = regret(&data, |trial| vec![least(trial.leg2.iter().copied())]);
    println!("trials        {}", data.trials.len());
    println!("cold          {cold:?}");
    println!("best of three {three:?}");
    println!("nearest user  {nearest:?}");
    println!("lowest leg    {lowest:?}");
    assert!(cold.mean <= 8.0 && cold.p95 <= 48.0, "G1 {cold:?}");
    assert!(cold.optimal >= 0.68 && cold.within_tenth >= 0.87, "G1 {cold:?}");
    assert!(three.optimal >= 0.966 && three.mean <= 0.61, "G3 cold {three:?}");
    assert!(cold.mean <= nearest.mean / 4.0, "G4 {cold:?} {nearest:?}");
    assert!(cold.mean <= lowest.mean / 2.0, "G4 {cold:?} {lowest:?}");
}
