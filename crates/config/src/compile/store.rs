//! Where sessions are kept: the kind of store and its address.
//!
//! Refuses: a kind that is unknown, an address that is missing or another store's, and one where nothing is connected
//! to. No message holds anything of an address, which may hold a password; the store itself takes it apart.

use super::Compiler;
use crate::domain::sessions::{StoreAddress, StoreSettings};
use crate::problem::Place;
use crate::raw::sessions::RawStore;
use crate::raw::{At, nearest};

const ADDRESS: &str = "databroker_storage_connection_string";
const ADDRESS_FILE: &str = "databroker_storage_connection_string_file";

/// The longest address, in bytes.
const LONGEST_ADDRESS: usize = 4096;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Memory,
    Redis,
    Postgres,
}

impl Kind {
    const ALL: [Self; 4] = [Self::File, Self::Memory, Self::Redis, Self::Postgres];

    fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Memory => "memory",
            Self::Redis => "redis",
            Self::Postgres => "postgres",
        }
    }

    /// The store that addresses with this scheme are for.
    fn of_scheme(scheme: &str) -> Option<Self> {
        match scheme {
            "redis" | "redis+sentinel" | "redis+cluster" | "rediss" | "rediss+sentinel" | "rediss+cluster"
            | "valkey" | "valkey+sentinel" | "valkey+cluster" | "valkeys" | "valkeys+sentinel" | "valkeys+cluster" => {
                Some(Self::Redis)
            }
            "postgres" | "postgresql" => Some(Self::Postgres),
            _ => None,
        }
    }

    /// What its addresses look like.
    fn example(self) -> &'static str {
        match self {
            Self::Postgres => "It is `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full`.",
            _ => {
                "It is `rediss://USER:PASSWORD@HOST:PORT` with TLS, `redis://…` without; several hosts are \
                 `rediss+sentinel://HOST:PORT,HOST:PORT/MASTER` or `rediss+cluster://HOST:PORT,HOST:PORT`."
            }
        }
    }
}

impl Compiler<'_> {
    pub(super) fn store(&mut self, raw: &RawStore) -> StoreSettings {
        let kind = match &raw.kind {
            None => Some(Kind::File),
            Some(text) => self.store_kind(text),
        };
        let settings = match kind {
            None => None,
            Some(Kind::File) => {
                self.address_of_nothing(raw, Kind::File);
                None
            }
            Some(Kind::Memory) => {
                self.address_of_nothing(raw, Kind::Memory);
                Some(StoreSettings::Memory)
            }
            Some(Kind::Redis) => self.store_address(raw, Kind::Redis).map(StoreSettings::Redis),
            Some(Kind::Postgres) => self.store_address(raw, Kind::Postgres).map(StoreSettings::Postgres),
        };
        settings.unwrap_or(StoreSettings::File)
    }

    fn store_kind(&mut self, text: &At<String>) -> Option<Kind> {
        let lower = text.value.to_ascii_lowercase();
        let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == lower);
        match kind {
            Some(Kind::Memory) => self.problems.warning(
                &text.place,
                "with `databroker_storage_type: memory`, everybody has to sign in again after each restart",
                "`file`, the default, keeps sessions below `data_dir`.",
            ),
            Some(_) => {}
            None => {
                let meant = match lower.as_str() {
                    "valkey" => Some("redis"),
                    "postgresql" => Some("postgres"),
                    _ => nearest(&lower, &Kind::ALL.map(Kind::as_str)),
                };
                let meant = meant.map(|name| format!("Did you mean `{name}`? ")).unwrap_or_default();
                self.problems.error(
                    &text.place,
                    "`databroker_storage_type` names no store that is known",
                    format!("{meant}It is `file` (the default), `memory`, `redis` (or Valkey) or `postgres`."),
                );
            }
        }
        kind
    }

    /// An address is given with a store that has none.
    fn address_of_nothing(&mut self, raw: &RawStore, kind: Kind) {
        let Some(place) = raw.address.place() else { return };
        let scheme = raw.address.inline.as_ref().and_then(|text| text.value.0.trim().split_once(':'));
        let scheme = scheme.map(|(scheme, _)| scheme).unwrap_or_default();
        if scheme.eq_ignore_ascii_case("file") {
            self.problems.error(
                place,
                format!("`{ADDRESS}` names a folder, but sessions are kept below `data_dir`"),
                "Remove it. To keep them in that folder, give it as `data_dir`.",
            );
            return;
        }
        let kinds = match Kind::of_scheme(scheme) {
            Some(meant) => format!("`databroker_storage_type: {}`", meant.as_str()),
            None => "`databroker_storage_type: redis` or `postgres`".to_owned(),
        };
        let why = match &raw.kind {
            Some(_) => format!("with `databroker_storage_type: {}`, which connects to nothing", kind.as_str()),
            None => "without `databroker_storage_type`".to_owned(),
        };
        self.problems.error(
            place,
            format!("`{ADDRESS}` is given {why}"),
            format!("Write {kinds}, or remove the address."),
        );
    }

    fn store_address(&mut self, raw: &RawStore, kind: Kind) -> Option<StoreAddress> {
        if raw.address.inline.is_none() && raw.address.file.is_none() {
            // It is written, but could not be read: that has been told.
            if let Some(text) = raw.kind.as_ref().filter(|_| !raw.unreadable) {
                self.problems.error(
                    &text.place,
                    format!("`databroker_storage_type: {}` is without `{ADDRESS}`", kind.as_str()),
                    format!("Add it, or `{ADDRESS_FILE}`, which names a file that holds it. {}", kind.example()),
                );
            }
            return None;
        }
        let (bytes, place) = self.secret_text(&raw.address, ADDRESS, ADDRESS_FILE)?;
        let text = std::str::from_utf8(&bytes).ok().map(str::trim);
        let Some(text) = text.filter(|text| text.len() <= LONGEST_ADDRESS) else {
            let what = format!("`{ADDRESS}` is no text, or longer than {LONGEST_ADDRESS} bytes");
            self.problems.error(&place, what, kind.example());
            return None;
        };
        if let Some((what, mend)) = wrong_with(text, kind) {
            self.problems.error(&place, format!("`{ADDRESS}` {what}"), mend);
            return None;
        }
        if kind == Kind::Redis {
            self.password_in_clear(text, &place);
        }
        Some(StoreAddress::new(text))
    }

    fn password_in_clear(&mut self, text: &str, place: &Place) {
        let address = Parts::of(text);
        let clear = text.starts_with("redis:") || text.starts_with("redis+") || text.starts_with("valkey:");
        let clear = clear || text.starts_with("valkey+");
        let of_servers =
            address.login.and_then(|login| login.split_once(':')).is_some_and(|(_, word)| !word.is_empty());
        let of_sentinels = address.query.split('&').any(|pair| pair.starts_with("sentinel_password="));
        if clear && (of_servers || of_sentinels) && !address.hosts.split(',').all(is_loopback) {
            self.problems.warning(
                place,
                format!("`{ADDRESS}` is without TLS, so its password can be read on the way"),
                "Begin it with `rediss` (or `valkeys`), and turn on TLS at the server.",
            );
        }
    }
}

