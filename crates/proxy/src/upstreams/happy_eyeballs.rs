//! The addresses of a name, and which of them answers first (RFC 8305).
//!
//! Refuses to wait longer than the limit, however many addresses a name has: one that swallows packets holds up the next
//! for a quarter of a second, and one that refuses not at all.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use doorward_config::LookupFamily;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::dial::DialError;

/// How many addresses of one name are tried.
const MOST_ADDRESSES: usize = 8;
/// How long an address has before the next one is tried beside it (RFC 8305 §5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to a host. `within` limits the look-up and the connecting to all its addresses together, each.
pub(super) async fn connect(
    host: &str,
    port: u16,
    family: LookupFamily,
    within: Duration,
) -> Result<(TcpStream, SocketAddr), DialError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return race([SocketAddr::new(address, port)].into(), within).await;
    }
    // Asked anew for each connection: names change, and the system knows for how long they may be remembered.
    let found = match timeout(within, tokio::net::lookup_host((host, port))).await {
        Ok(Ok(found)) => found.collect::<Vec<_>>(),
        Ok(Err(source)) => return Err(DialError::Lookup { host: host.into(), source }),
        Err(_) => return Err(DialError::LookupTimedOut { host: host.into(), after: within }),
    };
    let any = !found.is_empty();
    let addresses = ordered(found, family);
    if addresses.is_empty() {
        let what =
            if any { "it has no address of the family that `dns_lookup_family` allows" } else { "it has no addresses" };
        let source = io::Error::new(io::ErrorKind::NotFound, what);
        return Err(DialError::Lookup { host: host.into(), source });
    }
    race(addresses, within).await
}

/// In the order in which they are tried: the families by turns (RFC 8305 §4).
fn ordered(found: Vec<SocketAddr>, family: LookupFamily) -> VecDeque<SocketAddr> {
    let v6_first = match family {
        LookupFamily::V4Only | LookupFamily::V4Preferred => false,
        LookupFamily::V6Only | LookupFamily::V6Preferred => true,
        LookupFamily::All => found.first().is_some_and(SocketAddr::is_ipv6),
    };
    let (first, second): (Vec<_>, Vec<_>) = found.into_iter().partition(|address| address.is_ipv6() == v6_first);
    let second = if matches!(family, LookupFamily::V4Only | LookupFamily::V6Only) { Vec::new() } else { second };
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut ordered = VecDeque::new();
    loop {
        let before = ordered.len();
        ordered.extend(first.next());
        ordered.extend(second.next());
        if ordered.len() == before || before >= MOST_ADDRESSES {
            ordered.truncate(MOST_ADDRESSES);
            return ordered;
        }
    }
}

/// Tries one after the other, the next as soon as one has failed or had its head start; the first that answers wins.
async fn race(mut next: VecDeque<SocketAddr>, within: Duration) -> Result<(TcpStream, SocketAddr), DialError> {
    let deadline = Instant::now() + within;
    let mut under_way = FuturesUnordered::new();
    let mut failed = None;
    let mut newest = None;
    loop {
        if let Some(address) = next.pop_front() {
            newest = Some(address);
            under_way.push(async move { (address, TcpStream::connect(address).await) });
        }
        let until = if next.is_empty() { deadline } else { deadline.min(Instant::now() + HEAD_START) };
        match timeout_at(until, under_way.next()).await {
            Ok(Some((address, Ok(stream)))) => return Ok((stream, address)),
            Ok(Some((address, Err(source)))) => {
                let address = address.to_string();
                failed = Some(match source.kind() {
                    io::ErrorKind::ConnectionRefused => DialError::Refused { address },
                    _ => DialError::Connect { address, source },
                });
            }
            Err(_) if Instant::now() < deadline => {}
            Err(_) | Ok(None) => {
                let address = newest.map_or_else(|| "nowhere".to_owned(), |address| address.to_string());
                let timed_out = DialError::TimedOut { address, after: within };
                return Err(if under_way.is_empty() { failed.unwrap_or(timed_out) } else { timed_out });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    fn written(family: LookupFamily, found: &[&str]) -> Vec<String> {
        let found = found.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 1)).collect();
        ordered(found, family).into_iter().map(|address| address.ip().to_string()).collect()
    }

    #[test]
    fn families_take_turns_and_the_preferred_one_begins() {
        let found = ["::1", "::2", "10.0.0.1", "10.0.0.2", "10.0.0.3"];
        for (family, expected) in [
            (LookupFamily::V4Preferred, &["10.0.0.1", "::1", "10.0.0.2", "::2", "10.0.0.3"][..]),
            (LookupFamily::V6Preferred, &["::1", "10.0.0.1", "::2", "10.0.0.2", "10.0.0.3"]),
            (LookupFamily::All, &["::1", "10.0.0.1", "::2", "10.0.0.2", "10.0.0.3"]),
            (LookupFamily::V4Only, &["10.0.0.1", "10.0.0.2", "10.0.0.3"]),
            (LookupFamily::V6Only, &["::1", "::2"]),
        ] {
            assert_eq!(written(family, &found), expected, "{family:?}");
        }
        assert_eq!(written(LookupFamily::All, &["10.0.0.1", "::1"]), ["10.0.0.1", "::1"]);
        assert_eq!(written(LookupFamily::V6Only, &["10.0.0.1"]), [""; 0]);
        assert_eq!(written(LookupFamily::V4Preferred, &["10.0.0.1"; 20]).len(), MOST_ADDRESSES);
    }

    /// One that never answers: its queue is full, so the system drops what comes.
    async fn swallowing() -> (SocketAddr, Vec<TcpStream>, TcpListener) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        while let Ok(Ok(stream)) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
            waiting.push(stream);
        }
        (address, waiting, listener)
    }

    #[tokio::test]
    async fn one_that_swallows_packets_does_not_hold_up_one_that_answers() {
        let (silent, _waiting, _listener) = swallowing().await;
        let dead = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = listener.local_addr().unwrap();
        let within = Duration::from_secs(60);
        let begun = Instant::now();
        let (_stream, address) = race([silent, dead, silent, good].into(), within).await.unwrap();
        assert_eq!(address, good);
        // Two head starts, and nothing for the one that refuses.
        assert!(begun.elapsed() < within / 4, "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn all_of_them_together_have_one_limit() {
        let (silent, _waiting, _listener) = swallowing().await;
        let begun = Instant::now();
        let error = race([silent; 8].into(), Duration::from_millis(600)).await.unwrap_err();
        assert!(matches!(error, DialError::TimedOut { .. }), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        let dead = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let error = race([dead, dead].into(), Duration::from_secs(60)).await.unwrap_err();
        assert_eq!(error.to_string(), format!("{dead} refused the connection: nothing listens there"));
    }
}
