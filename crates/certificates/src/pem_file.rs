//! A private key and its certificates in one file: only the server's user may read it, written whole or not at all.
//!
//! Refuses: files with something missing. One file for both, so that a crash never leaves a key with another's
//! certificate.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use doorward_private_files::PrivateFolder;
use rcgen::KeyPair;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::CertificatesError;

/// More than any file of ours is long: a certificate of ten thousand hosts has its place.
const LONGEST: u64 = 1024 * 1024;

/// One file in the folder of our certificates.
pub(crate) struct PemFile<'a> {
    folder: &'a PrivateFolder,
    name: &'a str,
    /// What deleting it costs, for the message when it is damaged.
    cost: &'static str,
}

/// What a file holds.
pub(crate) struct KeyAndChain {
    pub(crate) key: KeyPair,
    /// Never empty.
    pub(crate) chain: Vec<CertificateDer<'static>>,
}

impl<'a> PemFile<'a> {
    pub(crate) fn new(folder: &'a PrivateFolder, name: &'a str, cost: &'static str) -> Self {
        Self { folder, name, cost }
    }

    /// What the file holds, or `None` when there is none.
    pub(crate) fn read(&self) -> Result<Option<KeyAndChain>, CertificatesError> {
        let Some(text) = self.folder.read(self.name, LONGEST)? else { return Ok(None) };
        let key = PrivateKeyDer::from_pem_slice(&text)
            .map_err(|error| self.damaged("it holds no private key", Some(error.into())))?;
        let key = KeyPair::try_from(&key)
            .map_err(|error| self.damaged("its private key is none we use", Some(error.into())))?;
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&text)
            .collect::<Result<_, _>>()
            .map_err(|error| self.damaged("its certificate is broken", Some(error.into())))?;
        if chain.is_empty() {
            return Err(self.damaged("it holds no certificate", None));
        }
        Ok(Some(KeyAndChain { key, chain }))
    }

    /// Writes the file; it is there whole, and on the disk, when this returns.
    pub(crate) fn write(&self, content: &KeyAndChain) -> Result<(), CertificatesError> {
        let mut text = Zeroizing::new(content.key.serialize_pem());
        for certificate in &content.chain {
            text.push_str(&certificate_pem(certificate));
        }
        Ok(self.folder.write(self.name, text.as_bytes())?)
    }

    /// An error about the content of this file.
    pub(crate) fn damaged(
        &self,
        what: &'static str,
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    ) -> CertificatesError {
        CertificatesError::Damaged { path: self.path(), what, cost: self.cost, source }
    }

    /// Where it is, for messages.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path_of(self.name)
    }
}

/// A certificate as PEM (RFC 7468 §5).
pub(crate) fn certificate_pem(certificate: &CertificateDer<'_>) -> String {
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for (place, character) in STANDARD.encode(certificate).char_indices() {
        if place > 0 && place % 64 == 0 {
            pem.push('\n');
        }
        pem.push(character);
    }
    pem.push_str("\n-----END CERTIFICATE-----\n");
    pem
}
