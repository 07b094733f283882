//! What can be wrong with a provider, one thing at a time.

use serde_json::Value;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fault {
    /// This claim of the id_token has this value.
    Claim(&'static str, Value),
    /// The id_token lacks this claim.
    NoClaim(&'static str),
    /// The id_token has no signature and says `alg: none`.
    Unsigned,
    /// The id_token is signed by HMAC with the public key as its secret.
    SignedWithPublicKey,
    /// The id_token is signed with a key that is not the provider's, under the name of one that is.
    ForeignKey,
    /// The id_token is signed with a key that is published nowhere, under a name of its own.
    UnknownKey,
    /// The id_token is signed with a key that it carries in its own header.
    KeyInHeader,
    /// The id_token's claims were changed after it was signed.
    Tampered,
    /// There is no id_token.
    NoIdToken,
    /// The userinfo answer has this value for this claim.
    Userinfo(&'static str, Value),
    /// The discovery document has this value here.
    Discovery(&'static str, Value),
    /// The way back to us names this issuer, or none.
    CallbackIssuer(Option<&'static str>),
    /// The way back to us carries this state.
    CallbackState(&'static str),
    /// The way back to us carries an error, with this description.
    CallbackError(&'static str, &'static str),
    /// This endpoint does this instead of answering as it should.
    Endpoint(&'static str, Misdeed),
}

/// A way not to answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Misdeed {
    /// 200 and a page of HTML.
    Html,
    /// Megabytes that never become a document.
    Huge,
    /// No answer for a minute.
    Slow,
    /// A redirect elsewhere.
    Redirect(String),
    /// This status, and a body that repeats a script.
    Status(u16),
    /// 200 and nothing.
    Empty,
    /// 200 and JSON of another shape.
    OtherJson,
}
