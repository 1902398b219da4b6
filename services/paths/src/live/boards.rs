//! The boards of one segment that stay, by host and port.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use super::{board::Board, tenant::LastAccess};
use crate::domain::{configuration::Protocol, matching::host::Host};

/// Most hosts of which a segment keeps boards. For others a board is built for the question and dropped.
const MAX_HOSTS: usize = 1_000;

/// A board that stays, with what is to be noted when it is asked for.
#[derive(Debug)]
pub struct KeptBoard {
    /// The slots.
    pub board: Board,
    /// When it was last asked for. `None`: not followed.
    pub demand: Option<Arc<LastAccess>>,
}

/// The boards of one segment that stay.
#[derive(Debug, Default)]
pub struct Boards(RwLock<HashMap<Host, Vec<Keyed>>>);

type Keyed = ((u16, Protocol), Arc<KeptBoard>);

impl Boards {
    /// The board of a host and port.
    #[must_use]
    pub fn find(&self, host: &Host, port: u16, protocol: Protocol) -> Option<Arc<KeptBoard>> {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let of_host = kept.get(host)?;
        let found = of_host.iter().find(|(key, _)| *key == (port, protocol));
        found.map(|(_, board)| board.clone())
    }

    /// Whether a board of a host would be kept.
    #[must_use]
    pub fn has_place_for(&self, host: &Host) -> bool {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        kept.len() < MAX_HOSTS || kept.contains_key(host)
    }

    /// Keeps a board, in the place of an earlier one, if there is place for it.
    pub fn keep(&self, host: &Host, port: u16, protocol: Protocol, board: KeptBoard) {
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MAX_HOSTS || kept.contains_key(host) {
            let of_host = kept.entry(host.clone()).or_default();
            of_host.retain(|(key, _)| *key != (port, protocol));
            of_host.push(((port, protocol), Arc::new(board)));
        }
    }
}
