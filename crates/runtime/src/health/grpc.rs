//! `grpc.health.v1.Health` and reflection, as gRPC services.

use std::pin::Pin;

use futures::{Stream, StreamExt, future};
use tokio_stream::wrappers::WatchStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, service::RoutesBuilder};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus, health_server,
};

use super::Health;

/// [`Health`] as a gRPC service.
#[derive(Debug)]
struct HealthRpc {
    health: Health,
    end: CancellationToken,
}

/// `grpc.health.v1.Health` over `health`; its watches end with `end`.
pub fn health_service(
    health: Health,
    end: CancellationToken,
) -> health_server::HealthServer<impl health_server::Health> {
    health_server::HealthServer::new(HealthRpc { health, end })
}

/// Adds reflection v1 and v1alpha: the contract, comments included, and health.
///
/// # Errors
/// When a descriptor set is broken, which the build has ruled out.
pub fn reflection_services(
    routes: &mut RoutesBuilder,
    grpc_services: &[&'static str],
) -> anyhow::Result<()> {
    let configure = || {
        let builder = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .with_service_name("grpc.health.v1.Health");
        grpc_services.iter().fold(builder, |builder, name| builder.with_service_name(*name))
    };
    routes.add_service(configure().build_v1()?);
    routes.add_service(configure().build_v1alpha()?);
    Ok(())
}

#[tonic::async_trait]
impl health_server::Health for HealthRpc {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let name = request.into_inner().service;
        match self.health.is_serving(&name) {
            Some(serving) => Ok(Response::new(response(status(Some(serving))))),
            // The name is not repeated: it is the caller's, of any length.
            None => Err(Status::not_found("no service of that name is hosted here")),
        }
    }

    type WatchStream =
        Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send + 'static>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let name = request.into_inner().service;
        let mut last = None;
        let changes = WatchStream::new(self.health.subscribe()).filter_map(move |board| {
            let now = status(board.is_serving(&name));
            let changed = last.replace(now) != Some(now);
            future::ready(changed.then(|| Ok(response(now))))
        });
        let end = self.end.clone();
        let stream = changes.take_until(async move { end.cancelled().await });
        Ok(Response::new(Box::pin(stream)))
    }
}

fn status(serving: Option<bool>) -> ServingStatus {
    match serving {
        Some(true) => ServingStatus::Serving,
        Some(false) => ServingStatus::NotServing,
        None => ServingStatus::ServiceUnknown,
    }
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use health_server::Health as _;

    fn ask(name: &str) -> Request<HealthCheckRequest> {
        Request::new(HealthCheckRequest { service: name.to_owned() })
    }

    #[tokio::test]
    async fn a_watch_tells_each_change_once_and_ends_with_the_process() {
        let health = Health::new();
        let registry = health.service("registry", &[]);
        let end = CancellationToken::new();
        let rpc = HealthRpc { health: health.clone(), end: end.clone() };
        let mut watch = rpc.watch(ask("registry")).await.unwrap().into_inner();
        let mut next = async || watch.next().await.map(|item| item.unwrap().status());
        assert_eq!(next().await, Some(ServingStatus::Serving));
        registry.sibling("paths", true);
        let hold = registry.hold("the store hangs");
        assert_eq!(next().await, Some(ServingStatus::NotServing));
        hold.release();
        assert_eq!(next().await, Some(ServingStatus::Serving));
        end.cancel();
        assert_eq!(next().await, None);
    }

    #[tokio::test]
    async fn an_unknown_name_is_not_found_by_check_and_unknown_to_watch() {
        let rpc = HealthRpc { health: Health::new(), end: CancellationToken::new() };
        let error = rpc.check(ask("nobody")).await.unwrap_err();
        assert_eq!(error.code(), tonic::Code::NotFound);
        let mut watch = rpc.watch(ask("nobody")).await.unwrap().into_inner();
        let first = watch.next().await.unwrap().unwrap();
        assert_eq!(first.status(), ServingStatus::ServiceUnknown);
    }
}
