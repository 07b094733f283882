//! What applications are told of their visitors: keys, claims, templates.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use doorward_config::{Assertion, HeaderContent, HeaderPart, IssuerFormat, Route};

use crate::world::{ROUTE, World, book, forwarding, route_with};

/// Who issues tokens.
const PROVIDER: &str = "idp_provider: google\nidp_client_id: me\nidp_client_secret: s\n";

fn assertion(world: &World, lines: &str) -> Assertion {
    let loaded = world.load(&format!("{lines}\n{ROUTE}")).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.hints, [], "{lines}");
    loaded.config.assertion
}

fn route(text: &str) -> Route {
    World::default().load(text).unwrap_or_else(|problems| panic!("{problems}")).config.routes.remove(0)
}

#[test]
fn claims_are_named_in_each_of_pomeriums_ways() {
    let headers = |world: &World, lines: &str| -> Vec<(String, String)> {
        let headers = assertion(world, lines).claim_headers;
        headers.into_iter().map(|told| (told.header.to_string(), told.claim)).collect()
    };
    let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(header, claim)| ((*header).to_owned(), (*claim).to_owned())).collect()
    };
    let world = World::default();
    let two = pairs(&[("x-doorward-claim-email", "email"), ("x-doorward-claim-given-name", "given_name")]);
    for lines in [
        "jwt_claims_headers: [email, given_name]",
        "jwt_claims_headers: email,given_name",
        "jwt_claims_headers: email given_name",
        "jwt_claims_headers: \" email ,  given_name\"",
    ] {
        assert_eq!(headers(&world, lines), two, "{lines}");
    }
    assert_eq!(headers(&World::default().variable("JWT_CLAIMS_HEADERS", "email, given_name"), ""), two);
    let named = pairs(&[("x-email", "email"), ("x-doorward-claim-n", "a.b"), ("remote-user", "user")]);
    assert_eq!(
        headers(&world, "jwt_claims_headers: {X-Email: email, X-Doorward-Claim-N: a.b, Remote-User: user}"),
        named
    );
    let url = "jwt_claims_headers: [\"https://example.com/roles\"]";
    assert_eq!(
        headers(&world, url),
        pairs(&[("x-doorward-claim-https-example-com-roles", "https://example.com/roles")])
    );
    assert_eq!(assertion(&world, "jwt_claims_headers:"), Assertion::default());
    assert!(assertion(&world, "pomerium_compatibility: true").pomerium_compatibility);
}

#[test]
fn a_signing_key_is_taken_in_every_form_it_comes_in() {
    let world = World::with_certificates();
    let inline = |name: &str| STANDARD.encode(&world.files[Path::new(name)]);
    let file = assertion(&world, "signing_key_file: certs/p256.key").signing_key.unwrap();
    let text = assertion(&world, &format!("signing_key: {}", inline("certs/p256.key"))).signing_key.unwrap();
    assert_eq!(file, text);
    let sec1 = assertion(&world, "signing_key_file: certs/p256-sec1.key").signing_key.unwrap();
    assert!(!sec1.expose().is_empty());
    let pem = String::from_utf8(world.files[Path::new("certs/p256.key")].clone()).unwrap();
    let variable = World::default().variable("SIGNING_KEY", &pem);
    assert_eq!(assertion(&variable, "").signing_key.unwrap(), file);
}

#[test]
fn a_filter_of_a_route_adds_to_the_global_one() {
    let filter = |global: &str, own: &str| {
        let route = route(&format!("{global}\n{}", forwarding(own)));
        (route.jwt_groups_filter.map(|groups| groups.to_vec()), route.jwt_issuer_format)
    };
    let some = |groups: &[&str]| Some(groups.iter().map(|group| (*group).to_owned()).collect::<Vec<_>>());
    assert_eq!(filter("", ""), (None, IssuerFormat::HostOnly));
    assert_eq!(filter("jwt_groups_filter: [b, a]", ""), (some(&["a", "b"]), IssuerFormat::HostOnly));
    assert_eq!(
        filter("jwt_groups_filter: [b]\njwt_issuer_format: IssuerURI", "jwt_groups_filter: [c, a, b]"),
        (some(&["a", "b", "c"]), IssuerFormat::Uri)
    );
    let own = "jwt_issuer_format: issuerhostonly\njwt_groups_filter: x";
    assert_eq!(filter("jwt_issuer_format: IssuerURI", own), (some(&["x"]), IssuerFormat::HostOnly));
}

