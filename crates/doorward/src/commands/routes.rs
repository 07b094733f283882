//! `doorward routes`: the routes of a configuration, in a table.

use std::path::PathBuf;
use std::process::ExitCode;

use doorward_config::{Overrides, PathRule, Route, Target};

use super::{Failure, configuration_file, load_file};
use crate::terminal::table;
use crate::why::written;

pub(crate) fn run(file: Option<PathBuf>) -> Result<ExitCode, Failure> {
    let loaded = load_file(&configuration_file(file)?, &Overrides::default())?;
    let rows: Vec<[String; 4]> = loaded
        .config
        .routes
        .iter()
        .map(|route| [route.id.to_string(), from(route), to(&route.target), who(route)])
        .collect();
    table(["ROUTE", "FROM", "TO", "WHO"], &rows);
    Ok(ExitCode::SUCCESS)
}

/// A route's public URL.
pub(crate) fn from(route: &Route) -> String {
    match &route.path {
        PathRule::Prefix(prefix) if prefix == "/" => route.from.to_string(),
        PathRule::Prefix(prefix) => format!("{}{prefix}", route.from),
        PathRule::Exact(path) => format!("{}{path} exactly", route.from),
        PathRule::Regex(regex) => format!("{} matching {}", route.from, written(regex.as_str())),
    }
}

/// What answers on a route, in a word.
pub(crate) fn to(target: &Target) -> String {
    match target {
        Target::Upstream(upstream) => upstream.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        Target::Redirect(redirect) => format!("redirect {}", redirect.response_code.as_u16()),
        Target::Response(response) => format!("answer {}", response.status.as_u16()),
    }
}

fn who(route: &Route) -> String {
    if route.policy.denies_everyone() {
        "nobody".into()
    } else if route.policy.is_public() {
        "everybody, without signing in".into()
    } else {
        let rules = route.policy.rules();
        match rules {
            [rule] => {
                let criteria: Vec<_> = rule.criteria.iter().map(ToString::to_string).collect();
                format!("{} {} [{}]", rule.action, rule.operator, criteria.join("; "))
            }
            rules => format!("{} rules", rules.len()),
        }
    }
}
