//! The address of a Redis store, taken apart.
//!
//! Refuses: what it does not know, by name, and without ever repeating the address, which holds the password.

use std::fmt;

use percent_encoding::percent_decode_str;
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisConnectionInfo, RedisResult, TlsCertificates,
};
use zeroize::Zeroizing;

use crate::SessionsError;

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// Where the servers are and how to sign in to them.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) shape: Shape,
    tls: bool,
    hosts: Vec<(String, u16)>,
    servers: Login,
    sentinels: Login,
    database: i64,
}

/// How the servers work together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    One,
    /// The hosts are sentinels that watch over a master of this name.
    Sentinel(String),
    Cluster,
}

#[derive(Clone, Default)]
struct Login {
    user: Option<String>,
    password: Option<Zeroizing<String>>,
}

impl Address {
    pub(super) fn parse(text: &str) -> Result<Self, SessionsError> {
        Self::read(text).map_err(|problem| SessionsError::StoreAddress { problem })
    }

    fn read(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.trim().split_once("://").ok_or("it begins with redis:// or the like")?;
        let (tls, form) = match scheme.split_once('+').map_or((scheme, ""), |(base, form)| (base, form)) {
            ("redis" | "valkey", form) => (false, form),
            ("rediss" | "valkeys", form) => (true, form),
            _ => return Err("it begins with redis://, rediss:// (TLS), redis+sentinel:// or redis+cluster://".into()),
        };
        if rest.contains('#') {
            return Err("it has a # part, which means nothing here: write %23 for a # in a password".into());
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = match authority.rsplit_once('@') {
            Some((login, hosts)) => (Login::read(login)?, hosts),
            None => (Login::default(), authority),
        };
        let mut path: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let (shape, port) = match form {
            "" => (Shape::One, PORT),
            "cluster" => (Shape::Cluster, PORT),
            "sentinel" if path.is_empty() => {
                return Err("it does not name the master: redis+sentinel://HOST:PORT,HOST:PORT/MASTER".into());
            }
            "sentinel" => (Shape::Sentinel(decode(path.remove(0))?), SENTINEL_PORT),
            _ => return Err("what follows the + of redis+ is sentinel or cluster".into()),
        };
        let hosts = hosts.split(',').map(|host| read_host(host, port)).collect::<Result<Vec<_>, _>>()?;
        if shape == Shape::One && hosts.len() > 1 {
            return Err("several hosts need redis+sentinel:// or redis+cluster://".into());
        }
        let database = match path.as_slice() {
            [] => 0,
            [number] => number
                .parse()
                .ok()
                .filter(|number| (0..=1_000_000).contains(number))
                .ok_or_else(|| String::from("its path is the number of a database, as in redis://localhost/1"))?,
            _ => return Err("its path has too many parts".into()),
        };
        if shape == Shape::Cluster && database != 0 {
            return Err("a cluster has only database 0: leave the path away".into());
        }
        let mut sentinels = Login::default();
        for (name, value) in
            query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        {
            match (name, &shape) {
                ("sentinel_password", Shape::Sentinel(_)) => sentinels.password = Some(Zeroizing::new(decode(value)?)),
                ("sentinel_username", Shape::Sentinel(_)) => sentinels.user = Some(decode(value)?),
                _ => {
                    return Err("only sentinel_username and sentinel_password may follow its ?, and only for \
                         redis+sentinel:// (write %3F for a ? in a password)"
                        .into());
                }
            }
        }
        Ok(Self { shape, tls, hosts, servers: login, sentinels, database })
    }

    /// How to reach each host of the address.
    pub(super) fn hosts(&self) -> Result<Vec<ConnectionInfo>, SessionsError> {
        let (login, database) = match self.shape {
            Shape::Sentinel(_) => (&self.sentinels, 0),
            _ => (&self.servers, self.database),
        };
        self.hosts.iter().map(|(host, port)| self.info(host, *port, login, database)).collect()
    }

    /// How to reach the server that a sentinel has named.
    pub(super) fn server(&self, host: &str, port: u16) -> Result<ConnectionInfo, SessionsError> {
        self.info(host, port, &self.servers, self.database)
    }

    /// A way to one host.
    pub(super) fn client(&self, to: ConnectionInfo, certificates: &TlsCertificates) -> RedisResult<Client> {
        if self.tls { Client::build_with_tls(to, certificates.clone()) } else { Client::open(to) }
    }

    /// Ways to the nodes of a cluster.
    pub(super) fn cluster(&self, certificates: &TlsCertificates) -> Result<ClusterClientBuilder, SessionsError> {
        let builder = ClusterClient::builder(self.hosts()?);
        Ok(if self.tls { builder.certs(certificates.clone()) } else { builder })
    }

    fn info(&self, host: &str, port: u16, login: &Login, database: i64) -> Result<ConnectionInfo, SessionsError> {
        let address = if self.tls {
            ConnectionAddr::TcpTls { host: host.to_owned(), port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host.to_owned(), port)
        };
        let mut settings = RedisConnectionInfo::default().set_db(database);
        if let Some(user) = &login.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &login.password {
            settings = settings.set_password(password.as_str());
        }
        let info = address.into_connection_info().map_err(|_| SessionsError::StoreAddress {
            problem: "the client does not take one of its hosts".to_owned(),
        })?;
        Ok(info.set_redis_settings(settings))
    }
}

impl Login {
    fn read(text: &str) -> Result<Self, String> {
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        let (user, password) = (decode(user)?, Zeroizing::new(decode(password)?));
        Ok(Self {
            user: Some(user).filter(|user| !user.is_empty()),
            password: Some(password).filter(|password| !password.is_empty()),
        })
    }
}

/// `HOST`, `HOST:PORT`, `[V6]` or `[V6]:PORT`.
fn read_host(text: &str, port: u16) -> Result<(String, u16), String> {
    let wrong = || String::from("one of its hosts is none: HOST, HOST:PORT or [ADDRESS]:PORT");
    let (host, rest) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or_else(wrong)?,
        None => text.find(':').map_or((text, ""), |colon| text.split_at(colon)),
    };
    let port = match rest.strip_prefix(':') {
        Some(digits) => digits.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?,
        None if rest.is_empty() => port,
        None => return Err(wrong()),
    };
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_' | ':');
    if host.is_empty() || !host.chars().all(plain) {
        return Err(wrong());
    }
    Ok((host.to_owned(), port))
}