#[test]
fn every_template_is_read_under_either_spelling() {
    let parts = |value: &str| {
        let text = format!(
            "{PROVIDER}{}",
            route_with(&format!(
                "to: https://app:8443\nallow_any_authenticated_user: true\nset_request_headers:\n  X-A: '{value}'"
            ))
        );
        let loaded = World::default().load(&text).unwrap_or_else(|problems| panic!("{value}: {problems}"));
        assert_eq!(loaded.hints, [], "{value}");
        match loaded.config.routes[0].set_request_headers[0].1.clone() {
            HeaderContent::Assembled(parts) => parts,
            HeaderContent::Fixed(value) => vec![HeaderPart::Text(value.to_str().unwrap().to_owned())],
        }
    };
    let claim = |name: &str| HeaderPart::Claim(name.into());
    for (name, part) in [
        ("jwt", HeaderPart::Assertion),
        ("access_token", HeaderPart::AccessToken),
        ("id_token", HeaderPart::IdToken),
        ("email", claim("email")),
        ("user", claim("user")),
        ("name", claim("name")),
        ("groups", claim("groups")),
        ("claim.department", claim("department")),
        ("claim.realm_access.roles", claim("realm_access.roles")),
        ("claim.https://example.com/roles", claim("https://example.com/roles")),
        ("request.headers[\"X-Api-Key\"]", HeaderPart::RequestHeader("x-api-key".parse().unwrap())),
        ("client_cert_fingerprint", HeaderPart::CertificateFingerprint),
        ("client_cert_san_dns", HeaderPart::CertificateSanDns),
        ("client_cert_san_email", HeaderPart::CertificateSanEmail),
    ] {
        for speller in ["doorward", "pomerium"] {
            assert_eq!(parts(&format!("${{{speller}.{name}}}")), std::slice::from_ref(&part), "{name}");
        }
    }
    let text = |text: &str| HeaderPart::Text(text.into());
    assert_eq!(parts("Bearer ${doorward.access_token}"), [text("Bearer "), HeaderPart::AccessToken]);
    assert_eq!(parts("a$$b $${doorward.jwt}"), [text("a$b ${doorward.jwt}")]);
}

#[test]
fn what_is_wrong_with_assertions_is_told() {
    let top = |lines: &str| format!("{lines}\n{ROUTE}");
    let template = |value: &str| forwarding(&format!("set_request_headers:\n  X-A: '{value}'"));
    let many: Vec<String> = (0..65).map(|number| format!("c{number}")).collect();
    let cases = [
        ("an RSA key", top("signing_key_file: certs/rsa.key")),
        ("an older RSA key", top("signing_key_file: certs/rsa-pkcs1.key")),
        ("another curve", top("signing_key_file: certs/p384.key")),
        ("another kind", top("signing_key_file: certs/ed25519.key")),
        ("no key", top("signing_key: aHVudGVyMg==")),
        ("no base64", top("signing_key: hunter2!")),
        ("both", top("signing_key: aHVudGVyMg==\nsigning_key_file: certs/p256.key")),
        ("claims of the token", top("jwt_claims_headers: [iss, exp]")),
        ("one header for two", top("jwt_claims_headers: [given_name, given-name]")),
        ("one header by case", top("jwt_claims_headers: {X-A: a, x-a: b}")),
        ("no name", top("jwt_claims_headers: {X-A: \"\"}")),
        ("no letters", top("jwt_claims_headers: [\"%\"]")),
        (
            "headers with a meaning",
            top(
                "jwt_claims_headers:\n  Cookie: a\n  Authorization: b\n  X-Forwarded-For: c\n  X-Doorward-Jwt-Assertion: d\n  \
                 Connection: e\n  Host: f\n  x_request_id: g",
            ),
        ),
        ("many claims", top(&format!("jwt_claims_headers: [{}]", many.join(", ")))),
        ("an empty filter", top("jwt_groups_filter: []")),
        ("no format", top("jwt_issuer_format: url")),
        (
            "a policy that believes a visitor",
            format!(
                "jwt_claims_headers: {{X-Email: email}}\n{}",
                route_with(
                    "to: http://app:8080\npolicy: [{allow: {or: [{http_header/x_email: {is: you@example.com}}]}}]"
                )
            ),
        ),
        ("nearly a template", template("${doorward.acces_token}")),
        ("no template", template("${doorward.hunter2}")),
        ("a claim without a name", template("${doorward.claim.}")),
        ("no header", template("${pomerium.request.headers[X]}")),
        ("a header of ours", template("${pomerium.request.headers[\"X-Doorward-Jwt-Assertion\"]}")),
        ("cookies", template("${pomerium.request.headers[\"Cookie\"]}")),
        ("a token in the clear", format!("{PROVIDER}{}", template("Bearer ${pomerium.access_token}"))),
        ("a token of nobody", template("Bearer ${doorward.id_token}")),
        (
            "a token to this machine",
            route_with(
                "to: [\"http://127.0.0.1:8080\", \"http://localhost:81\", \"http://[::1]:82\"]\nallow_any_authenticated_user: true\n\
                        set_request_headers:\n  X-A: ${doorward.id_token}",
            ),
        ),
        (
            "without an application",
            route_with(
                "response: {status: 200}\nallow_any_authenticated_user: true\njwt_groups_filter: [a]\njwt_issuer_format: IssuerURI",
            ),
        ),
    ];
    insta::assert_snapshot!(book(&World::with_certificates(), &cases));
}
