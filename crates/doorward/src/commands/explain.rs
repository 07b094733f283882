//! `doorward explain`: may somebody open a URL, and why. No server is asked.

use std::net::IpAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use doorward_authorize::{Explanation, Facts, RuleExplanation, Verdict, Visitor};
use doorward_certificates::ClientTrusts;
use doorward_config::{Config, Overrides, Provider, Route};
use doorward_hygiene::{NormalPath, Origin};
use doorward_identity::{Claims, Email, Groups, Identity, Presented, Subject, VerifiedEmail};
use doorward_proxy::{NotFound, RouteTable};
use http::{HeaderMap, Method, Uri};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Map, Value, json};

use super::{Failure, configuration_file, load_file, routes};
use crate::cli::ExplainArguments;
use crate::terminal::say;

/// Exit code for "denied".
const DENIED: u8 = 3;
/// Exit code for "would be asked to sign in".
const SIGN_IN: u8 = 4;

pub(crate) fn run(arguments: &ExplainArguments) -> Result<ExitCode, Failure> {
    let question = Question::parse(arguments)?;
    let file = configuration_file(arguments.config.config.clone())?;
    let loaded = load_file(&file, &Overrides::default())?;
    let sign_in_host = loaded.config.sign_in.origin.host.clone();
    let table = RouteTable::new(loaded.config.routes.iter().cloned().map(Arc::new), [sign_in_host]);
    let origin = &question.origin;
    let route = match table.find(&origin.host, Some(origin.port), &question.path) {
        Ok(route) => route,
        Err(NotFound::Host) => return Ok(no_route(arguments, "no route has this host")),
        Err(NotFound::Path) => return Ok(no_route(arguments, "no route of this host has this path")),
        Err(NotFound::Ambiguous) => {
            return Ok(no_route(arguments, "this path could be read as another route's, so it is refused (400)"));
        }
    };
    let now = SystemTime::now();
    let certificate = presented(arguments.client_cert.as_deref(), origin, &loaded.config, now)?;
    let identity = question.identity.map(|identity| with_configured_groups(identity, &loaded.config));
    let facts = Facts {
        method: &question.method,
        host: &question.origin.host,
        path: &question.path,
        query: question.query.as_deref(),
        headers: &HeaderMap::new(),
        source_ip: question.address,
        client_certificate: &certificate,
        websocket: false,
        now,
    };
    let visitor = identity.as_ref().map_or(Visitor::Anonymous, Visitor::Known);
    let explanation = route.policy.explain(&facts, visitor);
    if arguments.json {
        say(json!({ "url": arguments.url, "as": arguments.who, "method": question.method.as_str(),
                    "from": routes::from(route), "to": routes::to(&route.target), "explanation": explanation }));
    } else {
        tell(arguments, route, &explanation, &file.display().to_string());
    }
    Ok(ExitCode::from(match explanation.verdict {
        Verdict::Allow => 0,
        Verdict::SignIn => SIGN_IN,
        Verdict::Deny => DENIED,
    }))
}

/// What is asked, parsed.
struct Question {
    origin: Origin,
    path: NormalPath,
    query: Option<String>,
    method: Method,
    address: IpAddr,
    identity: Option<Identity>,
}

impl Question {
    fn parse(arguments: &ExplainArguments) -> Result<Self, Failure> {
        let said = |what: String| Failure::Said(what);
        let uri: Uri = arguments.url.parse().map_err(|error| said(format!("{}: {error}", arguments.url)))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(said(format!("{} is no whole URL, as in https://code.example.com/", arguments.url)));
        };
        let origin = Origin::parse(&format!("{scheme}://{authority}"))
            .map_err(|error| said(format!("{}: {error}", arguments.url)))?;
        let path = NormalPath::parse(uri.path())
            .map_err(|error| said(format!("{}: such a path is refused (400): {error}", arguments.url)))?;
        let method = Method::from_bytes(arguments.method.to_ascii_uppercase().as_bytes())
            .map_err(|_| said(format!("{} is no HTTP method", arguments.method)))?;
        Ok(Self {
            origin,
            path,
            query: uri.query().map(str::to_owned),
            method,
            address: arguments.ip,
            identity: arguments.who.as_deref().map(|email| identity(email, arguments)).transpose()?,
        })
    }
}

