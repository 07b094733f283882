//! Attacks on the path, and what has to hold for every path.

use super::*;
use proptest::prelude::*;

fn readings(raw: &str) -> (String, Option<String>) {
    let path = NormalPath::parse(raw).unwrap();
    assert_eq!(path.raw(), raw);
    (path.decoded().to_owned(), path.loose().map(str::to_owned))
}

#[test]
fn plain_paths_have_one_reading_and_allocate_nothing_for_it() {
    for raw in ["/", "/a", "/a/", "/a/b.c", "/.well-known/x", "/...", "/a..b/..c/d..", "/~u/!$&'()*+,=:@", "/%"] {
        if raw == "/%" {
            assert_eq!(NormalPath::parse(raw), Err(InvalidPath::Percent));
            continue;
        }
        let path = NormalPath::parse(raw).unwrap();
        assert_eq!((path.decoded(), path.loose()), (raw, None), "{raw}");
        assert!(path.decoded.is_none());
    }
}

#[test]
fn triplets_are_decoded_once() {
    assert_eq!(readings("/%61dmin"), ("/admin".into(), None));
    assert_eq!(readings("/a%20b"), ("/a b".into(), None));
    assert_eq!(readings("/caf%C3%A9"), ("/caf\u{e9}".into(), None));
    assert_eq!(readings("/%252e%252e/x"), ("/%2e%2e/x".into(), None));
    assert_eq!(readings("/a%3Fb%23c"), ("/a?b#c".into(), None));
}

#[test]
fn the_loose_reading_appears_when_it_differs() {
    for (raw, loose) in [
        ("/a;v=1/b", "/a/b"),
        ("/a%3bv=1/b", "/a/b"),
        ("//a", "/a"),
        ("/a//b///c", "/a/b/c"),
        ("/a//", "/a/"),
        ("//", "/"),
        ("/;x/a", "/a"),
        ("/a/;x", "/a/"),
        ("/a;/", "/a/"),
        ("/%61;p//b", "/a/b"),
    ] {
        assert_eq!(readings(raw).1.as_deref(), Some(loose), "{raw}");
    }
}

#[test]
fn attacks_are_refused() {
    for (raw, why) in [
        ("", InvalidPath::Start),
        ("a", InvalidPath::Start),
        ("*", InvalidPath::Start),
        ("http://h/", InvalidPath::Start),
        ("\\/a", InvalidPath::Start),
        ("/a/../b", InvalidPath::DotSegment),
        ("/..", InvalidPath::DotSegment),
        ("/.", InvalidPath::DotSegment),
        ("/./a", InvalidPath::DotSegment),
        ("/a/.", InvalidPath::DotSegment),
        ("/%2e%2e/a", InvalidPath::DotSegment),
        ("/%2E./a", InvalidPath::DotSegment),
        ("/.%2e", InvalidPath::DotSegment),
        ("/a/%2e/b", InvalidPath::DotSegment),
        ("/..;/a", InvalidPath::DotSegment),
        ("/..;x=y/a", InvalidPath::DotSegment),
        ("/..%3b/a", InvalidPath::DotSegment),
        ("/.;a/b", InvalidPath::DotSegment),
        ("/a%2fb", InvalidPath::EncodedSlash),
        ("/a%2Fb", InvalidPath::EncodedSlash),
        ("/a%5cb", InvalidPath::EncodedSlash),
        ("/..%2f..%2fetc/passwd", InvalidPath::EncodedSlash),
        ("/a\\b", InvalidPath::Backslash),
        ("/..\\..\\x", InvalidPath::Backslash),
        ("/a%00", InvalidPath::EncodedControl),
        ("/a%00.html", InvalidPath::EncodedControl),
        ("/a%0d%0aSet-Cookie:x", InvalidPath::EncodedControl),
        ("/a%09b", InvalidPath::EncodedControl),
        ("/a%7f", InvalidPath::EncodedControl),
        ("/a%c2%85b", InvalidPath::EncodedControl),
        ("/a%", InvalidPath::Percent),
        ("/a%2", InvalidPath::Percent),
        ("/a%zz", InvalidPath::Percent),
        ("/a%2g", InvalidPath::Percent),
        ("/a%%2f", InvalidPath::Percent),
        ("/a%u002e", InvalidPath::Percent),
        ("/a% 2e", InvalidPath::Characters),
        ("/%c0%ae%c0%ae/", InvalidPath::NotUtf8),
        ("/%c0%afetc", InvalidPath::NotUtf8),
        ("/%ff", InvalidPath::NotUtf8),
        ("/%ed%a0%80", InvalidPath::NotUtf8),
        ("/caf\u{e9}", InvalidPath::Characters),
        ("/a b", InvalidPath::Characters),
        ("/a\tb", InvalidPath::Characters),
        ("/a\r\nb", InvalidPath::Characters),
        ("/a\0", InvalidPath::Characters),
        ("/a?b", InvalidPath::NotOnlyPath),
        ("/a#b", InvalidPath::NotOnlyPath),
    ] {
        assert_eq!(NormalPath::parse(raw), Err(why), "{raw:?}");
    }
}

