//! A path: never a dot segment, never a control byte, and parsing what was parsed changes nothing.
#![no_main]

use doorward_hygiene::NormalPath;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(path) = NormalPath::parse_with_escaped_slashes(text) else { return };
    assert_eq!(NormalPath::parse(text).is_ok(), !path.escapes_slashes());
    if let Some(plain) = path.with_plain_slashes() {
        // One that is made plain says nothing that it did not say before.
        let plain = NormalPath::parse(&plain).expect("a path is as good with plain slashes");
        assert!(plain.readings().all(|reading| path.readings().any(|known| known == reading)));
    }
    assert_eq!(path.raw(), text);
    assert!(path.decoded().starts_with('/'));
    assert!(!path.decoded().chars().any(char::is_control));
    for reading in path.readings() {
        assert!(!reading.split('/').any(|segment| segment == "." || segment == ".."), "{reading:?}");
    }
});
