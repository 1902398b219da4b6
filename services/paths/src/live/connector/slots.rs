//! The slots of a connector's targets.

use std::sync::{Arc, PoisonError};

use super::ConnectorLive;
use crate::{domain::probing::target::Target, live::slot::LegSlot};

impl ConnectorLive {
    /// The slot for a target, made when it is new.
    #[must_use]
    pub fn slot(&self, target: &Target) -> Arc<LegSlot> {
        if let Some(slot) = self.existing_slot(target) {
            return slot;
        }
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        slots.entry(target.clone()).or_default().clone()
    }

    /// The slot for a target, if there is one.
    #[must_use]
    pub fn existing_slot(&self, target: &Target) -> Option<Arc<LegSlot>> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner).get(target).cloned()
    }

    /// Every target that was probed or is to be, in order.
    #[must_use]
    pub fn targets(&self) -> Vec<(Target, Arc<LegSlot>)> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> =
            slots.iter().map(|(target, slot)| (target.clone(), slot.clone())).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// Forgets slots that neither a report stream nor a board holds.
    pub fn forget_slots(&self) {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|_, slot| Arc::strong_count(slot) > 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::target;

    #[test]
    fn a_slot_is_made_when_asked_for_and_forgotten_when_nothing_holds_it() {
        let live = ConnectorLive::default();
        assert!(live.existing_slot(&target("a")).is_none());
        let held = live.slot(&target("b"));
        let _ = live.slot(&target("a"));
        let names = || live.targets().into_iter().map(|(it, _)| it.host.to_string());
        assert_eq!(names().collect::<Vec<_>>(), ["a", "b"]);
        live.forget_slots();
        assert_eq!(names().collect::<Vec<_>>(), ["b"]);
        assert!(Arc::ptr_eq(&held, &live.slot(&target("b"))));
    }
}
