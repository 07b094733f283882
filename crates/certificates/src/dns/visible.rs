//! Waiting until a record can be seen, so that the authority does not look too early.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::rr::{Name, RecordType};
use tokio::time::{Instant, sleep};

use super::answer;
use super::client::{ANSWER_WITHIN, ask, question};

/// The first pause; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// Whether this TXT record was seen before the time was over: by every server that answers, and by one at least.
pub(crate) async fn wait(name: &Name, value: &str, servers: &[SocketAddr], patience: Duration) -> bool {
    let until = Instant::now() + patience;
    let mut pause = FIRST_PAUSE;
    loop {
        if all_see(name, value, servers, until).await {
            return true;
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        sleep(pause.min(left)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn all_see(name: &Name, value: &str, servers: &[SocketAddr], until: Instant) -> bool {
    let mut seen = false;
    for server in servers {
        let question = question(name, RecordType::TXT);
        let left = until.saturating_duration_since(Instant::now()).clamp(FIRST_PAUSE, ANSWER_WITHIN);
        match ask(*server, &question, left).await {
            Ok(answer) if answer::has_text(&answer, value) => seen = true,
            Ok(_) => return false,
            Err(error) => tracing::debug!(%server, %name, %error, "this server was asked in vain"),
        }
    }
    seen
}
