//! The doorward binary: parses the command line, runs one command, exits with its code.

mod admin;
mod cli;
mod commands;
mod data_dir;
mod invitations;
mod judge;
mod local_authority;
mod portal;
mod server;
mod session_store;
mod terminal;
mod why;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    commands::run(cli::Cli::parse().command)
}
