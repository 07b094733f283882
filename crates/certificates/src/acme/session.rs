//! Our account with the authority: made once, kept, used again.
//!
//! Refuses: using an account with another authority, or one bound to another external account.

use std::time::SystemTime;

use instant_acme::{Account, ExternalAccountKey, NewAccount};

use super::http::Notes;
use super::manager::Setup;
use super::problem::{Cause, Failure, kind};
use super::records::{AccountRecord, Read, key_of_authority, read, write};
use crate::store::{RecordKey, RecordKind};

/// How often a request is sent again because the authority refused its nonce; the protocol client has tried thrice
/// each time.
pub(crate) const NONCE_RETRIES: u32 = 6;

/// Does it again as long as the authority refuses the nonce (RFC 8555 §6.5).
macro_rules! with_nonce {
    ($call:expr) => {{
        let mut left = $crate::acme::session::NONCE_RETRIES;
        loop {
            match $call.await {
                Err(error) if left > 0 && $crate::acme::session::is_bad_nonce(&error) => left -= 1,
                outcome => break outcome,
            }
        }
    }};
}
pub(crate) use with_nonce;

pub(crate) fn is_bad_nonce(error: &instant_acme::Error) -> bool {
    matches!(error, instant_acme::Error::Api(problem) if kind(problem) == "badNonce")
}

/// One conversation with the authority, as our account.
pub(crate) struct Session {
    pub(crate) account: Account,
    pub(crate) notes: Notes,
}

/// Where the account is kept.
pub(crate) fn key(setup: &Setup) -> Result<RecordKey, Failure> {
    key_of_authority(RecordKind::Account, &setup.acme.directory)
        .map_err(|error| Failure::new(Cause::Other, error.to_string()))
}

impl Session {
    /// Begins a conversation, with the account that is kept or a new one, which is kept from then on. To be begun by
    /// whoever holds the lease, so that there is one account.
    pub(crate) async fn open(setup: &Setup, clock: fn() -> SystemTime) -> Result<Self, Failure> {
        let record = match read::<AccountRecord>(&*setup.store, &key(setup)?).await? {
            Read::Some(record) if fits(&record, setup) => record,
            _ => return Self::create(setup, clock).await,
        };
        let (http, notes) = setup.http.converse(clock);
        let changed = record.contact != setup.acme.contact;
        let (directory, external) = (record.directory, record.external);
        let copy = changed.then(|| serde_json::to_value(&record.credentials));
        let account = Account::builder_with_http(http).from_credentials(record.credentials).await;
        let account = account.map_err(|error| Failure::of(&error, &notes))?;
        if let Some(Ok(credentials)) = copy {
            let contact = contact(setup);
            let contacts: Vec<&str> = contact.iter().map(String::as_str).collect();
            with_nonce!(account.update_contacts(&contacts)).map_err(|error| Failure::of(&error, &notes))?;
            if let Ok(credentials) = serde_json::from_value(credentials) {
                let contact = setup.acme.contact.clone();
                let record = AccountRecord { directory, contact, external, credentials };
                write(&*setup.store, &key(setup)?, &record).await?;
            }
        }
        Ok(Self { account, notes })
    }

    async fn create(setup: &Setup, clock: fn() -> SystemTime) -> Result<Self, Failure> {
        let directory = setup.acme.directory.to_string();
        let contact = contact(setup);
        let contacts: Vec<&str> = contact.iter().map(String::as_str).collect();
        let wanted = NewAccount { contact: &contacts, terms_of_service_agreed: true, only_return_existing: false };
        let external = setup.acme.external_account.as_ref();
        let binding =
            external.map(|external| ExternalAccountKey::new(external.key_id.clone(), external.mac_key.expose()));
        let mut left = NONCE_RETRIES;
        let (account, credentials, notes) = loop {
            let (http, notes) = setup.http.converse(clock);
            let builder = Account::builder_with_http(http);
            match builder.create(&wanted, directory.clone(), binding.as_ref()).await {
                Ok((account, credentials)) => break (account, credentials, notes),
                Err(error) if left > 0 && is_bad_nonce(&error) => left -= 1,
                Err(error) => return Err(Failure::of_account(&error, binding.is_some(), &notes)),
            }
        };
        let contact = setup.acme.contact.clone();
        let external = external.map(|external| external.key_id.clone());
        let record = AccountRecord { directory, contact, external, credentials };
        write(&*setup.store, &key(setup)?, &record).await?;
        tracing::info!(directory = %setup.acme.directory, "an account was made with the authority");
        Ok(Self { account, notes })
    }
}

fn fits(record: &AccountRecord, setup: &Setup) -> bool {
    let external = setup.acme.external_account.as_ref().map(|external| &external.key_id);
    record.directory == setup.acme.directory.as_str() && (external.is_none() || record.external.as_ref() == external)
}

fn contact(setup: &Setup) -> Option<String> {
    setup.acme.contact.as_ref().map(|address| format!("mailto:{address}"))
}
