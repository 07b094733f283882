//! Certificates ordered from an authority: the `autocert…` keys.

use super::unsupported::NONE;
use super::{At, RawSecret, Reading, Section};
use crate::Limit;
use crate::problem::Place;
use crate::yaml::Content;

#[derive(Debug)]
pub(crate) struct RawAcme {
    pub(crate) autocert: Option<At<bool>>,
    pub(crate) directory: Option<At<String>>,
    pub(crate) use_staging: Option<At<bool>>,
    pub(crate) email: Option<At<String>>,
    pub(crate) eab_key_id: Option<At<String>>,
    pub(crate) eab_mac_key: RawSecret,
    pub(crate) trusted: RawSecret,
    pub(crate) folder: Option<At<String>>,
    pub(crate) must_staple: Option<At<bool>>,
    pub(crate) profile: Option<At<String>>,
    pub(crate) on_demand: Option<At<bool>>,
    pub(crate) challenges: Option<At<Vec<At<String>>>>,
    pub(crate) dns: Option<RawDns>,
}

/// `autocert_dns`.
#[derive(Debug)]
pub(crate) struct RawDns {
    pub(crate) place: Place,
    pub(crate) rfc2136: Option<RawRfc2136>,
    pub(crate) acme_dns: Option<RawAcmeDns>,
    pub(crate) exec: Option<RawExec>,
    pub(crate) resolvers: Option<At<Vec<At<String>>>>,
    pub(crate) propagation_timeout: Option<At<Limit>>,
}

#[derive(Debug)]
pub(crate) struct RawRfc2136 {
    pub(crate) place: Place,
    pub(crate) server: Option<At<String>>,
    pub(crate) zone: Option<At<String>>,
    pub(crate) key_name: Option<At<String>>,
    pub(crate) algorithm: Option<At<String>>,
    pub(crate) secret: RawSecret,
}

#[derive(Debug)]
pub(crate) struct RawAcmeDns {
    pub(crate) place: Place,
    pub(crate) url: Option<At<String>>,
    /// By the host that stands before each.
    pub(crate) accounts: Vec<(At<String>, RawAcmeDnsAccount)>,
}

#[derive(Debug)]
pub(crate) struct RawAcmeDnsAccount {
    pub(crate) place: Place,
    pub(crate) username: Option<At<String>>,
    pub(crate) password: RawSecret,
    pub(crate) subdomain: Option<At<String>>,
}

#[derive(Debug)]
pub(crate) struct RawExec {
    pub(crate) place: Place,
    pub(crate) command: Option<At<Vec<At<String>>>>,
    pub(crate) timeout: Option<At<Limit>>,
}

impl RawAcme {
    pub(super) fn read(section: &mut Section, reading: &mut Reading<'_>) -> Self {
        Self {
            autocert: section.flag("autocert", reading),
            directory: section.text("autocert_ca", reading),
            use_staging: section.flag("autocert_use_staging", reading),
            email: section.text("autocert_email", reading),
            eab_key_id: section.text("autocert_eab_key_id", reading),
            eab_mac_key: section.secret("autocert_eab_mac_key", "autocert_eab_mac_key_file", reading),
            trusted: section.secret("autocert_trusted_ca", "autocert_trusted_ca_file", reading),
            folder: section.text("autocert_dir", reading),
            must_staple: section.flag("autocert_must_staple", reading),
            profile: section.text("autocert_profile", reading),
            on_demand: section.flag("autocert_on_demand", reading),
            challenges: section.texts("autocert_challenges", reading),
            dns: RawDns::read(section, reading),
        }
    }

