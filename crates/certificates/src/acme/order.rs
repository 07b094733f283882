//! One order, from its placing to the certificate (RFC 8555 §7.4).
//!
//! Refuses: going on when the lease is lost. The order's address and key are written down before anything is proved,
//! so that whoever comes after a crash goes on with it.

use std::time::Duration;

use doorward_config::ChallengeKind;
use doorward_hygiene::{HostPattern, Hostname};
use instant_acme::{
    AuthorizationStatus, CertificateIdentifier, ChallengeStatus, ChallengeType, Error, Identifier, NewOrder, Order,
    OrderStatus,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio::time::{Instant, sleep};

use super::check::{self, Checked};
use super::choice;
use super::http::HttpFailure;
use super::lease::Lease;
use super::manager::{Inner, Setup};
use super::problem::{Cause, Failure, explain, kind};
use super::records::{Attempts, ChallengeRecord, KeyText, PendingOrder, key_of, stamp, write};
use super::session::{Session, with_nonce};
use crate::store::RecordKind;

/// No challenge is answered for longer.
const CHALLENGE_LIFE: Duration = Duration::from_secs(60 * 60);
const FIRST_LOOK: Duration = Duration::from_millis(250);
const LONGEST_LOOK: Duration = Duration::from_secs(15);

/// The ordering of one name.
pub(crate) struct Job<'a> {
    pub(crate) inner: &'a Inner,
    pub(crate) setup: &'a Setup,
    pub(crate) lease: &'a Lease,
    pub(crate) name: &'a HostPattern,
    pub(crate) session: Session,
    /// The certificate that will be replaced, if it is this authority's.
    pub(crate) previous: Option<CertificateDer<'static>>,
}

/// A certificate, and how it came.
pub(crate) struct Fresh {
    pub(crate) checked: Checked,
    pub(crate) key: KeyText,
    pub(crate) chain: String,
    pub(crate) way: Option<ChallengeKind>,
}

