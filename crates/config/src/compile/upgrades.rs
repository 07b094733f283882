//! `allow_websockets`, `allow_spdy` and `allow_upgrades`.
//!
//! Refuses a list that names HTTP or TLS, and keys that say the opposite of each other.

use doorward_hygiene::{InvalidUpgrade, UpgradeToken};

use super::Compiler;
use crate::domain::upgrades::Upgrades;
use crate::raw::At;
use crate::raw::route::RawRoute;

const WEBSOCKET: &str = "websocket";
/// What `kubectl` speaks.
const SPDY: &str = "spdy/3.1";

impl Compiler<'_> {
    /// A list of protocols; what is none is told and left out.
    pub(super) fn upgrades(&mut self, list: Option<&At<Vec<At<String>>>>) -> Option<Upgrades> {
        let list = list?;
        let mut upgrades = Upgrades::default();
        for At { value, place } in &list.value {
            if value.eq_ignore_ascii_case(WEBSOCKET) {
                upgrades.websocket = true;
                continue;
            }
            match UpgradeToken::parse(value) {
                Ok(token) => add(&mut upgrades, token),
                Err(why) => {
                    let mend = match why {
                        InvalidUpgrade::Never => "Remove it. HTTP/2 is spoken with whoever asks for it in TLS.",
                        InvalidUpgrade::WebSocket => "Write `websocket`, without a version.",
                        InvalidUpgrade::Syntax => "Write names as in `[websocket, spdy/3.1]`.",
                    };
                    let shown = crate::yaml::shown(value);
                    self.problems.error(place, format!("`allow_upgrades` names `{shown}`: {why}"), mend);
                }
            }
        }
        Some(upgrades)
    }

    /// What this route lets requests switch to: its own list or else the one at the top, with what the two switches add
    /// or take away.
    pub(super) fn upgrades_of_route(&mut self, raw: &RawRoute, default: &Upgrades) -> Upgrades {
        let own = self.upgrades(raw.upgrades.list.as_ref());
        let listed = own.clone().unwrap_or_default();
        let mut upgrades = own.unwrap_or_else(|| default.clone());
        if let Some(flag) = &raw.allow_websockets {
            self.taken_back(flag, "allow_websockets", WEBSOCKET, listed.websocket);
            upgrades.websocket = flag.value;
        }
        if let (Some(flag), Ok(spdy)) = (&raw.upgrades.spdy, UpgradeToken::parse(SPDY)) {
            self.taken_back(flag, "allow_spdy", SPDY, listed.others.contains(&spdy));
            upgrades.others.retain(|token| *token != spdy);
            if flag.value {
                add(&mut upgrades, spdy);
            }
        }
        upgrades
    }

    fn taken_back(&mut self, flag: &At<bool>, key: &str, protocol: &str, listed: bool) {
        if listed && !flag.value {
            self.problems.error(
                &flag.place,
                format!("`{key}` is false, and `allow_upgrades` of the same route names `{protocol}`"),
                "Remove one of them.",
            );
        }
    }
}

fn add(upgrades: &mut Upgrades, token: UpgradeToken) {
    if !upgrades.others.contains(&token) {
        upgrades.others.push(token);
    }
}
