//! From the first byte on the TLS port to the end of the handshake.
//!
//! Refuses: what begins neither TLS nor HTTP, a name that is no host name or nobody answers for, and a handshake that
//! fails. Nothing here takes time into account; whoever calls it sets the limit for all of it together.

use rustls::server::Acceptor;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};

use crate::choose::{ChooseTls, Chosen, Hello};
use crate::tls::ACME;

/// The first byte of a TLS record that carries a handshake (RFC 8446 §5.1).
const HANDSHAKE: u8 = 0x16;
/// A whole record: the fatal alert `unrecognized_name` (RFC 8446 §5.1, §6).
const UNRECOGNIZED_NAME: [u8; 7] = [0x15, 3, 3, 0, 2, 2, 112];

/// What a connection on the TLS port turned out to be.
pub(crate) enum Opened {
    /// Boxed: a session is large, and waits through the handshake on the stack of the task otherwise.
    Tls(Box<TlsStream<TcpStream>>),
    Plain(TcpStream),
}

/// Looks at the first byte without taking it, and shakes hands if it begins a handshake. None when all is done that
/// there is to do.
pub(crate) async fn open(stream: TcpStream, choose: &dyn ChooseTls) -> Option<Opened> {
    let mut first = [0];
    if stream.peek(&mut first).await.ok()? == 0 {
        return None;
    }
    match first {
        [HANDSHAKE] => shake_hands(stream, choose).await.map(|stream| Opened::Tls(Box::new(stream))),
        // Methods are upper-case letters (RFC 9110 §9.1).
        [b'A'..=b'Z'] => Some(Opened::Plain(stream)),
        _ => None,
    }
}

async fn shake_hands(stream: TcpStream, choose: &dyn ChooseTls) -> Option<TlsStream<TcpStream>> {
    let start = LazyConfigAcceptor::new(Acceptor::default(), stream)
        .await
        .inspect_err(|error| tracing::debug!(%error, "no ClientHello"))
        .ok()?;
    let Some(hello) = Hello::read(&start.client_hello()) else { return refuse(start).await };
    let Some(chosen) = choose.choose(&hello).await else {
        tracing::debug!(?hello, "a name that is not answered for");
        return refuse(start).await;
    };
    let (config, serves) = match chosen {
        Chosen::Serve(config) => (config, true),
        Chosen::ChallengeOnly(config) => (config, false),
    };
    let mut stream = start
        .into_stream(config)
        .await
        .inspect_err(|error| tracing::debug!(?hello, %error, "TLS handshake failed"))
        .ok()?;
    // Whoever agreed on the challenge's protocol never gets to speak HTTP, whatever was chosen.
    if serves && stream.get_ref().1.alpn_protocol() != Some(ACME) {
        return Some(stream);
    }
    let _ = stream.shutdown().await;
    None
}

/// Closes with the alert for a name that is not ours. No key is agreed on yet, so it goes in the clear.
async fn refuse<T>(start: StartHandshake<TcpStream>) -> Option<T> {
    let mut stream = start.io;
    if stream.write_all(&UNRECOGNIZED_NAME).await.is_ok() {
        let _ = stream.shutdown().await;
    }
    None
}
