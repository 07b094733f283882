//! What went wrong with an order, in words that say how to mend it.
//!
//! Refuses: tokens, keys and endless text: what the authority says is quoted, made harmless, and cut.

use std::time::SystemTime;

use doorward_config::ChallengeKind;
use instant_acme::{Error, Problem};

use super::http::{HttpFailure, Notes};
use crate::store::StoreError;

/// More than any sentence an authority writes.
const LONGEST_QUOTE: usize = 400;
const PREFIX: &str = "urn:ietf:params:acme:error:";

/// Why an order did not come to its end.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) cause: Cause,
    pub(crate) text: String,
    /// The authority does not want to hear of it before.
    pub(crate) not_before: Option<SystemTime>,
}

/// What that means for what is tried next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The authority cannot be spoken to: nothing of any name.
    Authority,
    /// It does not know our account: a new one is made.
    Account,
    /// The name could not be proved this way.
    Proof(ChallengeKind),
    /// This very order is of no use any more.
    Order,
    /// Somebody else orders now, or nobody does any more.
    Interrupted,
    /// Anything else.
    Other,
}

impl Failure {
    pub(crate) fn new(cause: Cause, text: impl Into<String>) -> Self {
        Self { cause, text: text.into(), not_before: None }
    }

    pub(crate) fn interrupted() -> Self {
        Self::new(Cause::Interrupted, "another process has taken over ordering")
    }

    /// What the protocol client met.
    pub(crate) fn of(error: &Error, notes: &Notes) -> Self {
        let not_before = notes.refused_until();
        let (cause, text) = match error {
            Error::Api(problem) => (cause(problem), explain(problem)),
            Error::Other(other) => match other.downcast_ref::<HttpFailure>() {
                Some(failure) => (
                    Cause::Authority,
                    format!(
                        "the authority does not answer as it should: {failure}; check `autocert_ca`, `autocert_trusted_ca` and that this machine reaches it"
                    ),
                ),
                None => (Cause::Other, quote(&other.to_string())),
            },
            Error::Json(_) => (
                Cause::Authority,
                "the authority's answer is not ACME (RFC 8555): check that `autocert_ca` is the URL of its directory"
                    .into(),
            ),
            other => (Cause::Other, format!("the order could not be carried out: {}", quote(&other.to_string()))),
        };
        Self { cause, text, not_before }
    }
}

impl Failure {
    /// What was met when an account was asked for, perhaps one bound to another.
    pub(crate) fn of_account(error: &Error, bound: bool, notes: &Notes) -> Self {
        let failure = Self::of(error, notes);
        match error {
            Error::Api(problem) if bound && matches!(kind(problem), "unauthorized" | "malformed") => {
                let said = problem.detail.as_deref().map(quote).unwrap_or_default();
                let text = format!(
                    "the authority does not take the proof of your account with it: correct `autocert_eab_key_id` and \
                     `autocert_eab_mac_key` (the authority says: {said})"
                );
                Self { text, ..failure }
            }
            _ => failure,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(Cause::Other, format!("what is ordered cannot be kept: {}", super::http::chain(&error)))
    }
}

/// The type without what all have in common.
pub(crate) fn kind(problem: &Problem) -> &str {
    let kind = problem.r#type.as_deref().unwrap_or_default();
    kind.strip_prefix(PREFIX).unwrap_or(kind)
}

fn cause(problem: &Problem) -> Cause {
    match kind(problem) {
        "accountDoesNotExist" => Cause::Account,
        _ if problem.status.is_some_and(|status| status >= 500) => Cause::Authority,
        _ => Cause::Other,
    }
}

/// The problem (RFC 8555 §6.7) as one sentence that says what to do, and what the authority said.
pub(crate) fn explain(problem: &Problem) -> String {
    let advice = advice(kind(problem));
    let mut said = problem.detail.as_deref().map(quote).unwrap_or_default();
    for part in &problem.subproblems {
        let detail = part.detail.as_deref().map(quote).unwrap_or_default();
        if !detail.is_empty() && said.len() < LONGEST_QUOTE && !said.contains(&detail) {
            said.push_str("; ");
            said.push_str(&detail);
        }
    }
    if said.is_empty() { advice.to_owned() } else { format!("{advice} (the authority says: {said})") }
}

fn advice(kind: &str) -> &'static str {
    match kind {
        "accountDoesNotExist" => "the authority does not know our account; a new one is made",
        "alreadyReplaced" => "the certificate has been replaced already; it is ordered plainly",
        "alreadyRevoked" => "the certificate has been revoked; it is ordered anew",
        "badCSR" => {
            "the authority refuses the request's names or key: check that the name is one it issues for, or ask another authority (`autocert_ca`)"
        }
        "badNonce" => "the authority kept refusing its own nonces; it is tried again",
        "badPublicKey" | "badSignatureAlgorithm" => {
            "the authority does not take our kind of key (ECDSA P-256): use another authority (`autocert_ca`)"
        }
        "badRevocationReason" => "the authority refuses the reason of a revocation",
        "caa" => {
            "the domain's CAA record allows another authority only: add this authority to the CAA record (RFC 8659), or order from the one it names"
        }
        "compound" => "several things stand in the way of this certificate",
        "connection" => {
            "the authority could not connect to this name: let its address in the DNS lead here, and ports 80 and 443 through the firewall, from anywhere"
        }
        "dns" => {
            "the authority could not look the name up: give it an A or AAAA record that is visible from outside, and check DNSSEC"
        }
        "externalAccountRequired" => {
            "the authority wants an account of its own: set `autocert_eab_key_id` and `autocert_eab_mac_key` to what it gave you"
        }
        "incorrectResponse" => {
            "something else than this server answered for the name: let port 80 and port 443 of its address lead here, with nothing in between that answers by itself"
        }
        "invalidContact" | "unsupportedContact" => {
            "the authority does not take the e-mail address: correct `autocert_email`"
        }
        "invalidProfile" => "the authority does not offer the profile: correct `autocert_profile`, or leave it out",
        "malformed" => {
            "the authority did not understand the request: check that `autocert_ca` is the URL of its directory"
        }
        "orderNotReady" => "the authority was not ready for the order; it is tried again",
        "rateLimited" => {
            "the authority has had too many orders for this name or account, and takes no more for now: nothing is to be done but to wait, or use its staging directory (`autocert_use_staging`) while trying things out"
        }
        "rejectedIdentifier" => {
            "the authority does not issue certificates for this name: use a public name, or an authority of your own (`autocert_ca`)"
        }
        "serverInternal" => "the authority has trouble of its own; it is tried again",
        "tls" => {
            "the authority's handshake with this name failed: let port 443 of its address lead here, with nothing in between that ends TLS"
        }
        "unauthorized" => {
            "the authority was not convinced that the name is ours: let its address in the DNS lead to this server alone, IPv6 (AAAA) too"
        }
        "unsupportedIdentifier" => "the authority does not issue certificates for names of this kind",
        "userActionRequired" => {
            "the authority wants something of you first, such as agreeing to new terms: follow what it says"
        }
        _ => "the authority refuses",
    }
}