fn decode(text: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(std::borrow::Cow::into_owned).map_err(|_| String::from("it is no UTF-8 once %-signs are decoded"))
}

/// Hosts and shape; nothing that opens anything.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address")
            .field("shape", &self.shape)
            .field("tls", &self.tls)
            .field("hosts", &self.hosts)
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let address = Address::parse("redis://:p%40ss@cache.example.com/3").unwrap();
        assert_eq!((address.shape, address.tls, address.database), (Shape::One, false, 3));
        assert_eq!(address.hosts, [("cache.example.com".to_owned(), 6379)]);
        assert_eq!((address.servers.user, address.servers.password.unwrap().as_str()), (None, "p@ss"));

        let address = Address::parse("rediss+sentinel://door:x@a:1,[::1],b:3/main/2?sentinel_password=y").unwrap();
        assert_eq!((&address.shape, address.tls, address.database), (&Shape::Sentinel("main".to_owned()), true, 2));
        assert_eq!(address.hosts, [("a".to_owned(), 1), ("::1".to_owned(), 26379), ("b".to_owned(), 3)]);
        let sentinel = &address.hosts().unwrap()[0];
        assert_eq!((sentinel.redis_settings().password(), sentinel.redis_settings().db()), (Some("y"), 0));
        let server = address.server("c", 4).unwrap();
        assert_eq!((server.redis_settings().username(), server.redis_settings().db()), (Some("door"), 2));

        let address = Address::parse("redis+cluster://a:1,b:2").unwrap();
        assert_eq!((address.shape, address.hosts.len()), (Shape::Cluster, 2));
    }

    #[test]
    fn what_is_no_address_is_refused_without_a_word_of_it() {
        let wrong = [
            "s3cret",
            "http://:s3cret@host",
            "redis://:s3cret@",
            "redis://:s3cret@host:0",
            "redis://:s3cret@host:99999",
            "redis://:s3cret@a,b",
            "redis://:s3cret@host/s3cret",
            "redis://:s3cret@host/1/s3cret",
            "redis://:s3cret@host/?s3cret=s3cret",
            "redis://:s3#cret@host",
            "redis://:s3cret%ff@host",
            "redis+ring://:s3cret@host",
            "redis+sentinel://:s3cret@host",
            "redis+cluster://:s3cret@host/1",
            "redis://:s3cret@[::1",
        ];
        for text in wrong {
            let error = Address::parse(text).unwrap_err();
            assert!(matches!(error, SessionsError::StoreAddress { .. }), "{text}");
            for shown in [error.to_string(), format!("{error:?}")] {
                assert!(!shown.contains("s3") && !shown.contains("cret"), "{text}: {shown}");
            }
        }
    }

    #[test]
    fn a_shown_address_opens_nothing() {
        let address = Address::parse("redis+sentinel://door:s3cret@a/main?sentinel_password=s3cret").unwrap();
        assert!(!format!("{address:?}").contains("s3cret"));
    }
}
