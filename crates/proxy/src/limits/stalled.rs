//! A visitor who stops in the middle of a body, on a route whose application may take as long as it likes.
//!
//! Refuses to wait for them for ever: where `timeout` says never, nothing else would end it. It ends with the head of the
//! answer; what streams on in both directions then is held to the rule of long answers.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::body::Progress;
use crate::error::ForwardError;

/// What `exchange` gives, unless the visitor is waited for and sends nothing for `idle`. Dropping the exchange closes its
/// connection.
pub(crate) async fn unless_stalled<T>(
    mut exchange: impl Future<Output = Result<T, ForwardError>> + Unpin,
    progress: Arc<Progress>,
    idle: Duration,
) -> Result<T, ForwardError> {
    let mut deadline = Instant::now() + idle;
    loop {
        if let Ok(done) = timeout_at(deadline, &mut exchange).await {
            return done;
        }
        let (now, moved) = (Instant::now(), progress.last() + idle);
        if moved > now {
            deadline = moved;
        } else if progress.waits_for_client() {
            return Err(ForwardError::ClientStalled { after: idle });
        } else {
            deadline = now + idle;
        }
    }
}
