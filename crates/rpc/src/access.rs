//! Who may call what.
//!
//! Owns: [`AccessTable`], the rule of every method, read from the contract's own options; [`Caller`], who is asking;
//! [`Authorised`], the proof that a caller may act on an object; [`Principal`], who it was for history; bearer tokens and revocations.
//! Always holds: a method without a rule never reaches a handler, and a contract with such a method does not
//! start; an `Authorised` value exists only where [`Caller::authorise`] and its siblings agreed; a
//! tenant that the caller does not know looks exactly like one that does not exist.
//! Absent on purpose: the message. The layer decides what the method and the caller alone decide; which tenant a request is
//! about only the handler knows, so it asks the caller.
//!
//! ## Design notes
//! Classes are a set, not a ladder (the contract says so), so there is no "admin implies viewer" anywhere: a token
//! with role ADMIN may call exactly the methods that list ADMIN.

mod asking;
mod authorised;
mod caller;
mod class;
mod principal;
mod scope;
mod table;

pub use asking::CallerKind;
pub use authorised::Authorised;
pub(crate) use caller::token_unknown;
pub use caller::{Caller, Guard, Now, caller};
pub use class::{AccessClass, Role};
pub use principal::{Actor, Principal};
pub use scope::{ALL_TENANTS, Scope};
pub use table::{AccessTable, MethodRule, TableError};