/// What keeps a text from being an address of such a store, and how to mend it.
fn wrong_with(text: &str, kind: Kind) -> Option<(&'static str, String)> {
    if text.chars().any(|character| character.is_control() || character.is_whitespace()) {
        let words = kind == Kind::Postgres && !text.contains("://");
        let what = if words { "is not a URL" } else { "holds white space or a control character" };
        return Some((what, format!("{} What is special in a password is written as %-signs.", kind.example())));
    }
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    match scheme.and_then(Kind::of_scheme) {
        Some(found) if found == kind => {}
        Some(other) => {
            let mend = format!(
                "Write `databroker_storage_type: {}`, or an address of this one. {}",
                other.as_str(),
                kind.example()
            );
            return Some(("is another store's address", mend));
        }
        None if scheme.is_none() => return Some(("is not a URL", kind.example().to_owned())),
        None => return Some(("has a scheme that is not this store's", kind.example().to_owned())),
    }
    // PostgreSQL's host may stand elsewhere in its address.
    if kind == Kind::Redis && Parts::of(text).hosts.split(',').any(|host| host_of(host).is_empty()) {
        let mend = format!("{} In a password, write `%2F` for `/` and `%3F` for `?`.", kind.example());
        return Some(("does not name its host", mend));
    }
    None
}

/// The parts of an address that are looked at, cut where the store cuts them.
struct Parts<'a> {
    login: Option<&'a str>,
    hosts: &'a str,
    query: &'a str,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let authority = rest.split_once('/').map_or(rest, |(authority, _)| authority);
        let (login, hosts) =
            authority.rsplit_once('@').map_or((None, authority), |(login, hosts)| (Some(login), hosts));
        Self { login, hosts, query }
    }
}

/// The host of `HOST`, `HOST:PORT`, `[V6]` or `[V6]:PORT`.
fn host_of(text: &str) -> &str {
    match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(host, _)| host),
        None => text.split_once(':').map_or(text, |(host, _)| host),
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host_of(host).to_ascii_lowercase();
    let of_this_machine = host == "localhost" || host.ends_with(".localhost");
    of_this_machine || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
