//! Why a request is for one route and not for another, in words.

use doorward_config::{Config, PathRule, Question, Route};
use doorward_hygiene::{HostPattern, Hostname};
use doorward_proxy::NotFound;

/// Why it is for this one.
pub(crate) fn this_route(config: &Config, route: &Route, question: &Question) -> String {
    let origin = &question.url.origin;
    let siblings = || config.routes.iter().filter(|other| other.from.host == route.from.host);
    let host = match &route.from.host {
        HostPattern::Exact(host) if wildcard_over(config, host).is_some() => {
            format!("the host is {host}, which owns its name: no wildcard takes it")
        }
        HostPattern::Exact(host) => format!("the host is {host}"),
        HostPattern::Below(parent) => {
            format!("the host {} is one label below {parent}, and no route names it", origin.host)
        }
    };
    let several_ports = siblings().any(|other| other.from.port != route.from.port);
    let port = if several_ports { format!(", the port is {}", route.from.port) } else { String::new() };
    let path = question.url.path.decoded();
    let beaten = siblings().filter(|other| other.id != route.id && other.path.matches(path)).count();
    let (matched, first) = match &route.path {
        PathRule::Exact(exact) => (format!("the path is exactly {exact}"), "an exact path comes first"),
        PathRule::Regex(regex) => {
            (format!("the path as a whole matches {}", written(regex.as_str())), "a regex comes before every prefix")
        }
        PathRule::Prefix(prefix) if prefix == "/" => ("/ covers every path".to_owned(), ""),
        PathRule::Prefix(prefix) if prefix == path => (format!("the path is {prefix}"), "the longest prefix wins"),
        PathRule::Prefix(prefix) => (format!("the path lies below {prefix}"), "the longest prefix wins"),
    };
    let first = if beaten > 0 && !first.is_empty() { format!(" ({first})") } else { String::new() };
    format!("{host}{port}, and {matched}{first}")
}

/// Why it is for none.
pub(crate) fn no_route(config: &Config, why: NotFound, question: &Question) -> String {
    let host = &question.url.origin.host;
    match why {
        NotFound::Host => format!("no route has the host {host}"),
        NotFound::Path => match wildcard_over(config, host) {
            Some(wildcard) if is_named(config, host) => format!(
                "no route of {host} has this path; {wildcard} is not asked, because a host that is named owns its name"
            ),
            _ => format!("no route of {host} has this path"),
        },
        NotFound::Ambiguous => "this path could be read as another route's, so it is refused (400)".to_owned(),
    }
}

/// A regex as it stands in the file, without the anchors put around it.
pub(crate) fn written(regex: &str) -> &str {
    regex.strip_prefix(r"\A(?:").and_then(|rest| rest.strip_suffix(r")\z")).unwrap_or(regex)
}

fn is_named(config: &Config, host: &Hostname) -> bool {
    let of_route = config.routes.iter().any(|route| route.from.host.exact() == Some(host));
    of_route || config.sign_in.origin.host == *host
}

/// The wildcard that would cover a host if no route named it.
fn wildcard_over<'c>(config: &'c Config, host: &Hostname) -> Option<&'c HostPattern> {
    let mut patterns = config.routes.iter().map(|route| &route.from.host);
    patterns.find(|from| from.exact().is_none() && from.matches(host))
}
