//! The command line, as typed.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Sign in, decide, forward: an identity-aware access proxy in front of your web applications.
#[derive(Debug, Parser)]
#[command(name = "doorward", version, max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the proxy.
    Run(RunArguments),
    /// Protect one application, without a configuration file.
    Protect(ProtectArguments),
    /// Check a configuration file: report every problem in it, and run its tests.
    ///
    /// With --against, list who gains and who loses what by the change from another configuration.
    ///
    /// Exit code 0: good, whatever changes; 1: not.
    Check(CheckArguments),
    /// Tell whether somebody may open a URL, and why, rule by rule.
    ///
    /// No server is asked. Exit code 0: allowed, 3: denied, 4: would be asked to sign in.
    Explain(ExplainArguments),
    /// Test policies: who asks what, and what is to be decided.
    ///
    /// Each FILE holds tests, as in
    ///
    ///     config: config.yaml
    ///     tests:
    ///       - name: staff may read the wiki
    ///         as: alice@example.com
    ///         groups: [staff]
    ///         url: https://wiki.example.com/page
    ///         expect: allow
    ///
    /// A configuration may have tests too, below `tests`. Exit code 0: all passed; 1: not.
    #[command(verbatim_doc_comment)]
    Test(TestArguments),
    /// List the routes of a configuration.
    Routes(ConfigArgument),
    /// Who is signed in, and signing them out.
    ///
    /// Asks the doorward that runs, as its user or root. Where none runs, the session store itself.
    #[command(subcommand)]
    Session(SessionCommand),
    /// Built-in accounts, and who may not sign in.
    #[command(subcommand)]
    User(UserCommand),
    /// Certificates.
    #[command(subcommand)]
    Certificate(CertificateCommand),
    /// Ask a running doorward whether it is well. Exit code 0: yes.
    Health(HealthArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgument {
    /// The configuration file [default: config.yaml, then /etc/doorward/config.yaml].
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) config: ConfigArgument,
    #[command(flatten)]
    pub(crate) certificate: CertificateArguments,
}

/// Certificates as code-server takes them.
#[derive(Debug, Args, Default)]
pub(crate) struct CertificateArguments {
    /// Serve this certificate (PEM); without FILE, a self-signed one.
    #[arg(long, value_name = "FILE")]
    #[expect(clippy::option_option, reason = "the flag is absent, alone, or with a file: clap's way to say so")]
    pub(crate) cert: Option<Option<PathBuf>>,
    /// The key of the certificate given with --cert (PEM).
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) cert_key: Option<PathBuf>,
    /// A further name for the self-signed certificate; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) cert_host: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ProtectArguments {
    /// The application's URL, for example http://127.0.0.1:8080.
    pub(crate) upstream: String,
    /// An e-mail address that may come in; may be given several times.
    #[arg(long, value_name = "EMAIL", required = true)]
    pub(crate) allow: Vec<String>,
    /// The URL people will open.
    #[arg(long, value_name = "URL", default_value = "https://code.localhost:8443")]
    pub(crate) from: String,
    #[command(flatten)]
    pub(crate) certificate: CertificateArguments,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// The file [default: config.yaml, then /etc/doorward/config.yaml].
    pub(crate) file: Option<PathBuf>,
    /// Another configuration, the one in service: list what FILE would change for the people and requests that the
    /// policies and tests of either name.
    #[arg(long, value_name = "OLD")]
    pub(crate) against: Option<PathBuf>,
    /// Print the changes as JSON.
    #[arg(long, requires = "against")]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TestArguments {
    /// Files of tests, or configurations with tests of their own [default: the configuration].
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The configuration to test, whatever the files name
    /// [default: what FILE names, then config.yaml, then /etc/doorward/config.yaml].
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    #[command(flatten)]
    pub(crate) config: ConfigArgument,
    /// Who asks, by e-mail address; without it, somebody who has not signed in.
    #[arg(long = "as", value_name = "EMAIL")]
    pub(crate) who: Option<String>,
    /// The e-mail address is one the provider does not vouch for.
    #[arg(long, requires = "who")]
    pub(crate) unverified: bool,
    /// The provider's own name for the person.
    #[arg(long, value_name = "ID", requires = "who")]
    pub(crate) user: Option<String>,
    /// A group they are in; may be given several times.
    #[arg(long, value_name = "GROUP", requires = "who")]
    pub(crate) group: Vec<String>,
    /// A claim of theirs, as NAME=VALUE; may be given several times.
    #[arg(long, value_name = "NAME=VALUE", requires = "who")]
    pub(crate) claim: Vec<String>,
    /// The request's method.
    #[arg(long, default_value = "GET")]
    pub(crate) method: String,
    /// Where the request comes from.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) ip: IpAddr,
    /// A header of the request, as 'NAME: VALUE'; may be given several times.
    #[arg(long, value_name = "HEADER")]
    pub(crate) header: Vec<String>,
    /// The request asks to become a WebSocket.
    #[arg(long)]
    pub(crate) websocket: bool,
    /// When it comes, as in 2026-11-21T09:30:00+01:00 [default: now].
    #[arg(long, value_name = "TIME")]
    pub(crate) time: Option<String>,
    /// How long ago they signed in, as in 2h [default: just now].
    #[arg(long, value_name = "SPAN", requires = "who")]
    pub(crate) signed_in_ago: Option<String>,
    /// The issuer that vouches for them [default: the configured one; `doorward` for built-in accounts].
    #[arg(long, value_name = "ISSUER", requires = "who")]
    pub(crate) identity_provider: Option<String>,
    /// The client certificate they show: a PEM file with it and those that lead to its authority.
    #[arg(long, value_name = "FILE")]
    pub(crate) client_cert: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// The URL asked for.
    pub(crate) url: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Invite somebody: prints a one-time link to set a password with.
    Add {
        /// The person's e-mail address.
        email: String,
        #[command(flatten)]
        config: ConfigArgument,
    },
    /// List the accounts, and who of them is blocked.
    List(ConfigArgument),
    /// Remove an account; its sessions end.
    Remove {
        /// The person's e-mail address.
        email: String,
        #[command(flatten)]
        config: ConfigArgument,
    },
    /// Keep somebody out, whoever signs people in: their sessions end, and new ones are refused until they are unblocked.
    Block(PersonArguments),
    /// Let somebody who was blocked sign in again.
    Unblock(PersonArguments),
    /// List who is blocked.
    Blocked {
        #[command(flatten)]
        config: ConfigArgument,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct PersonArguments {
    /// The person's e-mail address.
    pub(crate) email: String,
    #[command(flatten)]
    pub(crate) config: ConfigArgument,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SessionCommand {
    /// List the sessions, the newest first.
    List(SessionListArguments),
    /// Show all that is known of a session.
    Show(SessionShowArguments),
    /// End sessions: pages, WebSockets and event streams, on every replica, within a second.
    ///
    /// With --user, the address is blocked as well: without that, they could sign in again at once.
    /// `doorward user unblock EMAIL` lets them in again.
    ///
    /// Exit code 0: done; 1: not, or a session was not there.
    #[command(group = clap::ArgGroup::new("which").required(true))]
    Revoke(RevokeArguments),
}

#[derive(Debug, Args)]
pub(crate) struct SessionListArguments {
    /// Those of one person: an e-mail address, or the provider's name for them.
    #[arg(long, value_name = "EMAIL")]
    pub(crate) user: Option<String>,
    /// How many at most.
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) limit: u16,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) config: ConfigArgument,
}

