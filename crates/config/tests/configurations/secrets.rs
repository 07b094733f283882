//! Secrets: how they are given, and that no message tells them.

use doorward_config::Provider;
use proptest::prelude::*;

use crate::world::{ROUTE, World, book};

const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

const OTHER: &str = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";
const THIRD: &str = "dGhlIHRoaXJkIGtleSBvZiAzMiBieXRlcyBpcyBpdC4=";
const ZEROS: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// In no message, whatever goes wrong.
const CANARY: &str = "hunter2";

#[test]
fn wrong_secrets() {
    let world = World::default()
        .file("secrets/empty", "")
        .file("secrets/newline", "\n")
        .file("secrets/short", "aGVsbG8=\n")
        .file("secrets/good", format!("{KEY}\r\n"))
        .file("secrets/second_bad", format!("{KEY}\nhunter2!!\n"))
        .file("secrets/binary", b"\xff\xfe\0h\0u\0n".as_slice())
        .file("secrets/nine", format!("{KEY}\n").repeat(9))
        .variable("EMPTY", "");
    let top = |lines: &str| format!("{lines}\n{ROUTE}");
    let cases = [
        ("too short", top("shared_secret: aHVudGVyMg==\ncookie_secret_file: secrets/short")),
        ("too long", top(&format!("shared_secret: {}", KEY.repeat(2).replace('=', "A")))),
        ("no base64", top("shared_secret: hunter2!!\ncookie_secret: \" MDEy\"")),
        ("both", top(&format!("shared_secret: {KEY}\nshared_secret_file: secrets/good"))),
        ("missing file", top("shared_secret_file: secrets/absent\ncookie_secret_file: forbidden/secret")),
        ("empty file", top("shared_secret_file: secrets/empty\ncookie_secret_file: secrets/newline")),
        ("unset variable", top("shared_secret: ${SHARED_SECRET}\ncookie_secret: hunter${two}")),
        ("a list of none", top("shared_secret: [hunter2]\ncookie_secret: {hunter2: hunter2}")),
        (
            "one of several",
            top(&format!("shared_secret: [{KEY}, hunter2!!, aHVudGVyMg==]\ncookie_secret: {KEY} hunter2!! , aGVsbG8=")),
        ),
        ("one of several in a file", top("cookie_secret_file: secrets/second_bad\nshared_secret_file: secrets/binary")),
        (
            "items that are none",
            top(&format!("cookie_secret: [{KEY}, [hunter2], {{hunter2: hunter2}}, ~, \"\", \" \", hunter2!!]")),
        ),
        ("an empty list", top("cookie_secret: []\nshared_secret: \" , \"")),
        ("an item of an unset variable", top(&format!("cookie_secret: [{KEY}, \"${{OLD}}\", \"hunter${{two}}\"]"))),
        ("an item of an empty variable", top(&format!("cookie_secret: [{KEY}, \"${{EMPTY}}\"]"))),
        ("too many", top(&format!("cookie_secret: [{}]\nshared_secret_file: secrets/nine", [KEY; 9].join(", ")))),
        ("a list and a file", top(&format!("cookie_secret: [{KEY}]\ncookie_secret_file: secrets/good"))),
        ("twice", top(&format!("cookie_secret: [{OTHER}, {KEY}, {KEY}]"))),
        ("one of several of zeros", top(&format!("cookie_secret: [{KEY}, {ZEROS}]"))),
        ("of zeros", top("shared_secret: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")),
    ];
    let book = book(&world, &cases);
    insta::assert_snapshot!(book);
}

#[test]
fn a_secret_in_place_in_a_file_and_in_a_variable_is_the_same() {
    let world =
        World::default().file("key", format!("{KEY}\n")).variable("THE_KEY", KEY).variable("COOKIE_SECRET", KEY);
    for line in [format!("shared_secret: {KEY}"), "shared_secret_file: key".into(), "shared_secret: ${THE_KEY}".into()]
    {
        let sessions = world.load(&format!("{line}\n{ROUTE}")).unwrap().config.sessions;
        let secrets: Vec<_> = sessions.secrets.iter().map(doorward_config::Secret::expose).collect();
        assert_eq!(secrets, [b"0123456789abcdef0123456789abcdef"], "the same key from two sources is one");
    }
    let client = "idp_provider: google\nidp_client_id: me\nidp_client_secret_file: client\n";
    let config = World::default().file("client", "a $b$$ ${c}\n").load(&format!("{client}{ROUTE}")).unwrap().config;
    let Provider::Oidc(provider) = config.sign_in.provider else { panic!("no provider") };
    assert_eq!(provider.client_secret.unwrap().expose_str(), Some("a $b$$ ${c}"), "a file is taken as it is");
}

