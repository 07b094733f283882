//! `doorward health`: asks a running doorward whether it is well, for container health checks.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use doorward_config::Overrides;

use super::{Failure, configuration_file, load_file};
use crate::cli::HealthArguments;
use crate::terminal::say;

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// The address when nothing names another.
const DEFAULT_ADDRESS: &str = "127.0.0.1:28080";

pub(crate) fn run(arguments: &HealthArguments) -> Result<ExitCode, Failure> {
    let address = address(arguments)?;
    let status = ask(address).map_err(|error| Failure::Said(format!("no answer from {address}: {error}")))?;
    if status == 200 {
        say("well");
        return Ok(ExitCode::SUCCESS);
    }
    Err(Failure::Said(format!("{address} answers {status}: not ready")))
}

fn address(arguments: &HealthArguments) -> Result<SocketAddr, Failure> {
    if let Some(address) = &arguments.address {
        return address.parse().map_err(|_| Failure::Said(format!("{address} is no address, as in {DEFAULT_ADDRESS}")));
    }
    match configuration_file(arguments.config.config.clone()) {
        Ok(file) => load_file(&file, &Overrides::default())?
            .config
            .health
            .ok_or_else(|| Failure::Said("health_check_addr is turned off in the configuration".into())),
        Err(_) => DEFAULT_ADDRESS.parse().map_err(|_| Failure::NoConfiguration),
    }
}

/// The status of `GET /readyz`. By hand: one line of HTTP is not worth a client in every health check.
fn ask(address: SocketAddr) -> std::io::Result<u16> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut head = Vec::new();
    stream.take(64).read_to_end(&mut head)?;
    String::from_utf8_lossy(&head)
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| std::io::Error::other("the answer is not HTTP"))
}
