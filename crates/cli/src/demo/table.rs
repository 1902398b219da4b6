//! What the demo shows: the table of choices and how to go on.

use anyhow::Result;
use serde_json::json;

use super::{
    judge::Seen,
    questions::{Answer, Choice},
};
use crate::client::{context::Context, output};

const TITLES: [&str; 9] = [
    "USER IN",
    "APPLICATION",
    "CHOSEN",
    "GROUP",
    "USER LEG",
    "APP LEG",
    "RUNNER-UP",
    "NEAREST TO USER",
    "LOWEST APP LEG",
];

/// Why the same connector stands with two figures in one row.
const LEGEND: &str = "
chosen and runner-up: what the service reckoned, from an estimate of the user leg by distance (nobody has measured these users yet)
and the connector's own measurement. nearest to user, lowest app leg and the means: the measured round trips between the cities.
";

/// Prints every answer and what the three rules cost on average.
///
/// # Errors
/// When standard output is gone.
pub(crate) fn print(answers: &[Answer]) -> Result<()> {
    output::print_table(&TITLES, answers.iter().map(row).collect())?;
    let mean = |value: &dyn Fn(&Answer) -> f64| {
        answers.iter().map(value).sum::<f64>() / answers.len() as f64
    };
    let cost = |choice: &Option<Choice>| choice.as_ref().map_or(f64::NAN, |c| c.true_ms);
    output::write_out(LEGEND)?;
    output::write_out(&format!(
        "\nmean measured total of {} questions: chosen {:.1} ms, nearest to user {:.1} ms, lowest app leg {:.1} ms, best possible {:.1} ms\n",
        answers.len(),
        mean(&|a| a.chosen_true_ms),
        mean(&|a| cost(&a.nearest_to_user)),
        mean(&|a| cost(&a.lowest_application_leg)),
        mean(&|a| a.best_true_ms),
    ))
}

/// Prints the answers as JSON.
///
/// # Errors
/// When standard output is gone.
pub(crate) fn print_json(answers: &[Answer]) -> Result<()> {
    output::print(output::Format::Json, &json!({ "answers": answers }))
}

/// Every broken rule, with its question.
pub(crate) fn broken(answers: &[Answer]) -> Vec<String> {
    let tell = |answer: &Answer| {
        let question = format!("{} → {}", answer.user, answer.application);
        answer
            .broken_rules
            .iter()
            .map(move |rule| format!("{question}: {rule}"))
            .collect::<Vec<_>>()
    };
    answers.iter().flat_map(tell).collect()
}

/// How to go on by hand: addresses, grpcurl and the command line.
pub(crate) fn next_steps(context: &Context, context_file: &str, host: &str, port: u16) -> String {
    let Context { endpoint, ca, token, tenant, .. } = context;
    let authority = endpoint.trim_start_matches("https://");
    let ca = ca.display();
    let token = token.as_deref().unwrap_or_default();
    let call = format!("grpcurl -cacert {ca} -H 'authorization: Bearer {token}'");
    format!(
        "
The control plane stays up until Ctrl-C. To go on:

  API      {endpoint}
  CA       {ca}
  token    {token}
  context  {context_file}

  {call} {authority} list
  {call} -d '{{\"parent\":\"tenants/{tenant}\",\"page_size\":3}}' {authority} causeway.registry.v1.RegistryService/ListAppConnectorGroups
  {call} -d '{{\"parent\":\"tenants/{tenant}\",\"query\":{{\"client\":{{\"coordinates\":{{\"latitude\":48.86,\"longitude\":2.35}}}},\"destination\":{{\"host\":\"{host}\",\"port\":{port}}}}}}}' {authority} causeway.paths.v1.PathsService/SelectPath

  export CAUSEWAY_CONTEXT={context_file}
  cargo run --release -- get groups
  cargo run --release -- describe group frankfurt
  cargo run --release -- explain path {host}:{port} --from 48.86,2.35
"
    )
}

fn row(answer: &Answer) -> Vec<String> {
    let leg = |seen: &Option<Seen>, pick: fn(&Seen) -> (f64, &str)| {
        seen.as_ref().map_or("-".to_owned(), |seen| {
            let (ms, source) = pick(seen);
            format!("{ms:.1} ms {source}")
        })
    };
    let total = |seen: &Seen| format!("{} {:.1} ms", seen.connector, seen.total_ms);
    let other = |choice: &Option<Choice>| {
        choice.as_ref().map_or("-".to_owned(), |c| format!("{} {:.0} ms", c.connector, c.true_ms))
    };
    let chosen = &answer.chosen;
    vec![
        answer.user.clone(),
        format!("{} in {}", answer.application, answer.application_city),
        chosen.as_ref().map_or("none".to_owned(), total),
        chosen.as_ref().map_or("-".to_owned(), |seen| seen.group.clone()),
        leg(chosen, |seen| (seen.user_leg_ms, &seen.user_leg_source)),
        leg(chosen, |seen| (seen.application_leg_ms, &seen.application_leg_source)),
        answer.runner_up.as_ref().map_or("-".to_owned(), total),
        other(&answer.nearest_to_user),
        other(&answer.lowest_application_leg),
    ]
}
