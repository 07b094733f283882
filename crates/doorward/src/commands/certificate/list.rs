//! `doorward certificate list`: every name a certificate is needed for, and the one it has. Works whether or not the
//! server runs.
//!
//! Refuses: to make or order anything. What was never made or ordered is shown as that.

use std::process::ExitCode;
use std::time::SystemTime;

use doorward_certificates::{AcmeManager, CertificateReport, LocalAuthority, OrderReport, OrderState, Source};
use doorward_config::{Config, Overrides};
use doorward_hygiene::HostPattern;
use serde_json::{Value, json};

use super::configured;
use crate::cli::ListArguments;
use crate::commands::{Failure, configuration_file, load_file};
use crate::local_authority::hosts;
use crate::terminal::{complain, say, table};

/// As much of an RFC 3339 time as tells the day, and as tells the minute.
const DAY: usize = "2027-01-21".len();
const MINUTE: usize = "2027-01-21T12:30".len();

pub(super) fn run(arguments: ListArguments) -> Result<ExitCode, Failure> {
    let config = load_file(&configuration_file(arguments.config.config)?, &Overrides::default())?.config;
    let rows = if config.listeners.insecure {
        complain("insecure_server leaves TLS to what stands before Doorward: no certificate is served");
        Vec::new()
    } else {
        rows(&config, SystemTime::now())?
    };
    if arguments.json {
        say(format_args!("{:#}", rows.iter().map(Row::to_json).collect::<Value>()));
    } else if !rows.is_empty() {
        let cells: Vec<_> = rows.iter().map(Row::cells).collect();
        table(["NAME", "SOURCE", "EXPIRES", "NEXT RENEWAL", "LAST ERROR"], &cells);
    }
    Ok(ExitCode::SUCCESS)
}

/// A name, or a configured certificate that no host needs.
struct Row {
    name: String,
    /// The certificate it is answered with.
    served: Option<CertificateReport>,
    /// How ordering one stands, if one is ordered.
    order: Option<OrderReport>,
    /// Its certificates are made in the handshake, and never kept.
    minted: bool,
}

fn rows(config: &Config, now: SystemTime) -> Result<Vec<Row>, Failure> {
    let (certificates, manager) = configured(config, now)?;
    let mut orders = manager.as_ref().map(AcmeManager::report).unwrap_or_default();
    let local = issued_before(config, now);
    let mut rows = Vec::new();
    for host in hosts(config) {
        let name = host.to_string();
        let order = orders.iter().position(|order| order.name == name).map(|place| orders.swap_remove(place));
        let served = certificates.answer(&host, now).or_else(|| local_for(&local, &host));
        rows.push(Row { name, served, order, minted: is_minted(&host) });
    }
    // The rest was ordered because somebody asked for it.
    orders.sort_by(|a, b| a.name.cmp(&b.name));
    for order in orders {
        let served = HostPattern::parse(&order.name).ok().and_then(|name| certificates.answer(&name, now));
        rows.push(Row { name: order.name.clone(), served, order: Some(order), minted: false });
    }
    for report in certificates.report(now) {
        let is_shown = |row: &Row| row.served.as_ref().is_some_and(|served| served.label == report.label);
        if report.source == Source::File && !rows.iter().any(is_shown) {
            rows.push(Row { name: report.names.join(", "), served: Some(report), order: None, minted: false });
        }
    }
    Ok(rows)
}

/// What the local authority issued, as far as there is one and it can be read.
fn issued_before(config: &Config, now: SystemTime) -> Vec<CertificateReport> {
    let reports = LocalAuthority::open(&config.data_dir, now)
        .and_then(|authority| authority.map(|authority| authority.issued_before(now)).transpose());
    match reports {
        Ok(reports) => reports.unwrap_or_default(),
        Err(error) => {
            complain(format_args!("the local authority is not looked at: {}", Failure::of(&error)));
            Vec::new()
        }
    }
}

/// The local authority's certificate for exactly this name. An IPv6 address is bracketed as a host alone.
fn local_for(local: &[CertificateReport], host: &HostPattern) -> Option<CertificateReport> {
    let name = host.to_string();
    let name = name.trim_start_matches('[').trim_end_matches(']');
    local.iter().find(|report| report.names.iter().any(|own| own == name)).cloned()
}

/// Whether no client takes a wildcard for these hosts, so that each gets a certificate of its own in the handshake.
fn is_minted(host: &HostPattern) -> bool {
    matches!(host, HostPattern::Below(parent) if !parent.as_str().contains('.'))
}