fn identity(email: &str, arguments: &ExplainArguments) -> Result<Identity, Failure> {
    let email = Email::parse(email).map_err(|error| Failure::Said(format!("--as {email}: {error}")))?;
    let mut claims = Map::new();
    for claim in &arguments.claim {
        let (name, value) =
            claim.split_once('=').ok_or_else(|| Failure::Said(format!("--claim {claim}: write it as NAME=VALUE")))?;
        // Named several times, a claim is a list.
        match claims.get_mut(name) {
            None => {
                claims.insert(name.into(), value.into());
            }
            Some(Value::Array(values)) => values.push(value.into()),
            Some(first) => *first = json!([first.take(), value]),
        }
    }
    Ok(Identity {
        subject: Subject { issuer: "explain".into(), id: arguments.user.clone().unwrap_or_default() },
        email: if arguments.unverified { VerifiedEmail::Unverified(email) } else { VerifiedEmail::Verified(email) },
        name: None,
        groups: Groups::new(arguments.group.iter().cloned()),
        claims: Claims::new(claims),
        authenticated_at: SystemTime::now(),
    })
}

/// What the host's authorities make of the certificate in a file.
fn presented(file: Option<&Path>, origin: &Origin, config: &Config, now: SystemTime) -> Result<Presented, Failure> {
    let Some(file) = file else { return Ok(Presented::Nothing) };
    let said = |what: String| Failure::Said(format!("--client-cert {}: {what}", file.display()));
    let chain: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| said(format!("no PEM certificate can be read: {error}")))?;
    if chain.is_empty() {
        return Err(said("there is no PEM certificate in it".into()));
    }
    let trusts = ClientTrusts::new(config.tls.client_certificates.as_ref(), &config.tls.client_certificates_by_host)
        .map_err(|error| Failure::of(&error))?;
    // Where no authority is configured, no certificate is asked for.
    Ok(trusts.of(&origin.host).map_or(Presented::Nothing, |trust| trust.judge(&chain, now)))
}

/// A built-in account is in the groups that the configuration gives it, besides those asked about.
fn with_configured_groups(mut identity: Identity, config: &Config) -> Identity {
    if let Provider::BuiltIn(users) = &config.sign_in.provider {
        let configured = users.iter().filter(|user| Some(&user.email) == identity.email.for_display());
        let groups = configured.flat_map(|user| user.groups.iter().cloned());
        identity.groups = Groups::new(identity.groups.as_slice().iter().cloned().chain(groups));
    }
    identity
}

fn no_route(arguments: &ExplainArguments, why: &str) -> ExitCode {
    if arguments.json {
        say(json!({ "url": arguments.url, "as": arguments.who, "explanation": null, "why": why }));
    } else {
        say(format_args!("{}: {why}; nobody gets through", arguments.url));
    }
    ExitCode::from(DENIED)
}

fn tell(arguments: &ExplainArguments, route: &Route, explanation: &Explanation, file: &str) {
    let who = arguments.who.as_deref().unwrap_or("somebody who has not signed in");
    say(format_args!("{} {} as {who}", arguments.method.to_ascii_uppercase(), arguments.url));
    say(format_args!(
        "route    {} ({} → {}), {file}:{}",
        route.id,
        routes::from(route),
        routes::to(&route.target),
        route.line
    ));
    if explanation.rules.is_empty() {
        say("rules    none, so nobody is allowed");
    }
    for rule in &explanation.rules {
        tell_rule(rule, file);
    }
    let verdict = match explanation.verdict {
        Verdict::Allow => "allow",
        Verdict::SignIn => "sign in first",
        Verdict::Deny => "deny",
    };
    let by = explanation.deciding_rule.map_or("no rule held".into(), |number| format!("rule {number}"));
    let reasons = explanation.reasons.join(", ");
    say(format_args!("decision {verdict}: {by}{}{reasons}", if reasons.is_empty() { "" } else { ", " }));
}

fn tell_rule(rule: &RuleExplanation, file: &str) {
    let joined = match rule.operator.as_str() {
        "and" => "if all of these hold",
        "or" => "if one of these holds",
        "not" => "if none of these holds",
        _ => "if one of these does not hold",
    };
    say(format_args!("rule {}   {} {} {joined}  ({file}:{})", rule.number, mark(rule.held), rule.action, rule.line));
    for criterion in &rule.criteria {
        let found = if criterion.found.is_empty() { String::new() } else { format!("   found: {}", criterion.found) };
        say(format_args!("           {} {}{found}", mark(criterion.held), criterion.asked));
    }
}

fn mark(held: bool) -> char {
    if held { '✓' } else { '✗' }
}
