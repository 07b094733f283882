//! How addresses are asked whether they are well.
//!
//! Refuses: more than one question in a check, methods that may change something, and checks that come too often.

use std::time::Duration;

use doorward_hygiene::Authority;
use http::Method;

use super::Compiler;
use crate::domain::balancing::{CheckKind, GrpcCheck, HealthCheck, HttpCheck};
use crate::raw::At;
use crate::raw::balancing::{RawHealthCheck, RawHttpCheck, RawStatuses};
use crate::raw::duration::Span;

/// The most checks of one address.
const MOST_CHECKS: usize = 8;
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
const INTERVAL: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(5);
const UNHEALTHY_THRESHOLD: u32 = 3;
const HEALTHY_THRESHOLD: u32 = 2;

impl Compiler<'_> {
    pub(super) fn health_checks(&mut self, raw: Option<&At<Vec<RawHealthCheck>>>) -> Vec<HealthCheck> {
        let Some(raw) = raw else { return Vec::new() };
        if raw.value.len() > MOST_CHECKS {
            self.problems.error(
                &raw.place,
                format!("`health_checks` has {} items", raw.value.len()),
                format!("Give at most {MOST_CHECKS}; one is enough almost always."),
            );
            return Vec::new();
        }
        raw.value.iter().filter_map(|raw| self.health_check(raw)).collect()
    }

    fn health_check(&mut self, raw: &RawHealthCheck) -> Option<HealthCheck> {
        let interval = self.time("interval", raw.interval.as_ref(), INTERVAL);
        if let (Some(given), true) = (&raw.interval, interval < SHORTEST_INTERVAL) {
            self.problems.error(
                &given.place,
                "`interval` is below 100 ms, so that checks would be a load of their own",
                "Write `1s` or more, `100ms` at least.",
            );
        }
        let unhealthy = raw.unhealthy_threshold.as_ref();
        let healthy = raw.healthy_threshold.as_ref();
        Some(HealthCheck {
            timeout: self.time("timeout", raw.timeout.as_ref(), TIMEOUT),
            interval,
            initial_jitter: jitter(raw.initial_jitter.as_ref()),
            interval_jitter: jitter(raw.interval_jitter.as_ref()),
            unhealthy_threshold: self.at_least("unhealthy_threshold", unhealthy, 1, UNHEALTHY_THRESHOLD),
            healthy_threshold: self.at_least("healthy_threshold", healthy, 1, HEALTHY_THRESHOLD),
            kind: self.check_kind(raw)?,
        })
    }

    fn check_kind(&mut self, raw: &RawHealthCheck) -> Option<CheckKind> {
        match (&raw.http, &raw.tcp, &raw.grpc) {
            (Some(http), None, None) => self.http_check(http).map(CheckKind::Http),
            (None, Some(_), None) => Some(CheckKind::Tcp),
            (None, None, Some(grpc)) => Some(CheckKind::Grpc(GrpcCheck {
                service: grpc.service_name.as_ref().map(|text| text.value.clone()).unwrap_or_default(),
                authority: self.checked_host("authority", grpc.authority.as_ref()),
            })),
            (None, None, None) => {
                self.problems.error(
                    &raw.place,
                    "this health check does not say what to ask",
                    "Add one of `http_health_check: {path: /healthz}`, `tcp_health_check: {}` and `grpc_health_check: {}`.",
                );
                None
            }
            _ => {
                self.problems.error(
                    &raw.place,
                    "this health check asks for more than one thing",
                    "Keep one of `http_health_check`, `tcp_health_check` and `grpc_health_check`, and write the other as \
                     an item of its own.",
                );
                None
            }
        }
    }

    fn http_check(&mut self, raw: &RawHttpCheck) -> Option<HttpCheck> {
        let host = self.checked_host("host", raw.host.as_ref());
        let method = self.check_method(raw.method.as_ref());
        let http2 = self.check_codec(raw.codec.as_ref());
        let mut expected: Vec<_> = raw.expected.iter().filter_map(|item| self.statuses(item)).collect();
        if expected.is_empty() {
            expected.push((200, 201));
        }
        let Some(path) = &raw.path else {
            self.problems.error(
                &raw.place,
                "this `http_health_check` has no `path`",
                "Add the path that tells how the application is: `path: /healthz`.",
            );
            return None;
        };
        let visible = path.value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#' && byte != b'\\');
        if !path.value.starts_with('/') || !visible {
            self.problems.error(
                &path.place,
                "`path` of a health check is no path",
                "Begin it with `/`, and percent-encode what is not visible ASCII.",
            );
            return None;
        }
        Some(HttpCheck { host, path: path.value.clone(), method, expected, http2 })
    }

    fn checked_host(&mut self, key: &str, text: Option<&At<String>>) -> Option<String> {
        let text = text?;
        match Authority::parse(&text.value) {
            Ok(authority) => Some(authority.to_string()),
            Err(error) => {
                self.problems.error(
                    &text.place,
                    format!("`{key}` of a health check is a host, but {error}"),
                    "Write a name such as `app.internal`, with `:PORT` if need be.",
                );
                None
            }
        }
    }

    fn check_method(&mut self, text: Option<&At<String>>) -> Method {
        let Some(text) = text else { return Method::GET };
        match text.value.to_ascii_uppercase().as_str() {
            "GET" | "METHOD_UNSPECIFIED" => Method::GET,
            "HEAD" => Method::HEAD,
            "OPTIONS" => Method::OPTIONS,
            _ => {
                self.problems.error(
                    &text.place,
                    "`method` of a health check is none that changes nothing",
                    "Write GET, HEAD or OPTIONS.",
                );
                Method::GET
            }
        }
    }

    fn check_codec(&mut self, text: Option<&At<String>>) -> bool {
        let Some(text) = text else { return false };
        match text.value.to_ascii_uppercase().as_str() {
            "HTTP1" => false,
            "HTTP2" => true,
            _ => {
                self.problems.error(
                    &text.place,
                    "`codec_client_type` is a version of HTTP that health checks do not speak",
                    "Write HTTP1 or HTTP2.",
                );
                false
            }
        }
    }

    fn statuses(&mut self, raw: &RawStatuses) -> Option<(u16, u16)> {
        match (&raw.start, &raw.end) {
            (Some(start), Some(end)) if 100 <= start.value && start.value < end.value && end.value <= 600 => {
                Some((start.value, end.value))
            }
            _ => {
                self.problems.error(
                    &raw.place,
                    "this is no range of statuses",
                    "Write the first one, and the one after the last: `{start: 200, end: 300}` is every 2xx.",
                );
                None
            }
        }
    }
}

fn jitter(span: Option<&At<Span>>) -> Duration {
    match span.map(|span| span.value) {
        Some(Span::Lasts(time)) => time,
        Some(Span::Never) | None => Duration::ZERO,
    }
}