/// The letters that the configured keys begin with, in their order.
fn keys(world: &World, lines: &str) -> String {
    let loaded = world.load(&format!("{lines}\n{ROUTE}")).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.hints, []);
    let secrets = loaded.config.sessions.secrets;
    assert!(secrets.iter().all(|secret| secret.expose_array::<32>().is_some()));
    secrets.iter().map(|secret| char::from(secret.expose()[0])).collect()
}

#[test]
fn several_keys_are_taken_newest_first_however_they_are_written() {
    let world = World::default()
        .file("lines", format!("{OTHER}\n{KEY}\n"))
        .file("windows", format!("\r\n{OTHER}\r\n\r\n{KEY}\r\n"))
        .variable("NEW", OTHER)
        .variable("BOTH", &format!("{OTHER} {KEY}"));
    for lines in [
        format!("cookie_secret: [{OTHER}, {KEY}]"),
        format!("cookie_secret:\n- {OTHER}\n- {KEY}"),
        format!("cookie_secret: {OTHER},{KEY}"),
        format!("cookie_secret: {OTHER}, {KEY},"),
        format!("cookie_secret: |\n  {OTHER}\n  {KEY}"),
        format!("cookie_secret: [\"${{NEW}}\", {KEY}]"),
        format!("cookie_secret: ${{NEW}} {KEY}"),
        "cookie_secret: ${BOTH}".to_owned(),
        "cookie_secret: [\"${BOTH}\"]".to_owned(),
        "cookie_secret_file: lines".to_owned(),
        "shared_secret_file: windows".to_owned(),
    ] {
        assert_eq!(keys(&world, &lines), "f0", "{lines}");
    }
    let world = World::default().variable("COOKIE_SECRET", &format!("{OTHER},{KEY}"));
    assert_eq!(keys(&world, &format!("cookie_secret: {THIRD}")), "f0", "a variable comes before the file");
    let world = World::default().variable("COOKIE_SECRET_FILE", "lines").file("lines", format!("{OTHER}\n{KEY}"));
    assert_eq!(keys(&world, ""), "f0");
}

#[test]
fn the_keys_of_cookie_secret_come_before_those_of_shared_secret_and_none_twice() {
    let world = World::default();
    assert_eq!(keys(&world, ""), "");
    assert_eq!(keys(&world, "cookie_secret:\nshared_secret: \"\""), "", "nothing behind a key is no key");
    assert_eq!(keys(&world, &format!("shared_secret: [{THIRD}, {KEY}]\ncookie_secret: [{KEY}, {OTHER}]")), "0ft");
    let eight: Vec<_> = (b'a'..=b'h').map(|letter| encode(&[letter, b'x'].repeat(16))).collect();
    assert_eq!(keys(&world, &format!("cookie_secret: [{}]", eight.join(", "))), "abcdefgh", "eight are not too many");
}