impl Row {
    fn cells(&self) -> [String; 5] {
        let error = self.order.as_ref().and_then(|order| order.last_error.clone());
        let nothing = || "-".to_owned();
        [self.name.clone(), self.source().to_owned(), self.expires(), self.renewal(), error.unwrap_or_else(nothing)]
    }

    /// Where the certificate is from. Until another is there, it is the local authority's.
    fn source(&self) -> &'static str {
        match self.served.as_ref().map_or(Source::Local, |served| served.source) {
            Source::File => "file",
            Source::Acme => "acme",
            Source::Local => "local",
        }
    }

    fn expires(&self) -> String {
        let Some(served) = &self.served else {
            return if self.minted { "made in each handshake" } else { "not made yet" }.to_owned();
        };
        let when = match served.days_left {
            0 => "in less than a day".to_owned(),
            1 => "in 1 day".to_owned(),
            days @ 2.. => format!("in {days} days"),
            _ => "expired".to_owned(),
        };
        format!("{when}, {}", start(&served.not_after, DAY))
    }

    fn renewal(&self) -> String {
        let served = self.served.as_ref();
        if let Some(file) = served.and_then(|served| served.label.as_ref()) {
            return format!("when {file} is replaced");
        }
        let Some(order) = &self.order else { return "by itself".to_owned() };
        let minute = |time: &String| format!("{} UTC", start(time, MINUTE).replace('T', " "));
        let after =
            || order.next_attempt.as_ref().map(|time| format!(", not before {}", minute(time))).unwrap_or_default();
        match order.state {
            OrderState::Ordering => "being ordered".to_owned(),
            OrderState::Valid => order.next_renewal.as_ref().map_or_else(|| "by itself".to_owned(), minute),
            OrderState::Waiting => "to be ordered".to_owned(),
            OrderState::RenewalFailing | OrderState::Failing => format!("tried again{}", after()),
        }
    }

    fn to_json(&self) -> Value {
        json!({ "name": self.name, "source": self.source(), "certificate": self.served, "order": self.order })
    }
}

/// The start of an RFC 3339 time, or all of what is none.
fn start(time: &str, length: usize) -> &str {
    time.get(..length).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(source: Source, days_left: i64) -> CertificateReport {
        CertificateReport {
            names: vec!["a.example".into()],
            source,
            issuer: String::new(),
            not_before: "2026-10-23T12:30:05Z".into(),
            not_after: "2027-01-21T12:30:05Z".into(),
            ends: 0,
            days_left,
            expires_soon: false,
            label: (source == Source::File).then(|| "/etc/a.pem".to_owned()),
        }
    }

    fn order(state: OrderState) -> OrderReport {
        OrderReport {
            name: "a.example".into(),
            state,
            not_after: None,
            next_renewal: (state == OrderState::Valid).then(|| "2026-12-21T01:02:03Z".into()),
            next_attempt: (state == OrderState::Failing).then(|| "2026-12-22T04:05:06Z".into()),
            failures: 0,
            last_error: (state == OrderState::Failing).then(|| "no A record".into()),
        }
    }

    fn cells(served: Option<CertificateReport>, order: Option<OrderReport>) -> [String; 5] {
        Row { name: "a.example".into(), served, order, minted: false }.cells()
    }

    #[test]
    fn each_source_says_how_it_is_renewed() {
        let file = cells(Some(report(Source::File, 61)), None);
        assert_eq!(file, ["a.example", "file", "in 61 days, 2027-01-21", "when /etc/a.pem is replaced", "-"]);
        let acme = cells(Some(report(Source::Acme, 1)), Some(order(OrderState::Valid)));
        assert_eq!(acme, ["a.example", "acme", "in 1 day, 2027-01-21", "2026-12-21 01:02 UTC", "-"]);
        let local = cells(Some(report(Source::Local, 0)), None);
        assert_eq!(local, ["a.example", "local", "in less than a day, 2027-01-21", "by itself", "-"]);
    }

    #[test]
    fn what_went_wrong_is_said_and_when_it_is_tried_again() {
        let failing = cells(None, Some(order(OrderState::Failing)));
        let again = "tried again, not before 2026-12-22 04:05 UTC";
        assert_eq!(failing, ["a.example", "local", "not made yet", again, "no A record"]);
        assert_eq!(cells(Some(report(Source::File, -1)), None)[2], "expired, 2027-01-21");
    }
}
