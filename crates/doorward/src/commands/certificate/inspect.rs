//! `doorward certificate inspect`: what a certificate is, and whether a browser would accept it.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use doorward_certificates::LocalAuthority;
use doorward_certificates::inspect::{CertificateView, Finding, Inspection, Subject, Trust, inspect, read};
use doorward_config::{Config, Overrides};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use serde_json::json;

use super::dial::{Server, Shown};
use super::serving::{self, Serving};
use crate::cli::InspectArguments;
use crate::commands::{Failure, configuration_file, load_file, protect};
use crate::terminal::{complain, say};

/// More than a file of certificates is long; the reader says so.
const LONGEST: u64 = 1024 * 1024 + 1;

pub(super) fn run(arguments: InspectArguments) -> Result<ExitCode, Failure> {
    let now = SystemTime::now();
    let target = Target::find(&arguments)?;
    let config = configuration(arguments.config.config)?;
    let mut system = RootCertStore::empty();
    system.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let local = local_authority(config.as_ref().map(|(_, config)| config), now);
    let host = target.server.as_ref().map(|server| &server.host);
    let subject = Subject { chain: &target.chain, host, system: &system, local: &local };
    let found = inspect(&subject, now).map_err(|error| Failure::Said(format!("{}: {error}", arguments.target)))?;
    let names = found.chain.first().map_or(&[][..], |leaf| leaf.names.as_slice());
    let serving = match &config {
        Some((file, config)) => Some((file, serving::of(config, names, target.chain.first(), now)?)),
        None => None,
    };
    let acceptable = found.acceptable && target.shown.as_ref().is_none_or(|shown| shown.failed.is_none());
    if arguments.json {
        say(as_json(
            acceptable,
            &found,
            target.shown.as_ref(),
            serving.as_ref().map(|(_, serving)| serving.as_slice()),
        ));
    } else {
        print(&arguments.target, acceptable, &found, target.shown.as_ref());
        if let Some((file, serving)) = &serving {
            print_serving(file, serving);
        }
    }
    Ok(if acceptable { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What is inspected.
struct Target {
    chain: Vec<CertificateDer<'static>>,
    server: Option<Server>,
    shown: Option<Shown>,
}

impl Target {
    /// A file of that name if there is one, else a server.
    fn find(arguments: &InspectArguments) -> Result<Self, Failure> {
        let text = &arguments.target;
        let file = Path::new(text);
        if arguments.connect.is_none() && (file.exists() || Server::parse(text).is_none()) {
            return Ok(Self { chain: from_file(file)?, server: None, shown: None });
        }
        let server = Server::parse(text).ok_or_else(|| Failure::Said(format!("{text} is not HOST:PORT")))?;
        let server = Server { address: arguments.connect, ..server };
        let mut shown = server.dial()?;
        let chain = std::mem::take(&mut shown.chain);
        Ok(Self { chain, server: Some(server), shown: Some(shown) })
    }
}

fn from_file(file: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let mut bytes = Vec::new();
    File::open(file).and_then(|open| open.take(LONGEST).read_to_end(&mut bytes)).map_err(|error| {
        Failure::Said(format!("cannot read {}: {error}\n    Name a file, or a server as HOST:PORT.", file.display()))
    })?;
    read(&bytes).map_err(|error| Failure::Said(format!("{}: {error}", file.display())))
}

/// The configuration that is named, or that is found and can be read; none is needed.
fn configuration(named: Option<PathBuf>) -> Result<Option<(PathBuf, Config)>, Failure> {
    let is_named = named.is_some();
    let Ok(file) = configuration_file(named) else { return Ok(None) };
    match load_file(&file, &Overrides::default()) {
        Ok(loaded) => Ok(Some((file, loaded.config))),
        Err(failure) if is_named => Err(failure),
        Err(_) => {
            complain(format_args!("{} cannot be used, so what Doorward would serve is not told", file.display()));
            Ok(None)
        }
    }
}

/// The certificates of this machine's own authority, as far as they can be read.
fn local_authority(config: Option<&Config>, now: SystemTime) -> Vec<CertificateDer<'static>> {
    let data_dir = match config {
        Some(config) => Ok(config.data_dir.clone()),
        None => protect::any_configuration().map(|config| config.data_dir),
    };
    match data_dir.map(|data_dir| LocalAuthority::open(&data_dir, now)) {
        Ok(Ok(Some(authority))) => authority.certificates(),
        Ok(Ok(None)) | Err(_) => Vec::new(),
        Ok(Err(error)) => {
            complain(format_args!("the local authority is not looked at: {}", Failure::of(&error)));
            Vec::new()
        }
    }
}

fn as_json(acceptable: bool, found: &Inspection, shown: Option<&Shown>, serving: Option<&[Serving]>) -> String {
    let handshake = shown.map(|shown| {
        json!({
            "address": shown.address.to_string(), "version": shown.version, "key_exchange": shown.group,
            "failed": shown.failed,
        })
    });
    let serving = serving.map(|serving| serving.iter().map(Serving::to_json).collect::<Vec<_>>());
    let all = json!({
        "acceptable": acceptable, "trust": found.trust, "findings": found.findings, "chain": found.chain,
        "handshake": handshake, "serving": serving,
    });
    format!("{all:#}")
}

fn print(target: &str, acceptable: bool, found: &Inspection, shown: Option<&Shown>) {
    match shown {
        Some(shown) => {
            let version = shown.version.unwrap_or("no handshake");
            let group = shown.group.as_deref().unwrap_or("no key exchange");
            say(format_args!("{target} at {}: {version}, keys agreed by {group}", shown.address));
            if let Some(why) = &shown.failed {
                say(format_args!("After the certificate was shown, {why}."));
            }
        }
        None => say(target),
    }
    for (place, view) in (1..).zip(&found.chain) {
        print_certificate(place, view);
    }
    say("");
    say(match (acceptable, found.trust) {
        (true, Trust::Local) => "Browsers accept it where this machine's own authority is trusted.",
        (true, _) => "Browsers accept it.",
        (false, _) => "Browsers refuse it.",
    });
    found.findings.iter().for_each(print_finding);
}

fn print_certificate(place: usize, view: &CertificateView) {
    let whose = match (place, view.authority) {
        (1, false) => "the server's own",
        (_, true) => "an authority's",
        (_, false) => "another server's",
    };
    say("");
    say(format_args!("Certificate {place}, {whose}: {}", view.dates));
    let names = if view.names.is_empty() { "none".to_owned() } else { view.names.join(", ") };
    for (key, value) in [
        ("names", &names),
        ("subject", &view.subject),
        ("issuer", &view.issuer),
        ("key", &view.key),
        ("SHA-256", &view.sha256),
    ] {
        if key != "names" || !view.authority {
            say(format_args!("  {key:<8} {value}"));
        }
    }
}

fn print_finding(finding: &Finding) {
    say("");
    say(format_args!("  {} {}", if finding.refused { "✗" } else { "·" }, finding.what));
    say(format_args!("    {}", finding.mend));
    if let Some(words) = finding.browsers_say {
        say(format_args!("    Browsers say: {words}"));
    }
}

fn print_serving(file: &Path, serving: &[Serving]) {
    if serving.is_empty() {
        return;
    }
    say("");
    say(format_args!("With {} Doorward serves:", file.display()));
    let width = serving.iter().map(|serving| serving.name.chars().count()).max().unwrap_or_default();
    for Serving { name, what, .. } in serving {
        say(format_args!("  {name:<width$}  {what}"));
    }
}
