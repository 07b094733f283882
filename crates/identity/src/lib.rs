//! Who is asking: what an identity provider said of a person, in types that cannot be confused.
//!
//! Refuses: an e-mail address that is not one, and letting an unverified address pass for a verified one
//! (they are different variants of [`VerifiedEmail`]).

mod claims;
mod client_certificate;
mod email;
mod person;

pub use claims::{ClaimText, Claims};
pub use client_certificate::{ClientCertificate, Presented};
pub use email::{Email, InvalidEmail, VerifiedEmail};
pub use person::{Groups, Identity, Subject};
