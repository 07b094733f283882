//! A listening socket and what is spoken on it.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use socket2::{Domain, Socket, Type};

use crate::choose::ChooseTls;
use crate::error::TransportError;

/// Connections that the system keeps for us until they are accepted.
const BACKLOG: i32 = 1024;

/// What is spoken on a listener.
#[derive(Clone)]
pub enum Kind {
    /// TLS; HTTP in the clear is handed on as [`crate::Arrival::PlainOnTlsPort`].
    Tls(Arc<dyn ChooseTls>),
    /// HTTP in the clear, handed on as [`crate::Arrival::RedirectPort`].
    Redirect,
    /// HTTP in the clear, handed on as [`crate::Arrival::Cleartext`].
    Cleartext,
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls(_) => "Tls",
            Self::Redirect => "Redirect",
            Self::Cleartext => "Cleartext",
        })
    }
}

/// A bound socket: connections queue up from now on, and are answered once [`crate::serve`] runs.
#[derive(Debug)]
pub struct Listener {
    pub(crate) socket: TcpListener,
    pub(crate) kind: Kind,
    address: SocketAddr,
}

impl Listener {
    /// Binds and listens; port 0 lets the system choose. `[::]` serves IPv4 too, and stands for `0.0.0.0`
    /// where the machine has no IPv6. Needs no runtime.
    ///
    /// # Errors
    /// [`TransportError`] names the address and what is wrong with it.
    pub fn bind(address: SocketAddr, kind: Kind) -> Result<Self, TransportError> {
        let failed = |source| TransportError::listening(address, source);
        let everywhere = address.is_ipv6() && address.ip().is_unspecified();
        let socket = match listen(address) {
            Err(error) if everywhere && lacks_ipv6(&error) => {
                listen(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port()))
            }
            outcome => outcome,
        }
        .map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self { socket, kind, address })
    }

    /// A socket that listens already, as a service manager hands one over.
    ///
    /// # Errors
    /// [`TransportError`] when it cannot be made ready.
    pub fn inherited(socket: TcpListener, kind: Kind) -> Result<Self, TransportError> {
        let address = socket.local_addr().map_err(TransportError::Inherited)?;
        socket.set_nonblocking(true).map_err(TransportError::Inherited)?;
        Ok(Self { socket, kind, address })
    }

    /// Where it listens, with the port that the system chose.
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    // A restart must not wait for the old connections to fade from the system's tables.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// No such address family, or one without any address (`EAFNOSUPPORT`, `EADDRNOTAVAIL`).
fn lacks_ipv6(error: &io::Error) -> bool {
    /// `EAFNOSUPPORT` on Linux, for which the standard library has no kind.
    const NO_SUCH_FAMILY: i32 = 97;
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(NO_SUCH_FAMILY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_named() {
        let first = Listener::bind("127.0.0.1:0".parse().unwrap(), Kind::Redirect).unwrap();
        let again = Listener::bind(first.local_address(), Kind::Redirect).unwrap_err();
        assert!(matches!(again, TransportError::AddressInUse { .. }));
        assert!(again.to_string().contains(&first.local_address().to_string()));
    }

    #[test]
    fn an_address_of_another_machine_is_named() {
        let elsewhere = Listener::bind("192.0.2.1:0".parse().unwrap(), Kind::Redirect).unwrap_err();
        assert!(matches!(elsewhere, TransportError::NoSuchAddress { .. }), "{elsewhere}");
    }

    #[test]
    fn the_unspecified_ipv6_address_serves_ipv4_too() {
        let listener = Listener::bind("[::]:0".parse().unwrap(), Kind::Redirect).unwrap();
        let port = listener.local_address().port();
        assert!(std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
    }
}
