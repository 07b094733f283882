//! What came of requests at each upstream address, and whether it is well.
//!
//! Refuses: labels other than addresses of the configuration and words of ours.

use std::fmt;

use doorward_proxy::UpstreamFigure;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, figures: &[UpstreamFigure]) -> fmt::Result {
    let help = "Requests meant for an upstream address, by what came of them there";
    let mut family = encoder.encode_descriptor("upstream_requests", help, None, MetricType::Counter)?;
    for figure in figures {
        for (outcome, count) in figure.outcomes.iter().filter(|(_, count)| *count > 0) {
            let labels = [("upstream", &*figure.upstream), ("outcome", *outcome)];
            ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
        }
    }
    let help = "Whether requests are sent to an upstream address: 1, or 0 while it is not well";
    let mut family = encoder.encode_descriptor("upstream_healthy", help, None, MetricType::Gauge)?;
    for figure in figures {
        let healthy = ConstGauge::new(i64::from(figure.healthy));
        healthy.encode(family.encode_family(&[("upstream", &*figure.upstream)])?)?;
    }
    let help = "Requests that failed at an upstream address and were sent again";
    counter(encoder, "upstream_retries", help, figures, |figure| figure.retries)?;
    let help = "How often an upstream address was left alone for failing too often";
    counter(encoder, "upstream_ejections", help, figures, |figure| figure.ejections)
}

/// One count for each address where there is something to count.
fn counter(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    figures: &[UpstreamFigure],
    count: impl Fn(&UpstreamFigure) -> u64,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for figure in figures.iter().filter(|figure| count(figure) > 0) {
        ConstCounter::new(count(figure)).encode(family.encode_family(&[("upstream", &*figure.upstream)])?)?;
    }
    Ok(())
}
