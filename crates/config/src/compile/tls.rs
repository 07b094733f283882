//! The certificates that are served.

use std::collections::HashSet;
use std::path::Path;

use doorward_hygiene::{HostPattern, Hostname};

use super::Compiler;
use super::certificate::Named;
use super::client_certificates::Believed;
use crate::domain::listeners::Listeners;
use crate::domain::route::Route;
use crate::domain::sign_in::SignIn;
use crate::domain::tls::{CertificatePair, Tls};
use crate::problem::Place;
use crate::raw::At;
use crate::raw::acme::RawAcme;
use crate::raw::tls::{RawPair, RawTls};
use crate::source::{CertificateFlag, Overrides};

/// Every host and wildcard that is answered for, each once.
pub(super) fn hosts(routes: &[Route], sign_in: Option<&SignIn>) -> Vec<HostPattern> {
    let mut seen = HashSet::new();
    let of_sign_in = sign_in.map(|sign_in| HostPattern::Exact(sign_in.origin.host.clone()));
    let hosts = routes.iter().map(|route| route.from.host.clone()).chain(of_sign_in);
    hosts.filter(|host| seen.insert(host.clone())).collect()
}

/// What the certificates depend on besides their own keys.
pub(super) struct Surroundings<'a> {
    pub(super) overrides: &'a Overrides,
    pub(super) listeners: &'a Listeners,
    pub(super) data_dir: &'a Path,
    pub(super) hosts: Vec<HostPattern>,
    pub(super) believed: Believed,
}

