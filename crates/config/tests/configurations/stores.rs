//! Where sessions are kept, and that nobody reads how to get there.

use doorward_config::StoreSettings;
use proptest::prelude::*;

use crate::world::{ROUTE, World, book};

/// In no message, whatever goes wrong.
const CANARY: &str = "hunter2";

fn with(kind: &str, address: &str) -> String {
    format!("databroker_storage_type: {kind}\ndatabroker_storage_connection_string: {address}\n{ROUTE}")
}

/// The store of a configuration nothing is said of.
fn store(world: &World, text: &str) -> StoreSettings {
    let loaded = world.load(text).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.hints, [], "{text}");
    loaded.config.sessions.store
}

#[test]
fn each_kind_of_store_is_known() {
    let world = World::default();
    assert_eq!(store(&world, ROUTE), StoreSettings::File);
    assert_eq!(store(&world, &format!("databroker_storage_type: file\n{ROUTE}")), StoreSettings::File);
    let memory = world.load(&format!("databroker_storage_type: Memory\n{ROUTE}")).unwrap();
    assert_eq!((memory.config.sessions.store, memory.hints.len()), (StoreSettings::Memory, 1));
    for url in [
        "redis://localhost",
        "redis://:hunter2@127.0.0.1:6379/1",
        "redis://door:hunter2@[::1]",
        "redis://cache.internal",
        "rediss://door:hunter2@cache.internal:6380/1",
        "redis+sentinel://a.internal:1,b.internal:2/main",
        "rediss+sentinel://:hunter2@a,b/main/0?sentinel_password=hunter2",
        "redis+cluster://a:1,b:2",
        "rediss+cluster://:hunter2@a:1,b:2",
        "valkey://localhost",
        "valkeys://:hunter2@cache.internal",
        "valkeys+sentinel://a/main",
    ] {
        let StoreSettings::Redis(address) = store(&world, &with("redis", url)) else { panic!("{url}") };
        assert_eq!(address.expose(), url);
    }
    for url in [
        "postgres://door:hunter2@db.internal:5432/door?sslmode=verify-full",
        "postgresql://db.internal/door",
        "postgres:///door?host=/run/postgresql",
    ] {
        let StoreSettings::Postgres(address) = store(&world, &with("Postgres", url)) else { panic!("{url}") };
        assert_eq!(address.expose(), url);
    }
}

#[test]
fn an_address_in_place_in_a_file_and_in_a_variable_is_the_same() {
    let url = "rediss://:hunter2@cache.internal";
    let world = World::default().file("address", format!("{url}\r\n")).variable("THE_URL", url);
    for line in
        ["databroker_storage_connection_string_file: address", "databroker_storage_connection_string: ${THE_URL}"]
    {
        let store = store(&world, &format!("databroker_storage_type: redis\n{line}\n{ROUTE}"));
        let StoreSettings::Redis(address) = store else { panic!("{line}") };
        assert_eq!(address.expose(), url, "{line}");
    }
    let world = World::default()
        .variable("DATABROKER_STORAGE_TYPE", "postgres")
        .variable("DATABROKER_STORAGE_CONNECTION_STRING", "postgres://db/door");
    assert!(matches!(store(&world, &with("redis", "redis://localhost")), StoreSettings::Postgres(_)));
    let world = World::default()
        .variable("DATABROKER_STORAGE_TYPE", "postgres")
        .variable("DATABROKER_STORAGE_CONNECTION_STRING_FILE", "address")
        .file("address", "postgres://db/door");
    assert!(matches!(store(&world, ROUTE), StoreSettings::Postgres(_)));
}