#[derive(Debug, Args)]
pub(crate) struct SessionShowArguments {
    /// The session, as `doorward session list` and the log name it.
    pub(crate) id: String,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) config: ConfigArgument,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag as typed")]
pub(crate) struct RevokeArguments {
    /// Sessions, as `doorward session list` and the log name them.
    #[arg(value_name = "ID", group = "which")]
    pub(crate) ids: Vec<String>,
    /// Every session of a person, and block them.
    #[arg(long, value_name = "EMAIL", group = "which")]
    pub(crate) user: Option<String>,
    /// Every session of everybody. Accounts stay as they are, and nobody is blocked.
    #[arg(long, group = "which")]
    pub(crate) all: bool,
    /// With --user: do not block them.
    #[arg(long, requires = "user")]
    pub(crate) no_block: bool,
    /// With --all: do not ask.
    #[arg(long, requires = "all")]
    pub(crate) yes: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) config: ConfigArgument,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CertificateCommand {
    /// Print the certificate of the local authority, to be trusted once for all routes.
    Authority(AuthorityArguments),
    /// Tell whether a browser would accept a certificate, why not, and how to mend it.
    ///
    /// Exit code 0: accepted, where its authority is trusted; 1: not.
    Inspect(InspectArguments),
    /// List the certificates: where each is from, when it ends, when it is renewed, and what went wrong.
    List(ListArguments),
    /// Have a certificate that was ordered from an authority renewed now, by the doorward that runs.
    Renew(RenewArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    pub(crate) config: ConfigArgument,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RenewArguments {
    /// The name, as `doorward certificate list` shows it.
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) config: ConfigArgument,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArguments {
    /// A file (PEM or DER), or a server to shake hands with.
    #[arg(value_name = "FILE|HOST:PORT")]
    pub(crate) target: String,
    /// Where HOST is to be found, when it is not where the DNS says.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) connect: Option<std::net::SocketAddr>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) config: ConfigArgument,
}

#[derive(Debug, Args)]
pub(crate) struct AuthorityArguments {
    #[command(flatten)]
    pub(crate) config: ConfigArgument,
    /// Tell how to make systems, browsers and workspaces trust it, instead.
    #[arg(long)]
    pub(crate) install_help: bool,
}

#[derive(Debug, Args)]
pub(crate) struct HealthArguments {
    #[command(flatten)]
    pub(crate) config: ConfigArgument,
    /// The health address, when no configuration is at hand.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) address: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn cert_takes_a_file_or_nothing() {
        let run = |line: &[&str]| match Cli::parse_from(line).command {
            Command::Run(run) => run.certificate.cert,
            other => panic!("{other:?}"),
        };
        assert_eq!(run(&["doorward", "run"]), None);
        assert_eq!(run(&["doorward", "run", "--cert"]), Some(None));
        assert_eq!(run(&["doorward", "run", "--cert", "a.pem", "--cert-key", "b.pem"]), Some(Some("a.pem".into())));
        assert!(Cli::try_parse_from(["doorward", "run", "--cert-key", "b.pem"]).is_err());
    }
}
