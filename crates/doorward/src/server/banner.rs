//! What a person sees at start: where to go, and the links that let them in.

use doorward_config::Config;
use doorward_identity::Email;

use super::Addresses;
use crate::commands::{from, to};
use crate::terminal::complain;

/// Says where the routes are. To standard error, so that the log stays a log.
pub(crate) fn print(config: &Config, addresses: &Addresses) {
    let listening: Vec<String> = addresses.main.iter().map(ToString::to_string).collect();
    complain(format_args!("doorward {} listens on {}", env!("CARGO_PKG_VERSION"), listening.join(" and ")));
    complain("");
    for route in config.routes.iter().take(20) {
        complain(format_args!("  {}  →  {}", from(route), to(&route.target)));
    }
    if let Some(more @ 1..) = config.routes.len().checked_sub(20) {
        complain(format_args!("  … and {more} more; `doorward routes` lists them"));
    }
    complain("");
    if config.tls.acme.is_some() {
        complain("Certificates are ordered in the background; `doorward certificate list` tells how that goes.");
        complain("");
    } else if config.tls.self_signed && !config.listeners.insecure {
        complain("The certificate is from Doorward's own authority, so browsers warn until they trust it.");
        complain("To trust it once for all routes, import what `doorward certificate authority` prints;");
        complain("`doorward certificate authority --install-help` tells how.");
        complain("");
    }
}

/// Says how those come in who have no password yet. The links are meant for whoever reads this terminal;
/// they work once and for a day.
pub(crate) fn print_invitations(invitations: &[(Email, String)]) {
    for (email, link) in invitations {
        complain(format_args!("{email} sets a password here (once, within 24 hours):"));
        complain(format_args!("  {link}"));
        complain("");
    }
}
