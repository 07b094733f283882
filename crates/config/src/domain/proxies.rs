//! What stands before us, and what is believed of it.

use doorward_authorize::Networks;

/// The proxies and load balancers before us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxies {
    /// Those that are believed about where a visitor comes from.
    pub trusted: Networks,
    /// Whether each connection begins with a header of the PROXY protocol, and whoever is not trusted is refused.
    pub protocol: bool,
    /// How many entries of `X-Forwarded-For` are believed at most. With nobody in `trusted` this alone says which entry is
    /// the visitor's. None when nothing was said.
    pub hops: Option<u16>,
    /// Whether the other end of the connection is left out of `X-Forwarded-For` for upstreams.
    pub skip_append: bool,
}
