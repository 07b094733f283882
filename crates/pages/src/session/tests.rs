use http::StatusCode;

use super::*;
use crate::tests::{entry, html_of};
use crate::{Format, Page, UserInfo, respond};

#[test]
fn a_persons_sessions_are_told_apart_and_each_can_be_ended() {
    let sessions = [entry("Firefox on Windows", true), entry("curl", false)];
    let list = SessionList { sessions: &sessions, hidden: 0, action: "/end", csrf: "proof" };
    let info = UserInfo {
        who: "w",
        name: None,
        subject: "s",
        provider: "p",
        groups: &[],
        signed_in_at: "t",
        expires_at: "t",
        sessions: Some(list),
        routes: "/r",
        sign_out: "/o",
    };
    let html = html_of(&Page::UserInfo(info));
    assert!(html.contains("Firefox on Windows</strong> <em>This one</em>") && html.contains("This browser"), "{html}");
    assert_eq!(html.matches("<form method=\"post\" action=\"/end\">").count(), 3);
    assert_eq!(html.matches("name=\"csrf\" value=\"proof\"").count(), 3);
    assert!(html.contains("name=\"others\"") && !html.contains("more, begun"));

    let alone = SessionList { sessions: &sessions[..1], ..list };
    let html = html_of(&Page::UserInfo(UserInfo { sessions: Some(alone), ..info }));
    assert!(!html.contains("name=\"others\""), "there are no others");
    let html = html_of(&Page::UserInfo(UserInfo { sessions: None, ..info }));
    assert!(html.contains("cannot be had just now") && html.contains("Signed in as"), "{html}");
}

#[test]
fn somebody_who_is_blocked_learns_whom_to_ask_and_no_more() {
    let page = Page::Blocked(Blocked { support_contact: Some("it@example.com") });
    let html = html_of(&page);
    assert!(html.contains("You may not sign in here") && html.contains("href=\"mailto:it@example.com\""), "{html}");
    assert_eq!(page.status(), StatusCode::FORBIDDEN);
    let json: serde_json::Value = serde_json::from_slice(respond(&page, Format::Json, "r").body()).unwrap();
    assert_eq!((json["error"].as_str(), json["support_contact"].as_str()), (Some("forbidden"), Some("it@example.com")));
    assert!(!html_of(&Page::Blocked(Blocked { support_contact: None })).contains("<a href"));
}
