//! Ports that nobody listens on. Configuration needs them before the program has them.

use std::collections::HashSet;
use std::net::TcpListener;
use std::sync::Mutex;

/// A free loopback port, given out once by this process.
pub(crate) fn free_port() -> u16 {
    static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);
    let mut given = GIVEN.lock().unwrap();
    let given = given.get_or_insert_default();
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if given.insert(port) {
            return port;
        }
    }
}
