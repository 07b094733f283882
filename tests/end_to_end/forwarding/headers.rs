//! The headers an application gets, and those a visitor gets back.

use super::open_door;
use crate::harness::browser::{Ask, Browser};
use crate::harness::upstream::Reply;

#[tokio::test]
async fn the_application_learns_where_the_visitor_came_in() {
    let (upstream, door) = open_door("").await;
    for protocol in ["h2", "http/1.1"] {
        let answer = Browser::speaking(protocol).fetch(&door.url("app", "/")).await;
        let arrived = upstream.last();
        assert_eq!(arrived.all("x-forwarded-for"), ["127.0.0.1"]);
        assert_eq!(arrived.all("x-forwarded-proto"), ["https"]);
        assert_eq!(arrived.all("x-forwarded-host"), [door.authority("app")]);
        assert_eq!(arrived.all("x-forwarded-port"), [door.setup.port.to_string()]);
        assert_eq!(arrived.header("forwarded"), None, "code-server cannot read it");
        assert_eq!(arrived.header("x-request-id"), answer.header("x-request-id"), "one id on both legs");
        assert_eq!(arrived.header("host"), upstream.url().strip_prefix("http://"));
        assert_eq!(arrived.header("connection"), None);
    }
}

#[tokio::test]
async fn the_host_header_is_the_one_configured() {
    for (keys, expected) in
        [("preserve_host_header: true", None), ("host_rewrite: inside.example", Some("inside.example"))]
    {
        let (upstream, door) = open_door(keys).await;
        for protocol in ["h2", "http/1.1"] {
            Browser::speaking(protocol).fetch(&door.url("app", "/")).await;
            let arrived = upstream.last();
            let expected = expected.map_or_else(|| door.authority("app"), str::to_owned);
            assert_eq!(arrived.all("host"), [expected], "{keys} by {protocol}");
        }
    }
}

#[tokio::test]
async fn request_headers_are_set_and_removed() {
    let keys = "set_request_headers:\n  X-Set: ours\n  X-Both: set\n  Authorization: Basic eDp5\nremove_request_headers: [X-Gone, X-Both, Accept-Language]";
    let (upstream, door) = open_door(keys).await;
    let ask = ["X-Set", "X-Both", "X-Gone", "Accept-Language", "X-Kept", "Authorization"]
        .iter()
        .fold(Ask::fetch(&door.url("app", "/")), |ask, name| ask.header(name, "theirs"));
    Browser::new().send(ask).await;
    let arrived = upstream.last();
    assert_eq!(arrived.all("x-set"), ["ours"]);
    assert_eq!(arrived.all("x-both"), ["set"], "setting comes after removing");
    assert_eq!(arrived.all("authorization"), ["Basic eDp5"]);
    assert_eq!(arrived.all("x-kept"), ["theirs"]);
    assert_eq!((arrived.header("x-gone"), arrived.header("accept-language")), (None, None));
}

#[tokio::test]
async fn response_headers_are_set_the_routes_over_the_global_ones() {
    use crate::harness::scene::EVERYBODY;
    use crate::harness::setup::Setup;
    use crate::harness::upstream::Upstream;
    let upstream = Upstream::start().await;
    let door = Setup::new()
        .with("set_response_headers:\n  X-Global: all\n  X-Frame-Options: SAMEORIGIN")
        .route(
            "app",
            &upstream.url(),
            &format!("{EVERYBODY}\nset_response_headers:\n  X-Route: mine\n  X-Frame-Options: DENY"),
        )
        .route("code", &upstream.url(), EVERYBODY)
        .start()
        .await;
    upstream.reply_with(Reply::EchoWith(vec![("X-Global", "theirs".into()), ("X-Other", "theirs".into())]));
    let answer = Browser::new().fetch(&door.url("app", "/")).await;
    assert_eq!((answer.all("x-global"), answer.all("x-route")), (vec!["all"], vec!["mine"]));
    assert_eq!((answer.all("x-frame-options"), answer.all("x-other")), (vec!["DENY"], vec!["theirs"]));
    let answer = Browser::new().fetch(&door.url("code", "/")).await;
    assert_eq!((answer.all("x-frame-options"), answer.header("x-route")), (vec!["SAMEORIGIN"], None));
}

#[tokio::test]
async fn what_code_server_needs_is_left_alone() {
    let (upstream, door) = open_door("preserve_host_header: true").await;
    upstream.reply_with(Reply::EchoWith(vec![
        ("Service-Worker-Allowed", "/".into()),
        ("Content-Security-Policy", "default-src *".into()),
        ("Set-Cookie", "a=1; Path=/".into()),
        ("Set-Cookie", "b=2; Path=/".into()),
        ("ETag", "\"x\"".into()),
    ]));
    let ask = Ask::fetch(&door.url("app", "/")).header("accept-encoding", "gzip, br").header("range", "bytes=0-1");
    let answer = Browser::new().send(ask).await;
    assert_eq!(answer.all("set-cookie"), ["a=1; Path=/", "b=2; Path=/"]);
    assert_eq!(answer.header("service-worker-allowed"), Some("/"));
    assert_eq!(answer.all("content-security-policy"), ["default-src *"]);
    assert_eq!(answer.header("x-frame-options"), None, "it would break webviews");
    let arrived = upstream.last();
    assert_eq!((arrived.header("accept-encoding"), arrived.header("range")), (Some("gzip, br"), Some("bytes=0-1")));
}
