//! Built-in accounts: people who sign in with an e-mail address and a password of ours.
//!
//! Refuses: a password nobody chose (accounts begin with a one-time invitation that expires), an invitation
//! used twice or replaced, telling an unknown address from a wrong password, and a session older than the
//! account's password.

mod file;
mod password;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorward_hygiene::Origin;
use doorward_identity::Email;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use self::file::{AccountsFile, Content, Fingerprint, Invitation, Password, Record, Write};
pub use self::password::WeakPassword;
use crate::{AuthenticateError, paths};

/// How long an invitation is good for.
pub const INVITATION_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// Thirty-two bytes in base64url.
const TOKEN_LENGTH: usize = 43;

/// The accounts of one data directory.
///
/// Reading what is in memory never blocks; everything that touches the file or hashes a password does, and
/// belongs on a blocking thread when called from asynchronous code.
pub struct Accounts {
    file: AccountsFile,
    /// What was last read, and the state of the file then.
    current: ArcSwap<Known>,
    /// Held while the file is read or changed, so that `current` never goes back in time.
    reading: Mutex<()>,
}

#[derive(Default)]
struct Known {
    fingerprint: Fingerprint,
    by_email: HashMap<Email, Arc<Record>>,
    by_id: HashMap<Box<str>, Arc<Record>>,
}

impl Known {
    fn new(content: Content, fingerprint: Fingerprint) -> Self {
        let mut known = Self { fingerprint, ..Self::default() };
        for record in content.accounts.into_iter().map(Arc::new) {
            known.by_id.insert(record.id.as_str().into(), Arc::clone(&record));
            known.by_email.insert(record.email.clone(), record);
        }
        known
    }
}

/// An account that has proven itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its stable name, 22 characters.
    pub id: String,
    /// Its address.
    pub email: Email,
}

/// An account in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSummary {
    /// Its address.
    pub email: Email,
    /// When it was made.
    pub added_at: SystemTime,
    /// Whether it has a password.
    pub has_password: bool,
    /// Until when an invitation is open, if one is.
    pub invited_until: Option<SystemTime>,
}

/// The secret in an invitation's link: 32 random bytes as 43 characters.
pub struct InviteToken(Zeroizing<String>);

impl InviteToken {
    /// The link to send: whoever opens it may set the password, so it is for its receiver only.
    pub fn link(&self, sign_in_host: &Origin) -> String {
        format!("{sign_in_host}{}?token={}", paths::WELCOME, self.expose())
    }

    /// The text for the link's `token` parameter.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for InviteToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteToken(..)")
    }
}

/// What came of setting a password.
#[derive(Debug)]
pub enum SetPassword {
    /// It is set, the invitation is used up, and all sessions of the account are over.
    Set(Account),
    /// The password will not do; the invitation stands.
    Weak(WeakPassword),
    /// No such invitation: wrong, used, replaced or expired.
    NoInvitation,
}

impl Accounts {
    /// The accounts kept in this data directory, which is made when it is not there.
    ///
    /// # Errors
    /// [`AuthenticateError::AccountsFile`] or [`AuthenticateError::AccountsDamaged`] when the file cannot be read.
    pub fn open(data_dir: &Path) -> Result<Self, AuthenticateError> {
        let accounts =
            Self { file: AccountsFile::in_directory(data_dir)?, current: ArcSwap::default(), reading: Mutex::new(()) };
        let fingerprint = accounts.file.fingerprint()?;
        accounts.current.store(Arc::new(Known::new(accounts.file.read()?, fingerprint)));
        Ok(accounts)
    }

    /// Reads the file again if it has changed, by another process say. Whether it had. Blocks.
    ///
    /// # Errors
    /// As [`Accounts::open`]; what was known before stays.
    pub fn refresh(&self) -> Result<bool, AuthenticateError> {
        let _reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken before reading: a change between the two is seen the next time.
        let fingerprint = self.file.fingerprint()?;
        if fingerprint == self.current.load().fingerprint {
            return Ok(false);
        }
        self.current.store(Arc::new(Known::new(self.file.read()?, fingerprint)));
        Ok(true)
    }

    /// Makes the account if there is none, and a new invitation that replaces any older one. Blocks.
    ///
    /// An account that has a password keeps it until the invitation is used.
    ///
    /// # Errors
    /// [`AuthenticateError`] when the file cannot be written or the system has no randomness.
    pub fn invite(&self, email: &Email, now: SystemTime) -> Result<InviteToken, AuthenticateError> {
        let token = InviteToken(Zeroizing::new(random_text::<32>()?));
        let token_sha256 = fingerprint_of(token.expose()).ok_or(AuthenticateError::Cryptography)?;
        let id = random_text::<16>()?;
        let expires_at = now + INVITATION_LIFE;
        self.change(|content| {
            let invitation = Invitation { token_sha256, expires_at: expires_at.into() };
            if let Some(record) = content.accounts.iter_mut().find(|record| record.email == *email) {
                record.invitation = Some(invitation);
            } else {
                content.accounts.push(Record {
                    id,
                    email: email.clone(),
                    added_at: now.into(),
                    password: None,
                    invitation: Some(invitation),
                });
            }
            Ok(((), Write::Yes))
        })?;
        Ok(token)
    }

