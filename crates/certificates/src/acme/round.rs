//! One look at everything: who is due, whose turn it is to order, and what came of it.
//!
//! Refuses: ordering without the lease, and attempts that are not written down before they are made.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use doorward_hygiene::HostPattern;
use futures_util::StreamExt as _;
use futures_util::stream;
use tokio_util::sync::CancellationToken;

use super::book::Due;
use super::lease::Lease;
use super::manager::{Inner, Setup, random};
use super::problem::{Cause, Failure};
use super::records::{Attempts, CertificateRecord, Read, RequestRecord, key_of, key_of_authority, read, stamp, write};
use super::session::{self, Session};
use super::{backoff, load, order, renew};
use crate::store::{RecordKind, StoreError};

/// How many names are ordered at once.
const AT_ONCE: usize = 4;
/// An authority that forgets our account more often than this has trouble of its own.
const ACCOUNT_AGAIN: Duration = Duration::from_secs(60 * 60);

/// Everything that is due, done once.
pub(crate) async fn round(inner: &Inner, stop: &CancellationToken) -> Result<(), StoreError> {
    let setup = inner.setup.load_full();
    let store = &setup.store;
    for gone in inner.book.adjust(&setup.acme) {
        inner.obtained.withdraw(&gone);
    }
    if inner.loaded.load(Ordering::Acquire) {
        load::unread(inner, &**store).await?;
    } else {
        load::everything(inner, &setup.acme, &**store).await?;
    }
    let directory = setup.acme.directory.as_str();
    let requested = !store.list(RecordKind::Request).await?.is_empty();
    let due = inner.book.due(directory, (inner.clock)());
    if due.is_empty() && !requested {
        return Ok(());
    }
    if gate_closed(inner) && !requested {
        return load::gate(inner, &setup.acme, &**store).await;
    }
    let lease = Lease::acquire(store, &inner.holder, inner.clock, inner.pace.lease).await?;
    // Somebody else may have done it meanwhile, or be doing it.
    for (name, _) in &due {
        load::one(inner, &**store, name).await?;
    }
    let Some(lease) = lease else { return Ok(()) };
    let outcome = with_lease(inner, &setup, &lease, stop).await;
    lease.release().await;
    outcome
}

async fn with_lease(
    inner: &Inner,
    setup: &Arc<Setup>,
    lease: &Lease,
    stop: &CancellationToken,
) -> Result<(), StoreError> {
    load::gate(inner, &setup.acme, &*setup.store).await?;
    requests(inner, setup).await?;
    forget(inner, setup).await?;
    let due = inner.book.due(setup.acme.directory.as_str(), (inner.clock)());
    if due.is_empty() || gate_closed(inner) {
        return Ok(());
    }
    // The account first, once for all, so that there is one.
    let Some(session) = opened(inner, setup, lease).await? else { return Ok(()) };
    let (orders, checks): (Vec<_>, Vec<_>) = due.into_iter().partition(|(_, due)| *due == Due::Order);
    stream::iter(orders.into_iter().map(|(name, _)| ordered(inner, setup, lease, stop, name)))
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<()>>()
        .await;
    for (name, _) in checks {
        if stop.is_cancelled() || lease.confirm().await.is_err() {
            return Ok(());
        }
        renew::check(inner, setup, &session, &name).await?;
    }
    Ok(())
}

fn gate_closed(inner: &Inner) -> bool {
    let next = inner.book.gate().next;
    next.is_some_and(|next| (inner.clock)() < SystemTime::from(next))
}

/// Begins to speak with the authority; when it cannot be spoken to, all names wait.
async fn opened(inner: &Inner, setup: &Setup, lease: &Lease) -> Result<Option<Session>, StoreError> {
    let known = matches!(session::key(setup), Ok(key) if setup.store.read(&key).await?.is_some());
    let mut gate = inner.book.gate().clone();
    gate.name = setup.acme.directory.to_string();
    if !known {
        // Making an account counts with the authority, so it is written down before.
        count(inner, &mut gate);
        keep_gate(inner, setup, &gate).await?;
    }
    if lease.confirm().await.is_err() {
        return Ok(None);
    }
    let failure = match Session::open(setup, inner.clock).await {
        Ok(session) => {
            if gate.failures > 0 || gate.last_error.is_some() {
                keep_gate(inner, setup, &Attempts { name: gate.name, ..Attempts::default() }).await?;
            }
            return Ok(Some(session));
        }
        Err(failure) => failure,
    };
    if known {
        count(inner, &mut gate);
    }
    inner.failures.fetch_add(1, Ordering::Relaxed);
    tracing::warn!(directory = %setup.acme.directory, error = %failure.text, "no certificates can be ordered for now");
    fail(inner, &mut gate, failure);
    keep_gate(inner, setup, &gate).await?;
    Ok(None)
}

