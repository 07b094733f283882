//! Paths with `%2F`: refused, kept, or made plain, as the route says, and never a way around a rule.

use doorward_authorize::{Action, Case, Criterion, Rule, StringMatcher, StringTest};
use doorward_config::{EscapedSlashes, PathRule, RegexRewrite, Route, SubstitutionPart};

use super::support::*;

fn below(prefix: &str) -> Criterion {
    Criterion::HttpPath(StringMatcher::new(vec![StringTest::StartsWith(prefix.into())], Case::Sensitive))
}

async fn front(change: impl FnOnce(&mut Route)) -> (Front, Seen) {
    let (address, seen) = upstream_saying(OK).await;
    let mut route = route(upstream_at(address));
    change(&mut route);
    (Front::start(route).await, seen)
}

fn targets(seen: &Seen) -> Vec<String> {
    seen.all().iter().map(|got| got.split(' ').nth(1).unwrap().to_owned()).collect()
}

#[tokio::test]
async fn without_a_word_of_the_route_they_are_refused() {
    let (front, seen) = front(|_| {}).await;
    for path in ["/a%2Fb", "/a%2fb?x", "/%2F"] {
        let reply = front.get(path).await;
        assert_eq!((reply.status, reply.header("connection")), (400, Some("close")), "{path}");
    }
    assert!(seen.all().is_empty());
}

#[tokio::test]
async fn kept_they_arrive_as_they_were_sent_and_none_climbs() {
    let (front, seen) = front(|route| route.escaped_slashes = EscapedSlashes::Keep).await;
    let kept = ["/api/v4/projects/group%2Fproject?q=%2F", "/a%2fb%2Fc", "/a%252Fb"];
    for path in kept {
        assert_eq!(front.get(path).await.status, 200, "{path}");
    }
    assert_eq!(targets(&seen), kept);
    for path in [
        "/public%2F..%2Fadmin",
        "/public/..%2fadmin",
        "/public%2f%2e%2e/admin",
        "/public%2F.%2Fadmin",
        "/public%2F..;x/admin",
        "/a%5Cb",
        "/a%2Fb%5c..",
        "/a%2F%00",
        "/.doorward%2Fsign_out",
        "/%2F.doorward/x",
    ] {
        let status = front.get(path).await.status;
        // Of our own pages the test's stand-in knows one reading only; what passes is no page of ours.
        assert!(status == 400 || path.contains("doorward"), "{path}: {status}");
    }
}

#[tokio::test]
async fn both_readings_have_to_be_allowed_and_of_one_route() {
    let deny = |criterion| {
        let denied = allow(criterion).into_iter().map(|rule| Rule { action: Action::Deny, ..rule });
        everybody().into_iter().chain(denied).collect::<Vec<_>>()
    };
    for rules in [deny(below("/admin/")), allow(below("/public/"))] {
        let (front, seen) = front(|route| {
            route.escaped_slashes = EscapedSlashes::Keep;
            *route = with_policy(route.clone(), rules.clone());
        })
        .await;
        for path in ["/admin%2Fx", "/admin%2fx", "/%2Fadmin%2Fx", "/public%2Fx"] {
            let allowed = front.get(path).await.status == 200;
            assert!(!allowed || (!path.contains("admin") && rules.len() > 1), "{path} under {rules:?}");
        }
        assert!(seen.all().iter().all(|got| !got.contains("admin")));
        if rules.len() == 1 {
            assert_eq!(front.get("/public/x%2Fy").await.status, 200);
        }
    }
    let (address, seen) = upstream_saying(OK).await;
    let keeping = |path: PathRule, id: &str| {
        let mut route = route(upstream_at(address));
        route.id = doorward_authorize::RouteId::new(id);
        route.path = path;
        route.escaped_slashes = EscapedSlashes::Keep;
        with_policy(route, everybody())
    };
    let routes = vec![
        keeping(PathRule::Prefix("/admin".into()), "admin"),
        keeping(PathRule::Prefix("/".into()), "rest"),
        keeping(PathRule::Exact("/x/y".into()), "exact"),
    ];
    let front = Front::start_with(FrontSettings::of(routes)).await;
    for path in ["/admin%2Fx", "/%2Fadmin", "/x%2Fy"] {
        assert_eq!(front.get(path).await.status, 400, "{path}");
    }
    assert!(seen.all().is_empty());
    assert_eq!(front.get("/admin/x%2Fy").await.status, 200);
}

#[tokio::test]
async fn made_plain_policy_sees_what_the_upstream_gets() {
    let denied = allow(below("/admin/")).into_iter().map(|rule| Rule { action: Action::Deny, ..rule });
    let rules: Vec<_> = everybody().into_iter().chain(denied).collect();
    let (front, seen) = front(|route| {
        *route = with_policy(route.clone(), rules);
        route.escaped_slashes = EscapedSlashes::Unescape;
    })
    .await;
    assert_eq!(front.get("/a%2Fb%20c?q=%2F").await.status, 200);
    assert_eq!(front.get("/admin%2Fx").await.status, 403);
    assert_eq!(front.get("/a%2F..%2Fadmin").await.status, 400);
    assert_eq!(targets(&seen), ["/a/b%20c?q=%2F"]);
}

#[tokio::test]
async fn a_redirect_stays_on_the_host() {
    let (front, seen) = front(|route| route.escaped_slashes = EscapedSlashes::Redirect).await;
    for (path, location) in [
        ("/a%2Fb?q=%2F", "https://app.test/a/b?q=%2F"),
        ("/%2Fevil.example/x", "https://app.test//evil.example/x"),
        ("/%2f%2Fevil.example", "https://app.test///evil.example"),
    ] {
        let reply = front.get(path).await;
        assert_eq!((reply.status, reply.header("location")), (307, Some(location)), "{path}");
    }
    assert!(seen.all().is_empty());
}

#[tokio::test]
async fn a_pattern_sees_them_as_they_are_kept() {
    let (front, seen) = front(|route| {
        route.escaped_slashes = EscapedSlashes::Keep;
        route.regex_rewrite = Some(RegexRewrite {
            pattern: regex::Regex::new("^/projects/([^/]+)").unwrap(),
            substitution: vec![SubstitutionPart::Text("/p/".into()), SubstitutionPart::Group(1)],
        });
    })
    .await;
    assert_eq!(front.get("/projects/%61%2fb/c%20d").await.status, 200);
    assert_eq!(targets(&seen), ["/p/%61%2fb/c%20d"]);
}
