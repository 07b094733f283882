//! Criteria about the request, the time and the network.

use super::expect_all;

#[test]
fn paths_methods_and_headers() {
    expect_all(&[
        (
            "- allow: {and: [{http_path: {starts_with: /admin}}, {email: a@example.com}]}",
            &[(
                "5:23 warning",
                "`http_path starts_with /admin` holds of `/admin-other`",
                "- http_path: {starts_with: /admin/}",
            )],
        ),
        (
            "- allow: {and: [{http_path: \"/a/*\"}, {email: a@example.com}]}",
            &[("5:23 warning", "`is` takes `*` for itself", "`http_path: {glob: \"/a/**\"}`")],
        ),
        (
            "- allow: {and: [{http_path: \"/a%20b?c=d\"}, {email: a@example.com}]}",
            &[("5:23 warning", "a path has no query", "`http_query/c`")],
        ),
        (
            "- allow: {and: [{http_method: get}, {email: a@example.com}]}",
            &[("5:23 warning", "methods are written in capitals", "`http_method: {is: GET}`")],
        ),
        (
            "- allow: {and: [{http_header/X-Forwarded-For: 192.0.2.7}, {email: a@example.com}]}",
            &[("5:23 warning", "no policy sees the header `x-forwarded-for`", "`source_ip: \"192.0.2.7\"`")],
        ),
        (
            "- allow: {or: [{user_agent: {starts_with: curl/}}]}",
            &[("5:22 warning", "`user_agent` alone lets people in", "- user_agent: {starts_with: curl/}")],
        ),
        (
            "- allow: {and: [{http_method: GET}, {http_method: POST}]}",
            &[(
                "5:43 warning",
                "`http_method is GET` and `http_method is POST` never hold together",
                "- allow:\n    or:",
            )],
        ),
        (
            "- allow: {and: [{domain: {matches: \"^example.com$\"}}]}",
            &[(
                "5:23 warning",
                "a `.` in `^example.com$` stands for any character",
                "`domain: {matches: \"example\\\\.com\"}`",
            )],
        ),
        (
            "- allow: {and: [{domain: {glob: \"*example.com\"}}]}",
            &[(
                "5:23 warning",
                "`domain glob *example.com` holds of `evilexample.com`",
                "- domain: {ends_with: .example.com}",
            )],
        ),
    ]);
}

#[test]
fn times_and_networks() {
    expect_all(&[
        (
            "- allow: {or: [{time_of_day: {timezone: Europe/Berlin, after: \"22:00\", before: \"06:00\"}}]}",
            &[(
                "5:22 warning",
                "`time_of_day after 22:00:00 and before 06:00:00 in Europe/Berlin` never holds",
                "- time_of_day: {timezone: Europe/Berlin, after: \"22:00\"}\n      - time_of_day: {timezone: Europe/Berlin, before: \"06:00\"}",
            )],
        ),
        (
            "- allow: {and: [{email: a@example.com}, {date: {after: 2027-01-01, before: 2026-01-01}}]}",
            &[(
                "5:47 warning",
                "`date after 2027",
                "`date: {after: \"2026-01-01T00:00:00Z\", before: \"2027-01-01T00:00:00Z\"}`",
            )],
        ),
        (
            "- allow: {and: [{email: a@example.com}, {day_of_week: mon}, {day_of_week: tue-fri}]}",
            &[(
                "5:67 warning",
                "`day_of_week mon in UTC` and `day_of_week tue,wed,thu,fri in UTC` never hold together",
                "- day_of_week: {days: \"mon\", timezone: UTC}",
            )],
        ),
        (
            "- allow: {and: [{email: a@example.com}, {source_ip: 0.0.0.0/0}]}",
            &[("5:47 warning", "`source_ip 0.0.0.0/0` always holds for every IPv4 address", "- accept: true")],
        ),
        (
            "- allow: {or: [{source_ip: [10.0.0.0/8, 192.0.2.7]}]}",
            &[(
                "5:22 hint",
                "`source_ip 10.0.0.0/8 or 192.0.2.7` lets in whoever comes from there",
                "- source_ip: [10.0.0.0/8, 192.0.2.7/32]",
            )],
        ),
        (
            "- allow: {or: [{websocket: true}, {websocket: false}]}",
            &[("5:41 warning", "one of `websocket true` and `websocket false` always holds", "Remove one")],
        ),
        (
            "- allow: {or: [{claim/email: {matches: \".*@example\\\\.com\"}}]}",
            &[("5:22 warning", "`claim/email` is whatever", "`email: {matches: \".*@example\\\\.com\"}`")],
        ),
    ]);
}
