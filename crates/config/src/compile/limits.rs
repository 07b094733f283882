//! Limits: of the process, of connections, of signing in, of routes.
//!
//! Refuses: zero of anything, since it would let nobody in; limits so wide that they are none; a line that is longer
//! than the head it stands in; buckets that take more than a week to fill.

use std::time::Duration;

use super::Compiler;
use crate::domain::limits::{ConnectionLimits, Limits, RateKey, RateLimit, RouteLimits, SignInLimits};
use crate::raw::At;
use crate::raw::duration::Span;
use crate::raw::limits::{RawLimits, RawRateLimit, RawRouteLimits, Size};

/// What a request's body may have where nothing else is said.
const MAX_REQUEST_BYTES: u64 = 8 << 30;
/// The longest a limit may wait.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest it may take until an empty bucket is full.
const LONGEST_FILL: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How many rates one route may have.
const MOST_RATES: usize = 8;
/// More than this many of anything is no limit.
const MANY: u64 = 10_000_000;

impl Compiler<'_> {
    pub(super) fn limits(&mut self, raw: &RawLimits) -> Limits {
        let usual = Limits::default();
        Limits {
            connection: self.connection_limits(raw),
            requests: self.count("requests", raw.requests.as_ref(), usual.requests),
            requests_per_address: self.count(
                "requests_per_address",
                raw.requests_per_address.as_ref(),
                usual.requests_per_address,
            ),
            tunnels_per_session: self.count(
                "tunnels_per_session",
                raw.tunnels_per_session.as_ref(),
                usual.tunnels_per_session,
            ),
            sign_in: self.sign_in_limits(raw),
        }
    }

    fn connection_limits(&mut self, raw: &RawLimits) -> ConnectionLimits {
        let usual = ConnectionLimits::default();
        let header_bytes = self.bytes("header_bytes", raw.header_bytes.as_ref(), usual.header_bytes);
        let line = raw.request_line_bytes.as_ref();
        let request_line_bytes = self.bytes("request_line_bytes", line, usual.request_line_bytes.min(header_bytes));
        if let Some(At { place, .. }) = line
            && request_line_bytes > header_bytes
        {
            self.problems.error(
                place,
                "`request_line_bytes` is more than `header_bytes`, of which the line is a part",
                "Lower it, or raise `header_bytes`.",
            );
        }
        let per_address = raw.connections_per_address.as_ref();
        let (streams, resets) = (raw.streams_per_connection.as_ref(), raw.resets_per_connection.as_ref());
        let (handshake, stalled) = (raw.handshake_timeout.as_ref(), raw.stalled_write_timeout.as_ref());
        ConnectionLimits {
            connections: self.count("connections", raw.connections.as_ref(), usual.connections),
            connections_per_address: self.count("connections_per_address", per_address, usual.connections_per_address),
            handshake_timeout: self.wait("handshake_timeout", handshake, usual.handshake_timeout),
            header_bytes,
            header_count: self.within("header_count", raw.header_count.as_ref(), usual.header_count, 10, 10_000),
            request_line_bytes,
            streams_per_connection: self.count("streams_per_connection", streams, usual.streams_per_connection),
            resets_per_connection: self.count("resets_per_connection", resets, usual.resets_per_connection),
            stalled_write_timeout: self.wait("stalled_write_timeout", stalled, usual.stalled_write_timeout),
        }
    }

    fn sign_in_limits(&mut self, raw: &RawLimits) -> SignInLimits {
        let usual = SignInLimits::default();
        let (begun, failures) = (raw.sign_ins_per_address.as_ref(), raw.failed_sign_ins.as_ref());
        let address = raw.failed_sign_ins_per_address.as_ref();
        let account = raw.failed_sign_ins_per_account.as_ref();
        let within = raw.failed_sign_ins_within.as_ref();
        let unknown = raw.unknown_sessions_per_address.as_ref();
        SignInLimits {
            begun_per_address: self.count("sign_ins_per_address", begun, usual.begun_per_address),
            failures: self.count("failed_sign_ins", failures, usual.failures),
            failures_per_address: self.count("failed_sign_ins_per_address", address, usual.failures_per_address),
            failures_per_account: self.count("failed_sign_ins_per_account", account, usual.failures_per_account),
            failures_within: self.wait("failed_sign_ins_within", within, usual.failures_within),
            unknown_sessions_per_address: self.count(
                "unknown_sessions_per_address",
                unknown,
                usual.unknown_sessions_per_address,
            ),
        }
    }

    /// What a request's body may have on routes that say nothing else; none for any number.
    pub(super) fn max_request_bytes(&mut self, given: Option<&At<Size>>) -> Option<u64> {
        self.body("max_request_bytes", given, Some(MAX_REQUEST_BYTES))
    }

    /// The limits of a route; `usual` is what the body may have where it says nothing.
    pub(super) fn route_limits(&mut self, raw: &RawRouteLimits, usual: Option<u64>) -> RouteLimits {
        RouteLimits {
            max_request_bytes: self.body("max_request_bytes", raw.max_request_bytes.as_ref(), usual),
            rates: self.rates(raw.rates.as_ref()),
        }
    }

    /// What `rate_limit` says.
    pub(super) fn rates(&mut self, given: Option<&At<Vec<RawRateLimit>>>) -> Vec<RateLimit> {
        let Some(At { value: rates, place }) = given else { return Vec::new() };
        if rates.len() > MOST_RATES {
            self.problems.error(
                place,
                format!("`rate_limit` has more than {MOST_RATES} items"),
                "Every request is held against each of them. Keep those that matter.",
            );
        }
        let mut seen: Vec<RateLimit> = Vec::with_capacity(rates.len());
        for raw in rates {
            let Some(rate) = self.rate(raw) else { continue };
            if seen.iter().any(|other| (other.by, other.per) == (rate.by, rate.per)) {
                self.problems.error(
                    &raw.place,
                    "two items of `rate_limit` count the same requests in the same time",
                    "Keep the stricter one.",
                );
            }
            seen.push(rate);
        }
        seen
    }

    fn rate(&mut self, raw: &RawRateLimit) -> Option<RateLimit> {
        let by = match raw.by.as_ref().map(|by| (by.value.as_str(), &by.place)) {
            None | Some(("address", _)) => RateKey::Address,
            Some(("identity", _)) => RateKey::Identity,
            Some(("route", _)) => RateKey::Route,
            Some((_, place)) => {
                self.problems.error(
                    place,
                    "`by` is none that there is",
                    "Requests are counted by `address`, by `identity` (of the person who is signed in), or by `route`.",
                );
                return None;
            }
        };
        if raw.requests.is_none() && !raw.is_unreadable {
            self.problems.error(
                &raw.place,
                "`rate_limit` does not say how many `requests`",
                "Write, for example, `rate_limit: {requests: 100, per: 1s, by: address}`.",
            );
        }
        if raw.is_unreadable {
            return None;
        }
        let requests = self.count("requests", Some(raw.requests.as_ref()?), 1);
        let per = self.wait("per", raw.per.as_ref(), Duration::from_secs(1));
        let burst = self.count("burst", raw.burst.as_ref(), requests);
        if per.saturating_mul(burst) / requests > LONGEST_FILL {
            self.problems.error(
                raw.burst.as_ref().map_or(&raw.place, |burst| &burst.place),
                "at this rate, it would take more than a week until the whole `burst` is there again",
                "Lower `burst`, or allow more `requests`.",
            );
        }
        Some(RateLimit { requests, per, burst, by })
    }

    fn body(&mut self, key: &str, given: Option<&At<Size>>, usual: Option<u64>) -> Option<u64> {
        match given.map(|at| (at.value, &at.place)) {
            None => usual,
            Some((Size::Any, _)) => None,
            Some((Size::Bytes(0), place)) => {
                self.problems.error(
                    place,
                    format!("`{key}` is 0, which would refuse every body"),
                    "Write how many bytes a request's body may have, or `never` for no limit.",
                );
                usual
            }
            Some((Size::Bytes(bytes), _)) => Some(bytes),
        }
    }

    fn bytes(&mut self, key: &str, given: Option<&At<Size>>, usual: usize) -> usize {
        let Some(At { value, place }) = given else { return usual };
        let bytes = match value {
            Size::Bytes(bytes @ 1024..=16_777_216) => usize::try_from(*bytes).ok(),
            Size::Bytes(_) | Size::Any => None,
        };
        bytes.unwrap_or_else(|| {
            self.problems.error(
                place,
                format!("`{key}` is not between 1KiB and 16MiB"),
                "Browsers send up to 16 KiB or so; whoever may send more may fill the memory with it.",
            );
            usual
        })
    }

    fn wait(&mut self, key: &str, given: Option<&At<Span>>, usual: Duration) -> Duration {
        let Some(At { value, place }) = given else { return usual };
        match value {
            Span::Lasts(wait) if !wait.is_zero() && *wait <= LONGEST_WAIT => *wait,
            Span::Lasts(_) | Span::Never => {
                self.problems.error(
                    place,
                    format!("`{key}` is not between nothing and a day"),
                    "Write a number with its unit, as in `30s` or `5m`; `never` would be no limit.",
                );
                usual
            }
        }
    }

    fn count<T: TryFrom<u64>>(&mut self, key: &str, given: Option<&At<u64>>, usual: T) -> T {
        self.within(key, given, usual, 1, MANY)
    }

    fn within<T: TryFrom<u64>>(&mut self, key: &str, given: Option<&At<u64>>, usual: T, least: u64, most: u64) -> T {
        let Some(At { value, place }) = given else { return usual };
        let good =
            Some(*value).filter(|value| (least..=most).contains(value)).and_then(|value| T::try_from(value).ok());
        good.unwrap_or_else(|| {
            self.problems.error(
                place,
                format!("`{key}` is {value}, which is not between {least} and {most}"),
                "Every limit has to hold something, and none can be off; docs/limits.md says what each is for.",
            );
            usual
        })
    }
}
