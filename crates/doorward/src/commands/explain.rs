//! `doorward explain`: may somebody open a URL, and why. No server is asked.

use std::path::Path;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use doorward_authorize::Verdict;
use doorward_config::{Limit, Overrides, Person, Question, RequestUrl, point_in_time};
use doorward_identity::{Claims, Email, Groups};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Map, Value, json};

use super::{Failure, configuration_file, load_file, routes, tree};
use crate::cli::ExplainArguments;
use crate::judge::{Answer, Judge};
use crate::terminal::say;

/// Exit code for "denied".
const DENIED: u8 = 3;
/// Exit code for "would be asked to sign in".
const SIGN_IN: u8 = 4;

pub(crate) fn run(arguments: &ExplainArguments) -> Result<ExitCode, Failure> {
    let question = question(arguments)?;
    let file = configuration_file(arguments.config.config.clone())?;
    let loaded = load_file(&file, &Overrides::default())?;
    let judge = Judge::new(&loaded.config).map_err(|error| Failure::of(&error))?;
    let answer = judge.answer(&question, SystemTime::now());
    let file = file.display().to_string();
    if arguments.json {
        say(in_json(&question, &answer, &file));
    } else {
        tell(&question, &answer, &file);
    }
    Ok(ExitCode::from(match answer.ruling.verdict {
        Verdict::Allow => 0,
        Verdict::SignIn => SIGN_IN,
        Verdict::Deny => DENIED,
    }))
}

fn tell(question: &Question, answer: &Answer, file: &str) {
    let websocket = if question.websocket { " (WebSocket)" } else { "" };
    say(tree::harmless(&format!("{} {}{websocket}", question.method, question.url.text)));
    say(format_args!("who       {}", tree::who(question.who.as_ref())));
    match &answer.found {
        Some(found) => {
            let (route, to) = (&found.route, routes::to(&found.route.target));
            say(format_args!("route     {} → {to}  ({file}:{})", routes::from(route), route.line));
            say(tree::harmless(&format!("          because {}", answer.why)));
        }
        None => say(tree::harmless(&format!("route     none: {}", answer.why))),
    }
    tree::lines(answer, file).iter().for_each(say);
}

/// The shape that `docs/testing-policies.md` documents.
pub(super) fn in_json(question: &Question, answer: &Answer, file: &str) -> Value {
    let route = answer.found.as_ref().map(|found| {
        json!({ "id": found.route.id.as_str(), "line": found.route.line,
                "from": routes::from(&found.route), "to": routes::to(&found.route.target) })
    });
    json!({
        "url": question.url.text,
        "method": question.method.as_str(),
        "as": question.who.as_ref().map(|person| person.email.as_str()),
        "file": file,
        "decision": answer.ruling.verdict.as_str(),
        "reasons": answer.ruling.reasons,
        "route": route,
        "why": answer.why,
        "explanation": answer.found.as_ref().map(|found| &found.explanation),
        "shadow": answer.found.as_ref().and_then(|found| found.shadow.as_ref()),
    })
}

/// What is asked, parsed.
fn question(arguments: &ExplainArguments) -> Result<Question, Failure> {
    let url =
        RequestUrl::parse(&arguments.url).map_err(|error| Failure::Said(format!("{}: {error}", arguments.url)))?;
    let method = Method::from_bytes(arguments.method.to_ascii_uppercase().as_bytes())
        .map_err(|_| Failure::Said(format!("--method {}: this is no HTTP method", arguments.method)))?;
    if arguments.websocket && method != Method::GET {
        return Err(Failure::Said("--websocket: a WebSocket is asked for by GET, and by no other method".into()));
    }
    let time = arguments.time.as_deref().map(|text| {
        point_in_time(text).ok_or_else(|| {
            let what = "this is no point in time with its offset from UTC, as in 2026-11-21T09:30:00+01:00";
            Failure::Said(format!("--time {text}: {what}"))
        })
    });
    Ok(Question {
        who: arguments.who.as_deref().map(|email| person(email, arguments)).transpose()?,
        url,
        method,
        ip: arguments.ip,
        headers: headers(&arguments.header)?,
        websocket: arguments.websocket,
        time: time.transpose()?,
        certificate: arguments.client_cert.as_deref().map(certificate).transpose()?.unwrap_or_default(),
    })
}

fn person(email: &str, arguments: &ExplainArguments) -> Result<Person, Failure> {
    let email = Email::parse(email).map_err(|error| Failure::Said(format!("--as {email}: {error}")))?;
    Ok(Person {
        verified: !arguments.unverified,
        user: arguments.user.clone().unwrap_or_default(),
        groups: Groups::new(arguments.group.iter().cloned()),
        claims: claims(&arguments.claim)?,
        identity_provider: arguments.identity_provider.clone(),
        authentication_age: arguments.signed_in_ago.as_deref().map_or(Ok(Duration::ZERO), age)?,
        ..Person::new(email)
    })
}

fn claims(given: &[String]) -> Result<Claims, Failure> {
    let mut claims = Map::new();
    for claim in given {
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
    Ok(Claims::new(claims))
}

fn age(text: &str) -> Result<Duration, Failure> {
    let said = |what: &str| Failure::Said(format!("--signed-in-ago {text}: {what}, as in 2h or 1h30m"));
    let limit = Limit::from_str(text).map_err(|reason| said(&format!("write a span of time, but {reason}")))?;
    limit.duration().ok_or_else(|| said("write more than nothing"))
}

fn headers(given: &[String]) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    for header in given {
        // What stands behind the name may be a secret.
        let (name, value) =
            header.split_once(':').ok_or_else(|| Failure::Said("--header: write it as 'NAME: VALUE'".into()))?;
        let parsed = (HeaderName::from_bytes(name.trim().as_bytes()), HeaderValue::from_str(value.trim()));
        match parsed {
            (Ok(name), Ok(value)) => drop(headers.append(name, value)),
            (Err(_), _) => {
                return Err(Failure::Said("--header: what stands before the `:` is no name of a header".into()));
            }
            (_, Err(_)) => return Err(Failure::Said(format!("--header '{name}: …': a header cannot have this value"))),
        }
    }
    Ok(headers)
}

fn certificate(file: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let said = |what: String| Failure::Said(format!("--client-cert {}: {what}", file.display()));
    let chain: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| said(format!("no PEM certificate can be read: {error}")))?;
    if chain.is_empty() {
        return Err(said("there is no PEM certificate in it".into()));
    }
    Ok(chain)
}
