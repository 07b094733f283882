//! What Doorward would serve for the names of a certificate, by a configuration.

use std::time::SystemTime;

use doorward_certificates::{Certificates, Sources};
use doorward_config::Config;
use doorward_hygiene::HostPattern;
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};

use crate::commands::Failure;
use crate::local_authority::{hosts, pairs};

/// One name, and what is served for it.
pub(super) struct Serving {
    pub(super) name: String,
    pub(super) what: String,
    /// Whether it is the certificate that was inspected.
    pub(super) this: bool,
}

impl Serving {
    pub(super) fn to_json(&self) -> Value {
        json!({ "name": self.name, "serves": self.what, "this_certificate": self.this })
    }
}

/// For each of these names of a certificate.
pub(super) fn of(
    config: &Config,
    names: &[String],
    leaf: Option<&CertificateDer<'_>>,
    now: SystemTime,
) -> Result<Vec<Serving>, Failure> {
    let hosts = hosts(config);
    let sources = Sources { pairs: pairs(config), hosts: &hosts, authority: None };
    let certificates = Certificates::new(sources, now).map_err(|error| Failure::of(&error))?;
    let serving = |name: &String| {
        let (what, this) = match HostPattern::parse(name) {
            Ok(pattern) => serves(config, &hosts, &certificates, &pattern, leaf, now),
            Err(_) => ("nothing: it is no name of a host".to_owned(), false),
        };
        Serving { name: name.clone(), what, this }
    };
    Ok(names.iter().map(serving).collect())
}

fn serves(
    config: &Config,
    hosts: &[HostPattern],
    certificates: &Certificates,
    name: &HostPattern,
    leaf: Option<&CertificateDer<'_>>,
    now: SystemTime,
) -> (String, bool) {
    if config.listeners.insecure {
        return ("nothing: insecure_server leaves TLS to what stands before it".to_owned(), false);
    }
    let is_ours = hosts.iter().any(|host| host == name || name.exact().is_some_and(|name| host.matches(name)));
    // Below a wildcard there may be hosts of ours though it is none itself.
    let is_above = hosts.iter().filter_map(HostPattern::exact).any(|host| name.matches(host));
    if !is_ours && !is_above {
        return ("nothing: no route has this host".to_owned(), false);
    }
    if let Some(label) = certificates.answer(name, now).and_then(|report| report.label) {
        let pair = pairs(config).iter().find(|pair| pair.label == label);
        let this = pair.and_then(|pair| pair.chain.first()).is_some_and(|own| Some(own) == leaf);
        let which = if this { "this certificate" } else { "another certificate" };
        return (format!("{which}, from {label}"), this);
    }
    if config.tls.acme.is_some() {
        return ("the one that is ordered for it, and until then one of the local authority".to_owned(), false);
    }
    ("one of the local authority, since no configured certificate names it".to_owned(), false)
}