impl Job<'_> {
    /// Orders; after a first failure of one way the others are tried at once, later one way at a time, so that
    /// what is wrong for good is not proved to be so more often than the authority likes.
    pub(crate) async fn run(&self, attempts: &mut Attempts) -> Result<Fresh, Failure> {
        let acme = &self.setup.acme;
        let ways = choice::ways(self.name, &acme.challenges, self.setup.dns.is_some(), attempts.worked);
        let mut said: Vec<String> = Vec::new();
        let mut anew = false;
        loop {
            let Some(way) = choice::next(&ways, &attempts.failed) else {
                return Err(Failure::new(Cause::Other, no_way(self.name)));
            };
            let mut failure = match self.once(attempts, way).await {
                Ok(fresh) => return Ok(fresh),
                Err(failure) => failure,
            };
            match failure.cause {
                Cause::Order if !anew => {
                    attempts.order = None;
                    anew = true;
                }
                Cause::Proof(way) => {
                    attempts.order = None;
                    attempts.failed.push(way);
                    said.push(format!("{}: {}", way.as_str(), failure.text));
                    let another = choice::another(&ways, &attempts.failed);
                    if !another {
                        attempts.failed.clear();
                    }
                    if !another || attempts.failures > 1 {
                        failure.text = said.join("; ");
                        return Err(failure);
                    }
                    tracing::info!(name = %self.name, way = way.as_str(), "the name could not be proved this way; the next is tried");
                }
                _ => return Err(failure),
            }
        }
    }

    async fn once(&self, attempts: &mut Attempts, way: ChallengeKind) -> Result<Fresh, Failure> {
        let mut order = match self.resumed(attempts).await? {
            Some(order) => order,
            None => self.placed(attempts, way).await?,
        };
        let Some(PendingOrder { key, way: placed, .. }) = attempts.order.clone() else {
            return Err(Failure::new(Cause::Order, "the order was lost"));
        };
        let way = placed.unwrap_or(way);
        if order.state().status == OrderStatus::Pending {
            self.prove(&mut order, way).await?;
        }
        if order.state().status == OrderStatus::Ready {
            self.lease.confirm().await?;
            let csr = self.request(&key)?;
            with_nonce!(order.finalize_csr(&csr)).map_err(|error| self.failed(&error))?;
        }
        self.wait(&mut order, |status| matches!(status, OrderStatus::Valid | OrderStatus::Invalid)).await?;
        let chain = with_nonce!(order.certificate()).map_err(|error| self.failed(&error))?;
        let chain = chain.ok_or_else(|| Failure::new(Cause::Order, "the authority sent no certificate"))?;
        match check::received(&chain, &key, self.name, (self.inner.clock)()) {
            Ok(checked) => Ok(Fresh { checked, key, chain, way: Some(way) }),
            Err(rejected) => {
                attempts.order = None;
                let text = format!("the authority sent a certificate that is not put in service: {rejected}");
                Err(Failure::new(Cause::Other, text))
            }
        }
    }

    /// The order that was begun before, if it can be gone on with.
    async fn resumed(&self, attempts: &mut Attempts) -> Result<Option<Order>, Failure> {
        let acme = &self.setup.acme;
        let same = |order: &&PendingOrder| order.directory == acme.directory.as_str() && order.profile == acme.profile;
        let Some(url) = attempts.order.as_ref().filter(same).map(|order| order.url.clone()) else {
            attempts.order = None;
            return Ok(None);
        };
        match with_nonce!(self.session.account.order(url.clone())) {
            Ok(mut order) => {
                let over = order.state().status == OrderStatus::Invalid;
                if over {
                    attempts.order = None;
                    return Ok(None);
                }
                tracing::info!(name = %self.name, "an order that was begun before is gone on with");
                Ok(Some(order))
            }
            Err(error) => match self.failed(&error) {
                failure
                    if matches!(failure.cause, Cause::Authority | Cause::Account) || failure.not_before.is_some() =>
                {
                    Err(failure)
                }
                // The authority has forgotten it.
                _ => {
                    attempts.order = None;
                    Ok(None)
                }
            },
        }
    }

    async fn placed(&self, attempts: &mut Attempts, way: ChallengeKind) -> Result<Order, Failure> {
        let account = &self.session.account;
        let identifiers = [Identifier::Dns(self.name.to_string())];
        let profile = self.setup.acme.profile.as_deref();
        let offered = profile.filter(|profile| account.profiles().any(|offered| offered.name == *profile));
        let missing = profile.filter(|_| offered.is_none());
        let notice = missing.map(|profile| no_profile(profile, account.profiles().map(|one| one.name)));
        self.inner.book.notice(self.name, notice);
        let plain = || {
            let order = NewOrder::new(&identifiers);
            match offered {
                Some(profile) => order.profile(profile),
                None => order,
            }
        };
        let replaced = self.previous.as_ref().and_then(|leaf| CertificateIdentifier::try_from(leaf).ok());
        self.lease.confirm().await?;
        let mut order = None;
        if let Some(replaced) = replaced {
            match with_nonce!(account.new_order(&plain().replaces(replaced.clone()))) {
                Ok(placed) => order = Some(placed),
                Err(error) if may_be_plain(&error) => {
                    tracing::debug!(name = %self.name, %error, "an order that replaces the certificate was refused; a plain one is placed");
                }
                Err(error) => return Err(self.failed(&error)),
            }
        }
        let order = match order {
            Some(order) => order,
            None => with_nonce!(account.new_order(&plain())).map_err(|error| self.failed(&error))?,
        };
        let key = KeyPair::generate().map_err(|error| Failure::new(Cause::Other, error.to_string()))?;
        attempts.order = Some(PendingOrder {
            url: order.url().to_owned(),
            directory: self.setup.acme.directory.to_string(),
            profile: self.setup.acme.profile.clone(),
            way: Some(way),
            key: KeyText::new(key.serialize_pem()),
        });
        self.keep(attempts).await?;
        Ok(order)
    }

    /// Writes down how far it has come.
    async fn keep(&self, attempts: &Attempts) -> Result<(), Failure> {
        self.lease.confirm().await?;
        let key =
            key_of(RecordKind::Attempt, self.name).map_err(|error| Failure::new(Cause::Other, error.to_string()))?;
        Ok(write(&*self.setup.store, &key, attempts).await?)
    }

    async fn prove(&self, order: &mut Order, way: ChallengeKind) -> Result<(), Failure> {
        with_nonce!(fetch_authorizations(order)).map_err(|error| self.failed(&error))?;
        let mut dns = None;
        let outcome = match self.answer(order, way, &mut dns).await {
            Ok(()) => self.wait(order, |status| !matches!(status, OrderStatus::Pending)).await,
            Err(failure) => Err(failure),
        };
        let host = base(self.name);
        match (&self.setup.dns, dns) {
            (Some(solver), Some(value)) => {
                if let Err(error) = solver.clean_up(host, &value).await {
                    tracing::warn!(name = %self.name, error = %super::http::chain(&error), "a TXT record that is needed no longer could not be removed");
                }
            }
            _ => self.inner.pending.take_out(&*self.setup.store, host).await,
        }
        outcome?;
        if order.state().status != OrderStatus::Invalid {
            return Ok(());
        }
        let text = with_nonce!(what_failed(order)).map_err(|error| self.failed(&error))?;
        Err(Failure::new(
            Cause::Proof(way),
            text.unwrap_or_else(|| "the authority refuses, and does not say why".into()),
        ))
    }

    /// Puts the answers where the authority will look, and tells it so.
    async fn answer(&self, order: &mut Order, way: ChallengeKind, dns: &mut Option<String>) -> Result<(), Failure> {
        let host = base(self.name);
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(|error| self.failed(&error))?;
            match authorization.status {
                AuthorizationStatus::Valid => continue,
                AuthorizationStatus::Pending => {}
                _ => return Err(Failure::new(Cause::Order, "the order is over")),
            }
            let Some(mut challenge) = authorization.challenge(acme_name(way)) else {
                let text = "the authority does not offer this way to prove the name";
                return Err(Failure::new(Cause::Proof(way), text));
            };
            let key_authorization = challenge.key_authorization();
            if let (ChallengeKind::Dns01, Some(solver)) = (way, &self.setup.dns) {
                let value = key_authorization.dns_value();
                *dns = Some(value.clone());
                solver.present(host, &value).await.map_err(|error| {
                    let text = format!("the TXT record could not be put into the DNS: {}", super::http::chain(&error));
                    Failure::new(Cause::Proof(way), text)
                })?;
            } else {
                let now = (self.inner.clock)();
                let record = ChallengeRecord {
                    name: host.to_string(),
                    way: Some(way),
                    token: challenge.token.clone(),
                    key_authorization: key_authorization.as_str().to_owned(),
                    until: stamp(now.checked_add(CHALLENGE_LIFE).unwrap_or(now)),
                };
                self.inner.pending.put(&*self.setup.store, host, record).await?;
            }
            self.lease.confirm().await?;
            if challenge.status == ChallengeStatus::Pending {
                with_nonce!(challenge.set_ready()).map_err(|error| self.failed(&error))?;
            }
        }
        Ok(())
    }

    /// Looks until the order is where it should be, as often as the authority likes.
    async fn wait(&self, order: &mut Order, there: fn(OrderStatus) -> bool) -> Result<(), Failure> {
        let end = Instant::now() + self.inner.pace.patience;
        let mut pause = FIRST_LOOK;
        loop {
            with_nonce!(refresh(order)).map_err(|error| self.failed(&error))?;
            if there(order.state().status) {
                return Ok(());
            }
            let wait = self.session.notes.retry_after().unwrap_or(pause).min(LONGEST_LOOK).max(FIRST_LOOK);
            if Instant::now() + wait > end {
                let text = "the authority took too long; the order is gone on with at the next attempt";
                return Err(Failure::new(Cause::Other, text));
            }
            sleep(wait).await;
            pause = (pause * 2).min(LONGEST_LOOK);
        }
    }

    /// The request for the certificate (RFC 2986): the name alone, and the key.
    fn request(&self, key: &KeyText) -> Result<Vec<u8>, Failure> {
        let failed = |error: &dyn std::error::Error| Failure::new(Cause::Order, error.to_string());
        let der = PrivatePkcs8KeyDer::from_pem_slice(key.pem().as_bytes()).map_err(|error| failed(&error))?;
        let pair = KeyPair::try_from(&der).map_err(|error| failed(&error))?;
        let mut params = CertificateParams::new(vec![self.name.to_string()]).map_err(|error| failed(&error))?;
        params.distinguished_name = DistinguishedName::new();
        Ok(params.serialize_request(&pair).map_err(|error| failed(&error))?.der().to_vec())
    }

    fn failed(&self, error: &Error) -> Failure {
        Failure::of(error, &self.session.notes)
    }
}

