//! The wire: handlers of three moves (parse, call, render). Generated types stop here.
//!
//! Read in this order: `api` (the methods of ProvisioningService), a file a noun (`key`, `ledger`, `certificates`, `audit`, `watch`),
//! `enrolment` (EnrolmentService), `convert` (what is read and what is shown).

mod api;
mod audit;
mod certificates;
mod convert;
mod enrolment;
#[cfg(test)]
mod fuzz;
mod key;
mod ledger;
mod watch;

pub(crate) use api::Api;
pub(crate) use convert::{NextSteps, View};
pub(crate) use enrolment::EnrolmentApi;
