//! `causeway explain path`: the choice for a user and an application, and why it was made.

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::client::{
    context::Context,
    output::{self, Format},
    wire::{self, Connection},
};

/// Arguments of `explain`.
#[derive(Args)]
pub(crate) struct ExplainArguments {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Subcommand)]
enum Subject {
    /// Which connector would carry this user's traffic to this application, and why
    Path(PathArguments),
}

/// Arguments of `explain path`.
#[derive(Args)]
struct PathArguments {
    /// Application as `host:port`; an IPv6 address stands in brackets
    destination: String,
    /// Where the user is, as `latitude,longitude` in degrees; unknown if left out
    #[arg(long, allow_hyphen_values = true)]
    from: Option<String>,
    /// Transport protocol
    #[arg(long, value_enum, default_value_t = Protocol::Tcp)]
    protocol: Protocol,
    /// Stable key of the user or session: near-equal connectors are shared out by it
    #[arg(long)]
    client_key: Option<String>,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Protocol {
    Tcp,
    Udp,
}

/// Asks and prints.
pub(crate) async fn run(context: &Context, arguments: ExplainArguments) -> Result<()> {
    let Subject::Path(path) = arguments.subject;
    let method = wire::method("causeway.paths.v1.PathsService", "ExplainPath")?;
    let request =
        json!({ "parent": format!("tenants/{}", context.tenant), "query": query(&path)? });
    let answer = Connection::open(context)?.unary(&method, request).await?;
    let answer = output::to_json(&answer)?;
    match path.output {
        Format::Table => print_table(&answer),
        format => output::print(format, &answer),
    }
}

fn query(path: &PathArguments) -> Result<Value> {
    let (host, port) = path
        .destination
        .rsplit_once(':')
        .with_context(|| format!("`{}` is not `host:port`", path.destination))?;
    let port: u16 = port.parse().with_context(|| format!("`{port}` is not a port (1 to 65535)"))?;
    let mut client = json!({});
    if let Some(from) = &path.from {
        let (latitude, longitude) = coordinates(from)?;
        client["coordinates"] = json!({ "latitude": latitude, "longitude": longitude });
    }
    Ok(json!({
        "client": client,
        "clientKey": path.client_key.clone().unwrap_or_default(),
        "destination": {
            "host": host.trim_matches(['[', ']']),
            "port": port,
            "protocol": match path.protocol {
                Protocol::Tcp => "PROTOCOL_TCP",
                Protocol::Udp => "PROTOCOL_UDP",
            },
        },
    }))
}

fn coordinates(text: &str) -> Result<(f64, f64)> {
    let parsed = text.split_once(',').and_then(|(latitude, longitude)| {
        Some((latitude.trim().parse().ok()?, longitude.trim().parse().ok()?))
    });
    match parsed {
        Some(place) => Ok(place),
        None => bail!("`{text}` is not `latitude,longitude` in degrees, for example `52.52,13.41`"),
    }
}

fn print_table(answer: &Value) -> Result<()> {
    let selection = &answer["selection"];
    let mut head = String::new();
    for (title, path) in [
        ("segment", "applicationSegment"),
        ("reason", "reason"),
        ("message", "message"),
        ("degradation", "degradation"),
        ("client place", "clientLocation.source"),
        ("configuration age", "configAge"),
    ] {
        let value = output::cell(selection, path);
        if value != "-" && !value.is_empty() {
            head.push_str(&format!("{title}: {value}\n"));
        }
    }
    output::write_out(&format!("{head}\n"))?;
    let empty = Vec::new();
    let considered = answer["considered"].as_array().unwrap_or(&empty);
    let rows = considered.iter().map(row).collect();
    let titles =
        ["RANK", "APP CONNECTOR", "GROUP", "USER LEG", "APP LEG", "TOTAL", "VERDICT", "WHY"];
    output::print_table(&titles, rows)
}

fn row(considered: &Value) -> Vec<String> {
    let candidate = &considered["candidate"];
    let last = |path| {
        let name = output::cell(candidate, path);
        name.rsplit('/').next().unwrap_or_default().to_owned()
    };
    vec![
        output::cell(candidate, "rank"),
        last("appConnector"),
        last("appConnectorGroup"),
        leg(&candidate["userLeg"]),
        leg(&candidate["applicationLeg"]),
        milliseconds(&candidate["totalMilliseconds"]),
        output::cell(considered, "verdict"),
        output::cell(considered, "detail"),
    ]
}

/// A leg as `12.3 ms measured`; one that was never computed is `-`.
fn leg(leg: &Value) -> String {
    match leg["source"].as_str() {
        None => "-".to_owned(),
        Some(source) => {
            let source = source.trim_start_matches("LEG_SOURCE_").to_lowercase();
            // A zero is a default, and defaults are left out of the JSON.
            let value = leg["milliseconds"].as_f64().unwrap_or(0.0);
            format!("{value:.1} ms {source}")
        }
    }
}

fn milliseconds(value: &Value) -> String {
    value.as_f64().map_or("-".to_owned(), |value| format!("{value:.1} ms"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_two_numbers() {
        assert_eq!(coordinates("52.5, -13.4").unwrap(), (52.5, -13.4));
        let error = coordinates("Berlin").err().unwrap().to_string();
        assert!(error.contains("latitude,longitude"), "{error}");
    }

    #[test]
    fn a_leg_shows_its_number_and_where_it_comes_from() {
        let measured = json!({"milliseconds": 12.34, "source": "LEG_SOURCE_MEASURED"});
        assert_eq!(leg(&measured), "12.3 ms measured");
        assert_eq!(leg(&Value::Null), "-");
    }
}
