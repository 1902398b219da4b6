//! Fair shares of the handshakes at one time.
//!
//! Owns: the turns of a listener; a turn is the right to do one handshake. Always holds: the handshakes at one time and the
//! connections that wait for a turn are limited; a new connection takes a turn from the source that has most of them, if that
//! source has at least two more, and otherwise waits behind the connections of its own source; a free turn goes to the waiting
//! source that has fewest.
//! Absent on purpose: a limit by time (the connection has one, which also bounds the wait of others), and a limit of established
//! connections by source: many connectors behind one address are legitimate.
//!
//! ## Design notes
//! One queue for all would let a single address hold every turn until its handshakes time out, and a fixed share for each
//! address would slow down many connectors behind one of them while no other source needs a turn. Fair shares do neither: a
//! source that is alone has all turns; among others it has as many as each of them.

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// The turns of one listener; clones share them.
#[derive(Clone, Debug)]
pub(super) struct Handshakes(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    running: usize,
    waiting: usize,
    most_running: usize,
    most_waiting: usize,
    next_id: u64,
    sources: HashMap<IpAddr, Share>,
}

/// What one source has, the oldest first.
#[derive(Debug, Default)]
struct Share {
    running: VecDeque<(u64, CancellationToken)>,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    id: u64,
    grant: oneshot::Sender<()>,
    /// Cancelled when the turn that it waits for is taken away.
    taken: CancellationToken,
}

/// A turn, or a place to wait for one; given back when dropped.
#[derive(Debug)]
pub(super) struct Turn {
    handshakes: Handshakes,
    source: IpAddr,
    id: u64,
    granted: Option<oneshot::Receiver<()>>,
    taken: CancellationToken,
}

