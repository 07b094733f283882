//! A path: never a dot segment, never a control byte, and parsing what was parsed changes nothing.
#![no_main]

use doorward_hygiene::NormalPath;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(path) = NormalPath::parse(text) else { return };
    assert_eq!(path.raw(), text);
    assert!(path.decoded().starts_with('/'));
    assert!(!path.decoded().chars().any(char::is_control));
    for reading in [Some(path.decoded()), path.loose()].into_iter().flatten() {
        assert!(!reading.split('/').any(|segment| segment == "." || segment == ".."), "{reading:?}");
    }
});
