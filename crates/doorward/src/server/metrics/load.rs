//! What is under way, and what was refused: by reason, and by route where one was found.

use std::fmt;

use doorward_proxy::{RateLimitedCount, RefusalCount};
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// See the module.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct LoadFigures {
    /// Requests under way.
    pub(crate) requests: usize,
    /// What was refused for something that is no decision of a policy.
    pub(crate) refusals: Vec<RefusalCount>,
    /// What came faster than a `rate_limit` allows.
    pub(crate) rate_limited: Vec<RateLimitedCount>,
}

pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, figures: &LoadFigures) -> fmt::Result {
    let under_way = ConstGauge::new(i64::try_from(figures.requests).unwrap_or(i64::MAX));
    let help = "Requests of which the answer is not over";
    under_way.encode(encoder.encode_descriptor("requests_under_way", help, None, MetricType::Gauge)?)?;
    let help = "Requests that were refused for anything but a policy, by the reason in the access line";
    let mut family = encoder.encode_descriptor("refused", help, None, MetricType::Counter)?;
    for RefusalCount { route, reason, count } in &figures.refusals {
        let count = ConstCounter::new(*count);
        match route {
            Some(route) => count.encode(family.encode_family(&[("reason", *reason), ("route", route.as_str())])?)?,
            None => count.encode(family.encode_family(&[("reason", *reason)])?)?,
        }
    }
    let help = "Requests that came faster than a rate_limit allows, by what was counted by";
    let mut family = encoder.encode_descriptor("rate_limited", help, None, MetricType::Counter)?;
    for RateLimitedCount { route, by, count } in &figures.rate_limited {
        let labels = [("route", route.as_str()), ("by", *by)];
        ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}
