//! An answer of a name server: any bytes are refused, or read in bounded time; never a panic.
#![no_main]

use doorward_certificates::fuzzing::dns_answer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| dns_answer(bytes));
