//! What is allowed passes: whole, in order, in both directions, at the pace of the slower side.

mod answers;
mod bodies;
mod headers;
mod kubernetes;
mod outages;
mod reaching;
mod rewriting;
mod routes;
mod upstream_tls;

use crate::harness::doorward::Doorward;
use crate::harness::scene::EVERYBODY;
use crate::harness::setup::Setup;
use crate::harness::upstream::{Reply, Upstream};

/// A public route with these further keys, and its application.
async fn open_door(more: &str) -> (Upstream, Doorward) {
    let upstream = Upstream::start().await;
    let door = Setup::new().route("app", &upstream.url(), &format!("{EVERYBODY}\n{more}")).start().await;
    (upstream, door)
}

/// An application that answers with these bytes.
fn raw(upstream: &Upstream, bytes: impl AsRef<[u8]>) {
    upstream.reply_with(Reply::Raw(bytes.as_ref().to_vec()));
}