impl Handshakes {
    pub(super) fn new(most_running: usize, most_waiting: usize) -> Self {
        let sources = HashMap::new();
        let (running, waiting, next_id) = (0, 0, 0);
        let state = State { running, waiting, most_running, most_waiting, next_id, sources };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Takes a turn or a place to wait for one; `None` when there is neither.
    pub(super) fn enter(&self, remote: IpAddr) -> Option<Turn> {
        let source = source_of(remote);
        let mut state = self.lock();
        let id = state.next_id;
        state.next_id += 1;
        let taken = CancellationToken::new();
        let granted = if state.free_turn_for(source) {
            state.run(source, id, taken.clone());
            None
        } else {
            if !state.free_place_for(source) {
                return None;
            }
            Some(state.wait(source, id, taken.clone()))
        };
        Some(Turn { handshakes: self.clone(), source, id, granted, taken })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics half way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Waits for the turn; `false` when it is taken away before it comes.
    pub(super) async fn comes(&mut self) -> bool {
        let Some(granted) = self.granted.take() else { return true };
        granted.await.is_ok()
    }

    /// Ends when the turn goes to another source, which has fewer.
    pub(super) async fn taken(&self) {
        self.taken.cancelled().await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.handshakes.lock();
        state.leave(self.source, self.id);
        state.grant();
    }
}

impl State {
    /// Frees a turn, if need be at the cost of the source that has most, if that has at least two more; whether there is one.
    fn free_turn_for(&mut self, source: IpAddr) -> bool {
        // Connections of one source keep their order.
        let own = self.sources.get(&source);
        if own.is_some_and(|own| !own.waiting.is_empty()) {
            return false;
        }
        if self.running < self.most_running {
            return true;
        }
        let own = own.map_or(0, |own| own.running.len());
        let greediest = self.sources.values_mut().max_by_key(|share| share.running.len());
        let Some(share) = greediest.filter(|share| share.running.len() >= own + 2) else {
            return false;
        };
        if let Some((_, taken)) = share.running.pop_front() {
            taken.cancel();
            self.running -= 1;
        }
        true
    }

    /// Frees a place to wait, if need be at the cost of the source with most waiting, if that has at least two more; whether there
    /// is one.
    fn free_place_for(&mut self, source: IpAddr) -> bool {
        if self.waiting < self.most_waiting {
            return true;
        }
        let own = self.sources.get(&source).map_or(0, |own| own.waiting.len());
        let longest = self.sources.values_mut().max_by_key(|share| share.waiting.len());
        let Some(share) = longest.filter(|share| share.waiting.len() >= own + 2) else {
            return false;
        };
        // The last, so that those who have waited longest keep what they waited for.
        if share.waiting.pop_back().is_some() {
            self.waiting -= 1;
        }
        true
    }

    fn run(&mut self, source: IpAddr, id: u64, taken: CancellationToken) {
        self.running += 1;
        self.sources.entry(source).or_default().running.push_back((id, taken));
    }

    fn wait(&mut self, source: IpAddr, id: u64, taken: CancellationToken) -> oneshot::Receiver<()> {
        let (grant, granted) = oneshot::channel();
        self.waiting += 1;
        let share = self.sources.entry(source).or_default();
        share.waiting.push_back(Waiting { id, grant, taken });
        granted
    }

    fn leave(&mut self, source: IpAddr, id: u64) {
        let Some(share) = self.sources.get_mut(&source) else { return };
        if let Some(at) = share.running.iter().position(|(running, _)| *running == id) {
            share.running.remove(at);
            self.running -= 1;
        } else if let Some(at) = share.waiting.iter().position(|waiting| waiting.id == id) {
            share.waiting.remove(at);
            self.waiting -= 1;
        }
        if share.running.is_empty() && share.waiting.is_empty() {
            self.sources.remove(&source);
        }
    }

    /// Gives free turns to those who wait, first to the source that has fewest.
    fn grant(&mut self) {
        while self.running < self.most_running {
            let waiting = self.sources.values_mut().filter(|share| !share.waiting.is_empty());
            let Some(share) = waiting.min_by_key(|share| share.running.len()) else { return };
            let Some(Waiting { id, grant, taken }) = share.waiting.pop_front() else { return };
            self.waiting -= 1;
            // A connection that has stopped waiting removes itself when it is dropped.
            if grant.send(()).is_ok() {
                share.running.push_back((id, taken));
                self.running += 1;
            }
        }
    }
}

/// What counts as one source: an IPv4 address, or the /64 of an IPv6 address, which is what one host gets.
fn source_of(remote: IpAddr) -> IpAddr {
    match remote.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(host: u8) -> IpAddr {
        [192, 0, 2, host].into()
    }

    fn is_running(turn: &Turn) -> bool {
        turn.granted.is_none() && !turn.taken.is_cancelled()
    }

    #[tokio::test]
    async fn whoever_comes_from_elsewhere_takes_the_oldest_turn_of_who_has_most() {
        let handshakes = Handshakes::new(4, 4);
        let crowd: Vec<_> = (0..6).map(|_| handshakes.enter(from(1)).unwrap()).collect();
        assert_eq!(crowd.iter().filter(|turn| is_running(turn)).count(), 4);
        let second = handshakes.enter(from(2)).unwrap();
        assert!(is_running(&second) && crowd[0].taken.is_cancelled());
        let third = handshakes.enter(from(3)).unwrap();
        assert!(is_running(&third) && crowd[1].taken.is_cancelled());
        let more = handshakes.enter(from(3)).unwrap();
        assert!(!is_running(&more), "two of four is as much as the crowd has");
    }

    #[tokio::test]
    async fn a_free_turn_goes_to_the_source_that_has_fewest_and_in_order_within_it() {
        let handshakes = Handshakes::new(2, 4);
        let (one, _other) =
            (handshakes.enter(from(1)).unwrap(), handshakes.enter(from(2)).unwrap());
        let mut waiting: Vec<_> =
            [2, 2, 3].map(|host| handshakes.enter(from(host)).unwrap()).into();
        drop(one);
        let mut third = waiting.pop().unwrap();
        assert!(third.comes().await, "it has none");
        drop(third);
        assert!(waiting[0].comes().await);
    }

    #[tokio::test]
    async fn a_place_to_wait_goes_to_another_source_and_whoever_loses_it_is_told() {
        let handshakes = Handshakes::new(1, 2);
        let _running = handshakes.enter(from(1)).unwrap();
        let mut early = handshakes.enter(from(1)).unwrap();
        let mut late = handshakes.enter(from(1)).unwrap();
        assert!(handshakes.enter(from(1)).is_none(), "its own source waits already");
        let _other = handshakes.enter(from(2)).unwrap();
        assert!(!late.comes().await);
        drop(_running);
        drop(_other);
        assert!(early.comes().await);
    }

    #[test]
    fn nothing_is_left_when_all_have_gone() {
        let handshakes = Handshakes::new(2, 8);
        let turns: Vec<_> = (0..24).filter_map(|host| handshakes.enter(from(host % 5))).collect();
        drop(turns);
        let state = handshakes.lock();
        assert_eq!((state.running, state.waiting, state.sources.len()), (0, 0, 0));
    }

    #[test]
    fn the_addresses_of_one_host_are_one_source() {
        let source = |text: &str| source_of(text.parse().unwrap());
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:1"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
    }
}
