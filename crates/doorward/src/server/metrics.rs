//! The metrics listener: OpenMetrics text, gathered when it is asked for.
//!
//! Refuses: labels that come from requests. Names here are those of the configuration, so their number is bounded.

mod load;
mod upstreams;

use std::fmt;
use std::sync::Arc;

use doorward_proxy::{DecisionCount, DifferenceCount, ProxyBody, UpstreamFigure};
use doorward_transport::{Handler, Peer};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use tracing::error;

use super::plain;
use super::session_health::SessionFigures;
pub(crate) use load::LoadFigures;

/// The media type of OpenMetrics 1.0 (its section "Protocol negotiation").
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is measured, as it is now.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Every certificate that may be served.
    pub(crate) certificates: Vec<CertificateFigure>,
    /// Certificates ordered from an authority since the start.
    pub(crate) renewals: u64,
    /// Orders that failed since the start.
    pub(crate) failures: u64,
    /// WebSockets and long answers that are open.
    pub(crate) tunnels: usize,
    /// Sessions and their store.
    pub(crate) sessions: SessionFigures,
    /// What policies decided, by route.
    pub(crate) decisions: Vec<DecisionCount>,
    /// Where shadow policies would have decided something else.
    pub(crate) shadow_differences: Vec<DifferenceCount>,
    /// What is under way, and what was refused.
    pub(crate) load: LoadFigures,
    /// What came of requests at upstreams, by address.
    pub(crate) upstreams: Vec<UpstreamFigure>,
}

/// One certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CertificateFigure {
    /// The first name it is for.
    pub(crate) name: String,
    /// `file`, `acme` or `local`.
    pub(crate) source: &'static str,
    /// When it ends, in seconds since 1970.
    pub(crate) ends: i64,
}

/// Gathers the figures.
pub(crate) type Gather = Arc<dyn Fn() -> Figures + Send + Sync>;

/// Answers `/metrics`. Clones are one.
#[derive(Clone)]
pub(crate) struct Metrics(Arc<Registry>);

impl Metrics {
    pub(crate) fn new(gather: Gather) -> Self {
        let mut registry = Registry::with_prefix("doorward");
        registry.register_collector(Box::new(Source(gather)));
        Self(Arc::new(registry))
    }

    fn text(&self) -> Result<String, fmt::Error> {
        let mut page = String::new();
        text::encode(&mut page, &self.0)?;
        Ok(page)
    }
}

impl Handler for Metrics {
    type Body = ProxyBody;

    async fn handle(&self, request: Request<Incoming>, _: Arc<Peer>) -> Response<ProxyBody> {
        if let Some(refused) = plain::refuse_to_change(&request) {
            return refused;
        }
        if request.uri().path() != "/metrics" {
            return plain::answer(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "The metrics are at /metrics.\n");
        }
        match self.text() {
            Ok(page) => plain::answer(StatusCode::OK, OPEN_METRICS, page),
            Err(error) => {
                error!(%error, "the metrics could not be written");
                plain::answer(StatusCode::INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", "no metrics\n")
            }
        }
    }
}

struct Source(Gather);

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

impl Collector for Source {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let figures = (self.0)();
        let mut ends = encoder.encode_descriptor(
            "certificate_expiry_timestamp_seconds",
            "When a certificate ends, in seconds since 1970",
            None,
            MetricType::Gauge,
        )?;
        for certificate in &figures.certificates {
            let labels = [("name", certificate.name.as_str()), ("source", certificate.source)];
            ConstGauge::new(certificate.ends).encode(ends.encode_family(&labels)?)?;
        }
        for (name, help, value) in [
            ("certificate_renewals", "Certificates ordered from an authority", figures.renewals),
            ("certificate_failures", "Orders of certificates that failed", figures.failures),
        ] {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
        }
        sessions(&mut encoder, &figures.sessions)?;
        decisions(&mut encoder, &figures.decisions)?;
        shadow_differences(&mut encoder, &figures.shadow_differences)?;
        load::encode(&mut encoder, &figures.load)?;
        upstreams::encode(&mut encoder, &figures.upstreams)?;
        let tunnels = ConstGauge::new(i64::try_from(figures.tunnels).unwrap_or(i64::MAX));
        let help = "WebSockets and long answers that are open";
        tunnels.encode(encoder.encode_descriptor("tunnels", help, None, MetricType::Gauge)?)
    }
}

fn sessions(encoder: &mut DescriptorEncoder<'_>, figures: &SessionFigures) -> fmt::Result {
    let live = ConstGauge::new(i64::try_from(figures.live).unwrap_or(i64::MAX));
    let help = "Sessions in the memory of this process";
    live.encode(encoder.encode_descriptor("sessions_live", help, None, MetricType::Gauge)?)?;
    let help = "Whether the session store answered when it was last asked: 1 or 0";
    let up = ConstGauge::new(i64::from(figures.store_is_up));
    up.encode(encoder.encode_descriptor("session_store_up", help, None, MetricType::Gauge)?)?;
    for (name, help, outcomes) in [
        ("sign_ins", "Sign-ins, by what came of them", figures.sign_ins.as_slice()),
        ("session_refreshes", "Times a provider was asked about a session, by what came of it", &figures.refreshes),
    ] {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (outcome, count) in outcomes {
            ConstCounter::new(*count).encode(family.encode_family(&[("outcome", *outcome)])?)?;
        }
    }
    Ok(())
}