    /// Every key but the switch itself that is given, and where.
    pub(crate) fn given(&self) -> Vec<(&'static str, &Place)> {
        fn at<'g, T>(key: &'static str, given: Option<&'g At<T>>) -> Option<(&'static str, &'g Place)> {
            given.map(|at| (key, &at.place))
        }
        [
            at("autocert_ca", self.directory.as_ref()),
            at("autocert_use_staging", self.use_staging.as_ref()),
            at("autocert_email", self.email.as_ref()),
            at("autocert_eab_key_id", self.eab_key_id.as_ref()),
            self.eab_mac_key.place().map(|place| ("autocert_eab_mac_key", place)),
            self.trusted.place().map(|place| ("autocert_trusted_ca", place)),
            at("autocert_dir", self.folder.as_ref()),
            at("autocert_must_staple", self.must_staple.as_ref()),
            at("autocert_profile", self.profile.as_ref()),
            at("autocert_on_demand", self.on_demand.as_ref()),
            at("autocert_challenges", self.challenges.as_ref()),
            self.dns.as_ref().map(|dns| ("autocert_dns", &dns.place)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl RawDns {
    fn read(top: &mut Section, reading: &mut Reading<'_>) -> Option<Self> {
        let mut section = top.block("autocert_dns", reading)?;
        let raw = Self {
            place: section.place.clone(),
            rfc2136: RawRfc2136::read(&mut section, reading),
            acme_dns: RawAcmeDns::read(&mut section, reading),
            exec: RawExec::read(&mut section, reading),
            resolvers: section.texts("resolvers", reading),
            propagation_timeout: section.limit("propagation_timeout", reading),
        };
        section.close("`autocert_dns`", NONE, reading);
        let any = section.written || raw.resolvers.is_some() || raw.propagation_timeout.is_some() || raw.ways() > 0;
        any.then_some(raw)
    }

    /// How many ways to change the DNS are given.
    pub(crate) fn ways(&self) -> usize {
        usize::from(self.rfc2136.is_some()) + usize::from(self.acme_dns.is_some()) + usize::from(self.exec.is_some())
    }
}

impl RawRfc2136 {
    fn read(dns: &mut Section, reading: &mut Reading<'_>) -> Option<Self> {
        let mut section = dns.block("rfc2136", reading)?;
        let raw = Self {
            place: section.place.clone(),
            server: section.text("server", reading),
            zone: section.text("zone", reading),
            key_name: section.text("tsig_key_name", reading),
            algorithm: section.text("tsig_algorithm", reading),
            secret: section.secret("tsig_secret", "tsig_secret_file", reading),
        };
        section.close("`rfc2136`", NONE, reading);
        Some(raw)
    }
}

impl RawAcmeDns {
    fn read(dns: &mut Section, reading: &mut Reading<'_>) -> Option<Self> {
        let mut section = dns.block("acme_dns", reading)?;
        let raw = Self {
            place: section.place.clone(),
            url: section.text("url", reading),
            accounts: accounts(&mut section, reading),
        };
        section.close("`acme_dns`", NONE, reading);
        Some(raw)
    }
}

fn accounts(acme_dns: &mut Section, reading: &mut Reading<'_>) -> Vec<(At<String>, RawAcmeDnsAccount)> {
    let Some(node) = acme_dns.node("accounts") else { return Vec::new() };
    let Content::Map(entries) = &node.content else {
        reading.problems.error(
            &node.place,
            format!("`accounts` holds hosts with an account each, but here is {}", node.kind()),
            "Write `HOST: {username: …, password: …, subdomain: …}`, one a line.",
        );
        return Vec::new();
    };
    let mut accounts = Vec::with_capacity(entries.len());
    for entry in entries {
        let Some(mut section) = Section::of(&entry.value, "an account of `acme_dns`", reading) else { continue };
        let account = RawAcmeDnsAccount {
            place: entry.place.clone(),
            username: section.text("username", reading),
            password: section.secret("password", "password_file", reading),
            subdomain: section.text("subdomain", reading),
        };
        section.close("an account of `acme_dns`", NONE, reading);
        accounts.push((At::new(entry.key.clone(), &entry.place), account));
    }
    accounts
}

impl RawExec {
    fn read(dns: &mut Section, reading: &mut Reading<'_>) -> Option<Self> {
        let mut section = dns.block("exec", reading)?;
        let raw = Self {
            place: section.place.clone(),
            command: section.texts("command", reading),
            timeout: section.limit("timeout", reading),
        };
        section.close("`exec`", NONE, reading);
        Some(raw)
    }
}
