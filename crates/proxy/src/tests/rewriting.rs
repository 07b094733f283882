//! Paths, hosts and headers of answers that are rewritten on their way.

use doorward_config::{HostHeader, RegexRewrite, ResponseHeaderRewrite, Route, SubstitutionPart};

use super::support::*;

use SubstitutionPart::{Group, Text};

fn rewrite(pattern: &str, substitution: &[SubstitutionPart]) -> RegexRewrite {
    RegexRewrite { pattern: regex::Regex::new(pattern).unwrap(), substitution: substitution.to_vec() }
}

async fn front(answer: &'static str, change: impl FnOnce(&mut Route)) -> (Front, Seen) {
    let (address, seen) = upstream_saying(answer).await;
    let mut route = route(upstream_at(address));
    change(&mut route);
    (Front::start(route).await, seen)
}

#[tokio::test]
async fn a_path_is_rewritten_by_its_pattern_and_one_that_comes_to_nothing_is_not_sent() {
    let (front, seen) = front(OK, |route| {
        route.regex_rewrite =
            Some(rewrite("^/service/([^/]+)(/.*)$", &[Group(2), Text("/instance/".into()), Group(1)]));
    })
    .await;
    for (path, sent) in [
        ("/service/foo/v1?q=/service/", "/v1/instance/foo?q=/service/"),
        ("/%73ervice/f%20o/v1", "/v1/instance/f%20o"),
        ("/service/foo", "/service/foo"),
    ] {
        assert_eq!(front.get(path).await.status, 200);
        assert_eq!(seen.all().last().unwrap().split(' ').nth(1), Some(sent), "{path}");
    }
    let before = seen.all().len();
    assert_eq!(front.get("/service/foo/").await.status, 500, "an empty segment comes about");
    assert_eq!(seen.all().len(), before);
    assert!(front.access_lines().contains("no-rewritten-path"));
}

#[tokio::test]
async fn the_host_may_stand_in_a_header_or_in_the_path() {
    let (address, seen) = upstream_saying(OK).await;
    let mut route = route(upstream_at(address));
    route.host_header = HostHeader::OfHeader("x-backend".parse().unwrap());
    let mut front = Front::start(route.clone()).await;
    let own = address.to_string();
    let own = own.as_str();
    for (lines, host) in [
        ("x-backend: one.internal", "one.internal"),
        ("x-backend: One.internal:8080", "one.internal:8080"),
        ("x-backend: a b", own),
        ("x-backend: evil@host", own),
        ("x-backend: a\r\nx-backend: b", own),
        ("x-backend: one.internal\r\nconnection: x-backend", own),
        ("x-backend:", own),
        ("x-other: y", own),
    ] {
        assert_eq!(front.ask(&format!("GET / HTTP/1.1\r\n{lines}"), "").await.status, 200);
        let got = seen.all().last().unwrap().clone();
        assert_eq!(header(&got, "host"), Some(host), "{lines}");
        assert_eq!(got.to_lowercase().matches("\r\nhost:").count(), 1, "{got}");
        assert_eq!(header(&got, "x-forwarded-host"), Some("app.test"));
    }
    route.host_header = HostHeader::OfPath(rewrite("^/tenants/([^/]+).*$", &[Group(1), Text(".internal".into())]));
    front.reload(vec![route]);
    for (path, host) in [("/tenants/acme/x", "acme.internal"), ("/tenants/a%20b/", own), ("/other", own)] {
        assert_eq!(front.get(path).await.status, 200);
        let got = seen.all().last().unwrap().clone();
        assert_eq!((header(&got, "host"), header(&got, "x-forwarded-host")), (Some(host), Some("app.test")), "{path}");
    }
}

#[tokio::test]
async fn headers_of_answers_begin_as_the_route_says_and_never_become_our_own() {
    let answer = "HTTP/1.1 302 Found\r\ncontent-length: 0\r\nlocation: http://app.internal/x?y\r\n\
                  x-link: http://app.internal/a\r\nx-link: elsewhere\r\nx-link: http://app.internal/b\r\n\
                  set-cookie: app-1=2\r\nset-cookie: y__Host-doorward=evil\r\nset-cookie: app=keep\r\n\
                  content-location: HTTP://app.internal/x\r\n\r\n";
    let change = |header: &str, prefix: &str, value: &'static str| ResponseHeaderRewrite {
        header: header.parse().unwrap(),
        prefix: prefix.into(),
        value: http::HeaderValue::from_static(value),
    };
    let (front, _) = front(answer, |route| {
        route.rewrite_response_headers = vec![
            change("location", "http://app.internal/", "https://app.test/"),
            change("location", "https://app.test/x", "https://app.test/z"),
            change("x-link", "http://app.internal", ""),
            change("content-location", "http://app.internal", ""),
            change("set-cookie", "app-1", "better"),
            change("set-cookie", "y__", "__"),
            change("x-none", "a", "b"),
        ];
        route.set_response_headers = vec![("x-set".parse().unwrap(), "1".parse().unwrap())];
    })
    .await;
    let reply = front.get("/").await;
    assert_eq!(reply.header("location"), Some("https://app.test/z?y"));
    assert_eq!(reply.header("content-location"), Some("HTTP://app.internal/x"), "a prefix is told by case");
    for line in [
        "x-link: /a\r\n",
        "x-link: elsewhere\r\n",
        "x-link: /b\r\n",
        "set-cookie: better=2\r\n",
        "set-cookie: app=keep\r\n",
    ] {
        assert!(reply.head.contains(line), "{line:?} is not in {}", reply.head);
    }
    assert!(!reply.head.contains("evil") && !reply.head.contains("x-none"), "{}", reply.head);
}

#[tokio::test]
async fn underscores_in_names_are_refused_dropped_or_passed() {
    use doorward_config::Underscored;
    for (wanted, status, arrives) in
        [(Underscored::Refuse, 400, false), (Underscored::Drop, 200, false), (Underscored::Pass, 200, true)]
    {
        let (address, seen) = upstream_saying(OK).await;
        let mut settings = FrontSettings::of(vec![route(upstream_at(address))]);
        settings.underscored = wanted;
        let front = Front::start_with(settings).await;
        let reply = front.ask("GET / HTTP/1.1\r\nX_Tenant: a\r\nx-forwarded_for: forged\r\nx-own: b", "").await;
        assert_eq!(reply.status, status, "{wanted:?}");
        for got in seen.all() {
            assert_eq!(header(&got, "x_tenant").is_some(), arrives, "{got}");
            assert!(!got.contains("forged") && got.contains("x-own: b"), "{got}");
        }
        assert_eq!(seen.all().len(), usize::from(status == 200));
    }
}
