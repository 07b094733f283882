//! Sockets that a service manager opened before we began (systemd's socket activation): while we restart, connections wait
//! in them instead of being refused.
//!
//! Refuses: sockets that are no TCP listeners, and one that nothing in the configuration wants. Sockets meant for another
//! process are left alone.

use std::net::{SocketAddr, TcpListener};

use listenfd::ListenFd;

use super::ServerError;

/// The names (`FileDescriptorName=`) of sockets that are the main ones, whatever `address` says.
const MAIN: [&str; 2] = ["https", "http"];
/// The name of one that only redirects.
const REDIRECT: &str = "redirect";

/// The sockets that were handed over and nobody has taken yet.
#[derive(Debug, Default)]
pub(crate) struct Inherited(Vec<Socket>);

#[derive(Debug)]
struct Socket {
    listener: TcpListener,
    address: SocketAddr,
    name: String,
}

impl Inherited {
    /// Those that the environment tells of (`LISTEN_PID`, `LISTEN_FDS`, `LISTEN_FDNAMES`; sd_listen_fds(3)).
    ///
    /// # Errors
    /// [`ServerError::Inherited`] when one is no TCP listener.
    pub(crate) fn from_environment() -> Result<Self, ServerError> {
        // The crate takes them without a process id, too; a parent's are not ours.
        let is_ours = std::env::var("LISTEN_PID").is_ok_and(|pid| pid.parse() == Ok(std::process::id()));
        if !is_ours {
            return Ok(Self::default());
        }
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut handed = ListenFd::from_env();
        let mut sockets = Vec::new();
        for number in 0..handed.len() {
            let name = names.next().unwrap_or_default().to_owned();
            if let Some(listener) = handed.take_tcp_listener(number).map_err(ServerError::Inherited)? {
                let address = listener.local_addr().map_err(ServerError::Inherited)?;
                sockets.push(Socket { listener, address, name });
            }
        }
        Ok(Self(sockets))
    }

    /// The main sockets: for each address one that was handed over, or the address itself. Where some are named, they stand
    /// for the addresses that are not among those handed over.
    pub(crate) fn main(&mut self, addresses: &[SocketAddr]) -> Vec<Result<TcpListener, SocketAddr>> {
        let named = std::iter::from_fn(|| self.take(|socket| MAIN.contains(&socket.name.as_str())));
        let named: Vec<_> = named.map(Ok).collect();
        let mut main: Vec<_> = addresses.iter().map(|address| self.at(*address).ok_or(*address)).collect();
        if !named.is_empty() {
            main.retain(Result::is_ok);
        }
        main.extend(named);
        main
    }

    /// The socket that redirects, if one was handed over.
    pub(crate) fn redirect(&mut self, address: SocketAddr) -> Option<TcpListener> {
        self.take(|socket| socket.name == REDIRECT).or_else(|| self.at(address))
    }

    /// One that listens there.
    pub(crate) fn at(&mut self, address: SocketAddr) -> Option<TcpListener> {
        self.take(|socket| is_same(socket.address, address))
    }

    /// Says what nobody has taken.
    ///
    /// # Errors
    /// [`ServerError::InheritedUnwanted`] for the first.
    pub(crate) fn none_left(self) -> Result<(), ServerError> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some(Socket { address, name, .. }) => Err(ServerError::InheritedUnwanted { address, name }),
        }
    }

    fn take(&mut self, is_wanted: impl Fn(&Socket) -> bool) -> Option<TcpListener> {
        let at = self.0.iter().position(is_wanted)?;
        Some(self.0.remove(at).listener)
    }
}

/// Whether both are the same port of the same interface, or of all of them.
fn is_same(one: SocketAddr, other: SocketAddr) -> bool {
    let both_everywhere = one.ip().is_unspecified() && other.ip().is_unspecified();
    one.port() == other.port() && (one.ip().to_canonical() == other.ip().to_canonical() || both_everywhere)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handed(names: &[&str]) -> (Inherited, Vec<SocketAddr>) {
        let sockets = names.iter().map(|name| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            Socket { address: listener.local_addr().unwrap(), listener, name: (*name).to_owned() }
        });
        let inherited = Inherited(sockets.collect());
        let addresses = inherited.0.iter().map(|socket| socket.address).collect();
        (inherited, addresses)
    }

    fn told(main: &[Result<TcpListener, SocketAddr>]) -> Vec<SocketAddr> {
        main.iter()
            .map(|socket| socket.as_ref().map_or_else(|address| *address, |it| it.local_addr().unwrap()))
            .collect()
    }

    #[test]
    fn a_socket_is_used_for_the_address_that_it_listens_on() {
        let (mut inherited, there) = handed(&["doorward.socket", "unknown"]);
        let other: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let main = inherited.main(&[other, there[1]]);
        assert_eq!(told(&main), [other, there[1]]);
        assert!(main[0].is_err() && main[1].is_ok());
        let left = inherited.none_left().unwrap_err().to_string();
        assert!(left.contains(&there[0].to_string()) && left.contains("doorward.socket"), "{left}");
    }

    #[test]
    fn a_named_socket_stands_for_the_address() {
        let (mut inherited, there) = handed(&["redirect", "https", "http"]);
        let main = inherited.main(&["[::]:443".parse().unwrap()]);
        assert_eq!(told(&main), there[1..]);
        assert!(inherited.redirect("[::]:80".parse().unwrap()).is_some());
        inherited.none_left().unwrap();
    }

    #[test]
    fn all_interfaces_are_the_same_in_both_families() {
        for (one, other, same) in [
            ("[::]:443", "0.0.0.0:443", true),
            ("[::ffff:127.0.0.1]:443", "127.0.0.1:443", true),
            ("127.0.0.1:443", "[::]:443", false),
            ("[::]:443", "[::]:444", false),
        ] {
            assert_eq!(is_same(one.parse().unwrap(), other.parse().unwrap()), same, "{one} {other}");
        }
    }
}
