//! One tunnel, from the answered upgrade to its end.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use doorward_authorize::RouteId;
use doorward_transport::InUse;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout};

use super::relay::Relay;
use crate::RequestId;
use crate::held::{End, Watch};

/// How long the visitor's side may take from our 101 to its stream.
const TO_SWITCH: Duration = Duration::from_secs(10);
/// How long one direction may stay open with nothing moving after the other was closed.
const HALF_CLOSED: Duration = Duration::from_secs(10);
/// How long saying goodbye may take.
const TO_CLOSE: Duration = Duration::from_secs(1);

/// What the log says of a tunnel.
#[derive(Debug)]
pub(crate) struct TunnelLog {
    pub(crate) request_id: RequestId,
    pub(crate) route: RouteId,
    pub(crate) user: Option<String>,
}

/// Two upgraded connections to be joined.
#[derive(Debug)]
pub(crate) struct Tunnel {
    pub(crate) client: OnUpgrade,
    pub(crate) upstream: OnUpgrade,
    pub(crate) watch: Watch,
    pub(crate) log: TunnelLog,
    /// The connection that the visitor's side is a stream of, if it is one.
    pub(crate) connection: Option<InUse>,
}

impl Tunnel {
    /// Joins them until something ends it, and logs what.
    pub(crate) async fn run(self) {
        let Self { client, upstream, mut watch, log, connection: _connection } = self;
        let begun = Instant::now();
        let (why, up, down) = match timeout(TO_SWITCH, async { tokio::join!(client, upstream) }).await {
            Ok((Ok(client), Ok(upstream))) => {
                let mut relay = Relay::new(TokioIo::new(client), TokioIo::new(upstream));
                let why = until_end(&mut relay, &mut watch).await;
                let (up, down) = relay.moved();
                let _impatient = timeout(TO_CLOSE, relay.close()).await;
                (why, up, down)
            }
            Ok((Err(_), _)) | Err(_) => (End::ClientFailed, 0, 0),
            Ok((_, Err(_))) => (End::UpstreamFailed, 0, 0),
        };
        tracing::info!(
            request_id = %log.request_id,
            route = %log.route,
            user = log.user,
            reason = %why,
            seconds = begun.elapsed().as_secs_f64(),
            bytes_up = up,
            bytes_down = down,
            "tunnel closed"
        );
    }
}

async fn until_end<C, U>(relay: &mut Relay<C, U>, watch: &mut Watch) -> End
where
    C: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    U: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut moved = (0, 0);
    let mut half_closed = false;
    poll_fn(|cx| {
        // First, so that a byte that came after the end of the session goes nowhere.
        if let Poll::Ready(end) = watch.poll_end(cx) {
            return Poll::Ready(relay.half_closed().filter(|_| end == End::Idle).unwrap_or(end));
        }
        if let Poll::Ready(end) = relay.poll(cx) {
            return Poll::Ready(end);
        }
        let mut again = false;
        let now = relay.moved();
        if now != moved {
            watch.note_activity();
            if now.0 != moved.0 {
                watch.note_visitor();
            }
            moved = now;
        }
        if !half_closed && relay.half_closed().is_some() {
            half_closed = true;
            watch.allow_only(HALF_CLOSED);
            again = true;
        }
        // The timer was changed and has to be asked once so that it wakes us.
        if again && let Poll::Ready(end) = watch.poll_end(cx) {
            return Poll::Ready(end);
        }
        Poll::Pending
    })
    .await
}
