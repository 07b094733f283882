//! Certificates that are ordered from an authority: `autocert` and what belongs to it.
//!
//! Refuses: cleartext with it, challenges that nothing here could answer, and wildcard hosts that no challenge could
//! prove.

mod account;
mod acme_dns;
mod dns;
mod names;
mod rfc2136;

use std::path::Path;

use names::Names;

use super::Compiler;
use crate::domain::acme::{Acme, ChallengeKind, DnsUpdater};
use crate::domain::listeners::Listeners;
use crate::domain::tls::Tls;
use crate::raw::At;
use crate::raw::acme::RawAcme;

const STAGING: &str = "https://acme-staging-v02.api.letsencrypt.org/directory";

impl Compiler<'_> {
    /// What is ordered, if anything is. `tls` has the certificates and hosts already.
    pub(super) fn acme(&mut self, raw: &RawAcme, tls: &Tls, listeners: &Listeners, data_dir: &Path) -> Option<Acme> {
        let Some(switch) = raw.autocert.as_ref().filter(|flag| flag.value) else {
            self.without_autocert(raw);
            return None;
        };
        if listeners.insecure {
            self.problems.error(
                &switch.place,
                "`autocert` orders certificates, which `insecure_server` has no use for: it speaks cleartext",
                "Remove one of the two.",
            );
        }
        self.must_staple(raw);
        let directory = self.acme_directory(raw);
        let contact = raw.email.as_ref().and_then(|text| self.acme_contact(text));
        let external_account = self.acme_external_account(raw);
        let trusted = self.authorities(&raw.trusted, "autocert_trusted_ca", "autocert_trusted_ca_file");
        let profile = raw.profile.as_ref().and_then(|text| self.acme_profile(text));
        let folder = self.acme_folder(raw, data_dir);
        let dns = raw.dns.as_ref().and_then(|raw| self.dns(raw));
        let challenges = self.challenges(raw, listeners);
        let names = names::choose(tls, raw.on_demand.as_ref().is_some_and(|flag| flag.value), &challenges);
        self.told(&names, raw, switch);
        if let Some((raw, DnsUpdater::AcmeDns(updater))) = raw.dns.as_ref().zip(dns.as_ref().map(|dns| &dns.updater)) {
            self.without_account(raw, updater, &names.by_dns_alone(&challenges));
        }
        Some(Acme {
            directory: directory?,
            contact,
            external_account,
            trusted,
            profile,
            folder,
            names: names.at_once,
            on_demand: names.on_demand,
            challenges,
            dns,
        })
    }

    fn without_autocert(&mut self, raw: &RawAcme) {
        for (key, place) in raw.given() {
            self.problems.hint(
                place,
                format!("`{key}` has no effect without `autocert: true`"),
                "Add that, or remove the key.",
            );
        }
    }

    fn must_staple(&mut self, raw: &RawAcme) {
        match &raw.must_staple {
            Some(At { value: true, place }) => self.problems.error(
                place,
                "`autocert_must_staple` asks for certificates that are good only with an OCSP answer, and authorities have \
                 ended OCSP (Let's Encrypt in 2025)",
                "Remove it. Short-lived certificates take its place: `autocert_profile: shortlived`.",
            ),
            Some(At { value: false, place }) => self.problems.hint(
                place,
                "`autocert_must_staple` does nothing any more: authorities have ended OCSP",
                "The line may be removed.",
            ),
            None => {}
        }
    }

    fn challenges(&mut self, raw: &RawAcme, listeners: &Listeners) -> Vec<ChallengeKind> {
        use ChallengeKind::{Dns01, Http01, TlsAlpn01};
        let by_dns = raw.dns.is_some().then_some(Dns01);
        let by_http = listeners.redirect.is_some().then_some(Http01);
        let Some(given) = &raw.challenges else {
            return by_dns.into_iter().chain([TlsAlpn01]).chain(by_http).collect();
        };
        let mut kinds = Vec::new();
        for text in &given.value {
            let lower = text.value.to_ascii_lowercase();
            let Some(kind) = [Dns01, TlsAlpn01, Http01].into_iter().find(|kind| kind.as_str() == lower) else {
                self.problems.error(
                    &text.place,
                    "an item of `autocert_challenges` is no challenge",
                    "They are `dns-01`, `tls-alpn-01` and `http-01`.",
                );
                continue;
            };
            let lacking = match kind {
                Dns01 if by_dns.is_none() => Some(("`autocert_dns` says who changes the DNS", "Add `autocert_dns`")),
                Http01 if by_http.is_none() => {
                    Some(("`http_redirect_addr` listens for plain HTTP", "Add `http_redirect_addr: \":80\"`"))
                }
                _ => None,
            };
            if let Some((why, add)) = lacking {
                self.problems.error(
                    &text.place,
                    format!("the challenge `{}` cannot be answered unless {why}", kind.as_str()),
                    format!("{add}, or remove the challenge."),
                );
            }
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        if given.value.is_empty() {
            self.problems.error(
                &given.place,
                "`autocert_challenges` is empty, so nothing could be proved to the authority",
                "Leave it out for every challenge that can be answered.",
            );
        }
        kinds
    }

    /// What is to be said of the names that are ordered and those that are not.
    fn told(&mut self, names: &Names, raw: &RawAcme, switch: &At<bool>) {
        if !names.impossible.is_empty() {
            self.problems.hint(
                &switch.place,
                format!("no authority gives a certificate for {}; a self-signed one is served there", listed(&names.impossible)),
                "Public authorities know names below a public domain alone, not addresses, `localhost` and single labels.",
            );
        }
        if !names.unprovable.is_empty() {
            self.problems.error(
                &switch.place,
                format!("there is no way to prove to the authority that {} is yours", listed(&names.unprovable)),
                "Either add `autocert_dns` (with `dns-01` among the challenges), for one certificate that names them all; or \
                 `autocert_on_demand: true`, for a certificate of its own for each host when it is first asked for.",
            );
        }
        if names.at_once.is_empty() && names.on_demand.is_empty() && names.unprovable.is_empty() {
            self.problems.hint(
                &switch.place,
                "`autocert` has nothing to order: there is no host that needs a certificate and could get one",
                "Remove it, unless such hosts are to come.",
            );
        }
        if names.on_demand.is_empty()
            && let Some(flag) = raw.on_demand.as_ref().filter(|flag| flag.value)
        {
            self.problems.hint(
                &flag.place,
                "`autocert_on_demand` has no effect, since no route has a wildcard host that needs it",
                "Remove it. Hosts that are written out get their certificates without it.",
            );
        }
    }
}

impl Acme {
    /// Whether its certificates are ones that browsers do not believe.
    pub(super) fn is_for_trying(&self) -> bool {
        self.directory.as_str() == STAGING
    }
}

fn listed<T: std::fmt::Display>(names: &[T]) -> String {
    const MOST: usize = 8;
    let shown: Vec<_> = names.iter().take(MOST).map(|name| format!("`{name}`")).collect();
    match names.len().checked_sub(MOST) {
        Some(more) if more > 0 => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}
