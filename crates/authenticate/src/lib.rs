//! Signing in and out: an OpenID Connect relying party, built-in accounts, and the endpoints under `/.doorward`.
//!
//! Refuses: answers that belong to no attempt of this browser, tokens that fail any check, ways back to other
//! sites, forms of other sites, and sessions nobody stands by any more. Every refusal is a page that says so and
//! offers a way on; none is a redirect that could loop.

mod accounts;
mod answers;
mod attempt;
mod authenticator;
mod browser_name;
mod buckets;
mod cause;
mod cookies;
mod endpoints;
mod error;
mod fresh;
mod limiter;
mod oidc;
mod paths;
mod rates;
mod refresher;
mod return_to;
mod shorten;
mod times;
mod trail;
mod typed;
mod visit;

pub use accounts::{Account, AccountSummary, Accounts, INVITATION_LIFE, InviteToken, SetPassword, WeakPassword};
pub use authenticator::{Authenticator, AuthenticatorSettings, Clock, LOCAL_ISSUER, RoutesOf};
pub use cause::Cause;
pub use doorward_pages::{RouteAddress, RouteCard};
pub use error::{AuthenticateError, NotRecognised, RefusedFor};
pub use return_to::{InvalidReturn, ReturnTo};
