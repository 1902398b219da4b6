//! Questions: which connector, and why.

use proto::paths::v1 as wire;
use rpc::{Answer, open};
use tonic::{Request, Response};

use super::{Api, convert};

impl Api {
    pub(super) async fn select(
        &self,
        request: Request<wire::SelectPathRequest>,
    ) -> Answer<wire::SelectPathResponse> {
        let (caller, wire::SelectPathRequest { parent, query }) = open(request)?;
        let asked = convert::path_request(&parent, query)?;
        let tenant = caller.authorise(&asked.tenant)?;
        let question = asked.at(self.parts().clock.now(), rand::random());
        let answered = self.parts().selector.select(&tenant, &question);
        Ok(Response::new(wire::SelectPathResponse {
            selection: Some(convert::selection(&answered)),
        }))
    }

    pub(super) async fn explain(
        &self,
        request: Request<wire::ExplainPathRequest>,
    ) -> Answer<wire::ExplainPathResponse> {
        let (caller, message) = open(request)?;
        let asked = convert::explain_request(message)?;
        let tenant = caller.authorise(&asked.tenant)?;
        let question = asked.at(self.parts().clock.now(), rand::random());
        let answered = self.parts().selector.explain(&tenant, &question);
        Ok(Response::new(convert::explanation(&answered)))
    }
}