async fn refresh(order: &mut Order) -> Result<(), Error> {
    order.refresh().await.map(|_| ())
}

/// Fetches what is not known yet; afterwards the authorizations can be gone through without the network.
async fn fetch_authorizations(order: &mut Order) -> Result<(), Error> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        authorization?;
    }
    Ok(())
}

/// What the authority found when it looked.
async fn what_failed(order: &mut Order) -> Result<Option<String>, Error> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        let state = authorization.refresh().await?;
        if let Some(problem) = state.challenges.iter().find_map(|challenge| challenge.error.as_ref()) {
            return Ok(Some(explain(problem)));
        }
    }
    Ok(order.state().error.as_ref().map(explain))
}

/// Whether an order that replaces nothing may fare better than this one did (RFC 9773 §5).
fn may_be_plain(error: &Error) -> bool {
    match error {
        Error::Api(problem) => !matches!(kind(problem), "rateLimited" | "accountDoesNotExist" | "serverInternal"),
        Error::Other(other) => other.downcast_ref::<HttpFailure>().is_none(),
        Error::Unsupported(_) => true,
        _ => false,
    }
}

/// The name whose DNS, or whose ports, prove it.
fn base(name: &HostPattern) -> &Hostname {
    match name {
        HostPattern::Exact(host) | HostPattern::Below(host) => host,
    }
}

fn acme_name(way: ChallengeKind) -> ChallengeType {
    match way {
        ChallengeKind::Dns01 => ChallengeType::Dns01,
        ChallengeKind::TlsAlpn01 => ChallengeType::TlsAlpn01,
        ChallengeKind::Http01 => ChallengeType::Http01,
    }
}

fn no_way(name: &HostPattern) -> &'static str {
    match name {
        HostPattern::Below(_) => {
            "a wildcard can be proved by DNS alone (dns-01): configure how records are put into the DNS, or let certificates be ordered on demand (`autocert_on_demand`)"
        }
        HostPattern::Exact(_) => "no way to prove the name is configured",
    }
}

fn no_profile<'a>(profile: &str, offered: impl Iterator<Item = &'a str>) -> String {
    let mut offered: Vec<_> = offered.take(20).map(super::problem::quote).collect();
    offered.sort();
    let offers = if offered.is_empty() { "none".to_owned() } else { offered.join(", ") };
    format!(
        "the authority does not offer the profile `{}` (it offers: {offers}), so the certificate was ordered without: correct `autocert_profile`",
        super::problem::quote(profile)
    )
}