    /// Whose invitation this is, if it is open. Uses nothing up. Blocks.
    ///
    /// # Errors
    /// [`AuthenticateError`] when the file cannot be read.
    pub fn invited(&self, token: &str, now: SystemTime) -> Result<Option<Email>, AuthenticateError> {
        let Some(seal) = fingerprint_of(token) else { return Ok(None) };
        self.refresh()?;
        let known = self.current.load();
        Ok(known.by_email.values().find(|record| is_open(record, &seal, now)).map(|record| record.email.clone()))
    }

    /// Sets the password of the account whose invitation this is, and uses the invitation up. Blocks, and hashes.
    ///
    /// # Errors
    /// [`AuthenticateError`] when the file cannot be written or the system has no randomness.
    pub fn set_password(&self, token: &str, password: &str, now: SystemTime) -> Result<SetPassword, AuthenticateError> {
        let (Some(email), Some(seal)) = (self.invited(token, now)?, fingerprint_of(token)) else {
            return Ok(SetPassword::NoInvitation);
        };
        if let Err(why) = password::check(password, &email) {
            return Ok(SetPassword::Weak(why));
        }
        let argon2 = password::hash(password)?;
        self.change(|content| {
            // Looked for again under the lock: of two who try at once, one wins.
            let Some(record) = content.accounts.iter_mut().find(|record| is_open(record, &seal, now)) else {
                return Ok((SetPassword::NoInvitation, Write::No));
            };
            record.invitation = None;
            record.password = Some(Password { argon2, set_at: now.into() });
            Ok((SetPassword::Set(Account { id: record.id.clone(), email: record.email.clone() }), Write::Yes))
        })
    }

    /// The account, if the password is its own. Takes as long when there is no such account. Blocks, and hashes.
    ///
    /// # Errors
    /// [`AuthenticateError`] when the file cannot be read.
    pub fn verify(&self, email: &Email, password: &str) -> Result<Option<Account>, AuthenticateError> {
        self.refresh()?;
        let record = self.current.load().by_email.get(email).cloned();
        let hash = record.as_ref().and_then(|record| record.password.as_ref()).map(|known| known.argon2.as_str());
        let right = password::verify(password, hash);
        Ok(record.filter(|_| right).map(|record| Account { id: record.id.clone(), email: record.email.clone() }))
    }

    /// Removes an account; whether there was one. Its sessions end within seconds. Blocks.
    ///
    /// # Errors
    /// [`AuthenticateError`] when the file cannot be written.
    pub fn remove(&self, email: &Email) -> Result<bool, AuthenticateError> {
        self.change(|content| {
            let before = content.accounts.len();
            content.accounts.retain(|record| record.email != *email);
            let removed = content.accounts.len() < before;
            Ok((removed, if removed { Write::Yes } else { Write::No }))
        })
    }

    /// Every account, by address.
    pub fn list(&self, now: SystemTime) -> Vec<AccountSummary> {
        let known = self.current.load();
        let mut list: Vec<_> = known
            .by_email
            .values()
            .map(|record| AccountSummary {
                email: record.email.clone(),
                added_at: record.added_at.to_time(),
                has_password: record.password.is_some(),
                invited_until: record
                    .invitation
                    .as_ref()
                    .map(|invitation| invitation.expires_at.to_time())
                    .filter(|until| *until > now),
            })
            .collect();
        list.sort_by(|one, other| one.email.cmp(&other.email));
        list
    }

    /// Whether this account has, as last read, a password set no later than `since`: whether somebody who signed
    /// in then is still signed in. Never blocks.
    pub fn vouches_for(&self, id: &str, since: SystemTime) -> bool {
        let known = self.current.load();
        known
            .by_id
            .get(id)
            .and_then(|record| record.password.as_ref())
            .is_some_and(|password| password.set_at <= since.into())
    }

    /// Makes ready what the first sign-in would have to wait for. Blocks.
    pub(crate) fn warm_up() {
        password::warm_up();
    }

    fn change<T>(
        &self,
        change: impl FnOnce(&mut Content) -> Result<(T, Write), AuthenticateError>,
    ) -> Result<T, AuthenticateError> {
        let _reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let (outcome, content) = self.file.change(change)?;
        // Another process may have written since; a fingerprint taken now could hide that. The old one is kept,
        // so that the next look reads the file again.
        let fingerprint = self.current.load().fingerprint;
        self.current.store(Arc::new(Known::new(content, fingerprint)));
        Ok(outcome)
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").field("file", &self.file).finish_non_exhaustive()
    }
}

fn is_open(record: &Record, seal: &str, now: SystemTime) -> bool {
    record.invitation.as_ref().is_some_and(|invitation| {
        let same = invitation.token_sha256.as_bytes().ct_eq(seal.as_bytes());
        bool::from(same) && invitation.expires_at > now.into()
    })
}

/// What the file holds of a token; nothing for a text that cannot be one.
fn fingerprint_of(token: &str) -> Option<String> {
    (token.len() == TOKEN_LENGTH).then(|| URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes())))
}

fn random_text<const N: usize>() -> Result<String, AuthenticateError> {
    let mut bytes = Zeroizing::new([0; N]);
    rand::fill(bytes.as_mut_slice()).map_err(|_| AuthenticateError::Cryptography)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes.as_slice()))
}

#[cfg(test)]
mod tests;
