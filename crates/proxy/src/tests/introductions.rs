//! What an upstream is told of its visitor, in the usual headers and in those of a route's own.

use std::sync::Arc;

use doorward_config::{Assertion, ClaimHeader, HeaderContent, HeaderPart, Route};
use doorward_identity::{Claims, Groups, Identity};
use doorward_sessions::{Token, Tokens};
use serde_json::json;

use super::support::*;

const COOKIE: &str = "cookie: __Host-doorward=alice@example.com";

fn set(route: &mut Route, name: &str, parts: &[HeaderPart]) {
    route.set_request_headers.push((name.parse().unwrap(), HeaderContent::Assembled(parts.to_vec())));
}

fn text(text: &str) -> HeaderPart {
    HeaderPart::Text(text.into())
}

fn claim(name: &str) -> HeaderPart {
    HeaderPart::Claim(name.into())
}

async fn front(route: Route, assertion: Assertion) -> Front {
    let front = Front::start_with(FrontSettings { assertion, ..FrontSettings::of(vec![route]) }).await;
    let claims = json!({"team": "blue\r\nx-doorward-claim-email: ceo@example.com", "realm": {"roles": ["a,b", "c"]}});
    let who = Identity {
        groups: Groups::new(["staff", "wheel"].map(str::to_owned)),
        claims: Claims::new(claims.as_object().unwrap().clone()),
        ..identity(ALICE)
    };
    let token = |text: &str| Some(Token::new(text.into()));
    let tokens = Tokens { access_token: token("at-1"), id_token: token("bad\r\ntoken"), refresh_token: token("rt-1") };
    front.visitors.sign_in_as(ALICE, who, tokens).await;
    front
}

#[tokio::test]
async fn headers_are_put_together_of_what_is_known_of_the_visitor() {
    let (address, seen) = upstream_saying(OK).await;
    let mut route = route(upstream_at(address));
    set(&mut route, "authorization", &[text("Bearer "), HeaderPart::AccessToken]);
    set(&mut route, "x-jwt", &[HeaderPart::Assertion]);
    set(&mut route, "x-person", &[claim("email"), text(" / "), claim("user"), text(" / "), claim("name")]);
    set(&mut route, "x-groups", &[claim("groups")]);
    set(&mut route, "x-team", &[claim("team")]);
    set(&mut route, "x-roles", &[claim("realm.roles")]);
    set(&mut route, "x-new", &[HeaderPart::RequestHeader("x-old".parse().unwrap())]);
    route.remove_request_headers = vec!["x-old".parse().unwrap()];
    route.jwt_groups_filter = Some(Arc::from(["staff".to_owned()]));
    let front = front(route, Assertion::default()).await;
    let forged = "authorization: Bearer mine\r\nx-jwt: mine\r\nx-team: mine\r\nx-old: one\r\nx-old: two";
    assert_eq!(front.ask(&format!("GET / HTTP/1.1\r\n{COOKIE}\r\n{forged}"), "").await.status, 200);
    let got = seen.only();
    for (name, value) in [
        ("authorization", "Bearer at-1"),
        ("x-person", "alice@example.com / sub-of-alice@example.com / A Person"),
        ("x-groups", "staff"),
        ("x-team", "blue%0D%0Ax-doorward-claim-email: ceo@example.com"),
        ("x-roles", "a%2Cb,c"),
        ("x-new", "one, two"),
    ] {
        assert_eq!(header(&got, name), Some(value), "{got}");
    }
    assert_eq!(header(&got, "x-jwt").map(|token| token.split('.').count()), Some(3), "{got}");
    assert!(!got.contains("mine") && !got.contains("x-old"), "{got}");
    assert!(!got.contains("\nx-doorward-"), "nothing is told that was not asked for: {got}");
}

