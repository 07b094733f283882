//! The older keys, and the order in which it is decided.

use super::asked::{self, anna, nobody, unverified};
use super::check;

#[test]
fn older_keys() {
    check(&[
        (
            "§2.2 legacy keys are one list with `policy`: those of the key",
            "allowed_users: [anna@example.com]\npolicy:\n  - allow: {or: [{groups: admins}]}",
            anna(),
            "allow email-ok",
        ),
        (
            "§2.2 legacy keys are one list with `policy`: those of the policy",
            "allowed_users: [ben@example.com]\npolicy:\n  - allow: {or: [{groups: staff}]}",
            anna(),
            "allow groups-ok",
        ),
        (
            "§2.2 legacy keys allow, and `policy` may still deny",
            "allowed_domains: [example.com]\npolicy:\n  - deny: {or: [{email: anna@example.com}]}",
            anna(),
            "deny email-ok",
        ),
        (
            "§2.2 the legacy rule is OR-ed within itself",
            "allowed_users: [ben@example.com]\nallowed_domains: [example.com]",
            anna(),
            "allow domain-ok",
        ),
        ("§2.2 allowed_domains", "allowed_domains: [example.org]", anna(), "deny domain-unauthorized"),
        ("§2.2 allow_any_authenticated_user", "allow_any_authenticated_user: true", anna(), "allow user-ok"),
        (
            "§2.2 allow_any_authenticated_user asks strangers to sign in",
            "allow_any_authenticated_user: true",
            nobody(),
            "sign-in user-unauthenticated",
        ),
        (
            "§2.2 allow_public_unauthenticated_access",
            "allow_public_unauthenticated_access: true",
            nobody(),
            "allow accept",
        ),
        (
            "§2.2 cors_allow_preflight",
            "cors_allow_preflight: true\nallowed_users: [anna@example.com]",
            nobody().pre_flight(),
            "allow cors-request",
        ),
        (
            "§2.2 cors_allow_preflight lets nothing else by",
            "cors_allow_preflight: true\nallowed_users: [anna@example.com]",
            nobody(),
            "sign-in user-unauthenticated",
        ),
        ("§2.2 allowed_users: a user id", "allowed_users: [u-anna]", anna(), "allow user-ok"),
        (
            "differs §2.2 allowed_users: Pomerium looks for each entry among addresses and ids alike. An entry with an `@` is an \
             address here and no id: who chooses their own id at a provider could choose somebody's address",
            "allowed_users: [ben@example.com]",
            anna().with_id("ben@example.com"),
            "deny email-unauthorized",
        ),
    ]);
}

#[test]
fn order_of_decision_with_certificates() {
    let mutual = "- deny: {or: [{invalid_client_certificate: true}]}\n- allow: {or: [{groups: staff}]}";
    check(&[
        (
            "§2.2 order 1: a deny rule about a missing client certificate: denied at once, nobody is sent to sign in",
            mutual,
            nobody(),
            "deny client-certificate-required",
        ),
        (
            "§2.2 order 1: the same of one that is not believed",
            mutual,
            nobody().showing_refused(),
            "deny invalid-client-certificate",
        ),
        ("§2.2 order 1: signed in or not", mutual, anna(), "deny client-certificate-required"),
        (
            "§2.2 order 1: a believed one leads on to order 2",
            mutual,
            nobody().showing(),
            "sign-in user-unauthenticated",
        ),
        ("§2.2 order 1: and from there to order 5", mutual, anna().showing(), "allow groups-ok"),
        (
            "§2.2 order 1: only deny rules; an allow rule without its certificate is order 2",
            &format!(
                "- allow: {{and: [{{client_certificate: {{spki_hash: {}}}}}, {{groups: staff}}]}}",
                asked::SPKI_HASH
            ),
            nobody(),
            "sign-in user-unauthenticated",
        ),
        (
            "§2.2 order 1: the reasons count, whether or not the rule held: under `not` a missing certificate denies, too",
            "- deny: {not: [{invalid_client_certificate: true}]}\n- allow: {or: [{accept: 1}]}",
            nobody(),
            "deny client-certificate-required",
        ),
    ]);
}

#[test]
fn order_of_decision() {
    let staff = "- allow: {or: [{groups: staff}]}\n";
    check(&[
        ("§2.2 order 2: an allow rule needs to know who asks", staff, nobody(), "sign-in user-unauthenticated"),
        (
            "§2.2 order 2: also when something else was missing as well",
            "- allow: {and: [{reject: 1}, {groups: staff}]}",
            nobody(),
            "sign-in user-unauthenticated",
        ),
        (
            "§2.2 order 2: also where the criterion is turned round, and would hold",
            "- allow: {not: [{email: ben@example.com}]}",
            nobody(),
            "sign-in user-unauthenticated",
        ),
        (
            "§2.2 order 2 comes before 5: a deny rule about people makes strangers of a public route sign in",
            "- allow: {or: [{accept: 1}]}\n- deny: {or: [{email: ben@example.com}]}",
            nobody(),
            "sign-in user-unauthenticated",
        ),
        (
            "§2.2 order 2: the same of `allow_public_unauthenticated_access`",
            "allow_public_unauthenticated_access: true\npolicy:\n  - deny: {or: [{email: ben@example.com}]}",
            nobody(),
            "sign-in user-unauthenticated",
        ),
        (
            "§2.2 order 2: and once signed in, everybody else passes",
            "- allow: {or: [{accept: 1}]}\n- deny: {or: [{email: ben@example.com}]}",
            anna(),
            "allow accept",
        ),
        (
            "§2.2 order 2 comes before 4: a deny rule that holds does not spare the signing in",
            "- allow: {or: [{groups: staff}]}\n- deny: {or: [{accept: 1}]}",
            nobody(),
            "sign-in user-unauthenticated",
        ),
        (
            "§2.2 order 2: an allow rule that holds keeps its true reasons alone, so nobody is asked",
            "- allow: {or: [{cors_preflight: 1}, {email: anna@example.com}]}",
            nobody().pre_flight(),
            "allow cors-request",
        ),
        (
            "§2.2 order 2: where it does not hold, they are",
            "- allow: {or: [{cors_preflight: 1}, {email: anna@example.com}]}",
            nobody(),
            "sign-in user-unauthenticated",
        ),
        (
            "§2.2 order 4: deny wins over allow",
            "- allow: {or: [{groups: staff}]}\n- deny: {or: [{email: anna@example.com}]}",
            anna(),
            "deny email-ok",
        ),
        (
            "§2.2 order 4: wherever it stands",
            "- deny: {or: [{email: anna@example.com}]}\n- allow: {or: [{groups: staff}]}",
            anna(),
            "deny email-ok",
        ),
        ("§2.2 order 5: an allow rule holds", staff, anna(), "allow groups-ok"),
        (
            "§2.2 order 6: none holds, with the reasons of the allow rules",
            staff,
            unverified(),
            "deny groups-unauthorized",
        ),
        (
            "§2.2 order 6: a deny rule that did not hold gives no reason",
            "- allow: {or: [{groups: admins}]}\n- deny: {or: [{domain: example.org}]}",
            anna(),
            "deny groups-unauthorized",
        ),
        (
            "§2.2 order 6: nothing about people: nobody is sent to sign in",
            "- allow: {or: [{reject: 1}]}",
            nobody(),
            "deny reject",
        ),
    ]);
}