async fn keep_gate(inner: &Inner, setup: &Setup, gate: &Attempts) -> Result<(), StoreError> {
    *inner.book.gate() = gate.clone();
    match key_of_authority(RecordKind::Attempt, &setup.acme.directory) {
        Ok(key) => write(&*setup.store, &key, gate).await,
        Err(_) => Ok(()),
    }
}

/// Counts an attempt before it is made, as if it had failed already.
fn count(inner: &Inner, attempts: &mut Attempts) {
    let now = (inner.clock)();
    attempts.failures = attempts.failures.saturating_add(1);
    attempts.begun.get_or_insert(stamp(now));
    attempts.next = Some(stamp(again(inner, attempts, now)));
}

fn again(inner: &Inner, attempts: &Attempts, now: SystemTime) -> SystemTime {
    let pace = &inner.pace;
    let delay = backoff::delay(attempts.failures, pace.first_retry, pace.longest_retry, random());
    backoff::again(now, delay, attempts.not_before.map(SystemTime::from))
}

fn fail(inner: &Inner, attempts: &mut Attempts, failure: Failure) {
    attempts.not_before = failure.not_before.map(stamp);
    attempts.last_error = Some(failure.text);
    attempts.next = Some(stamp(again(inner, attempts, (inner.clock)())));
}

/// Orders one name, and writes down what came of it.
async fn ordered(inner: &Inner, setup: &Setup, lease: &Lease, stop: &CancellationToken, name: HostPattern) {
    if stop.is_cancelled() || gate_closed(inner) {
        return;
    }
    let (mut attempts, previous) = {
        let mut entries = inner.book.entries();
        let Some(entry) = entries.get_mut(&name) else { return };
        (entry.ordering, entry.asked) = (true, false);
        let previous = entry.certificate.as_ref().filter(|owned| owned.directory == setup.acme.directory.as_str());
        (entry.attempts.clone(), previous.map(|owned| owned.leaf.clone()))
    };
    attempts.name = name.to_string();
    let before = attempts.clone();
    count(inner, &mut attempts);
    let outcome = async {
        lease.confirm().await?;
        keep(setup, &name, &attempts).await?;
        let session = Session::open(setup, inner.clock).await?;
        let job = order::Job { inner, setup, lease, name: &name, session, previous };
        let fresh = tokio::select! {
            biased;
            () = stop.cancelled() => return Err(Failure::new(Cause::Interrupted, "the server is stopping")),
            () = lease.lost() => return Err(Failure::interrupted()),
            fresh = job.run(&mut attempts) => fresh?,
        };
        lease.confirm().await?;
        put_in_service(inner, setup, &name, fresh, &mut attempts).await
    };
    let outcome = outcome.await;
    if let Err(failure) = outcome {
        failed(inner, setup, &name, &mut attempts, &before, failure).await;
    }
    // Whoever has taken over writes from now on.
    if lease.confirm().await.is_ok()
        && let Err(error) = keep(setup, &name, &attempts).await
    {
        tracing::error!(%name, error = %error.text, "how an order came out could not be written down");
    }
    if let Some(entry) = inner.book.entries().get_mut(&name) {
        entry.ordering = false;
        entry.attempts = attempts;
    }
}

async fn keep(setup: &Setup, name: &HostPattern, attempts: &Attempts) -> Result<(), Failure> {
    let key = key_of(RecordKind::Attempt, name).map_err(|error| Failure::new(Cause::Other, error.to_string()))?;
    Ok(write(&*setup.store, &key, attempts).await?)
}

