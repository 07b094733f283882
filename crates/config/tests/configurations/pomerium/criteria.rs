//! Each criterion: when it holds, and the reason it gives when it does and when it does not.

use super::asked::{self, anna, nobody, unverified};
use super::{check, check_refused, route};
use crate::world::World;

#[test]
fn criteria_about_people() {
    check(&[
        ("§2.3 accept: always", "- allow: {or: [{accept: true}]}", nobody(), "allow accept"),
        ("§2.3 reject: never", "- allow: {or: [{reject: true}]}", anna(), "deny reject"),
        ("§2.3 authenticated_user: true", "- allow: {or: [{authenticated_user: true}]}", anna(), "allow user-ok"),
        (
            "§2.3 authenticated_user: nobody",
            "- allow: {or: [{authenticated_user: true}]}",
            nobody(),
            "sign-in user-unauthenticated",
        ),
        ("§2.3 user: the session's user id", "- allow: {or: [{user: u-anna}]}", anna(), "allow user-ok"),
        ("§2.3 user: another", "- allow: {or: [{user: u-ben}]}", anna(), "deny user-unauthorized"),
        ("§2.3 user: exactly", "- allow: {or: [{user: U-Anna}]}", anna(), "deny user-unauthorized"),
        ("§2.3 user: nobody", "- allow: {or: [{user: u-anna}]}", nobody(), "sign-in user-unauthenticated"),
        ("§2.3 email", "- allow: {or: [{email: anna@example.com}]}", anna(), "allow email-ok"),
        ("§2.3 email: another", "- allow: {or: [{email: ben@example.com}]}", anna(), "deny email-unauthorized"),
        ("§2.3 email: nobody", "- allow: {or: [{email: anna@example.com}]}", nobody(), "sign-in user-unauthenticated"),
        (
            "differs §2.3 email: Pomerium compares case exactly. No provider tells `Anna@` from `anna@`, and one that changed its mind \
             would lock people out",
            "- allow: {or: [{email: Anna@Example.COM}]}",
            anna(),
            "allow email-ok",
        ),
        (
            "differs §2.3 email: Pomerium takes any address the provider tells. Only one that the provider vouches for matches here: at \
             some, anybody may write any address into their account",
            "- allow: {or: [{email: anna@example.com}]}",
            unverified(),
            "deny email-unverified",
        ),
        ("§2.3 domain: behind the `@`", "- allow: {or: [{domain: example.com}]}", anna(), "allow domain-ok"),
        ("§2.3 domain: another", "- allow: {or: [{domain: example.org}]}", anna(), "deny domain-unauthorized"),
        ("§2.3 domain: no part of one", "- allow: {or: [{domain: ample.com}]}", anna(), "deny domain-unauthorized"),
        ("§2.3 domain: nobody", "- allow: {or: [{domain: example.com}]}", nobody(), "sign-in user-unauthenticated"),
        (
            "differs §2.3 domain: case does not matter, as for email",
            "- allow: {or: [{domain: EXAMPLE.com}]}",
            anna(),
            "allow domain-ok",
        ),
        (
            "differs §2.3 domain: only of an address that the provider vouches for",
            "- allow: {or: [{domain: example.com}]}",
            unverified(),
            "deny email-unverified",
        ),
        (
            "differs §2.3 domain: `a@x@y` is of the domain `x` in Pomerium. Whoever has such an address has none here",
            "- allow: {or: [{domain: example.com}]}",
            anna().without_address(),
            "deny domain-unauthorized",
        ),
        (
            "§2.3 email: somebody without one",
            "- allow: {or: [{email: {not: x@y}}]}",
            anna().without_address(),
            "deny email-unauthorized",
        ),
        ("§2.3 claim: a text", "- allow: {or: [{claim/department: security}]}", anna(), "allow claim-ok"),
        ("§2.3 claim: another", "- allow: {or: [{claim/department: sales}]}", anna(), "deny claim-unauthorized"),
        ("§2.3 claim: none of the name", "- allow: {or: [{claim/rank: 1}]}", anna(), "deny claim-unauthorized"),
        (
            "§2.3 claim: nobody",
            "- allow: {or: [{claim/department: security}]}",
            nobody(),
            "sign-in user-unauthenticated",
        ),
        ("§2.3 claim: one of a list", "- allow: {or: [{claim/roles: writer}]}", anna(), "allow claim-ok"),
        ("§2.3 claim: by `/`", "- allow: {or: [{claim/realm_access/roles: admin}]}", anna(), "allow claim-ok"),
        ("§2.3 claim: by `.`", "- allow: {or: [{claim/realm_access.roles: admin}]}", anna(), "allow claim-ok"),
        (
            "§2.3 claim: the exact key comes first",
            "- allow: {or: [{claim/https://x.example/roles: owner}]}",
            anna(),
            "allow claim-ok",
        ),
        ("§2.3 claim: five names deep", "- allow: {or: [{claim/a/b/c/d/e: deep}]}", anna(), "allow claim-ok"),
        ("§2.3 claim: a number", "- allow: {or: [{claim/level: 3}]}", anna(), "allow claim-ok"),
        ("§2.3 claim: true", "- allow: {or: [{claim/employed: true}]}", anna(), "allow claim-ok"),
        (
            "differs §2.3 groups: from a directory in Pomerium's paid editions. Here they are from a claim of the identity token",
            "- allow: {or: [{groups: staff}]}",
            anna(),
            "allow groups-ok",
        ),
        ("§2.3 groups: another", "- allow: {or: [{groups: admins}]}", anna(), "deny groups-unauthorized"),
        ("§2.3 groups: exactly", "- allow: {or: [{groups: Staff}]}", anna(), "deny groups-unauthorized"),
        ("§2.3 groups: nobody", "- allow: {or: [{groups: staff}]}", nobody(), "sign-in user-unauthenticated"),
    ]);
    check_refused(&[(
        "differs §2.3 claim: a path of more than five names never holds in Pomerium. That is an error here",
        "- allow: {or: [{claim/a/b/c/d/f/g: deeper}]}",
        "more than 5 names",
    )]);
}

