//! Sockets, timeouts, the log and the data directory.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::Compiler;
use crate::domain::LogLevel;
use crate::domain::listeners::{Codec, Listeners};
use crate::domain::timeouts::{Limit, Timeouts};
use crate::raw::At;
use crate::raw::listeners::RawListeners;

const HTTPS: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 443);
const HEALTH: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 28080);

const READ: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_secs(5 * 60);
const UPSTREAM: Duration = Duration::from_secs(30);

impl Compiler<'_> {
    pub(super) fn listeners(&mut self, raw: &RawListeners) -> Listeners {
        let insecure = raw.insecure_server.as_ref().is_some_and(|flag| flag.value);
        let port = if insecure { 80 } else { 443 };
        let addresses = self.addresses(raw.address.as_ref(), port);
        let redirect = raw.http_redirect_addr.as_ref().and_then(|text| {
            let redirect = self.address("http_redirect_addr", text, 80)?;
            self.redirect_makes_sense(text, redirect, &addresses, insecure).then_some(redirect)
        });
        Listeners { addresses, redirect, insecure, codec: self.codec(raw.codec_type.as_ref()) }
    }

    fn addresses(&mut self, texts: Option<&At<Vec<At<String>>>>, port: u16) -> Vec<SocketAddr> {
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for text in texts.iter().flat_map(|texts| &texts.value).filter(|text| !text.value.is_empty()) {
            let Some(address) = self.address("address", text, port) else { continue };
            if let Some(other) = addresses.iter().find(|other| same_socket(**other, address)) {
                self.problems.error(
                    &text.place,
                    format!("`address` names the same socket twice: `{other}` and `{address}`"),
                    "Remove one of them. `:443` is every interface, both IPv4 and IPv6.",
                );
                continue;
            }
            addresses.push(address);
        }
        if addresses.is_empty() {
            addresses.push(HTTPS);
        }
        addresses
    }

    fn codec(&mut self, text: Option<&At<String>>) -> Codec {
        let Some(text) = text else { return Codec::Auto };
        match text.value.to_ascii_lowercase().as_str() {
            "auto" => Codec::Auto,
            "http1" => Codec::Http1,
            "http2" => Codec::Http2,
            other => {
                let what = match other {
                    "http3" => "`codec_type` asks for HTTP/3, which is not spoken",
                    _ => "`codec_type` is none that there is",
                };
                self.problems.error(&text.place, what, "Write `auto`, `http1` or `http2`.");
                Codec::Auto
            }
        }
    }

    fn redirect_makes_sense(
        &mut self,
        text: &At<String>,
        redirect: SocketAddr,
        addresses: &[SocketAddr],
        insecure: bool,
    ) -> bool {
        if addresses.iter().any(|address| same_socket(redirect, *address)) {
            self.problems.error(
                &text.place,
                "`http_redirect_addr` is the same as `address`",
                "Give it a port of its own, as `:80`. Plain HTTP that arrives on `address` is redirected anyway.",
            );
            return false;
        }
        if insecure {
            self.problems.hint(
                &text.place,
                "`http_redirect_addr` redirects to https, which `insecure_server` leaves to something in front",
                "Remove one of them, unless this is meant.",
            );
        }
        true
    }

    pub(super) fn health(&mut self, raw: &RawListeners, listeners: &Listeners) -> Option<SocketAddr> {
        let Some(text) = &raw.health_check_addr else { return Some(HEALTH) };
        if matches!(text.value.as_str(), "" | "off") {
            return None;
        }
        let health = self.address("health_check_addr", text, 28080)?;
        if listeners.addresses.iter().chain(&listeners.redirect).any(|other| same_socket(health, *other)) {
            self.problems.error(
                &text.place,
                "`health_check_addr` is the same as another address",
                "Give it a port of its own, as `127.0.0.1:28080`.",
            );
        }
        Some(health)
    }

    pub(super) fn metrics(
        &mut self,
        raw: &RawListeners,
        listeners: &Listeners,
        health: Option<SocketAddr>,
    ) -> Option<SocketAddr> {
        let text = raw.metrics_address.as_ref()?;
        let metrics = self.address("metrics_address", text, 9090)?;
        let mut others = listeners.addresses.iter().chain(&listeners.redirect).chain(&health);
        if others.any(|other| same_socket(metrics, *other)) {
            self.problems.error(
                &text.place,
                "`metrics_address` is the same as another address",
                "Give it a port of its own, as `127.0.0.1:9090`.",
            );
        }
        Some(metrics)
    }

    pub(super) fn timeouts(&mut self, raw: &RawListeners) -> Timeouts {
        let or = |given: &Option<At<Limit>>, default| given.as_ref().map_or(Limit::After(default), |at| at.value);
        if let Some(At { value: Limit::Never, place }) = &raw.timeout_read {
            self.problems.warning(
                place,
                "`timeout_read` cannot be never, since anybody could hold connections open by sending nothing; \
                 the default holds",
                "Give it a limit; `30s` is the default.",
            );
        }
        Timeouts {
            read: Limit::After(or(&raw.timeout_read, READ).duration().unwrap_or(READ)),
            idle: or(&raw.timeout_idle, IDLE),
            upstream: or(&raw.default_upstream_timeout, UPSTREAM),
        }
    }

    pub(super) fn data_dir(&mut self, raw: &RawListeners) -> PathBuf {
        if let Some(path) = &raw.data_dir {
            return PathBuf::from(&path.value);
        }
        let set = |name: &str| self.env.get(name).filter(|path| path.starts_with('/')).map(PathBuf::from);
        // An XDG_DATA_HOME that is not absolute is to be ignored (XDG Base Directory Specification).
        set("XDG_DATA_HOME")
            .map(|data| data.join("doorward"))
            .or_else(|| {
                set("HOME").filter(|home| home.parent().is_some()).map(|home| home.join(".local/share/doorward"))
            })
            .unwrap_or_else(|| PathBuf::from("/var/lib/doorward"))
    }

    pub(super) fn log_level(&mut self, raw: &RawListeners) -> LogLevel {
        let Some(text) = &raw.log_level else { return LogLevel::Info };
        match text.value.to_ascii_lowercase().as_str() {
            "trace" => LogLevel::Trace,
            "debug" => LogLevel::Debug,
            "info" => LogLevel::Info,
            "warn" | "warning" => LogLevel::Warn,
            "error" | "critical" | "fatal" | "panic" => LogLevel::Error,
            "off" | "none" | "disabled" => LogLevel::Off,
            _ => {
                self.problems.error(
                    &text.place,
                    "`log_level` is none that there is",
                    "The levels are `trace`, `debug`, `info`, `warn`, `error` and `off`.",
                );
                LogLevel::Info
            }
        }
    }
}

/// Whether two listeners would want the same socket. Port 0 is a fresh one each time.
fn same_socket(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() == other.port()
        && one.port() != 0
        && (one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified())
}