async fn put_in_service(
    inner: &Inner,
    setup: &Setup,
    name: &HostPattern,
    fresh: order::Fresh,
    attempts: &mut Attempts,
) -> Result<(), Failure> {
    let order::Fresh { checked, key, chain, way } = fresh;
    let now = (inner.clock)();
    let directory = setup.acme.directory.to_string();
    let record = CertificateRecord { name: name.to_string(), directory, obtained: stamp(now), key, chain };
    let place = key_of(RecordKind::Certificate, name).map_err(|error| Failure::new(Cause::Other, error.to_string()))?;
    write(&*setup.store, &place, &record).await?;
    *attempts = Attempts {
        name: name.to_string(),
        begun: attempts.begun,
        worked: way,
        renewal: Some(renew::first_plan(&checked.facts, now)),
        ..Attempts::default()
    };
    if let Some(entry) = inner.book.entries().get_mut(name) {
        entry.certificate = super::book::Owned::of(&checked, &record.directory);
    }
    tracing::info!(%name, issuer = %checked.facts.issuer, not_after = %stamp(checked.facts.not_after), "a certificate was obtained and put in service");
    inner.obtained.publish(name, checked.certified, checked.facts);
    inner.renewals.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

async fn failed(
    inner: &Inner,
    setup: &Setup,
    name: &HostPattern,
    attempts: &mut Attempts,
    before: &Attempts,
    failure: Failure,
) {
    match failure.cause {
        Cause::Interrupted => {
            // Not the name's fault. What was begun is gone on with.
            (attempts.failures, attempts.next) = (before.failures, before.next);
            return;
        }
        Cause::Account if account_may_be_remade(inner) => {
            tracing::warn!(directory = %setup.acme.directory, "the authority has forgotten our account; a new one is made");
            if let Ok(key) = session::key(setup)
                && let Err(error) = setup.store.remove(&key).await
            {
                tracing::error!(%error, "the account that is of no use any more could not be removed");
            }
            (attempts.failures, attempts.next, attempts.order) = (before.failures, before.next, None);
            return;
        }
        Cause::Order | Cause::Account => attempts.order = None,
        Cause::Authority | Cause::Proof(_) | Cause::Other => {}
    }
    inner.failures.fetch_add(1, Ordering::Relaxed);
    tracing::warn!(%name, failures = attempts.failures, error = %failure.text, "no certificate could be obtained");
    fail(inner, attempts, failure);
}

/// Whether that has not just been done. Names that are ordered at the same time meet the same forgetfulness.
fn account_may_be_remade(inner: &Inner) -> bool {
    const TOGETHER: Duration = Duration::from_secs(10);
    let now = (inner.clock)();
    let mut remade = inner.account_remade.lock().unwrap_or_else(PoisonError::into_inner);
    let since = remade.map(|at| now.duration_since(at).unwrap_or_default());
    let may = since.is_none_or(|since| since < TOGETHER || since > ACCOUNT_AGAIN);
    if since.is_none_or(|since| since > ACCOUNT_AGAIN) {
        *remade = Some(now);
    }
    may
}

/// Forgets names that were asked for and never proved, so that they do not use up how many there may be.
async fn forget(inner: &Inner, setup: &Setup) -> Result<(), StoreError> {
    for name in inner.book.hopeless((inner.clock)()) {
        if let Ok(key) = key_of(RecordKind::Attempt, &name) {
            setup.store.remove(&key).await?;
        }
    }
    Ok(())
}

/// Makes due what somebody asked to be renewed.
async fn requests(inner: &Inner, setup: &Setup) -> Result<(), StoreError> {
    for key in setup.store.list(RecordKind::Request).await? {
        if let Read::Some(request) = read::<RequestRecord>(&*setup.store, &key).await? {
            let name = HostPattern::parse(&request.name).ok();
            let known = name.filter(|name| inner.book.entries().contains_key(name));
            if let Some(name) = known {
                requested(inner, setup, &name).await?;
            } else {
                tracing::warn!(record = %key, "somebody asked to renew a certificate that is not ordered here");
            }
        }
        setup.store.remove(&key).await?;
    }
    Ok(())
}

/// Makes one due; what the authority said about waiting still holds.
async fn requested(inner: &Inner, setup: &Setup, name: &HostPattern) -> Result<(), StoreError> {
    load::one(inner, &*setup.store, name).await?;
    let attempts = {
        let mut entries = inner.book.entries();
        let Some(entry) = entries.get_mut(name) else { return Ok(()) };
        entry.asked = true;
        entry.attempts.name = name.to_string();
        entry.attempts.next = entry.attempts.not_before;
        let now = stamp((inner.clock)());
        entry.attempts.renewal = entry.certificate.as_ref().map(|_| renew::at_once(now));
        entry.attempts.clone()
    };
    if let Ok(key) = key_of(RecordKind::Attempt, name) {
        write(&*setup.store, &key, &attempts).await?;
    }
    tracing::info!(%name, "its certificate is renewed because somebody asked for it");
    Ok(())
}
