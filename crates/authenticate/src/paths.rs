//! The paths that are ours on every host, fixed names all of them.

/// All that is below here is ours and never reaches an upstream.
pub(crate) const PREFIX: &str = "/.doorward";
/// Who you are.
pub(crate) const HOME: &str = "/.doorward/";
/// Who you are, for programs.
pub(crate) const USER: &str = "/.doorward/user";
/// What is open to you.
pub(crate) const ROUTES: &str = "/.doorward/routes";
/// Begins a sign-in; built-in accounts post their password here.
pub(crate) const SIGN_IN: &str = "/.doorward/sign_in";
/// Asks, and by POST ends the session.
pub(crate) const SIGN_OUT: &str = "/.doorward/sign_out";
/// Where signing out ends.
pub(crate) const SIGNED_OUT: &str = "/.doorward/signed_out";
/// Your sessions, for programs.
pub(crate) const SESSIONS: &str = "/.doorward/sessions";
/// Ends one of your sessions, or all but this one.
pub(crate) const END_SESSIONS: &str = "/.doorward/sessions/end";
/// Lets a page go on when its session has ended.
pub(crate) const SESSION_SCRIPT: &str = "/.doorward/session.js";
/// Where signing in ends in a pop-up.
pub(crate) const SIGNED_IN: &str = "/.doorward/signed_in";
/// Tells the page that waits for it.
pub(crate) const SIGNED_IN_SCRIPT: &str = "/.doorward/signed_in.js";
/// Where a session is handed over to another host.
pub(crate) const CALLBACK: &str = "/.doorward/callback";
/// Where a browser that has just signed in shows that it keeps its cookie.
pub(crate) const ARRIVED: &str = "/.doorward/arrived";
/// Where an invitation leads.
pub(crate) const WELCOME: &str = "/.doorward/welcome";
/// Where the provider itself tells that somebody has signed out there.
pub(crate) const BACKCHANNEL_LOGOUT: &str = "/.doorward/backchannel_logout";
/// Where the provider's sign-out page tells it, in a frame.
pub(crate) const FRONTCHANNEL_LOGOUT: &str = "/.doorward/frontchannel_logout";
/// The `state` a provider hands back after ending its own session.
pub(crate) const PROVIDER_SIGNED_OUT: &str = "provider";
