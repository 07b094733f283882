//! A configuration: any text either compiles or is refused with problems that have a place; never a panic.
#![no_main]

use std::io;
use std::path::Path;

use doorward_config::{Env, Files, Overrides, Source};
use libfuzzer_sys::fuzz_target;

struct Nothing;

impl Env for Nothing {
    fn get(&self, _: &str) -> Option<String> {
        None
    }
}

impl Files for Nothing {
    fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

fuzz_target!(|text: &str| {
    if let Err(problems) = doorward_config::load(&Source::new("fuzz.yaml", text), &Overrides::default(), &Nothing, &Nothing, std::time::SystemTime::UNIX_EPOCH) {
        assert!(problems.to_string().contains("fuzz.yaml"));
    }
});
