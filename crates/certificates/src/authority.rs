//! The local authority: made once, so that one import makes a machine trust every certificate it issues, and
//! constrained to our hosts, so that it is good for nothing else.
//!
//! Refuses: a file that does not hold a whole authority. It is never replaced, for whoever trusts it would be lost;
//! only an authority that has expired, which nobody trusts any more, makes way for a new one. A host outside of what
//! it may name gets a further authority beside it.

mod constraints;
mod one;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use doorward_hygiene::HostPattern;
use doorward_private_files::PrivateFolder;
use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;

use crate::leaf;
use crate::minting::{self, Minting};
use crate::pem_file::{PemFile, certificate_pem};
use crate::report::{CertificateReport, Source};
use crate::{CertificatesError, LeafFacts};
pub(crate) use one::Authority;

const FOLDER: &str = "certificates";
const COST: &str = "a new authority is made, which browsers must be told to trust again";
/// More authorities than anybody trusts one by one.
const MOST: usize = 32;

/// An authority of this machine's own, kept under `data_dir`; several, where hosts came later that the first must not
/// name.
pub struct LocalAuthority {
    folder: PathBuf,
    /// By their places; those that have expired are not among them.
    kept: ArcSwap<Vec<Arc<Authority>>>,
}

/// A certificate the local authority issued.
#[derive(Debug)]
pub struct Issued {
    /// The hosts it is for.
    pub hosts: Vec<HostPattern>,
    /// The certificate and its key.
    pub key: Arc<CertifiedKey>,
    /// What it says of itself.
    pub facts: LeafFacts,
}

impl LocalAuthority {
    /// Reads the authority from `data_dir/certificates`, or makes one there: ECDSA P-256, good for ten years, for
    /// servers' certificates only (path length 0), and constrained to these hosts and their neighbours. When it is
    /// there and must not name one of the hosts, a further one is made for those.
    ///
    /// # Errors
    /// [`CertificatesError::Damaged`] when a file does not hold an authority, [`CertificatesError::File`],
    /// [`CertificatesError::Issue`], [`CertificatesError::NoHosts`] when there is none and no host,
    /// [`CertificatesError::TooManyAuthorities`].
    pub fn open_or_create(data_dir: &Path, hosts: &[HostPattern], now: SystemTime) -> Result<Self, CertificatesError> {
        let authority = Self { folder: data_dir.join(FOLDER), kept: ArcSwap::default() };
        let folder = PrivateFolder::lock(&authority.folder)?;
        if authority.provide(&folder, hosts, now)?.is_empty() {
            return Err(CertificatesError::NoHosts);
        }
        Ok(authority)
    }

    /// Reads the authority from `data_dir/certificates`, if there is one, and changes nothing.
    ///
    /// # Errors
    /// [`CertificatesError::Damaged`], [`CertificatesError::File`].
    pub fn open(data_dir: &Path, now: SystemTime) -> Result<Option<Self>, CertificatesError> {
        let folder = data_dir.join(FOLDER);
        if !folder.is_dir() {
            return Ok(None);
        }
        let kept = read(&PrivateFolder::lock(&folder)?)?;
        let good: Vec<_> = kept.into_iter().filter(|authority| now < authority.validity.until).collect();
        Ok((!good.is_empty()).then(|| Self { folder, kept: ArcSwap::from_pointee(good) }))
    }

    /// The certificates of all authorities of ours as PEM, for importing; no key is in it.
    pub fn pem(&self) -> String {
        self.kept.load().iter().map(|authority| certificate_pem(&authority.certificate)).collect()
    }