#[test]
fn wrong_stores() {
    let world = World::default()
        .file("secrets/good", "redis://localhost")
        .file("secrets/empty", "\n")
        .file("secrets/binary", b"redis://\xff".as_slice());
    let only = |line: &str| format!("{line}\n{ROUTE}");
    let kind = |kind: &str, line: &str| format!("databroker_storage_type: {kind}\n{line}\n{ROUTE}");
    let name = "databroker_storage_connection_string";
    let cases = [
        ("unknown", only("databroker_storage_type: mysql")),
        ("misspelt", only("databroker_storage_type: postgre")),
        ("by another name", only("databroker_storage_type: valkey")),
        ("a list", only("databroker_storage_type: [redis]")),
        ("memory", only("databroker_storage_type: memory")),
        ("redis nowhere", only("databroker_storage_type: redis")),
        ("postgres nowhere", only("databroker_storage_type: postgres")),
        ("nowhere, for an unset variable", with("redis", "${REDIS_URL}")),
        ("nowhere, for an empty value", with("redis", "")),
        ("an address alone", only(&format!("{name}: rediss://:hunter2@cache.internal"))),
        ("an address of something alone", only(&format!("{name}: hunter2"))),
        ("a file of an address alone", only(&format!("{name}_file: secrets/good"))),
        ("pomerium's folder", with("file", "file:///var/lib/hunter2")),
        ("pomerium's folder alone", only(&format!("{name}: file:///var/lib/hunter2"))),
        ("a file with an address", with("file", "postgres://door:hunter2@db/door")),
        ("memory with an address", with("memory", "redis://:hunter2@localhost")),
        ("in place and in a file", kind("redis", &format!("{name}: redis://localhost\n{name}_file: secrets/good"))),
        ("an empty file", kind("redis", &format!("{name}_file: secrets/empty"))),
        ("a missing file", kind("redis", &format!("{name}_file: secrets/absent"))),
        ("a file of bytes", kind("redis", &format!("{name}_file: secrets/binary"))),
        ("the other's address", with("redis", "postgres://door:hunter2@db/door")),
        ("the other's address, too", with("postgres", "redis://:hunter2@localhost")),
        ("an unknown scheme", with("redis", "redis+tls://:hunter2@localhost")),
        ("a scheme in capitals", with("redis", "REDIS://:hunter2@localhost")),
        ("no scheme", with("redis", "cache.internal:6379")),
        ("words", with("postgres", "host=db user=door password=hunter2")),
        ("one word", with("postgres", "host=db")),
        ("no host", with("redis", "redis://:hunter2@")),
        ("a slash in a password", with("redis", "redis://:hun/ter2@cache.internal")),
        ("a line break", with("redis", "\"redis://localhost\\nhunter2\"")),
        ("a long one", with("redis", &format!("redis://localhost/{}", "1".repeat(5000)))),
        ("a list of addresses", with("redis", "[redis://:hunter2@a, redis://:hunter2@b]")),
        ("a password in clear", with("redis", "redis://:hunter2@cache.internal")),
        ("a password in clear to one of them", with("redis", "redis+cluster://u:hunter2@localhost:1,10.0.0.1:2")),
        (
            "a sentinel's password in clear",
            with("redis", "valkey+sentinel://a.internal/main?sentinel_password=hunter2"),
        ),
        (
            "a password in clear to what is called like this machine",
            with("redis", "redis://:hunter2@localhost.evil.example"),
        ),
        (
            "pomerium's broker",
            only(
                "databroker_service_url: https://a\ndatabroker_cluster_node_id: a\ndatabroker_raft_bind_address: b\ndatabroker_frob: x",
            ),
        ),
    ];
    let book = book(&world, &cases);
    for line in book.lines().filter(|line| line.starts_with("config.yaml:") || line.starts_with("    ")) {
        let said = line.starts_with("config.yaml:") || !ROUTE.contains(line);
        assert!(!said || !line.contains(CANARY), "{line}");
    }
    insta::assert_snapshot!(book);
}

#[test]
fn a_shown_store_opens_nothing() {
    for text in
        [with("redis", "rediss://:hunter2@hunter2"), with("postgres", "postgres://hunter2:hunter2@hunter2/hunter2")]
    {
        let loaded = World::default().load(&text).unwrap_or_else(|problems| panic!("{problems}"));
        assert!(!format!("{loaded:?}").contains(CANARY));
        assert!(!format!("{:?}", loaded.config.sessions.store).contains("://"));
    }
}

proptest! {
    /// Whatever an address looks like, and whichever store it is for.
    #[test]
    fn no_message_holds_an_address(
        kind in "file|memory|redis|postgres|hunter",
        scheme in "(rediss?|valkeys?|postgres|postgresql|file|http)?(\\+(sentinel|cluster|x))?(:|://|=)?",
        before in "[ -~]{0,10}",
        after in "[ -~]{0,10}",
    ) {
        let address = format!("{scheme}{before}{CANARY}{after}");
        let world = World::default().file("address", address.clone()).variable("ADDRESS_OF_IT", &address);
        for line in [
            "databroker_storage_connection_string_file: address",
            "databroker_storage_connection_string: ${ADDRESS_OF_IT}",
        ] {
            let report = world.report(&format!("databroker_storage_type: {kind}\n{line}\n{ROUTE}"));
            prop_assert!(!report.contains(CANARY), "{address}\n=>\n{report}");
        }
    }
}
