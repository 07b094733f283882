//! Requests that two readers could read in two ways: refused, or passed on in one reading only.
//!
//! Most routes here are public, so that it is the request that is refused and not the visitor.

mod escaped_slashes;
mod forged_headers;
mod hosts;
mod http2;
mod limits;
mod paths;
mod smuggling;

use crate::harness::doorward::Doorward;
use crate::harness::scene::EVERYBODY;
use crate::harness::setup::Setup;
use crate::harness::upstream::Upstream;

/// A public route, and its application.
async fn open_door() -> (Upstream, Doorward) {
    let upstream = Upstream::start().await;
    let door = Setup::new().route("app", &upstream.url(), EVERYBODY).start().await;
    (upstream, door)
}