#[test]
fn criteria_about_the_request() {
    let certificate = |matcher: &str| format!("- allow: {{or: [{{client_certificate: {{{matcher}}}}}]}}");
    let (print, hash, other) = (asked::FINGERPRINT, asked::SPKI_HASH, "0".repeat(64));
    let pairs: Vec<_> =
        print.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap().to_uppercase()).collect();
    let fingerprint = certificate(&format!("fingerprint: {print}"));
    let colons = certificate(&format!("fingerprint: \"{}\"", pairs.join(":")));
    let among = certificate(&format!("fingerprint: [\"{other}\", {print}]"));
    let another = certificate(&format!("fingerprint: \"{other}\""));
    let both = certificate(&format!("spki_hash: {hash}, fingerprint: \"{other}\""));
    let hash = certificate(&format!("spki_hash: {hash}"));
    let invalid = "- allow: {or: [{invalid_client_certificate: true}]}";
    let cors = "- allow: {or: [{cors_preflight: true}]}";
    check(&[
        (
            "§2.3 client_certificate, §2.4 fingerprint: 64 lower hexadecimal digits",
            &fingerprint,
            nobody().showing(),
            "allow client-certificate-ok",
        ),
        (
            "§2.4 fingerprint: 32 pairs in upper case with colons",
            &colons,
            nobody().showing(),
            "allow client-certificate-ok",
        ),
        ("§2.4 fingerprint: an array, one of them", &among, nobody().showing(), "allow client-certificate-ok"),
        ("§2.4 fingerprint: another", &another, nobody().showing(), "deny client-certificate-unauthorized"),
        ("§2.4 spki_hash", &hash, nobody().showing(), "allow client-certificate-ok"),
        (
            "§2.4 fingerprint and spki_hash: both have to hold",
            &both,
            nobody().showing(),
            "deny client-certificate-unauthorized",
        ),
        (
            "§2.3 client_certificate: does not ask whether it is believed",
            &fingerprint,
            nobody().showing_refused(),
            "allow client-certificate-ok",
        ),
        ("§2.3 client_certificate: none", &fingerprint, nobody(), "deny client-certificate-unauthorized"),
        ("§2.3 invalid_client_certificate: absent", invalid, nobody(), "allow client-certificate-required"),
        (
            "§2.3 invalid_client_certificate: invalid",
            invalid,
            nobody().showing_refused(),
            "allow invalid-client-certificate",
        ),
        ("§2.3 invalid_client_certificate: valid", invalid, nobody().showing(), "deny client-certificate-ok"),
        (
            "§2.3 cors_preflight: OPTIONS, Origin and Access-Control-Request-Method",
            cors,
            nobody().pre_flight(),
            "allow cors-request",
        ),
        ("§2.3 cors_preflight: another method", cors, nobody().pre_flight().method("GET"), "deny non-cors-request"),
        ("§2.3 cors_preflight: no Origin", cors, nobody().pre_flight().without("origin"), "deny non-cors-request"),
        (
            "§2.3 cors_preflight: no Access-Control-Request-Method",
            cors,
            nobody().pre_flight().without("access-control-request-method"),
            "deny non-cors-request",
        ),
    ]);
    check_refused(&[
        ("§2.3 device: there are no registered devices yet", "- allow: {or: [{device: {approved: true}}]}", "`device`"),
        ("§2.3 mcp_tool: this is HTTP", "- allow: {or: [{mcp_tool: {is: search}}]}", "`mcp_tool`"),
        ("§2.3 ssh_publickey: this is HTTP", "- allow: {or: [{ssh_publickey: x}]}", "`ssh_publickey`"),
        ("§2.3 ssh_ca: this is HTTP", "- allow: {or: [{ssh_ca: x}]}", "`ssh_ca`"),
        ("§2.3 ssh_username: this is HTTP", "- allow: {or: [{ssh_username: x}]}", "`ssh_username`"),
        (
            "§2.3 ssh_username_matches_email: this is HTTP",
            "- allow: {or: [{ssh_username_matches_email: true}]}",
            "`ssh_username_matches_email`",
        ),
        (
            "§2.3 ssh_username_matches_claim: this is HTTP",
            "- allow: {or: [{ssh_username_matches_claim: x}]}",
            "`ssh_username_matches_claim`",
        ),
        ("§2.3 record: there are no external data", "- allow: {or: [{record: {type: x}}]}", "`record`"),
    ]);
}

#[test]
fn the_rule_of_client_certificates() {
    let world = World::with_certificates();
    let with = |enforcement: &str| {
        format!(
            "downstream_mtls:\n  ca_file: certs/root.pem\n{enforcement}{}",
            route("- allow: {or: [{groups: staff}]}")
        )
    };
    for (says, enforcement, ask, expected) in [
        (
            "§2.2 policy_with_default_deny, which is the default: a deny rule is added",
            "",
            anna(),
            "deny client-certificate-required",
        ),
        ("§2.2 the same of one that is not believed", "", anna().showing_refused(), "deny invalid-client-certificate"),
        ("§2.2 a believed one, and the route's own rules speak", "", anna().showing(), "allow groups-ok"),
        ("§2.2 said aloud", "  enforcement: policy_with_default_deny\n", nobody(), "deny client-certificate-required"),
        ("§2.2 `policy`: no rule is added", "  enforcement: policy\n", anna(), "allow groups-ok"),
    ] {
        assert_eq!(ask.decide_in(&world, &with(enforcement)), expected, "{says}");
    }
    // §2.2 differs: Pomerium answers with status 495, which is nginx's own and which no client knows; Doorward with 403
    // and the reason in it. The status is the proxy's; here a decision has none.
}
