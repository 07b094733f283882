//! Every upstream of a configuration, and what of the one before goes on.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use doorward_config::{HealthCheck, LookupFamily, Upstream, UpstreamTls, UpstreamUrl};
use rustls::ClientConfig;

use super::address::Address;
use super::client_certificate::Shown;
use super::endpoint::Endpoint;
use super::figures::UpstreamFigure;
use super::health::{Checked, Turns};
use super::members::{Member, Members};
use super::tls::{self, TlsProfiles};
use super::{UpstreamClient, UpstreamLimits, seed};
use crate::error::BuildError;

/// What makes two addresses the same one: they may share connections.
type Key = (UpstreamUrl, LookupFamily, Arc<UpstreamTls>);

/// Every upstream of a configuration, each distinct one once.
#[derive(Debug, Default)]
pub(crate) struct Upstreams {
    clients: HashMap<Upstream, Arc<UpstreamClient>>,
    addresses: HashMap<Key, Arc<Address>>,
    checked: HashMap<(Key, Vec<HealthCheck>), Arc<Checked>>,
    turns: Turns,
}

impl Upstreams {
    /// The upstreams wanted. What `previous` has too goes on: an upstream that is the same in every detail as a whole, an
    /// address with its connections, a health check with what it found.
    pub(crate) fn build<'a>(
        wanted: impl Iterator<Item = &'a Upstream>,
        previous: Option<&Self>,
        limits: UpstreamLimits,
    ) -> Result<Self, BuildError> {
        let mut profiles = TlsProfiles::default();
        let turns = previous.map(|previous| previous.turns.clone()).unwrap_or_default();
        let mut built = Self { turns, ..Self::default() };
        for upstream in wanted {
            if built.clients.contains_key(upstream) {
                continue;
            }
            let client = match previous.and_then(|previous| previous.clients.get(upstream)) {
                Some(client) => built.go_on(upstream, client),
                None => Arc::new(built.client_of(upstream, previous, &mut profiles, limits)?),
            };
            built.clients.insert(upstream.clone(), client);
        }
        Ok(built)
    }

    /// One that has not changed.
    fn go_on(&mut self, upstream: &Upstream, client: &Arc<UpstreamClient>) -> Arc<UpstreamClient> {
        let tls = Arc::new(upstream.tls.clone());
        for (url, member) in upstream.addresses.iter().zip(client.members.iter()) {
            let key = key(url, upstream.lookup, &tls);
            if let Some(checked) = member.checked() {
                let checks = upstream.balancing.health_checks.clone();
                self.checked.insert((key.clone(), checks), Arc::clone(checked));
            }
            self.addresses.insert(key, Arc::clone(&member.address));
        }
        Arc::clone(client)
    }

    fn client_of(
        &mut self,
        upstream: &Upstream,
        previous: Option<&Self>,
        profiles: &mut TlsProfiles,
        limits: UpstreamLimits,
    ) -> Result<UpstreamClient, BuildError> {
        let tls = Arc::new(upstream.tls.clone());
        let mut secured = None;
        let mut members = Vec::with_capacity(upstream.addresses.len());
        for url in &upstream.addresses {
            let key = key(url, upstream.lookup, &tls);
            let known = self.addresses.get(&key).or_else(|| previous?.addresses.get(&key));
            let address = if let Some(address) = known {
                Arc::clone(address)
            } else {
                if url.scheme.is_tls() && secured.is_none() {
                    secured = Some(secure(upstream, url, profiles)?);
                }
                let tls = secured.as_ref().map(|(config, shown)| (config, shown));
                let server_name = upstream.tls.server_name.as_deref();
                Arc::new(Address::new(Endpoint::new(url, tls, server_name, upstream.lookup, limits)?))
            };
            self.addresses.insert(key.clone(), Arc::clone(&address));
            let checked = self.checked_of(key, &address, &upstream.balancing.health_checks, previous);
            members.push(Member::new(address, checked));
        }
        let members = Members::new(members, &upstream.balancing, seed());
        Ok(UpstreamClient::new(members, upstream.balancing.breakers, limits))
    }

    fn checked_of(
        &mut self,
        key: Key,
        address: &Arc<Address>,
        checks: &[HealthCheck],
        previous: Option<&Self>,
    ) -> Option<Arc<Checked>> {
        if checks.is_empty() {
            return None;
        }
        let key = (key, checks.to_vec());
        let known = self.checked.get(&key).or_else(|| previous?.checked.get(&key)).cloned();
        let checked = known.unwrap_or_else(|| Arc::new(Checked::begin(address, checks, &self.turns)));
        self.checked.insert(key, Arc::clone(&checked));
        Some(checked)
    }

    /// The connections of this upstream.
    pub(crate) fn client(&self, upstream: &Upstream) -> Option<Arc<UpstreamClient>> {
        self.clients.get(upstream).cloned()
    }

    #[cfg(test)]
    pub(crate) fn busy(&self) -> usize {
        self.addresses.values().map(|address| address.active()).sum()
    }

    /// What there is to tell of every address, by name. One that several routes name with other settings is told once:
    /// it is well when all of them find it so.
    pub(crate) fn figures(&self) -> Vec<UpstreamFigure> {
        let mut figures: BTreeMap<Arc<str>, UpstreamFigure> = BTreeMap::new();
        for address in self.addresses.values() {
            let label = &address.endpoint.label;
            let figure = figures.entry(Arc::clone(label)).or_insert_with(|| UpstreamFigure::new(Arc::clone(label)));
            figure.add(&address.counts);
        }
        for client in self.clients.values() {
            for member in client.members.iter().filter(|member| !client.members.is_well(member)) {
                if let Some(figure) = figures.get_mut(&member.address.endpoint.label) {
                    figure.healthy = false;
                }
            }
        }
        figures.into_values().collect()
    }
}

/// TLS settings mean nothing where there is no TLS.
fn key(url: &UpstreamUrl, lookup: LookupFamily, tls: &Arc<UpstreamTls>) -> Key {
    let tls = if url.scheme.is_tls() { Arc::clone(tls) } else { Arc::default() };
    (url.clone(), lookup, tls)
}

/// How this upstream is believed over TLS, and what it is shown; `url` is named in what is said of it.
fn secure(
    upstream: &Upstream,
    url: &UpstreamUrl,
    profiles: &mut TlsProfiles,
) -> Result<(Arc<ClientConfig>, Arc<Shown>), BuildError> {
    let config = if upstream.tls.skip_verify {
        TlsProfiles::unverified(&url.to_string())?
    } else {
        profiles.verified(&upstream.tls.authorities)?
    };
    let shown = Shown::new(upstream.tls.client_certificate.as_ref(), &tls::provider()).map_err(|source| {
        let upstream = upstream.addresses.first().map(ToString::to_string).unwrap_or_default();
        BuildError::ClientCertificate { upstream, source }
    })?;
    Ok((shown.put_into(&config), shown))
}
