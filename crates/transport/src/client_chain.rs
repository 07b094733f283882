//! The certificates a client showed in its handshake.
//!
//! Refuses: to say whether they are worth anything. That its key is the client's is all that is known here.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::CertificateDer;

/// What a client showed, unjudged, and a place for whoever judges it to keep the judgement as long as the connection
/// lasts: judging costs signatures, and a connection has many requests.
pub struct ClientChain {
    certificates: Vec<CertificateDer<'static>>,
    kept: Mutex<Option<Arc<dyn Any + Send + Sync>>>,
}

impl ClientChain {
    /// Of these certificates, the client's own first.
    pub fn new(certificates: Vec<CertificateDer<'static>>) -> Self {
        Self { certificates, kept: Mutex::new(None) }
    }

    /// The certificates as they were sent, the client's own first.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    /// What was kept last, if it is of this kind.
    pub fn kept<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        kept?.downcast().ok()
    }

    /// Keeps something in the place of what was kept before.
    pub fn keep<T: Any + Send + Sync>(&self, what: Arc<T>) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
    }
}

impl fmt::Debug for ClientChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientChain").field("certificates", &self.certificates.len()).finish_non_exhaustive()
    }
}

impl PartialEq for ClientChain {
    fn eq(&self, other: &Self) -> bool {
        self.certificates == other.certificates
    }
}

impl Eq for ClientChain {}
