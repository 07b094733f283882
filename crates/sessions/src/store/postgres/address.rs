//! The address of a PostgreSQL store: a connection string, and what it says of TLS.
//!
//! Refuses: modes of TLS that may end without it, and anything it does not know; without ever repeating the
//! address, which holds the password.

use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, Host, SslMode};

use crate::SessionsError;

/// Where the server is, and how far it is to be trusted.
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) trust: Trust,
    /// The file that `sslrootcert` names.
    pub(super) authorities: Option<PathBuf>,
}

/// What the server's certificate must prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// There is no TLS.
    Nothing,
    /// An authority vouches for it, under whatever name.
    Authority,
    /// An authority vouches for it under the name it was reached by.
    Name,
}

impl Address {
    pub(super) fn parse(text: &str, timeout: Duration) -> Result<Self, SessionsError> {
        Self::read(text.trim(), timeout).map_err(|problem| SessionsError::StoreAddress { problem: problem.to_owned() })
    }

    fn read(text: &str, timeout: Duration) -> Result<Self, &'static str> {
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err("it begins with postgres://");
        }
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        let (mut trust, mut authorities, mut rest) = (None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "sslmode" => trust = Some(trust_of(value)?),
                "sslrootcert" if value == "system" => {}
                "sslrootcert" => {
                    let path = percent_decode_str(value).decode_utf8().map_err(|_| "its sslrootcert is no UTF-8")?;
                    authorities = Some(PathBuf::from(path.into_owned()));
                }
                "sslcert" | "sslkey" | "sslpassword" | "sslcrl" => {
                    return Err("client certificates and revocation lists (sslcert, sslkey, sslcrl) are not supported");
                }
                _ => rest.push(pair),
            }
        }
        let plain = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
        let mut config: Config = plain.parse().map_err(|_| {
            "it cannot be read: postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full, with what is special \
             in a password written as %-signs (%40 for @, %23 for #, %2F for /, %3F for ?)"
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err("it names no host");
        }
        if config.get_channel_binding() == ChannelBinding::Require {
            return Err("channel_binding=require is not supported: sslmode=verify-full proves more");
        }
        // Nobody can listen in on a socket in the file system; the server has no TLS there.
        let local =
            !config.get_hosts().is_empty() && config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
        let trust = if local { Trust::Nothing } else { trust.unwrap_or(Trust::Name) };
        config.ssl_mode(if trust == Trust::Nothing { SslMode::Disable } else { SslMode::Require });
        if config.get_application_name().is_none() {
            config.application_name("doorward");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(timeout);
        }
        config.tcp_user_timeout(timeout.max(Duration::from_secs(1)));
        config.keepalives_idle(Duration::from_secs(15));
        Ok(Self { config, trust, authorities })
    }
}

fn trust_of(mode: &str) -> Result<Trust, &'static str> {
    match mode {
        "disable" => Ok(Trust::Nothing),
        // Encryption with nobody knows whom protects from nobody: the certificate is checked.
        "require" | "verify-full" => Ok(Trust::Name),
        "verify-ca" => Ok(Trust::Authority),
        "allow" | "prefer" => {
            Err("sslmode=allow and sslmode=prefer give up on TLS when asked to: use verify-full, or \
                                   disable on a network that nobody else is on")
        }
        _ => Err("its sslmode is verify-full (the default), verify-ca or disable"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Address, SessionsError> {
        Address::parse(text, Duration::from_secs(2))
    }

    #[test]
    fn tls_is_as_the_address_says_and_verified_when_it_does_not() {
        for (query, trust) in [
            ("", Trust::Name),
            ("?sslmode=require", Trust::Name),
            ("?sslmode=verify-full", Trust::Name),
            ("?sslmode=verify-ca&application_name=x", Trust::Authority),
            ("?application_name=x&sslmode=disable", Trust::Nothing),
        ] {
            let address = parse(&format!("postgres://door:p%40ss@db.example.com/door{query}")).unwrap();
            assert_eq!(address.trust, trust, "{query}");
            let mode = if trust == Trust::Nothing { SslMode::Disable } else { SslMode::Require };
            assert_eq!(address.config.get_ssl_mode(), mode, "{query}");
            assert_eq!(address.config.get_password(), Some(b"p@ss".as_slice()));
        }
        assert_eq!(parse("postgres:///door?host=/run/postgresql").unwrap().trust, Trust::Nothing);
        let own = parse("postgresql://db/door?sslrootcert=/etc/a%20b.pem").unwrap().authorities;
        assert_eq!(own, Some(PathBuf::from("/etc/a b.pem")));
        assert_eq!(parse("postgresql://db/door?sslrootcert=system").unwrap().authorities, None);
    }

    #[test]
    fn what_is_no_address_is_refused_without_a_word_of_it() {
        for text in [
            "s3cret",
            "redis://:s3cret@host",
            "host=db password=s3cret",
            "postgres://door:s3cret@",
            "postgres://door:s3cret@db:port/door",
            "postgres://door:s3cret@db/door?s3cret=s3cret",
            "postgres://door:s3cret@db/door?sslmode=s3cret",
            "postgres://door:s3cret@db/door?sslmode=prefer",
            "postgres://door:s3cret@db/door?sslcert=s3cret",
            "postgres://door:s3cret@db/door?channel_binding=require",
            "postgres://door:s3cret@db/door?connect_timeout=s3cret",
        ] {
            let Err(error) = parse(text) else { panic!("{text}") };
            assert!(matches!(error, SessionsError::StoreAddress { .. }), "{text}");
            for shown in [error.to_string(), format!("{error:?}")] {
                assert!(!shown.contains("s3") && !shown.contains("cret"), "{text}: {shown}");
            }
        }
    }
}
