//! How many WebSockets one visitor has open.
//!
//! Refuses one more than `tunnels_per_session`: so one browser, or one script in it, cannot take all there is room for.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use doorward_rates::network;
use doorward_sessions::LiveSession;

/// Who holds them. There are never more than there are tunnels.
#[derive(Debug, Default)]
pub(crate) struct PerVisitor(Mutex<HashMap<Visitor, u32>>);

/// A session; an address for who has none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Visitor {
    Session(Box<str>),
    Address(IpAddr),
}

impl PerVisitor {
    /// Room for one more, until what is returned is dropped; none when the visitor has `most` already.
    pub(crate) fn enter(
        self: &Arc<Self>,
        session: Option<&LiveSession>,
        client: IpAddr,
        most: u32,
    ) -> Option<TunnelPlace> {
        let visitor =
            session.map_or_else(|| Visitor::Address(network(client)), |session| Visitor::Session(session.id().into()));
        let mut open = self.lock();
        let count = open.entry(visitor.clone()).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        drop(open);
        Some(TunnelPlace { visitor, open: Arc::clone(self) })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Visitor, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Room for one WebSocket.
#[derive(Debug)]
pub(crate) struct TunnelPlace {
    visitor: Visitor,
    open: Arc<PerVisitor>,
}

impl Drop for TunnelPlace {
    fn drop(&mut self) {
        let mut open = self.open.lock();
        if let Some(count) = open.get_mut(&self.visitor) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&self.visitor);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_none_open_leaves_nothing_behind() {
        let open = Arc::<PerVisitor>::default();
        let (here, there) = ("192.0.2.7".parse().unwrap(), "2001:db8::1".parse().unwrap());
        let places = [open.enter(None, here, 2).unwrap(), open.enter(None, here, 2).unwrap()];
        assert!(open.enter(None, here, 2).is_none());
        let elsewhere = open.enter(None, there, 1).unwrap();
        assert!(open.enter(None, "2001:db8::2".parse().unwrap(), 1).is_none(), "one network is one visitor");
        drop(places);
        drop(open.enter(None, here, 2).unwrap());
        drop(elsewhere);
        assert!(open.lock().is_empty());
    }
}
