//! What a route says of its addresses: the policy, health checks, outliers, and thresholds.

use super::duration::Span;
use super::unsupported::{Unsupported, instead, key, same};
use super::{At, Reading, Section};
use crate::problem::Place;
use crate::yaml::Node;

#[derive(Debug)]
pub(crate) struct RawBalancing {
    pub(crate) policy: Option<At<String>>,
    pub(crate) panic_threshold: Option<At<String>>,
    /// Where they are given, and those that could be read.
    pub(crate) health_checks: Option<At<Vec<RawHealthCheck>>>,
    pub(crate) outliers: Option<RawOutliers>,
    pub(crate) breakers: Option<RawBreakers>,
}

#[derive(Debug)]
pub(crate) struct RawHealthCheck {
    pub(crate) place: Place,
    pub(crate) timeout: Option<At<Span>>,
    pub(crate) interval: Option<At<Span>>,
    pub(crate) initial_jitter: Option<At<Span>>,
    pub(crate) interval_jitter: Option<At<Span>>,
    pub(crate) unhealthy_threshold: Option<At<String>>,
    pub(crate) healthy_threshold: Option<At<String>>,
    pub(crate) http: Option<RawHttpCheck>,
    pub(crate) tcp: Option<Place>,
    pub(crate) grpc: Option<RawGrpcCheck>,
}

#[derive(Debug)]
pub(crate) struct RawHttpCheck {
    pub(crate) place: Place,
    pub(crate) host: Option<At<String>>,
    pub(crate) path: Option<At<String>>,
    pub(crate) method: Option<At<String>>,
    pub(crate) expected: Vec<RawStatuses>,
    pub(crate) codec: Option<At<String>>,
}

/// One item of `expected_statuses`.
#[derive(Debug)]
pub(crate) struct RawStatuses {
    pub(crate) place: Place,
    pub(crate) start: Option<At<u16>>,
    pub(crate) end: Option<At<u16>>,
}

#[derive(Debug)]
pub(crate) struct RawGrpcCheck {
    pub(crate) service_name: Option<At<String>>,
    pub(crate) authority: Option<At<String>>,
}

#[derive(Debug)]
pub(crate) struct RawOutliers {
    pub(crate) place: Place,
    pub(crate) consecutive_5xx: Option<At<String>>,
    pub(crate) consecutive_gateway_failure: Option<At<String>>,
    pub(crate) consecutive_local_origin_failure: Option<At<String>>,
    pub(crate) split: Option<At<bool>>,
    pub(crate) interval: Option<At<Span>>,
    pub(crate) base_ejection_time: Option<At<Span>>,
    pub(crate) max_ejection_time: Option<At<Span>>,
    pub(crate) max_ejection_percent: Option<At<String>>,
    pub(crate) enforcing_5xx: Option<At<String>>,
    pub(crate) enforcing_gateway_failure: Option<At<String>>,
    pub(crate) enforcing_local_origin_failure: Option<At<String>>,
}

#[derive(Debug)]
pub(crate) struct RawBreakers {
    pub(crate) place: Place,
    pub(crate) max_connections: Option<At<String>>,
    pub(crate) max_pending_requests: Option<At<String>>,
    pub(crate) max_requests: Option<At<String>>,
    pub(crate) max_retries: Option<At<String>>,
}

const OF_REUSE: &str = "Each check has a connection of its own.";
const OF_HEADERS: &str = "A check carries nothing but what is needed to ask.";
const OF_INTERVALS: &str = "There is one `interval`.";
const OF_EVENTS: &str = "What changes is in the log and the metrics.";
const OF_RATES: &str = "Addresses are judged by failures in a row: `consecutive_5xx`, `consecutive_gateway_failure`.";

const HEALTH_CHECK: &[Unsupported] = &[
    instead("alt_port", "Checks go to the address that is checked."),
    same("always_log_health_check_failures", &["true"], OF_EVENTS),
    instead("always_log_health_check_success", OF_EVENTS),
    instead("custom_health_check", "It is one of `http_health_check`, `tcp_health_check` and `grpc_health_check`."),
    instead("event_*", OF_EVENTS),
    instead("healthy_edge_interval", OF_INTERVALS),
    instead("interval_jitter_percent", "Write `interval_jitter` as a span of time."),
    instead("no_traffic_*", OF_INTERVALS),
    instead("reuse_connection", OF_REUSE),
    instead("tls_options", "Checks use the route's TLS settings."),
    instead("transport_socket_match_criteria", "Checks use the route's TLS settings."),
    instead("unhealthy_edge_interval", OF_INTERVALS),
    instead("unhealthy_interval", OF_INTERVALS),
];

const HTTP_CHECK: &[Unsupported] = &[
    instead("receive", "The status alone is looked at."),
    instead("request_headers_to_*", OF_HEADERS),
    instead("response_buffer_size", "The status alone is looked at."),
    instead("retriable_statuses", "`unhealthy_threshold` says how many failures in a row count."),
    instead("send", OF_HEADERS),
    instead("service_name_matcher", "Name the host with `host`."),
];

const TCP_CHECK: &[Unsupported] = &[
    instead("proxy_protocol_config", "A connection that comes about is all that is asked for."),
    instead("receive", "A connection that comes about is all that is asked for."),
    instead("send", "A connection that comes about is all that is asked for."),
];

const GRPC_CHECK: &[Unsupported] = &[instead("initial_metadata", OF_HEADERS)];

