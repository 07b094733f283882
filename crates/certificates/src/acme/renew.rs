//! When certificates are renewed, as the authority has it (RFC 9773).

use std::time::{Duration, SystemTime};

use doorward_hygiene::HostPattern;
use instant_acme::{CertificateIdentifier, Error};
use jiff::Timestamp;

use super::manager::{Inner, Setup, random};
use super::problem::quote;
use super::records::{Renewal, key_of, stamp, write};
use super::renewal;
use super::session::Session;
use crate::LeafFacts;
use crate::store::{RecordKind, StoreError};

/// When an authority that did not say is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(6 * 60 * 60);
const LONGEST_ADDRESS: usize = 300;

/// By its life; the authority is asked at once.
pub(crate) fn first_plan(facts: &LeafFacts, now: SystemTime) -> Renewal {
    let at = stamp(renewal::at_two_thirds(facts.not_before, facts.not_after, random()));
    Renewal { at, check: stamp(now), explanation: None }
}

/// Somebody asked for it.
pub(crate) fn at_once(now: Timestamp) -> Renewal {
    Renewal { at: now, check: now, explanation: None }
}

/// Asks the authority when this certificate should be renewed.
pub(crate) async fn check(
    inner: &Inner,
    setup: &Setup,
    session: &Session,
    name: &HostPattern,
) -> Result<(), StoreError> {
    let (owned, mut attempts) = {
        let entries = inner.book.entries();
        let Some(entry) = entries.get(name) else { return Ok(()) };
        let Some(owned) = entry.certificate.clone() else { return Ok(()) };
        (owned, entry.attempts.clone())
    };
    let by_life = || stamp(renewal::at_two_thirds(owned.not_before, owned.not_after, random()));
    let mut plan =
        attempts.renewal.clone().unwrap_or_else(|| Renewal { at: by_life(), check: Timestamp::MIN, explanation: None });
    let now = (inner.clock)();
    plan.check = stamp(renewal::next_check(now, ASK_AGAIN));
    if let Ok(id) = CertificateIdentifier::try_from(&owned.leaf) {
        match session.account.renewal_info(&id).await {
            Ok((info, retry_after)) => {
                plan.check = stamp(renewal::next_check(now, retry_after));
                let window =
                    (SystemTime::from(info.suggested_window.start), SystemTime::from(info.suggested_window.end));
                let chosen = SystemTime::from(plan.at);
                // A time by the certificate's life is none the authority has seen: it chooses.
                if let Some(at) = renewal::in_window(window, Some(chosen), random()) {
                    plan.at = stamp(at);
                }
                let explanation = info.explanation_url.map(|url| url.chars().take(LONGEST_ADDRESS).collect::<String>());
                if explanation.is_some() && explanation != plan.explanation {
                    tracing::info!(%name, explanation = explanation.as_deref(), at = %plan.at, "the authority says why the certificate should be renewed then");
                }
                plan.explanation = explanation;
            }
            Err(Error::Unsupported(_)) => {}
            Err(error) => {
                tracing::debug!(%name, error = %quote(&error.to_string()), "the authority did not say when to renew");
            }
        }
    }
    attempts.renewal = Some(plan);
    attempts.name = name.to_string();
    if let Ok(key) = key_of(RecordKind::Attempt, name) {
        write(&*setup.store, &key, &attempts).await?;
    }
    if let Some(entry) = inner.book.entries().get_mut(name) {
        entry.attempts.renewal = attempts.renewal;
    }
    Ok(())
}
