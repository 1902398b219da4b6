//! Update schedules.

use proto::updates::v1::{
    BatchGetUpdateSchedulesRequest, BatchGetUpdateSchedulesResponse, GetUpdateScheduleRequest,
    PreviewWindowsRequest, PreviewWindowsResponse, UpdateSchedule, UpdateUpdateScheduleRequest,
};
use resource::Parsing;
use rpc::{Answer, Refuse as _, Violations, open};
use tonic::{Request, Response};

use super::{api::Api, convert};

impl Api {
    pub(super) async fn schedule(
        &self,
        request: Request<GetUpdateScheduleRequest>,
    ) -> Answer<UpdateSchedule> {
        let (caller, GetUpdateScheduleRequest { name, read_time }) = open(request)?;
        let mut problems = Violations::new();
        let name = problems.take("name", name.parse());
        let time = rpc::time::from_proto("read_time", read_time.as_ref(), &mut problems);
        let name = caller.authorise_name(problems.finish_with(|| name)?)?;
        let view = self.schedules.get(&name, time, self.clock.now()).await?;
        Ok(Response::new(convert::schedule(view)))
    }

    pub(super) async fn batch_schedules(
        &self,
        request: Request<BatchGetUpdateSchedulesRequest>,
    ) -> Answer<BatchGetUpdateSchedulesResponse> {
        let (caller, message) = open(request)?;
        let (tenant, names) = convert::batch_request(message)?;
        let tenant = caller.authorise_name(tenant)?;
        let names = names.into_iter().map(|name| caller.authorise_name(name));
        let names: Vec<_> = names.collect::<Result<_, _>>()?;
        let (found, missing) = self.schedules.batch_get(&tenant, &names, self.clock.now()).await?;
        Ok(Response::new(BatchGetUpdateSchedulesResponse {
            update_schedules: found.into_iter().map(convert::schedule).collect(),
            not_found: missing.iter().map(ToString::to_string).collect(),
        }))
    }

    pub(super) async fn update_schedule(
        &self,
        request: Request<UpdateUpdateScheduleRequest>,
    ) -> Answer<UpdateSchedule> {
        let (caller, mut message) = open(request)?;
        let mut parsing = Parsing::of(caller, &mut message, self.clock.now());
        let (name, edit) = convert::schedule_edit(message, &mut parsing);
        let (name, write) = parsing.write(name)?;
        let view = self.schedules.update(&name, &edit, &write).await?;
        Ok(Response::new(convert::schedule(view)))
    }

    pub(super) async fn preview(
        &self,
        request: Request<PreviewWindowsRequest>,
    ) -> Answer<PreviewWindowsResponse> {
        let (caller, message) = open(request)?;
        let (name, query) = convert::preview_request(message)?;
        let name = caller.authorise_name(name)?;
        let preview = self.schedules.preview(&name, query, self.clock.now()).await?;
        Ok(Response::new(convert::preview(preview)))
    }
}
