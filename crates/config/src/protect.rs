//! One route from the command line, for `doorward protect`.
//!
//! It is written out as a configuration and read like any other, so that everything is checked the same way.

use std::net::SocketAddr;
use std::time::SystemTime;

use doorward_hygiene::{Hostname, Origin, Scheme};
use doorward_identity::Email;

use crate::Config;
use crate::load::{Loaded, load_named};
use crate::problem::{Place, Problems};
use crate::source::{Env, Files, Overrides};
use crate::yaml::Naming;

/// Where the application is reached when nothing is said.
const DEFAULT_FROM: &str = "https://code.localhost:8443";

/// What `doorward protect` was asked for.
#[derive(Debug, Clone)]
pub struct ProtectRequest<'a> {
    /// The application's URL.
    pub upstream: &'a str,
    /// The e-mail addresses that may pass. Accounts for them are built in unless a provider is configured by
    /// environment variables.
    pub allow: &'a [String],
    /// The public URL; `https://code.localhost:8443` when not given.
    pub from: Option<&'a str>,
}

impl Config {
    /// The configuration of one route, with what code-server needs. Listens on loopback alone when the public
    /// host is one that only this machine can mean, else on every interface.
    ///
    /// # Errors
    /// Every problem, placed on the command line.
    pub fn one_route(
        request: &ProtectRequest<'_>,
        overrides: &Overrides,
        env: &dyn Env,
        files: &dyn Files,
        now: SystemTime,
    ) -> Result<Loaded, Problems> {
        let from = request.from.unwrap_or(DEFAULT_FROM);
        let problems = wrongly_typed(request, from);
        if problems.has_errors() {
            return Err(problems);
        }
        let text = written_out(request.upstream, request.allow, from, env);
        let naming = Naming::Same(Place::CommandLine);
        load_named(&text, &naming, overrides, &WithoutRoutes(env), files, now)
    }
}

/// What is wrong with the words themselves, said of them as they were typed; the rest is found as in a file.
fn wrongly_typed(request: &ProtectRequest<'_>, from: &str) -> Problems {
    let mut problems = Problems::default();
    let mut error = |what: String, mend: String| problems.error(&Place::CommandLine, what, mend);
    let upstream = request.upstream;
    if !["http://", "https://"].iter().any(|scheme| upstream.starts_with(scheme)) {
        error(
            format!("`{upstream}` is not the URL of an application"),
            "Write where it is reached, as in `doorward protect http://127.0.0.1:8080`.".into(),
        );
    }
    match Origin::parse(from) {
        Ok(origin) if origin.scheme == Scheme::Https => {}
        Ok(origin) => error(
            format!("`--from {from}` is not https, and visitors always come by https"),
            format!("Write `--from https://{}`.", origin.authority()),
        ),
        Err(_) if from.contains('*') => error(
            format!("`--from {from}` is a wildcard, but people need one host to sign in at"),
            format!("Write one host, as in `--from {DEFAULT_FROM}`; wildcards take a configuration file."),
        ),
        Err(reason) => error(
            format!("`--from {from}` is not the address of a host: {reason}"),
            format!("Write a scheme, a host and perhaps a port, as in `--from {DEFAULT_FROM}`."),
        ),
    }
    if request.allow.is_empty() {
        error("nobody is allowed to pass".into(), "Add `--allow you@example.com`, once for each person.".into());
    }
    for email in request.allow {
        if let Err(reason) = Email::parse(email) {
            error(format!("`--allow {email}`: {reason}"), "Write `--allow you@example.com`.".into());
        }
    }
    problems
}

fn written_out(upstream: &str, allow: &[String], from: &str, env: &dyn Env) -> String {
    let people = allow.iter().map(|email| quoted(email)).collect::<Vec<_>>().join(", ");
    let from_quoted = quoted(from);
    let upstream = quoted(upstream);
    let address = quoted(&address(from));
    let users = if env.get("IDP_PROVIDER").is_some_and(|name| !name.is_empty()) {
        String::new()
    } else {
        format!("users: [{people}]\n")
    };
    format!(
        "address: {address}\n{users}\
         routes:\n\
         - from: {from_quoted}\n  to: {upstream}\n  allow_websockets: true\n  preserve_host_header: true\n  \
         policy: [{{allow: {{or: [{{email: {{in: [{people}]}}}}]}}}}]\n"
    )
}

/// Where to listen for this public URL.
fn address(from: &str) -> String {
    let Ok(origin) = Origin::parse(from) else { return ":443".into() };
    loopback(&origin.host, origin.port).map_or_else(|| format!("[::]:{}", origin.port), |address| address.to_string())
}

/// The loopback address for a host that means this machine alone (RFC 6761 §6.3).
fn loopback(host: &Hostname, port: u16) -> Option<SocketAddr> {
    if let Some(ip) = host.ip() {
        return ip.is_loopback().then_some(SocketAddr::new(ip, port));
    }
    let name = host.as_str();
    (name == "localhost" || name.ends_with(".localhost")).then(|| SocketAddr::from(([127, 0, 0, 1], port)))
}

/// A text in YAML's double quotes, with nothing left in it that YAML or variables could take for theirs.
fn quoted(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::from("\"");
    for c in text.replace("${", "$${").chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            // Writing to a string cannot fail.
            _ => drop(write!(out, "\\U{:08X}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

/// The environment without what would put other routes and people in the place of those asked for.
struct WithoutRoutes<'a>(&'a dyn Env);

impl Env for WithoutRoutes<'_> {
    fn get(&self, name: &str) -> Option<String> {
        if matches!(name, "ROUTES" | "POLICY" | "USERS") { None } else { self.0.get(name) }
    }
}
