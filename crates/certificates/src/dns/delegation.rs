//! Where `_acme-challenge.<host>` leads: people hand that one name to a zone that may be updated, by CNAME.
//!
//! Refuses: going round in circles, and a CNAME that is the zone's wildcard: it is about every name, not about ours,
//! and the record we add takes its place.

use std::net::SocketAddr;

use hickory_proto::rr::{Name, RecordType};

use super::answer;
use super::client::{ANSWER_WITHIN, ask, question};

/// The longest chain that is followed.
const HOPS: usize = 8;

/// The name that the record belongs under: the one at the end of the chain of CNAME records, as far as these servers
/// know; the first that knows is believed.
pub(crate) async fn follow(name: &Name, servers: &[SocketAddr]) -> Name {
    let mut place = name.clone();
    for _ in 0..HOPS {
        let Some(target) = alias(&place, servers).await else { return place };
        if is_wildcard(&place, &target, servers).await {
            return place;
        }
        tracing::debug!(%place, %target, "the name of the challenge is delegated");
        place = target;
    }
    tracing::warn!(%name, "more than {HOPS} CNAME records lead on from each other; none of them is followed");
    name.clone()
}

async fn alias(name: &Name, servers: &[SocketAddr]) -> Option<Name> {
    let question = question(name, RecordType::CNAME);
    for server in servers {
        match ask(*server, &question, ANSWER_WITHIN).await {
            Ok(answer) if answer::is_informed(&answer) => return answer::alias(&answer, name).cloned(),
            Ok(answer) => {
                tracing::debug!(%server, %name, code = %answer.metadata.response_code, "this server does not know");
            }
            Err(error) => tracing::debug!(%server, %name, %error, "this server was asked in vain"),
        }
    }
    None
}

/// Whether the wildcard beside this name leads to the same place.
async fn is_wildcard(name: &Name, target: &Name, servers: &[SocketAddr]) -> bool {
    match name.base_name().prepend_label("*") {
        Ok(wildcard) => alias(&wildcard, servers).await.as_ref() == Some(target),
        Err(_) => false,
    }
}
