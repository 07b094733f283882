//! Which protocols a route lets requests switch to.

use doorward_hygiene::UpgradeToken;

/// What may be switched to. Nothing, unless the configuration says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Upgrades {
    /// Whether WebSockets may.
    pub websocket: bool,
    /// The other protocols, each once.
    pub others: Vec<UpgradeToken>,
}