/// What somebody else wrote: one line, no control characters, not endless. Tokens look like words of 30 and more
/// letters without a dot, and are left out.
pub(crate) fn quote(text: &str) -> String {
    let secret = |word: &str| {
        let long = |part: &str| {
            part.len() >= 30 && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        word.split(['/', '.', '"', '\'', ',', ':', '=']).any(long)
    };
    let words: Vec<_> = text.split_whitespace().map(|word| if secret(word) { "…" } else { word }).collect();
    let line: String = words.join(" ").chars().filter(|character| !character.is_control()).collect();
    match line.char_indices().nth(LONGEST_QUOTE) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(kind: &str, detail: &str) -> Problem {
        serde_json::from_value(
            serde_json::json!({ "type": format!("{PREFIX}{kind}"), "detail": detail, "status": 403 }),
        )
        .unwrap()
    }

    #[test]
    fn every_problem_of_the_standard_has_its_advice() {
        // RFC 8555 §6.7, RFC 9773 §7.4, and the profiles draft.
        for kind in [
            "accountDoesNotExist",
            "alreadyReplaced",
            "alreadyRevoked",
            "badCSR",
            "badNonce",
            "badPublicKey",
            "badRevocationReason",
            "badSignatureAlgorithm",
            "caa",
            "compound",
            "connection",
            "dns",
            "externalAccountRequired",
            "incorrectResponse",
            "invalidContact",
            "invalidProfile",
            "malformed",
            "orderNotReady",
            "rateLimited",
            "rejectedIdentifier",
            "serverInternal",
            "tls",
            "unauthorized",
            "unsupportedContact",
            "unsupportedIdentifier",
            "userActionRequired",
        ] {
            assert_ne!(advice(kind), advice("never heard of"), "{kind}");
        }
        let text = explain(&problem("caa", "CAA record for a.example forbids issuance"));
        assert!(
            text.contains("CAA record (RFC 8659)")
                && text.ends_with("(the authority says: CAA record for a.example forbids issuance)")
        );
        assert_eq!(explain(&problem("caa", "")), advice("caa"));
    }

    #[test]
    fn what_the_authority_says_is_made_harmless() {
        let token = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA";
        let text = explain(&problem(
            "unauthorized",
            &format!(
                "Invalid response from http://a.example/.well-known/acme-challenge/{token}:\r\n\u{1b}[2J404 \"{token}.{token}\""
            ),
        ));
        assert!(!text.contains(token) && !text.contains('\n') && !text.contains('\u{1b}'), "{text}");
        assert!(text.contains("Invalid response from …"), "{text}");
        assert!(quote(&"word ".repeat(10_000)).len() < 500);
    }

    #[test]
    fn an_authority_in_trouble_is_nobodys_own_fault() {
        let mut trouble = problem("serverInternal", "");
        trouble.status = Some(500);
        assert_eq!(Failure::of(&Error::Api(trouble), &Notes::default()).cause, Cause::Authority);
        let gone = Failure::of(&Error::Api(problem("accountDoesNotExist", "")), &Notes::default());
        assert_eq!(gone.cause, Cause::Account);
        let away = Error::Other(HttpFailure::Unreachable("refused".into()).into());
        assert_eq!(Failure::of(&away, &Notes::default()).cause, Cause::Authority);
    }
}