const OUTLIERS: &[Unsupported] = &[
    key("always_eject_one_host"),
    instead("enforcing_failure_percentage*", OF_RATES),
    same("enforcing_local_origin_success_rate", &["0"], OF_RATES),
    same("enforcing_success_rate", &["0"], OF_RATES),
    instead("failure_percentage_*", OF_RATES),
    key("max_ejection_time_jitter"),
    key("monitors"),
    instead("success_rate_*", OF_RATES),
    key("successful_active_health_check_uneject_host"),
];

const BREAKERS: &[Unsupported] = &[instead("max_connection_pools", "There is one pool for each address.")];

impl RawBalancing {
    pub(super) fn read(route: &mut Section, reading: &mut Reading<'_>) -> Self {
        let health_checks = route.blocks("health_checks", reading).map(|items| {
            let read = items.value.iter().filter_map(|item| RawHealthCheck::read(item, reading)).collect();
            At::new(read, &items.place)
        });
        Self {
            policy: route.text("load_balancing_policy", reading),
            panic_threshold: route.text("healthy_panic_threshold", reading),
            health_checks,
            outliers: RawOutliers::read(route, reading),
            breakers: RawBreakers::read(route, reading),
        }
    }

    /// Its keys that are given, and where.
    pub(crate) fn places(&self) -> [(&'static str, Option<&Place>); 5] {
        [
            ("load_balancing_policy", self.policy.as_ref().map(|at| &at.place)),
            ("healthy_panic_threshold", self.panic_threshold.as_ref().map(|at| &at.place)),
            ("health_checks", self.health_checks.as_ref().map(|at| &at.place)),
            ("outlier_detection", self.outliers.as_ref().map(|outliers| &outliers.place)),
            ("circuit_breaker_thresholds", self.breakers.as_ref().map(|breakers| &breakers.place)),
        ]
    }
}

impl RawHealthCheck {
    fn read(item: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let what = "an item of `health_checks`";
        let mut section = Section::of(item, what, reading)?;
        let raw = Self {
            place: section.place.clone(),
            timeout: section.span("timeout", reading),
            interval: section.span("interval", reading),
            initial_jitter: section.span("initial_jitter", reading),
            interval_jitter: section.span("interval_jitter", reading),
            unhealthy_threshold: section.text("unhealthy_threshold", reading),
            healthy_threshold: section.text("healthy_threshold", reading),
            http: RawHttpCheck::read(&mut section, reading),
            tcp: section.block("tcp_health_check", reading).map(|block| {
                block.close("`tcp_health_check`", TCP_CHECK, reading);
                block.place
            }),
            grpc: RawGrpcCheck::read(&mut section, reading),
        };
        section.close(what, HEALTH_CHECK, reading);
        Some(raw)
    }
}

impl RawHttpCheck {
    fn read(check: &mut Section, reading: &mut Reading<'_>) -> Option<Self> {
        let mut section = check.block("http_health_check", reading)?;
        let expected = section.blocks("expected_statuses", reading).map(|items| items.value).unwrap_or_default();
        let raw = Self {
            place: section.place.clone(),
            host: section.text("host", reading),
            path: section.text("path", reading),
            method: section.text("method", reading),
            expected: expected.iter().filter_map(|item| RawStatuses::read(item, reading)).collect(),
            codec: section.text("codec_client_type", reading),
        };
        section.close("`http_health_check`", HTTP_CHECK, reading);
        Some(raw)
    }
}

impl RawStatuses {
    fn read(item: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let what = "an item of `expected_statuses`";
        let mut section = Section::of(item, what, reading)?;
        let raw = Self {
            place: section.place.clone(),
            start: section.number("start", reading),
            end: section.number("end", reading),
        };
        section.close(what, &[], reading);
        Some(raw)
    }
}

impl RawGrpcCheck {
    fn read(check: &mut Section, reading: &mut Reading<'_>) -> Option<Self> {
        let mut section = check.block("grpc_health_check", reading)?;
        let raw =
            Self { service_name: section.text("service_name", reading), authority: section.text("authority", reading) };
        section.close("`grpc_health_check`", GRPC_CHECK, reading);
        Some(raw)
    }
}

impl RawOutliers {
    fn read(route: &mut Section, reading: &mut Reading<'_>) -> Option<Self> {
        let mut section = route.block("outlier_detection", reading)?;
        let raw = Self {
            place: section.place.clone(),
            consecutive_5xx: section.text("consecutive_5xx", reading),
            consecutive_gateway_failure: section.text("consecutive_gateway_failure", reading),
            consecutive_local_origin_failure: section.text("consecutive_local_origin_failure", reading),
            split: section.flag("split_external_local_origin_errors", reading),
            interval: section.span("interval", reading),
            base_ejection_time: section.span("base_ejection_time", reading),
            max_ejection_time: section.span("max_ejection_time", reading),
            max_ejection_percent: section.text("max_ejection_percent", reading),
            enforcing_5xx: section.text("enforcing_consecutive_5xx", reading),
            enforcing_gateway_failure: section.text("enforcing_consecutive_gateway_failure", reading),
            enforcing_local_origin_failure: section.text("enforcing_consecutive_local_origin_failure", reading),
        };
        section.close("`outlier_detection`", OUTLIERS, reading);
        Some(raw)
    }
}

impl RawBreakers {
    /// Of a route, or of the top of the file.
    pub(super) fn read(above: &mut Section, reading: &mut Reading<'_>) -> Option<Self> {
        let mut section = above.block("circuit_breaker_thresholds", reading)?;
        let raw = Self {
            place: section.place.clone(),
            max_connections: section.text("max_connections", reading),
            max_pending_requests: section.text("max_pending_requests", reading),
            max_requests: section.text("max_requests", reading),
            max_retries: section.text("max_retries", reading),
        };
        section.close("`circuit_breaker_thresholds`", BREAKERS, reading);
        Some(raw)
    }
}
