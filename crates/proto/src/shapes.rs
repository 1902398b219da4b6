//! What messages of one shape share, so that a standard method is written once for all kinds.
//!
//! Owns: the traits. Their implementations are generated from the contract (`build/shapes.rs`): a message has a trait exactly if it
//! has the fields that the trait reads. Always holds: a field that a message lacks reads as its proto default.
//! Absent on purpose: meaning. Who reads a shape decides what a filter or an etag is.

/// A write that may be sent again: `request_id`, and `validate_only` where the request has it.
pub trait Repeatable {
    /// Takes the request id out: the request without it is what the id makes repeatable.
    fn take_request_id(&mut self) -> String;
    /// Whether nothing is to be written.
    fn validate_only(&self) -> bool;
}

/// A request to take a snapshot that was refused, of any service.
pub trait AcceptSnapshotRequest {
    /// The source, the snapshot, and `validate_only`.
    fn into_parts(self) -> (String, String, bool);
}

/// The answer to such a request.
pub trait AcceptSnapshotResponse {
    /// The answer that shows this snapshot.
    fn of(snapshot: crate::r#type::v1::RefusedSnapshot) -> Self;
}

/// A request about one object: Get, Delete, Undelete.
pub trait NamedRequest {
    /// The object's name.
    fn name(&self) -> &str;
    /// The version that the caller read; empty: any.
    fn etag(&self) -> &str;
    /// The time to answer as of; absent: now.
    fn read_time(&self) -> Option<&prost_types::Timestamp>;
    /// Whether an object that is missing is no error.
    fn allow_missing(&self) -> bool;
}

/// A request for several objects by name.
pub trait BatchGetRequest {
    /// What all of them are below; empty where the request has none.
    fn parent(&self) -> &str;
    /// Their names.
    fn names(&self) -> &[String];
}

/// An answer that is a list of objects and nothing else.
pub trait BatchGetResponse {
    /// The objects.
    type Item;
    /// The answer with these.
    fn of(items: Vec<Self::Item>) -> Self;
}

/// A request for a page of objects.
pub trait ListRequest {
    /// What they are below; empty where the request has none.
    fn parent(&self) -> &str;
    /// Most objects on the page.
    fn page_size(&self) -> i32;
    /// Where the page before ended.
    fn page_token(&self) -> &str;
    /// Which objects are wanted.
    fn filter(&self) -> &str;
    /// In which order.
    fn order_by(&self) -> &str;
    /// Whether soft-deleted ones are shown.
    fn show_deleted(&self) -> bool;
    /// The time to answer as of; absent: now.
    fn read_time(&self) -> Option<&prost_types::Timestamp>;
}

/// A page of objects.
pub trait ListResponse {
    /// The objects.
    type Item;
    /// The page with these; the count of all is dropped where the response has no place for it.
    fn page(items: Vec<Self::Item>, next_page_token: String, total_size: Option<i32>) -> Self;
}

/// A request that makes an object.
pub trait CreateRequest {
    /// What it makes.
    type Resource;
    /// The field of the new id.
    const ID_FIELD: &'static str;
    /// What it is made below; empty where the request has none.
    fn parent(&self) -> &str;
    /// The new id.
    fn id(&self) -> &str;
    /// Whether the coordinates 0/0 are meant.
    fn allow_null_island(&self) -> bool;
    /// The object as the caller wants it.
    fn take_resource(&mut self) -> Option<Self::Resource>;
}

/// A request that changes an object.
pub trait UpdateRequest {
    /// What it changes.
    type Resource;
    /// Which fields count.
    fn update_mask(&self) -> Option<&prost_types::FieldMask>;
    /// Whether the coordinates 0/0 are meant.
    fn allow_null_island(&self) -> bool;
    /// The object as the caller wants it.
    fn take_resource(&mut self) -> Option<Self::Resource>;
}

/// An object with a name and a version.
pub trait Resource {
    /// Its name.
    fn name(&self) -> &str;
    /// Its version, as the caller read it.
    fn etag(&self) -> &str;
}
