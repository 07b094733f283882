//! What a form of ours carries to show that it is one.
//!
//! Refuses: what was made for another session or another host, or by anybody else.

use subtle::ConstantTimeEq as _;

use doorward_sessions::LiveSession;

use super::session::sessions_error;
use crate::AuthenticateError;
use crate::authenticator::Inner;
use crate::visit::Visit;

impl Inner {
    /// The proof for the forms on a page of this session and host.
    pub(super) fn prove(&self, visit: &Visit, session: &LiveSession) -> Result<String, AuthenticateError> {
        self.form_seal.seal(session.id().as_bytes(), visit.host.as_str().as_bytes()).map_err(sessions_error)
    }

    /// Refuses a form without the proof of this session and host.
    pub(super) fn check_proof(
        &self,
        visit: &Visit,
        session: &LiveSession,
        proof: &str,
    ) -> Result<(), AuthenticateError> {
        let opened = self.form_seal.open(proof, visit.host.as_str().as_bytes());
        let is_ours = opened.is_some_and(|id| id.as_slice().ct_eq(session.id().as_bytes()).into());
        if is_ours { Ok(()) } else { Err(AuthenticateError::CrossSite) }
    }
}
