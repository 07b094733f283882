//! `doorward certificate renew`: asks the doorward that runs to order a certificate anew.
//!
//! Refuses: to order by itself, and names that are not ordered from an authority.

use std::process::ExitCode;
use std::time::SystemTime;

use doorward_config::{Acme, Config, Overrides};
use doorward_hygiene::HostPattern;

use super::configured;
use crate::cli::RenewArguments;
use crate::commands::{Failure, configuration_file, load_file};
use crate::local_authority::{hosts, pairs};
use crate::terminal::say;

pub(super) fn run(arguments: RenewArguments) -> Result<ExitCode, Failure> {
    let name = HostPattern::parse(&arguments.name)
        .map_err(|error| Failure::Said(format!("{} is no name of a host: {error}", arguments.name)))?;
    let config = load_file(&configuration_file(arguments.config.config)?, &Overrides::default())?.config;
    let acme = ordered_by(&config, &name)?;
    let (_, Some(manager)) = configured(&config, SystemTime::now())? else { return Err(nothing_is_ordered()) };
    let known: Vec<_> = manager.report().into_iter().map(|order| order.name).collect();
    if !known.contains(&name.to_string()) {
        return Err(not_ordered(&config, acme, &name, &known));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Said(format!("the system has no thread for this: {error}")))?;
    runtime.block_on(manager.renew_now(&name)).map_err(|error| Failure::of(&error))?;
    say("requested: the running doorward orders it within seconds; `doorward certificate list` shows how it went");
    Ok(ExitCode::SUCCESS)
}

/// How certificates are ordered, unless this name's is not.
fn ordered_by<'a>(config: &'a Config, name: &HostPattern) -> Result<&'a Acme, Failure> {
    if let Some(pair) = pairs(config).iter().find(|pair| pair.covers(name)) {
        return Err(Failure::Said(format!(
            "the certificate of {name} is from a file, which Doorward does not renew\n    \
             Replace {} and its key: the running doorward reads them again by itself.",
            pair.label
        )));
    }
    config.tls.acme.as_ref().ok_or_else(nothing_is_ordered)
}

fn nothing_is_ordered() -> Failure {
    Failure::Said(
        "no certificate is ordered from an authority: the configuration has no `autocert`\n    \
         The local authority's are renewed by themselves. To have certificates ordered, set `autocert: true`."
            .into(),
    )
}

fn not_ordered(config: &Config, acme: &Acme, name: &HostPattern, known: &[String]) -> Failure {
    if acme.orders(name) {
        return Failure::Said(format!("no certificate of {name} was ordered yet: its first visitor has it ordered"));
    }
    let list = if known.is_empty() { "none yet".to_owned() } else { known.join(", ") };
    let mend = if hosts(config).contains(name) {
        "No authority gives one for this name, or it cannot be proved; the local authority's is renewed by itself."
    } else {
        "To have this one ordered too, give it a route."
    };
    Failure::Said(format!("no certificate is ordered for {name}\n    Ordered: {list}\n    {mend}"))
}
