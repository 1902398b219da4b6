//! The disk under a store: it fills up, it fails to sync, it loses its power.
//!
//! Owns: what registry, provisioning and updates do on such a disk, as real processes with real callers. Always holds: what was
//! acknowledged is known to the caller by name and etag, and is looked for after each accident. Absent on purpose: what the
//! store alone can prove; that is tested beside it.

mod cut;
mod full;
mod makers;
mod sync;

use std::path::Path;

use testkit::Plan;

/// A plan in which a service keeps its store on a disk that is mounted there.
fn stored_on(service: &str, mounted: &Path) -> Plan {
    on_disk(Plan::default(), service, mounted)
}

fn on_disk(plan: Plan, service: &str, mounted: &Path) -> Plan {
    let store = mounted.join("store");
    plan.set(&format!("{service}.data_dir"), &store.display().to_string())
}