#[test]
fn an_escaped_slash_is_read_both_ways_and_climbs_in_neither() {
    for (raw, expected) in [
        ("/a%2Fb", &["/a%2Fb", "/a/b"][..]),
        ("/a%2fb", &["/a%2Fb", "/a/b"]),
        ("/a%2F%61", &["/a%2Fa", "/a/a"]),
        ("/a%2F/b", &["/a%2F/b", "/a//b", "/a/b"]),
        ("/a;x%2Fb", &["/a;x%2Fb", "/a", "/a;x/b", "/a/b"]),
        ("/%2Fevil.example", &["/%2Fevil.example", "//evil.example", "/evil.example"]),
        ("/a%252Fb", &["/a%2Fb"]),
    ] {
        let path = NormalPath::parse_with_escaped_slashes(raw).unwrap();
        assert_eq!(path.readings().collect::<Vec<_>>(), expected, "{raw}");
        assert_eq!(path.escapes_slashes(), raw.to_lowercase().contains("%2f"), "{raw}");
        assert_eq!(NormalPath::parse(raw).is_err(), path.escapes_slashes(), "{raw}");
        let plain = path.with_plain_slashes().map(|plain| NormalPath::parse(&plain).unwrap());
        assert_eq!(plain.is_some(), path.escapes_slashes());
        assert!(plain.is_none_or(|plain| plain.readings().all(|reading| expected.contains(&reading))), "{raw}");
    }
    for (raw, why) in [
        ("/public%2F..%2Fadmin", InvalidPath::DotSegment),
        ("/public/..%2Fadmin", InvalidPath::DotSegment),
        ("/public%2f%2e%2e/admin", InvalidPath::DotSegment),
        ("/a%2F.", InvalidPath::DotSegment),
        ("/..;%2Fa", InvalidPath::DotSegment),
        ("/a%2F..;b/c", InvalidPath::DotSegment),
        ("/a%2Fb%5Cc", InvalidPath::EncodedSlash),
        ("/a%5cb", InvalidPath::EncodedSlash),
        ("/a%2F%00", InvalidPath::EncodedControl),
        ("/a%2F%ff", InvalidPath::NotUtf8),
        ("/a%2F%", InvalidPath::Percent),
        ("/a%c3%2F%bc", InvalidPath::NotUtf8),
        ("%2Fa", InvalidPath::Start),
    ] {
        assert_eq!(NormalPath::parse_with_escaped_slashes(raw), Err(why), "{raw}");
    }
}

#[test]
fn the_limit_is_16_kib() {
    let path = |len: usize| format!("/{}", "a".repeat(len - 1));
    assert!(NormalPath::parse(&path(16 * 1024)).is_ok());
    assert_eq!(NormalPath::parse(&path(16 * 1024 + 1)), Err(InvalidPath::TooLong));
}

#[test]
fn a_target_without_a_path_is_refused() {
    for target in ["?x=1", "*"] {
        assert_eq!(NormalPath::of(&PathAndQuery::try_from(target).unwrap()), Err(InvalidPath::Start));
    }
    assert_eq!(NormalPath::of(&PathAndQuery::from_static("/a?../%2f")).unwrap().raw(), "/a");
}

#[test]
fn prefixes_end_at_segment_borders() {
    for (path, prefix, expected) in [
        ("/admin", "/admin", true),
        ("/admin/", "/admin", true),
        ("/admin/x", "/admin", true),
        ("/administrator", "/admin", false),
        ("/admi", "/admin", false),
        ("/admin", "/admin/", false),
        ("/admin/", "/admin/", true),
        ("/admin/x", "/admin/", true),
        ("/", "/", true),
        ("/x", "/", true),
        ("/Admin", "/admin", false),
        ("/a", "", false),
    ] {
        assert_eq!(starts_with_segments(path, prefix), expected || prefix.is_empty(), "{path} under {prefix}");
    }
}

/// Paths made of the pieces that attacks are made of.
fn hostile_path() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("/".to_owned()),
        Just(".".to_owned()),
        Just("..".to_owned()),
        Just(";".to_owned()),
        Just("%2e".to_owned()),
        Just("%2f".to_owned()),
        Just("%3B".to_owned()),
        Just("%25".to_owned()),
        Just("%c3%a9".to_owned()),
        Just("\\".to_owned()),
        "[a-c%]{1,2}",
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| format!("/{}", pieces.concat()))
}

proptest! {
    #[test]
    fn no_reading_of_an_accepted_path_climbs(raw in hostile_path()) {
        if let Ok(path) = NormalPath::parse_with_escaped_slashes(&raw) {
            for reading in path.readings() {
                prop_assert!(reading.starts_with('/'));
                prop_assert!(!reading.split('/').any(|segment| segment == "." || segment == ".."));
                prop_assert!(!reading.contains('\\'));
                prop_assert!(!reading.chars().any(char::is_control));
            }
            // Decoding adds no segment: what the upstream splits at slashes is what we split.
            prop_assert_eq!(path.raw().matches('/').count(), path.decoded().matches('/').count());
            // Nor does anything a reading says come from elsewhere than from another path that would be accepted alone.
            if let Some(plain) = path.with_plain_slashes() {
                let plain = NormalPath::parse(&plain).unwrap();
                let readings: Vec<_> = path.readings().collect();
                prop_assert!(plain.readings().all(|reading| readings.contains(&reading)));
            }
        }
    }

    #[test]
    fn the_loose_reading_is_its_own_loose_reading(raw in hostile_path()) {
        if let Ok(path) = NormalPath::parse(&raw)
            && let Some(loose) = path.loose()
        {
            prop_assert_ne!(loose, path.decoded());
            prop_assert!(!loose.contains("//") && !loose.contains(';'));
            prop_assert_eq!(&*loosen(loose), loose);
        }
    }

    #[test]
    fn any_text_is_judged_without_panic_and_the_same_way_by_both_doors(raw in "\\PC{0,60}") {
        let direct = NormalPath::parse_with_escaped_slashes(&raw);
        if let Ok(target) = PathAndQuery::try_from(raw.as_str())
            && target.as_str() == raw && target.query().is_none()
        {
            prop_assert_eq!(NormalPath::of(&target), direct);
        }
    }
}