    /// The same as DER.
    pub fn certificates(&self) -> Vec<CertificateDer<'static>> {
        self.kept.load().iter().map(|authority| authority.certificate.clone()).collect()
    }

    /// Certificates that name all `hosts`, good for seven days, one of each authority that is needed: those kept from
    /// the last time as long as they name the same hosts and have more than half of their time left, else new ones.
    /// Wildcards directly below a single label (`*.localhost`) are left out.
    ///
    /// # Errors
    /// [`CertificatesError::NoHosts`], [`CertificatesError::Damaged`], [`CertificatesError::File`],
    /// [`CertificatesError::Issue`], [`CertificatesError::TooManyAuthorities`].
    pub fn issue(&self, hosts: &[HostPattern], now: SystemTime) -> Result<Vec<Issued>, CertificatesError> {
        if hosts.is_empty() {
            return Err(CertificatesError::NoHosts);
        }
        let folder = PrivateFolder::lock(&self.folder)?;
        let mut left: Vec<_> = hosts.iter().filter(|host| !minting::is_needed(host)).cloned().collect();
        let mut issued = Vec::new();
        for authority in self.provide(&folder, hosts, now)?.iter() {
            let (own, rest) = left.into_iter().partition::<Vec<_>, _>(|host| authority.may_name(host));
            left = rest;
            if !own.is_empty() {
                let (key, facts) = leaf::reuse_or_issue(&folder, authority, &own, now)?;
                issued.push(Issued { hosts: own, key, facts });
            }
        }
        Ok(issued)
    }

    /// The certificates kept since they were last [issued](Self::issue). None is made, and no file is written.
    ///
    /// # Errors
    /// [`CertificatesError::Damaged`], [`CertificatesError::File`].
    pub fn issued_before(&self, now: SystemTime) -> Result<Vec<CertificateReport>, CertificatesError> {
        let folder = PrivateFolder::lock(&self.folder)?;
        let mut reports = Vec::new();
        for authority in self.kept.load().iter() {
            let kept = leaf::kept(&folder, authority)?;
            reports.extend(kept.map(|facts| CertificateReport::about(&facts, Source::Local, None, now)));
        }
        Ok(reports)
    }

    /// For those of the hosts that [`Self::issue`] leaves out, since no client takes a wildcard for them: certificates
    /// made in the handshake.
    pub(crate) fn minting(&self, hosts: &[HostPattern], now: SystemTime) -> Result<Minting, CertificatesError> {
        let needed: Vec<_> = hosts.iter().filter(|host| minting::is_needed(host)).cloned().collect();
        if needed.is_empty() {
            return Ok(Minting::default());
        }
        let kept = self.provide(&PrivateFolder::lock(&self.folder)?, &needed, now)?;
        let whose = |host: &HostPattern| {
            let HostPattern::Below(parent) = host else { return None };
            let authority = kept.iter().find(|authority| authority.may_name(host))?;
            Some((parent.as_str().into(), Arc::clone(authority)))
        };
        Ok(Minting::new(needed.iter().filter_map(whose).collect(), now))
    }

    /// The authorities that are good now, with a new one for the hosts that none of those kept may name.
    fn provide(
        &self,
        folder: &PrivateFolder,
        hosts: &[HostPattern],
        now: SystemTime,
    ) -> Result<Arc<Vec<Arc<Authority>>>, CertificatesError> {
        let is_good = |authority: &Arc<Authority>| now < authority.validity.until;
        let lacking = |kept: &[Arc<Authority>]| -> Vec<HostPattern> {
            let good = || kept.iter().filter(|authority| is_good(authority));
            hosts.iter().filter(|host| !good().any(|authority| authority.may_name(host))).cloned().collect()
        };
        let known = self.kept.load_full();
        if !known.is_empty() && known.iter().all(is_good) && lacking(&known).is_empty() {
            return Ok(known);
        }
        // Another process may have made one since.
        let mut kept = read(folder)?;
        let lacking = lacking(&kept);
        if !lacking.is_empty() {
            let further = further(folder, &kept, &lacking, now)?;
            kept.retain(|authority| authority.place != further.place);
            kept.push(Arc::new(further));
        }
        kept.retain(is_good);
        kept.sort_by_key(|authority| authority.place);
        let kept = Arc::new(kept);
        self.kept.store(Arc::clone(&kept));
        Ok(kept)
    }
}

/// Makes an authority in the first place that is free, or whose authority has expired.
fn further(
    folder: &PrivateFolder,
    kept: &[Arc<Authority>],
    hosts: &[HostPattern],
    now: SystemTime,
) -> Result<Authority, CertificatesError> {
    let taken = |place: usize| kept.iter().find(|authority| authority.place == place);
    let is_free = |place: &usize| taken(*place).is_none_or(|authority| now >= authority.validity.until);
    let place = (1..=MOST).find(is_free).ok_or(CertificatesError::TooManyAuthorities { most: MOST })?;
    let name = file_name(place);
    let file = PemFile::new(folder, &name, COST);
    if taken(place).is_some() {
        tracing::warn!(file = %file.path().display(), "the local authority has expired; a new one is made");
    }
    let content = one::generate(place, hosts, now)?;
    file.write(&content)?;
    if kept.iter().any(|authority| now < authority.validity.until) {
        let hosts = hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        tracing::warn!(
            hosts,
            file = %file.path().display(),
            "a further local authority was made, since those there are must not name these hosts; it must be trusted too: \
             `doorward certificate authority` prints all of them"
        );
    }
    Authority::from_file(place, content, &file)
}

/// Those kept in the folder, expired or not.
fn read(folder: &PrivateFolder) -> Result<Vec<Arc<Authority>>, CertificatesError> {
    let mut kept = Vec::new();
    for place in 1..=MOST {
        let name = file_name(place);
        let file = PemFile::new(folder, &name, COST);
        if let Some(content) = file.read()? {
            kept.push(Arc::new(Authority::from_file(place, content, &file)?));
        }
    }
    Ok(kept)
}

fn file_name(place: usize) -> String {
    if place == 1 { "authority.private.pem".to_owned() } else { format!("authority-{place}.private.pem") }
}

impl fmt::Debug for LocalAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalAuthority").field("folder", &self.folder).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
