//! The header of the PROXY protocol, both versions: where a connection comes from, as the balancer before us tells.
//!
//! Refuses: everything that is not exactly one, transports other than TCP, and headers beyond a size. That only a trusted
//! proxy is asked for one is the business of [`crate::Admission`].

mod read;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub(crate) use read::read;

/// The longest header of version 1, line break included.
pub const LONGEST_V1: usize = 107;
/// The longest header of version 2 that is read, its extensions included.
pub const LONGEST_V2: usize = 4096;
/// What version 2 begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// The signature, the command, the family, and how much follows.
const FIXED: usize = 16;

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The connection comes from there.
    From(SocketAddr),
    /// The connection is the proxy's own, or it does not know whose it is.
    Itself,
}

/// Why a header was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProxyHeader {
    /// It begins as neither version does.
    #[error("no header of the PROXY protocol")]
    NotOne,
    /// Beyond the size that is read.
    #[error("a header of the PROXY protocol that is too long")]
    TooLong,
    /// It begins well and goes on wrong.
    #[error("a malformed header of the PROXY protocol")]
    Malformed,
    /// UDP, or a socket of the file system.
    #[error("a header of the PROXY protocol for a transport other than TCP")]
    Transport,
}

/// Reads a whole header of version 1, its line break included.
///
/// # Errors
/// [`InvalidProxyHeader`]: what is wrong with it.
pub fn parse_v1(line: &[u8]) -> Result<Told, InvalidProxyHeader> {
    use InvalidProxyHeader::{Malformed, NotOne, TooLong};
    if line.len() > LONGEST_V1 {
        return Err(TooLong);
    }
    let rest = line.strip_prefix(b"PROXY ").ok_or(NotOne)?.strip_suffix(b"\r\n").ok_or(Malformed)?;
    if rest.contains(&b'\r') || rest.contains(&b'\n') {
        return Err(Malformed);
    }
    // Whatever follows is to be ignored.
    if rest == b"UNKNOWN" || rest.starts_with(b"UNKNOWN ") {
        return Ok(Told::Itself);
    }
    let rest = std::str::from_utf8(rest).map_err(|_| Malformed)?;
    let words: Vec<&str> = rest.split(' ').collect();
    let [family, source, destination, source_port, destination_port] = *words else { return Err(Malformed) };
    let ip = |text: &str| match family {
        "TCP4" => text.parse::<Ipv4Addr>().map(IpAddr::V4).map_err(|_| Malformed),
        "TCP6" => text.parse::<Ipv6Addr>().map(IpAddr::V6).map_err(|_| Malformed),
        _ => Err(Malformed),
    };
    let (source, _) = (ip(source)?, ip(destination)?);
    let (source_port, _) = (port(source_port)?, port(destination_port)?);
    Ok(Told::From(SocketAddr::new(source, source_port)))
}

/// Digits alone, and no zero before them.
fn port(text: &str) -> Result<u16, InvalidProxyHeader> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain).ok_or(InvalidProxyHeader::Malformed)
}

/// How much follows the first 16 bytes of a header of version 2.
///
/// # Errors
/// [`InvalidProxyHeader`] when it is none, or longer than is read.
pub fn rest_of_v2(fixed: &[u8; FIXED]) -> Result<usize, InvalidProxyHeader> {
    let [signature @ .., version_and_command, _, high, low] = fixed;
    if *signature != SIGNATURE || version_and_command >> 4 != 2 {
        return Err(InvalidProxyHeader::NotOne);
    }
    let rest = usize::from(u16::from_be_bytes([*high, *low]));
    if FIXED + rest > LONGEST_V2 { Err(InvalidProxyHeader::TooLong) } else { Ok(rest) }
}

/// Reads a header of version 2: its first 16 bytes, and all that follows. Extensions say nothing that is needed here.
///
/// # Errors
/// [`InvalidProxyHeader`]: what is wrong with it.
pub fn parse_v2(fixed: &[u8; FIXED], rest: &[u8]) -> Result<Told, InvalidProxyHeader> {
    use InvalidProxyHeader::{Malformed, Transport};
    if rest_of_v2(fixed)? != rest.len() {
        return Err(Malformed);
    }
    let [.., version_and_command, family, _, _] = fixed;
    match (version_and_command & 0x0f, family) {
        // Its own, whatever it says besides.
        (0, _) | (1, 0x00) => Ok(Told::Itself),
        (1, 0x11) => {
            let [a, b, c, d, _, _, _, _, high, low, _, _] = *rest.first_chunk::<12>().ok_or(Malformed)?;
            Ok(from(Ipv4Addr::new(a, b, c, d), [high, low]))
        }
        (1, 0x21) => {
            let addresses = rest.first_chunk::<36>().ok_or(Malformed)?;
            let (source, ports) = (addresses.first_chunk::<16>(), addresses.last_chunk::<4>());
            let (Some(source), Some([high, low, _, _])) = (source, ports) else { return Err(Malformed) };
            Ok(from(Ipv6Addr::from(*source), [*high, *low]))
        }
        (1, 0x12 | 0x22 | 0x31 | 0x32) => Err(Transport),
        _ => Err(Malformed),
    }
}

fn from(address: impl Into<IpAddr>, port: [u8; 2]) -> Told {
    Told::From(SocketAddr::new(address.into(), u16::from_be_bytes(port)))
}

#[cfg(test)]
mod tests;
