//! What can go wrong with certificates, by whose fault it is.

use std::error::Error;
use std::path::PathBuf;

use doorward_private_files::PrivateFileError;

use crate::StoreError;

/// Why there is no certificate to answer with.
#[derive(Debug, thiserror::Error)]
pub enum CertificatesError {
    /// A configured key belongs to another certificate.
    #[error("the private key does not belong to the certificate {label}: configure the two that were made together")]
    KeyMismatch {
        /// The certificate, as the configuration names it.
        label: String,
    },
    /// The key belongs to a certificate further down the chain.
    #[error(
        "{label} does not begin with the server's own certificate: put it first, then those that lead to its authority"
    )]
    ChainOrder {
        /// The certificate, as the configuration names it.
        label: String,
    },
    /// The certificate names no host.
    #[error(
        "{label} has no subjectAltName, so no browser accepts it for any host (RFC 2818): have it issued again with one"
    )]
    NoNames {
        /// The certificate, as the configuration names it.
        label: String,
    },
    /// The certificate or key is not one TLS can use.
    #[error("{label} cannot be used for TLS")]
    Unusable {
        /// The certificate, as the configuration names it.
        label: String,
        /// What the TLS library found.
        #[source]
        source: rustls::Error,
    },
    /// The bytes are no certificate.
    #[error("this is no certificate (X.509, DER)")]
    Unreadable(#[source] Box<dyn Error + Send + Sync>),
    /// Hosts came and went so often that there is no place for a further authority.
    #[error(
        "there are {most} local authorities, and none may name all hosts: delete the `authority*.private.pem` in \
         data_dir/certificates that nobody trusts, or all of them, and trust the new one"
    )]
    TooManyAuthorities {
        /// How many there may be.
        most: usize,
    },
    /// Visitors' certificates cannot be judged by what is configured.
    #[error(transparent)]
    ClientTrust(#[from] crate::InvalidClientTrust),
    /// A certificate was asked for without a host to put into it.
    #[error("a certificate needs at least one host name")]
    NoHosts,
    /// A file of ours does not hold what it should.
    #[error("{} is damaged ({what}) and was left as it is: restore it from a backup, or delete it: {cost}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
        /// What deleting it means.
        cost: &'static str,
        /// What the parser said, if it said something.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// A key or certificate could not be made.
    #[error("the local authority could not issue a certificate")]
    Issue(#[from] rcgen::Error),
    /// Ordering certificates cannot be set up as it is configured.
    #[error("certificates cannot be ordered: {0}")]
    Acme(String),
    /// Nobody configured that this name's certificate be ordered.
    #[error("no certificate is ordered for {name}: give it a route, or name it in the configuration")]
    NotOrdered {
        /// The name.
        name: String,
    },
    /// What was ordered cannot be read or kept.
    #[error("what is ordered cannot be read or kept")]
    Store(#[from] StoreError),
    /// The file system refused.
    #[error(transparent)]
    File(#[from] PrivateFileError),
}
