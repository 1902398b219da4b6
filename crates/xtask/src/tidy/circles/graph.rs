//! Which file needs which, and the ways back.
//!
//! Always holds: the same tree gives the same circles in the same order, and each circle is in the answer once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Who needs whom.
#[derive(Debug, Default)]
pub(super) struct Graph {
    needs: BTreeMap<String, BTreeMap<String, Step>>,
}

/// One file's need of another, with the first place that shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// `path:line`.
    pub(super) place: String,
    /// What is named there.
    pub(super) name: String,
}

impl Graph {
    /// Notes that `from` needs `to`; of itself a file needs nothing.
    pub(super) fn add(&mut self, from: &str, to: &str, place: String, name: String) {
        if from != to {
            let needs = self.needs.entry(from.to_owned()).or_default();
            needs.entry(to.to_owned()).or_insert(Step { place, name });
        }
    }

    /// Forgets that `from` needs `to`.
    pub(super) fn remove(&mut self, from: &str, to: &str) {
        if let Some(needs) = self.needs.get_mut(from) {
            needs.remove(to);
        }
    }

    /// Whether `from` needs `to`, and `to` needs `from`, directly or through others.
    pub(super) fn is_on_circle(&self, from: &str, to: &str) -> bool {
        let is_needed = self.needs.get(from).is_some_and(|needs| needs.contains_key(to));
        is_needed && self.way(to, from).is_some()
    }

    /// The shortest circle through each file that lies on one; files on the same circle share it.
    pub(super) fn circles(&self) -> Vec<Vec<Step>> {
        let mut seen = BTreeSet::new();
        let ways = self.needs.keys().filter_map(|start| self.way(start, start));
        let fresh = ways.filter(|way| seen.insert(way.iter().copied().collect::<BTreeSet<_>>()));
        fresh.map(|way| self.steps(&way)).collect()
    }

    /// The files of the shortest way from `start` to `end`, without `end`. A way has at least one step, so that of a
    /// file to itself is a circle.
    fn way<'a>(&'a self, start: &'a str, end: &str) -> Option<Vec<&'a str>> {
        let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(at) = queue.pop_front() {
            for next in self.needs.get(at).into_iter().flat_map(BTreeMap::keys) {
                if next == end {
                    return Some(unwound(&came_from, start, at));
                }
                if !came_from.contains_key(next.as_str()) {
                    came_from.insert(next, at);
                    queue.push_back(next);
                }
            }
        }
        None
    }

    fn steps(&self, way: &[&str]) -> Vec<Step> {
        let to = way.iter().skip(1).chain(way.first());
        way.iter().zip(to).map(|(from, to)| self.needs[*from][*to].clone()).collect()
    }
}

fn unwound<'a>(came_from: &BTreeMap<&'a str, &'a str>, start: &str, end: &'a str) -> Vec<&'a str> {
    let mut way = vec![end];
    let mut at = end;
    while at != start {
        at = came_from[at];
        way.push(at);
    }
    way.reverse();
    way
}
