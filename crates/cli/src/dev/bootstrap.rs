//! The first objects of an installation, through its own API.

use anyhow::Result;
use serde_json::json;
use tonic::{Code, Status};

use crate::client::{context::Context, kinds::Kind, wire::Connection};

/// Creates the context's tenant unless it is there.
///
/// # Errors
/// The service's status.
pub(crate) async fn ensure_tenant(context: &Context, display_name: &str) -> Result<()> {
    let connection = Connection::open(context)?;
    let request = json!({
        "tenantId": context.tenant,
        "tenant": { "displayName": display_name },
    });
    match connection.unary(&Kind::named("tenant")?.method("Create")?, request).await {
        Ok(_) => Ok(()),
        Err(error) if is(&error, Code::AlreadyExists) => Ok(()),
        Err(error) => Err(error),
    }
}

fn is(error: &anyhow::Error, code: Code) -> bool {
    error.downcast_ref::<Status>().is_some_and(|status| status.code() == code)
}