impl Compiler<'_> {
    pub(super) fn tls(&mut self, raw: &RawTls, acme: &RawAcme, around: Surroundings<'_>) -> Tls {
        let Surroundings { overrides, listeners, data_dir, hosts, believed } = around;
        let flagged = self.flags(overrides);
        let (certificates, asked_self_signed, place) = match flagged {
            Flagged::Nothing => (self.configured(raw), false, first_place(raw)),
            Flagged::SelfSigned => (Vec::new(), true, None),
            Flagged::Pair(pair) => (pair.into_iter().collect(), false, None),
        };
        let extra_hosts = self.extra_hosts(overrides, &certificates);
        let mut tls = Tls {
            self_signed: asked_self_signed || certificates.is_empty(),
            certificates,
            hosts,
            extra_hosts,
            acme: None,
            client_certificates: believed.everywhere,
            client_certificates_by_host: believed.by_host,
        };
        if asked_self_signed {
            self.unused_by_self_signed(acme);
        } else {
            tls.acme = self.acme(acme, &tls, listeners, data_dir);
        }
        if listeners.insecure {
            self.unused_by_insecure(raw);
        } else if !tls.self_signed && tls.acme.is_none() {
            // Where certificates are ordered, it is told there which are not.
            self.uncovered(place.unwrap_or(&Place::CommandLine), &tls);
        }
        tls
    }

    fn flags(&mut self, overrides: &Overrides) -> Flagged {
        let place = Place::CommandLine;
        match (&overrides.cert, &overrides.cert_key) {
            (None, None) => Flagged::Nothing,
            (Some(CertificateFlag::SelfSigned), None) => Flagged::SelfSigned,
            (Some(CertificateFlag::File(cert)), Some(key)) => Flagged::Pair(self.certificate_pair(
                &Named { key: "--cert", path: cert, place: &place },
                &Named { key: "--cert-key", path: key, place: &place },
            )),
            (Some(CertificateFlag::File(_)), None) => {
                self.problems.error(
                    &place,
                    "`--cert FILE` is given without `--cert-key`",
                    "Add `--cert-key FILE` with the certificate's private key, \
                     or write `--cert` alone for a self-signed certificate.",
                );
                Flagged::Pair(None)
            }
            (None | Some(CertificateFlag::SelfSigned), Some(_)) => {
                self.problems.error(
                    &place,
                    "`--cert-key` is given without `--cert FILE`",
                    "Add `--cert FILE` with the certificate that the key belongs to.",
                );
                Flagged::Pair(None)
            }
        }
    }

    fn extra_hosts(&mut self, overrides: &Overrides, certificates: &[CertificatePair]) -> Vec<Hostname> {
        let mut hosts = Vec::new();
        for name in &overrides.cert_hosts {
            match Hostname::parse(name) {
                Ok(host) => hosts.push(host),
                Err(_) if name.contains('*') => self.problems.error(
                    &Place::CommandLine,
                    "`--cert-host` is one host, but here is a wildcard (`*`)",
                    "Leave it out: a route `from: https://*.dev.example.com` puts its wildcard into the certificate.",
                ),
                Err(error) => self.problems.error(
                    &Place::CommandLine,
                    format!("`--cert-host {}` is no host name: {error}", crate::yaml::shown(name)),
                    "Write a name such as `code.example.com`, or an IP address.",
                ),
            }
        }
        if !hosts.is_empty() && !certificates.is_empty() {
            self.problems.hint(
                &Place::CommandLine,
                "`--cert-host` has no effect, since the certificate is not self-signed",
                "Remove it, or add `--cert`.",
            );
        }
        hosts
    }

    fn configured(&mut self, raw: &RawTls) -> Vec<CertificatePair> {
        let mut pairs: Vec<_> = raw.certificates.iter().filter_map(|pair| self.item(pair)).collect();
        match (&raw.certificate_file, &raw.certificate_key_file) {
            (None, None) => {}
            (Some(cert), Some(key)) => pairs
                .extend(self.certificate_pair(&named("certificate_file", cert), &named("certificate_key_file", key))),
            (Some(cert), None) => self.problems.error(
                &cert.place,
                "`certificate_file` is given without `certificate_key_file`",
                "Add `certificate_key_file` with the path of the certificate's private key.",
            ),
            (None, Some(key)) => self.problems.error(
                &key.place,
                "`certificate_key_file` is given without `certificate_file`",
                "Add `certificate_file` with the path of the certificate the key belongs to.",
            ),
        }
        pairs
    }

    fn item(&mut self, pair: &RawPair) -> Option<CertificatePair> {
        match (&pair.cert, &pair.key) {
            (Some(cert), Some(key)) => self.certificate_pair(&named("cert", cert), &named("key", key)),
            (cert, _) => {
                let missing = if cert.is_some() { "key" } else { "cert" };
                self.problems.error(
                    &pair.place,
                    format!("an item of `certificates` has no `{missing}`"),
                    "Each has two paths: `- cert: FILE` and below it `key: FILE`.",
                );
                None
            }
        }
    }

    fn unused_by_insecure(&mut self, raw: &RawTls) {
        if let Some(place) = first_place(raw) {
            self.problems.hint(
                place,
                "certificates are not used, since `insecure_server` speaks cleartext",
                "Remove one of the two.",
            );
        }
    }

    fn unused_by_self_signed(&mut self, acme: &RawAcme) {
        if acme.autocert.as_ref().is_some_and(|flag| flag.value) {
            self.problems.hint(
                &Place::CommandLine,
                "`--cert` asks for a self-signed certificate, so `autocert` orders none",
                "Leave one of the two out.",
            );
        }
    }

    fn uncovered(&mut self, place: &Place, tls: &Tls) {
        let uncovered: Vec<_> =
            tls.hosts.iter().filter(|host| !tls.covers(host)).map(|host| format!("`{host}`")).collect();
        if uncovered.is_empty() {
            return;
        }
        self.problems.warning(
            place,
            format!("no certificate given here names {}; a self-signed one is served there", uncovered.join(", ")),
            "Add a certificate that names it.",
        );
    }
}

/// What the flags say of the certificate.
enum Flagged {
    Nothing,
    SelfSigned,
    /// A certificate; none when it was given wrongly, which is noted.
    Pair(Option<CertificatePair>),
}

/// Where the file begins to speak of certificates.
fn first_place(raw: &RawTls) -> Option<&Place> {
    let file = raw.certificate_file.as_ref().map(|file| &file.place);
    raw.certificates.first().map(|pair| &pair.place).or(file)
}

fn named<'a>(key: &'a str, path: &'a At<String>) -> Named<'a> {
    Named { key, path: Path::new(&path.value), place: &path.place }
}
