//! Keeps the copies current, each from one watch.
//!
//! Always holds: a copy changes by whole commits; a broken watch is told in every row until it is mended.
//! Absent on purpose: resume tokens that outlive the process, since the copies do not either.
//!
//! ## Design notes
//! Though a copy ends with the process it is guarded as every other: the page is where people look when something was
//! lost, and a page that had emptied itself would say that nothing ever was there. A restart begins with what there is.

use std::{convert::Infallible, sync::Arc};

use runtime::follow::{Position, Sink, Tally};

use crate::service::copy::{Copy, Index};

/// What takes in what a sibling tells.
#[derive(Debug)]
pub(crate) struct CopySink<I>(pub(crate) Arc<Copy<I>>);

impl<I: Index> Sink for CopySink<I> {
    type Event = I::Change;
    type Error = Infallible;

    fn name(change: &I::Change) -> String {
        I::name(change)
    }

    async fn held(&mut self, tally: &mut Tally) -> Result<(), Infallible> {
        self.0.read(|index| {
            if let Some(index) = index {
                index.held(&mut |kind, name| tally.holds(kind, name));
            }
        });
        Ok(())
    }

    async fn reset(&mut self, all: &[I::Change], at: &Position<'_>) -> Result<(), Infallible> {
        self.0.reset(all.iter().cloned(), at.now);
        Ok(())
    }

    async fn apply(&mut self, commit: &[I::Change], at: &Position<'_>) -> Result<(), Infallible> {
        self.0.commit(commit.iter().cloned(), at.now);
        Ok(())
    }

    async fn alive(&mut self, at: &Position<'_>) {
        self.0.commit([], at.now);
    }

    fn lost(&mut self, why: &str) {
        self.0.lost(why.to_owned());
    }
}
