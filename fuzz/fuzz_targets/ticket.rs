//! A cookie's value: what parses is written out again the same.
#![no_main]

use doorward_sessions::Ticket;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Some(ticket) = Ticket::parse(text) {
        assert_eq!(ticket.to_cookie_value().as_str(), text);
    }
});
