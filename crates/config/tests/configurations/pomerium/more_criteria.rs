//! The criteria about the request, the time and the names in certificates, those of Pomerium's paid editions among them.

use super::asked::{anna, nobody};
use super::{check, check_refused};

#[test]
fn values_that_are_ignored() {
    check(&[
        (
            "§2.3 accept: the value is ignored, even `false`",
            "- allow: {or: [{accept: false}]}",
            nobody(),
            "allow accept",
        ),
        ("§2.3 reject: the value is ignored", "- allow: {or: [{reject: false}]}", anna(), "deny reject"),
        (
            "§2.3 authenticated_user: the value is ignored",
            "- allow: {or: [{authenticated_user: false}]}",
            anna(),
            "allow user-ok",
        ),
        (
            "§2.3 invalid_client_certificate: the value is ignored",
            "- allow: {or: [{invalid_client_certificate: false}]}",
            nobody(),
            "allow client-certificate-required",
        ),
        (
            "§2.3 cors_preflight: the value is ignored",
            "- allow: {or: [{cors_preflight: false}]}",
            nobody().pre_flight(),
            "allow cors-request",
        ),
    ]);
}

#[test]
fn methods_paths_and_addresses() {
    let path = "- allow: {or: [{http_path: {starts_with: /public}}]}";
    let not_admin = "- allow: {not: [{http_path: {starts_with: /admin}}]}";
    let address = "- allow: {or: [{source_ip: 192.0.2.1}]}";
    let network = "- allow: {or: [{source_ip: 10.0.0.0/8}]}";
    let list = "- allow: {or: [{source_ip: [10.0.0.0/8, \"2001:db8::/32\", 192.0.2.1]}]}";
    check(&[
        ("§2.3 http_method", "- allow: {or: [{http_method: GET}]}", nobody(), "allow http-method-ok"),
        (
            "§2.3 http_method: another",
            "- allow: {or: [{http_method: POST}]}",
            nobody(),
            "deny http-method-unauthorized",
        ),
        (
            "§2.3 http_method: a matcher",
            "- allow: {or: [{http_method: {in: [GET, HEAD]}}]}",
            nobody().method("HEAD"),
            "allow http-method-ok",
        ),
        ("§2.3 http_method: exactly", "- allow: {or: [{http_method: get}]}", nobody(), "deny http-method-unauthorized"),
        ("§2.3 http_path", path, nobody().at("/public/a"), "allow http-path-ok"),
        ("§2.3 http_path: another", path, nobody().at("/private"), "deny http-path-unauthorized"),
        (
            "§2.3 http_path: no query in it",
            "- allow: {or: [{http_path: /a}]}",
            nobody().at("/a").query("b=c"),
            "allow http-path-ok",
        ),
        (
            "§2.3 http_path: decoded",
            "- allow: {or: [{http_path: /public}]}",
            nobody().at("/%70ublic"),
            "allow http-path-ok",
        ),
        (
            "differs §2.3 http_path: Pomerium merges slashes, and matches what comes of it. What an application may read otherwise is \
             unclear here, and no allow rule holds by it",
            path,
            nobody().at("//public"),
            "deny ambiguous-request",
        ),
        ("differs §2.3 http_path: nor by its opposite", not_admin, nobody().at("//admin"), "deny ambiguous-request"),
        (
            "differs §2.3 http_path: while a deny rule does",
            "- allow: {or: [{accept: 1}]}\n- deny: {or: [{http_path: {starts_with: /admin}}]}",
            nobody().at("//admin"),
            "deny ambiguous-request",
        ),
        (
            "§2.3 http_path: readings that agree are clear",
            not_admin,
            nobody().at("//public"),
            "allow http-path-unauthorized",
        ),
        ("§2.3 source_ip: an address", address, nobody(), "allow source-ip-ok"),
        ("§2.3 source_ip: another", address, nobody().from("192.0.2.2"), "deny source-ip-unauthorized"),
        ("§2.3 source_ip: a network", network, nobody().from("10.255.0.1"), "allow source-ip-ok"),
        ("§2.3 source_ip: outside of it", network, nobody().from("11.0.0.0"), "deny source-ip-unauthorized"),
        ("§2.3 source_ip: a list", list, nobody(), "allow source-ip-ok"),
        ("§2.3 source_ip: a list, IPv6", list, nobody().from("2001:db8::1"), "allow source-ip-ok"),
        ("§2.3 source_ip: none of a list", list, nobody().from("2001:db9::1"), "deny source-ip-unauthorized"),
        (
            "§2.3 source_ip: IPv4 mapped into IPv6 is IPv4",
            network,
            nobody().from("::ffff:10.0.0.1"),
            "allow source-ip-ok",
        ),
        (
            "§2.2 order 2: `source_ip` true keeps its true reasons alone, so nobody is asked to sign in",
            "- allow: {or: [{source_ip: 192.0.2.1}, {email: anna@example.com}]}",
            nobody(),
            "allow source-ip-ok",
        ),
        (
            "§2.2 order 2: `source_ip` false, and strangers are",
            "- allow: {or: [{source_ip: 192.0.2.1}, {email: anna@example.com}]}",
            nobody().from("192.0.2.2"),
            "sign-in user-unauthenticated",
        ),
        (
            "§2.2 order 2: a deny rule about a network asks nobody of a public route to sign in",
            "- allow: {or: [{accept: 1}]}\n- deny: {or: [{source_ip: 10.0.0.0/8}]}",
            nobody(),
            "allow accept",
        ),
    ]);
    check_refused(&[
        ("§2.3 source_ip: no address", "- allow: {or: [{source_ip: example.com}]}", "`source_ip`"),
        ("§2.3 source_ip: nothing", "- allow: {or: [{source_ip: []}]}", "`source_ip`"),
    ]);
}

