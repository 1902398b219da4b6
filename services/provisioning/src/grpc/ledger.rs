//! The ledger of who joined.

use proto::provisioning::v1 as pb;
use rpc::{Answer, open};
use tonic::{Request, Response};

use super::{Api, convert};

impl Api {
    pub(super) async fn get_line(
        &self,
        request: Request<pb::GetEnrolmentRequest>,
    ) -> Answer<pb::Enrolment> {
        let (caller, message) = open(request)?;
        let name = convert::get_enrolment(&caller, &message)?;
        Ok(Response::new(convert::enrolment(self.ledger.get(&name).await?)))
    }

    pub(super) async fn list_lines(
        &self,
        request: Request<pb::ListEnrolmentsRequest>,
    ) -> Answer<pb::ListEnrolmentsResponse> {
        let (caller, message) = open(request)?;
        let (lines, listing) = convert::list_enrolments(&caller, &message, &self.tokens)?;
        let page = self.ledger.list(&lines, &listing, convert::enrolment).await?;
        let next_page_token = listing.next_token(&page, &self.tokens);
        Ok(Response::new(pb::ListEnrolmentsResponse { enrolments: page.items, next_page_token }))
    }
}
