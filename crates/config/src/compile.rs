//! Plain values become domain types. Every section is compiled even when another has failed, so that all
//! problems are told at once; what could not be made out is replaced by its default until the end.

mod acme;
mod address;
mod assertion;
mod authority;
mod certificate;
mod chain;
mod client_certificates;
mod client_pair;
mod client_rule;
mod dns;
mod expectations;
mod from;
mod headers;
mod key_pair;
mod listeners;
mod path_rule;
mod policy;
mod policy_warnings;
mod ppl;
mod provider;
mod route;
mod secrets;
mod sessions;
mod sign_in;
mod store;
mod table;
mod target;
mod tls;
mod tokens;
mod upgrades;
mod upstream;
mod validity;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::domain::Config;
use crate::problem::{Place, Problems};
use crate::raw::top::RawConfig;
use crate::raw::{At, Reading};
use crate::source::{Env, Files, Overrides};

/// What compiling needs besides the values.
pub(crate) struct Compiler<'a> {
    pub(crate) env: &'a dyn Env,
    pub(crate) files: &'a dyn Files,
    pub(crate) now: SystemTime,
    pub(crate) problems: &'a mut Problems,
    pub(crate) watched: &'a mut Vec<PathBuf>,
    /// What the policies have in common.
    shared: ppl::Shared,
}

impl<'a> Compiler<'a> {
    pub(crate) fn new(
        env: &'a dyn Env,
        files: &'a dyn Files,
        now: SystemTime,
        problems: &'a mut Problems,
        watched: &'a mut Vec<PathBuf>,
    ) -> Self {
        Self { env, files, now, problems, watched, shared: ppl::Shared::default() }
    }
}

impl Compiler<'_> {
    /// The configuration; none when it is missing something there is no default for. Whether it may be used
    /// is for the problems to say. `whole` is where things are missing from.
    pub(crate) fn compile(&mut self, raw: &RawConfig, overrides: &Overrides, whole: &Place) -> Option<Config> {
        let listeners = self.listeners(&raw.listeners);
        let health = self.health(&raw.listeners, &listeners);
        let metrics = self.metrics(&raw.listeners, &listeners, health);
        let timeouts = self.timeouts(&raw.listeners);
        let data_dir = self.data_dir(&raw.listeners);
        let log_level = self.log_level(&raw.listeners);
        let authorities =
            self.authorities(&raw.tls.certificate_authority, "certificate_authority", "certificate_authority_file");
        let assertion = self.assertion(&raw.assertion);
        let global = self.global_headers(raw.set_response_headers.as_ref());
        let defaults = route::Defaults {
            timeout: timeouts.upstream,
            lookup: self.lookup_family(raw.dns_lookup_family.as_ref()),
            authorities: &authorities,
            response_headers: &global,
            pass_identity_headers: raw.pass_identity_headers.as_ref().is_some_and(|flag| flag.value),
            assertion: self.assertion_of_routes(&raw.assertion.of_routes),
            upgrades: self.upgrades(raw.allow_upgrades.as_ref()).unwrap_or_default(),
        };
        self.shared_policies(&raw.policies);
        let support_contact = self.support_contact(raw.policies.support_contact.as_ref());
        let mut routes = self.routes(&raw.routes, &defaults, whole);
        self.claims_are_not_asked_of_visitors(&raw.assertion, &assertion, &routes.list);
        self.unused_policies();
        let sign_in = self.sign_in(&raw.sign_in, &routes.list, authorities.clone(), whole);
        self.tokens_of_nobody(&raw.routes, sign_in.as_ref());
        let sessions = self.sessions(&raw.sessions, &routes.list, sign_in.as_ref(), authorities);
        self.refresh_within(raw.sign_in.idp_refresh_interval.as_ref(), sessions.lifetime);
        let hosts = tls::hosts(&routes.list, sign_in.as_ref());
        let of_hosts = std::mem::take(&mut routes.client_authorities);
        let believed = self.client_certificates(raw.client_certificates.as_ref(), of_hosts, listeners.insecure);
        let around = tls::Surroundings { overrides, listeners: &listeners, data_dir: &data_dir, hosts, believed };
        let tls = self.tls(&raw.tls, &raw.acme, around);
        client_rule::deny_without_client_certificate(&mut routes, &tls);
        if !listeners.insecure && !global.disabled {
            headers::add_strict_transport_security(&mut routes, &tls);
        }
        // Files named in a configuration are relative to the working directory, those of its tests too.
        let tests = self.expectations(&raw.tests, Path::new(""));
        let sign_in = sign_in?;
        Some(Config {
            listeners,
            tls,
            sign_in,
            sessions,
            assertion,
            timeouts,
            support_contact,
            routes: routes.list,
            tests,
            data_dir,
            log_level,
            health,
            metrics,
        })
    }

    /// For reading what the raw stage left as a tree.
    fn reading(&mut self) -> Reading<'_> {
        Reading { env: self.env, problems: self.problems }
    }

    /// The content of a file that a key names; a problem at the key when it cannot be read.
    fn file(&mut self, key: &str, path: &At<String>) -> Option<Vec<u8>> {
        self.file_at(key, Path::new(&path.value), &path.place)
    }

    fn file_at(&mut self, key: &str, path: &Path, place: &Place) -> Option<Vec<u8>> {
        // Watched even when it cannot be read: its appearing may be what mends the configuration.
        if !self.watched.iter().any(|watched| watched == path) {
            self.watched.push(path.to_owned());
        }
        match self.files.read(path) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                let (what, mend) = why_unreadable(&error);
                self.problems.error(place, format!("`{key}` names the file `{}`, {what}", path.display()), mend);
                None
            }
        }
    }
}

fn why_unreadable(error: &std::io::Error) -> (String, String) {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => (
            "which does not exist".into(),
            "Correct the path (a relative one counts from the working directory), or make the file.".into(),
        ),
        ErrorKind::PermissionDenied => (
            "which Doorward may not read".into(),
            "Make it readable for the user that Doorward runs as, and for nobody else if it is a secret.".into(),
        ),
        ErrorKind::IsADirectory => ("which is a directory".into(), "Name a file in it.".into()),
        ErrorKind::FileTooLarge => ("which is longer than 1 MiB".into(), "Check that this is the right file.".into()),
        _ => (format!("which cannot be read: {error}"), "Correct the path, or replace the file.".into()),
    }
}