#[tokio::test]
async fn a_header_that_has_nothing_to_say_in_one_part_is_not_sent_nor_is_the_visitors_own() {
    let (address, seen) = upstream_saying(OK).await;
    let mut route = route(upstream_at(address));
    set(&mut route, "authorization", &[text("Bearer "), HeaderPart::IdToken]);
    set(&mut route, "x-half", &[claim("email"), text(":"), claim("missing")]);
    set(&mut route, "x-missing", &[HeaderPart::RequestHeader("x-old".parse().unwrap())]);
    set(&mut route, "x-jwt", &[HeaderPart::Assertion]);
    set(&mut route, "x-person", &[text("is "), claim("email")]);
    set(&mut route, "x-token", &[HeaderPart::AccessToken]);
    let front = front(route, Assertion::default()).await;
    let names = ["authorization", "x-half", "x-missing", "x-jwt", "x-person", "x-token"];
    let forged: Vec<_> = names.iter().map(|name| format!("{name}: mine\r\n{name}: again")).collect();
    let forged = forged.join("\r\n");
    // Nobody, on a public route.
    assert_eq!(front.ask(&format!("GET / HTTP/1.1\r\n{forged}"), "").await.status, 200);
    // Somebody, whose provider gave a token that no header can carry.
    assert_eq!(front.ask(&format!("GET / HTTP/1.1\r\n{COOKIE}\r\n{forged}"), "").await.status, 200);
    let all = seen.all();
    for name in names {
        assert_eq!(header(&all[0], name), None, "{}", all[0]);
    }
    for name in ["authorization", "x-half", "x-missing"] {
        assert_eq!(header(&all[1], name), None, "{}", all[1]);
    }
    assert_eq!((header(&all[1], "x-person"), header(&all[1], "x-token")), (Some("is alice@example.com"), Some("at-1")));
}

#[tokio::test]
async fn nobody_but_doorward_tells_a_configured_claim() {
    let told = |header: &str, claim: &str| ClaimHeader { header: header.parse().unwrap(), claim: claim.into() };
    let assertion = Assertion {
        claim_headers: vec![told("remote-mail", "email"), told("x-team-of", "team"), told("x-none", "missing")],
        pomerium_compatibility: true,
        ..Assertion::default()
    };
    let forged = "Remote-Mail: ceo@example.com\r\nREMOTE_MAIL: ceo@example.com\r\nx_team_of: ceo\r\nx-none: ceo\r\n\
                  x_doorward_jwt_assertion: ceo\r\nX-Pomerium-Jwt-Assertion: ceo\r\nx-pomerium-claim-email: ceo\r\n\
                  X_Pomerium_Claim_Groups: ceo\r\nX-Doorward-Claim-Groups: ceo\r\nX.Pomerium.Claim.Sub: ceo";
    for passes in [true, false] {
        let (address, seen) = upstream_saying(OK).await;
        let mut route = route(upstream_at(address));
        route.pass_identity_headers = passes;
        let front = front(route, assertion.clone()).await;
        for cookie in ["x-a: b", COOKIE] {
            let head = format!(
                "POST / HTTP/1.1\r\n{cookie}\r\n{forged}\r\ntransfer-encoding: chunked\r\ntrailer: remote-mail"
            );
            let mut connection = front.connect().await;
            connection.send(&request(&format!("{head}\r\nconnection: close"), "", false)).await;
            connection.send("3\r\nabc\r\n0\r\nremote-mail: ceo@example.com\r\nx_team_of: ceo\r\n\r\n").await;
            assert_eq!(connection.reply().await.status, 200);
        }
        for got in seen.all() {
            assert!(!got.contains("ceo") || got.matches("ceo").count() == got.matches("%0D%0A").count(), "{got}");
        }
        let got = &seen.all()[1];
        let mail = passes.then_some(ALICE);
        assert_eq!((header(got, "remote-mail"), header(got, "x-pomerium-claim-email")), (mail, mail), "{got}");
        assert_eq!(header(got, "x-none"), None);
        assert_eq!(header(got, "x-pomerium-jwt-assertion"), header(got, "x-doorward-jwt-assertion"));
        assert_eq!(header(got, "x-doorward-jwt-assertion").is_some(), passes);
        assert_eq!(got.to_lowercase().matches("remote-mail:").count(), usize::from(passes), "{got}");
    }
}
