//! What the pages about sessions say: a person's list of them, the end of a sign-in in a pop-up, and the refusal of
//! somebody who is blocked. All text is untrusted and escaped when rendered.

/// What somebody is told who may not sign in. Not why: that is between them and whoever runs the site.
pub(crate) const BLOCKED: &str = "The sign-in itself worked, but whoever runs this site does not let this account in.";

/// The sessions of a person. Each form posts `csrf` with either `session` or `others`.
#[derive(Debug, Clone, Copy)]
pub struct SessionList<'a> {
    /// Those that are shown.
    pub sessions: &'a [SessionEntry],
    /// How many more there are.
    pub hidden: usize,
    /// Where the forms post to, a path of this host.
    pub action: &'a str,
    /// Proof that a form came from us.
    pub csrf: &'a str,
}

impl SessionList<'_> {
    /// Whether there is any but the one that is looking.
    pub(crate) fn has_others(&self) -> bool {
        self.hidden > 0 || self.sessions.iter().any(|session| !session.is_current)
    }
}

/// One session in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionEntry {
    /// Its public name.
    pub id: String,
    /// The browser, in few words.
    pub browser: String,
    /// The address the sign-in came from.
    pub client: String,
    /// Which provider said who it was.
    pub provider: String,
    /// When it began.
    pub signed_in: When,
    /// When something was last done in it.
    pub last_seen: When,
    /// Whether it is the one that is looking.
    pub is_current: bool,
    /// Whether it is in the same browser as the one that is looking.
    pub is_in_this_browser: bool,
}

/// A point in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    /// RFC 3339.
    pub at: String,
    /// How long ago, in words.
    pub words: String,
}

/// The end of a sign-in that another window waits for.
#[derive(Debug, Clone, Copy)]
pub struct SignedIn<'a> {
    /// Who signed in.
    pub who: &'a str,
    /// The path of the script that tells the other window.
    pub script: &'a str,
    /// Where to go when there is no other window.
    pub home: &'a str,
}

/// Somebody who may not sign in.
#[derive(Debug, Clone, Copy)]
pub struct Blocked<'a> {
    /// Whom to ask: a name, or an e-mail address or http(s) URL, which become links.
    pub support_contact: Option<&'a str>,
}

#[cfg(test)]
mod tests;