#[test]
fn dates_days_and_times() {
    // 15 July 2026 is a Wednesday; in Berlin it is two hours later than in UTC.
    let noon = || nobody().when(2026, 7, 15, "12:00");
    let date = "- allow: {or: [{date: {after: 2026-07-15, before: 2026-07-16}}]}";
    let office = "- allow: {or: [{time_of_day: {timezone: Europe/Berlin, after: \"9:00 AM\", before: \"5:00 PM\"}}]}";
    let weekdays = "- allow: {or: [{day_of_week: \"mon,wed-fri\"}]}";
    check(&[
        ("§2.3 date: within", date, noon(), "allow date-ok"),
        ("§2.3 date: its beginning is within", date, nobody().when(2026, 7, 15, "00:00"), "allow date-ok"),
        ("§2.3 date: its end is not", date, nobody().when(2026, 7, 16, "00:00"), "deny date-unauthorized"),
        (
            "§2.3 date: with an offset",
            "- allow: {or: [{date: {after: \"2026-07-15T14:00:00+02:00\"}}]}",
            noon(),
            "allow date-ok",
        ),
        ("§2.3 day_of_week: one of a range", weekdays, noon(), "allow day-of-week-ok"),
        (
            "§2.3 day_of_week: none of them",
            weekdays,
            nobody().when(2026, 7, 14, "12:00"),
            "deny day-of-week-unauthorized",
        ),
        ("§2.3 day_of_week: every day", "- allow: {or: [{day_of_week: \"*\"}]}", noon(), "allow day-of-week-ok"),
        (
            "§2.3 day_of_week: a name in full",
            "- allow: {or: [{day_of_week: Wednesday}]}",
            noon(),
            "allow day-of-week-ok",
        ),
        ("§2.3 time_of_day: within", office, noon(), "allow time-of-day-ok"),
        (
            "§2.3 time_of_day: by the clock on the wall there",
            office,
            nobody().when(2026, 7, 15, "07:00"),
            "allow time-of-day-ok",
        ),
        (
            "§2.3 time_of_day: and not by UTC",
            office,
            nobody().when(2026, 7, 15, "15:00"),
            "deny time-of-day-unauthorized",
        ),
        (
            "§2.3 time_of_day: daylight saving is followed",
            office,
            nobody().when(2026, 1, 15, "07:00"),
            "deny time-of-day-unauthorized",
        ),
        (
            "§2.3 time_of_day: `after` that is not before `before` never holds",
            "- allow: {or: [{time_of_day: {timezone: UTC, after: \"22:00\", before: \"6:00\"}}]}",
            nobody().when(2026, 7, 15, "23:00"),
            "deny time-of-day-unauthorized",
        ),
        (
            "§2.3 times ask nobody to sign in",
            "- allow: {or: [{day_of_week: thu}]}",
            noon(),
            "deny day-of-week-unauthorized",
        ),
    ]);
    check_refused(&[
        ("§2.3 time_of_day: without a time zone", "- allow: {or: [{time_of_day: {after: \"9:00\"}}]}", "`timezone`"),
        (
            "§2.3 time_of_day: in no time zone",
            "- allow: {or: [{time_of_day: {timezone: Mars/North, after: \"9:00\"}}]}",
            "time zone",
        ),
        ("§2.3 day_of_week: no day", "- allow: {or: [{day_of_week: someday}]}", "day"),
        ("§2.3 date: no date", "- allow: {or: [{date: {after: yesterday}}]}", "date"),
    ]);
}

#[test]
fn names_in_certificates() {
    let dns = "- allow: {or: [{client_certificate: {san_dns: {ends_with: .example.com}}}]}";
    let email = "- allow: {or: [{client_certificate: {san_email: anna@example.com}}]}";
    let uri = "- allow: {or: [{client_certificate: {san_uri: {starts_with: \"spiffe://example.com/\"}}}]}";
    check(&[
        ("§2.4 san_dns", dns, nobody().showing(), "allow client-certificate-ok"),
        ("§2.4 san_email", email, nobody().showing(), "allow client-certificate-ok"),
        ("§2.4 san_uri", uri, nobody().showing(), "allow client-certificate-ok"),
        (
            "§2.4 san_dns: another",
            "- allow: {or: [{client_certificate: {san_dns: desktop.example.com}}]}",
            nobody().showing(),
            "deny client-certificate-unauthorized",
        ),
        ("§2.4 san_dns: no certificate", dns, nobody(), "deny client-certificate-unauthorized"),
        (
            "differs §2.4 san_dns: Pomerium does not ask whether the certificate is believed. Anybody writes any name into a certificate of \
             their own, so names count only in one that is",
            dns,
            nobody().showing_refused(),
            "deny client-certificate-unauthorized",
        ),
        ("differs §2.4 san_email: the same", email, nobody().showing_refused(), "deny client-certificate-unauthorized"),
        ("differs §2.4 san_uri: the same", uri, nobody().showing_refused(), "deny client-certificate-unauthorized"),
    ]);
}