fn decisions(encoder: &mut DescriptorEncoder<'_>, counts: &[DecisionCount]) -> fmt::Result {
    let help = "Requests that a route's policy decided on, by the first of the reasons";
    let mut family = encoder.encode_descriptor("decisions", help, None, MetricType::Counter)?;
    for DecisionCount { route, decision, reason, count } in counts {
        let labels = [("route", route.as_str()), ("decision", decision.as_str()), ("reason", reason)];
        ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn shadow_differences(encoder: &mut DescriptorEncoder<'_>, counts: &[DifferenceCount]) -> fmt::Result {
    let help = "Requests that a route's policy_shadow would have decided otherwise";
    let mut family = encoder.encode_descriptor("policy_shadow_differences", help, None, MetricType::Counter)?;
    for DifferenceCount { route, decision, shadow, count } in counts {
        let labels = [("route", route.as_str()), ("decision", decision.as_str()), ("shadow", shadow.as_str())];
        ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use doorward_authorize::{RouteId, Verdict};
    use doorward_proxy::{RateLimitedCount, RefusalCount};

    use super::*;

    #[test]
    fn the_page_is_open_metrics() {
        let figures = Figures {
            certificates: vec![CertificateFigure { name: "a.example.com".into(), source: "acme", ends: 1_800_000_000 }],
            renewals: 2,
            failures: 1,
            tunnels: 3,
            sessions: SessionFigures {
                live: 6,
                store_is_up: true,
                sign_ins: [("success", 7), ("failure", 8)],
                refreshes: [("success", 9), ("failure", 10), ("ended", 11)],
            },
            decisions: vec![DecisionCount {
                route: RouteId::new("a \"quoted\" name"),
                decision: Verdict::SignIn,
                reason: "user-unauthenticated",
                count: 4,
            }],
            shadow_differences: vec![DifferenceCount {
                route: RouteId::new("app"),
                decision: Verdict::Allow,
                shadow: Verdict::Deny,
                count: 5,
            }],
            load: LoadFigures {
                requests: 12,
                refusals: vec![
                    RefusalCount { route: None, reason: "overloaded", count: 13 },
                    RefusalCount { route: Some(RouteId::new("app")), reason: "rate-limited", count: 14 },
                ],
                rate_limited: vec![RateLimitedCount { route: RouteId::new("app"), by: "identity", count: 14 }],
            },
            upstreams: vec![UpstreamFigure {
                upstream: "http://app:8080".into(),
                healthy: false,
                outcomes: vec![("answered", 12), ("broke-off", 0)],
                retries: 13,
                ejections: 14,
            }],
        };
        let page = Metrics::new(Arc::new(move || figures.clone())).text().unwrap();
        for line in [
            "# TYPE doorward_certificate_expiry_timestamp_seconds gauge",
            "doorward_certificate_expiry_timestamp_seconds{name=\"a.example.com\",source=\"acme\"} 1800000000",
            "doorward_certificate_renewals_total 2",
            "doorward_certificate_failures_total 1",
            "doorward_tunnels 3",
            "doorward_sessions_live 6",
            "doorward_session_store_up 1",
            "doorward_sign_ins_total{outcome=\"success\"} 7",
            "doorward_sign_ins_total{outcome=\"failure\"} 8",
            "doorward_session_refreshes_total{outcome=\"ended\"} 11",
            "# TYPE doorward_decisions counter",
            "doorward_decisions_total{route=\"a \\\"quoted\\\" name\",decision=\"sign-in\",reason=\"user-unauthenticated\"} 4",
            "doorward_policy_shadow_differences_total{route=\"app\",decision=\"allow\",shadow=\"deny\"} 5",
            "doorward_requests_under_way 12",
            "doorward_refused_total{reason=\"overloaded\"} 13",
            "doorward_refused_total{reason=\"rate-limited\",route=\"app\"} 14",
            "doorward_rate_limited_total{route=\"app\",by=\"identity\"} 14",
            "doorward_upstream_requests_total{upstream=\"http://app:8080\",outcome=\"answered\"} 12",
            "doorward_upstream_healthy{upstream=\"http://app:8080\"} 0",
            "doorward_upstream_retries_total{upstream=\"http://app:8080\"} 13",
            "doorward_upstream_ejections_total{upstream=\"http://app:8080\"} 14",
        ] {
            assert!(page.lines().any(|there| there == line), "{line}\n{page}");
        }
        assert!(page.ends_with("# EOF\n"));
    }
}
