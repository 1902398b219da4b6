//! A gRPC service as a list: each method, what it takes and answers, and who does it.
//!
//! Owns: what every handler begins and ends with ([`open`], [`Answer`]), and the macro that writes the service's implementation.
//! Always holds: a method that is not in the list keeps its generated default, which says that it is not implemented.

use tonic::{Request, Response, Status};

use crate::{
    Failure,
    access::{Caller, caller},
};

/// An answer of a method.
pub type Answer<T> = Result<Response<T>, Status>;

/// The caller and the message of a request.
///
/// # Errors
/// The listener put no caller into the request, which is a defect.
pub fn open<T>(request: Request<T>) -> Result<(Caller, T), Failure> {
    Ok((caller(&request)?, request.into_inner()))
}

/// Implements a generated service trait: `type WatchStream = …;` for what the trait wants of types, then
/// `method(Request) -> Answer => Self::handler;` for each method, where `handler` is an async method that takes the request.
#[macro_export]
macro_rules! delegate {
    (
        impl $service:ident for $api:ty {
            $( type $stream:ident = $stream_type:ty; )*
            $( $method:ident($request:ty) -> $answer:ty => $call:expr; )*
        }
    ) => {
        #[tonic::async_trait]
        impl $service for $api {
            $( type $stream = $stream_type; )*
            $(
                async fn $method(&self, request: tonic::Request<$request>) -> $crate::Answer<$answer> {
                    $call(self, request).await
                }
            )*
        }
    };
}