fn encode(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn nothing_shows_a_secret() {
    let world = World::default().file("key", format!("{KEY}\n")).file("client", CANARY);
    let text = format!(
        "shared_secret_file: key\nidp_provider: google\nidp_client_id: me\nidp_client_secret_file: client\n\
         {ROUTE}    set_request_headers: {{Authorization: Bearer {CANARY}}}\n"
    );
    let loaded = world.load(&text).unwrap_or_else(|problems| panic!("{problems}"));
    let shown = format!("{loaded:?}");
    assert!(!shown.contains(CANARY) && !shown.contains("0123456789abcdef"), "{shown}");
    assert!(!format!("{:?}", doorward_config::Source::new("x", &text)).contains(CANARY));
}

/// The keys whose values are secrets, or may hold some.
const SECRET_KEYS: [&str; 5] = [
    "shared_secret",
    "cookie_secret",
    "idp_client_secret",
    "certificate_authority",
    "databroker_storage_connection_string",
];

#[test]
fn no_way_of_writing_a_secret_wrongly_gets_it_into_a_message() {
    let values = [
        CANARY.to_owned(),
        format!("\"{CANARY}"),
        format!("'{CANARY}' {CANARY}"),
        format!("[{CANARY}, {CANARY}]"),
        format!("{{{CANARY}: {CANARY}}}"),
        format!("!{CANARY} x"),
        format!("!x {CANARY}"),
        format!("*{CANARY}"),
        format!("&a {CANARY}: {CANARY}"),
        format!("${{{CANARY}}}x"),
        format!("x${{{CANARY}"),
        format!("@{CANARY}"),
        format!("%{CANARY}"),
        format!("\"\\x{CANARY}\""),
        format!("|\n {CANARY}\n{CANARY}"),
        format!("\t{CANARY}"),
        format!("{CANARY}\n  {CANARY}: {CANARY}"),
        format!("x\n{CANARY}"),
        format!("x\n- {CANARY}"),
    ];
    let world = World::default();
    for key in SECRET_KEYS {
        for value in &values {
            for text in [
                format!("idp_provider: google\nidp_client_id: x\n{key}: {value}\n{ROUTE}"),
                format!("idp_provider: google\nidp_client_id: x\n{key}:{value}\n{ROUTE}"),
                format!("databroker_storage_type: redis\n{key}: {value}\n{ROUTE}"),
                format!("databroker_storage_type: postgres\n{key}: {value}\n{ROUTE}"),
                format!("{ROUTE}    {key}: {value}\n"),
                format!("{ROUTE}    set_request_headers:\n      Authorization: {value}\n"),
                format!("idp_request_params:\n  secret: {value}\n{ROUTE}"),
            ] {
                let report = world.report(&text);
                // Where the secret itself is written as a name, its first letters may be shown as one.
                let as_name = value.contains(&format!("{CANARY}:")) || value.contains(&format!("{{{CANARY}}}"));
                assert!(as_name || !report.contains(CANARY), "{text}\n=>\n{report}");
            }
        }
    }
    for value in ["https://me:hunter2@app.example", "http://hunter2@app.example/x?hunter2", "hunter2://x"] {
        for text in [
            format!("routes:\n  - from: {value}\n    to: http://b\n"),
            format!("routes:\n  - from: https://a.example\n    to: {value}\n"),
            format!("idp_provider: oidc\nidp_client_id: x\nidp_provider_url: {value}\n{ROUTE}"),
            format!("authenticate_service_url: {value}\n{ROUTE}"),
            format!("signout_redirect_url: {value}\n{ROUTE}"),
            format!("databroker_storage_connection_string: {value}\n{ROUTE}"),
            format!("databroker_storage_type: {value}\n{ROUTE}"),
        ] {
            let report = world.report(&text);
            assert!(!report.contains(CANARY), "{text}\n=>\n{report}");
        }
    }
}

proptest! {
    /// Whatever surrounds it, but for what makes a key of it (`hunter2: …`, `? hunter2`) or the name of a variable.
    #[test]
    fn no_message_holds_a_secret(
        before in "[ -#%->@-~\\n\\t]{0,12}",
        after in "[ -9;-~\\n\\t]{0,12}",
        which in 0..SECRET_KEYS.len(),
    ) {
        let key = SECRET_KEYS[which];
        let text = format!("idp_provider: google\nidp_client_id: x\n{key}: {before}{CANARY}{after}\n{ROUTE}");
        let report = World::default().report(&text);
        prop_assert!(!report.contains(CANARY), "{}\n=>\n{}", text, report);
    }
}

#[test]
fn what_a_client_has_to_send_is_shown_only_where_it_stands_in_the_file() {
    for (value, is_shown) in [
        ("{is: hunter2}", true),
        ("hunter2", true),
        ("${API_KEY}", false),
        ("{in: [other, \"${API_KEY}\"]}", false),
        ("{starts_with: \"x${API_KEY}\"}", false),
        ("$${API_KEY}", false),
    ] {
        for name in ["http_header/X-Api-Key", "http_query/key"] {
            let lines = format!("to: http://app:8080\npolicy:\n- allow:\n    or:\n    - {name}: {value}\n");
            let text = crate::world::route_with(&lines);
            let loaded = World::default().variable("API_KEY", CANARY).load(&text);
            let config = loaded.unwrap_or_else(|problems| panic!("{problems}")).config;
            let asked = config.routes[0].policy.rules()[0].criteria[0].to_string();
            assert_eq!(asked.contains("not shown"), !is_shown, "{name} {value}: {asked}");
            assert_eq!(asked.contains(CANARY), is_shown, "{name} {value}: {asked}");
        }
    }
}
