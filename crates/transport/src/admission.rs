//! Who is let in: how many connections there may be, in all and from one address, and whose word about where a
//! connection comes from is taken.
//!
//! Refuses: connections beyond either limit, and, behind the PROXY protocol, whoever is not a trusted proxy.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use doorward_authorize::Networks;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::counts::{Counts, Reason};
use crate::limits::Limits;

/// What listeners have in common that are served together. Clones are one.
#[derive(Debug, Clone)]
pub struct Admission(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    places: Arc<Semaphore>,
    most_of_one: usize,
    /// How many connections an address has, of those that have any: never more entries than connections.
    held: Mutex<HashMap<IpAddr, usize>>,
    trusted: ArcSwap<Networks>,
    proxy_header: bool,
    counts: Counts,
}

impl Admission {
    /// With these limits, believing nobody.
    pub fn new(limits: &Limits) -> Self {
        Self::behind(limits, Networks::new(Vec::new()), false)
    }

    /// With these limits; the connections of `trusted` proxies are theirs in name only, and not counted by address. With
    /// `proxy_header` every connection has to begin with a header of the PROXY protocol and come from one of them.
    pub fn behind(limits: &Limits, trusted: Networks, proxy_header: bool) -> Self {
        Self(Arc::new(Inner {
            places: Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS))),
            most_of_one: limits.connections_per_address,
            held: Mutex::default(),
            trusted: ArcSwap::from_pointee(trusted),
            proxy_header,
            counts: Counts::default(),
        }))
    }

    /// Trusts these proxies from the next connection on.
    pub fn trust(&self, trusted: Networks) {
        self.0.trusted.store(Arc::new(trusted));
    }

    /// How often whom was sent away.
    pub fn counts(&self) -> &Counts {
        &self.0.counts
    }

    /// Whether a connection begins with a header of the PROXY protocol.
    pub(crate) fn wants_proxy_header(&self) -> bool {
        self.0.proxy_header
    }

    /// A place for a connection from `address`; why not, if there is none.
    pub(crate) fn enter(&self, address: IpAddr) -> Result<Place, Reason> {
        let is_trusted = self.is_trusted(address);
        if self.0.proxy_header && !is_trusted {
            return Err(Reason::ProxyHeader);
        }
        let permit = Arc::clone(&self.0.places).try_acquire_owned().map_err(|_| Reason::Connections)?;
        let mut place = Place { _permit: permit, address: None };
        if !is_trusted {
            self.count_for(address, &mut place)?;
        }
        Ok(place)
    }

    /// The connection turned out to come from `address`, as a trusted proxy says.
    pub(crate) fn count_for(&self, address: IpAddr, place: &mut Place) -> Result<(), Reason> {
        if self.is_trusted(address) {
            return Ok(());
        }
        let block = block(address);
        let mut held = self.0.held();
        let count = held.entry(block).or_insert(0);
        if *count >= self.0.most_of_one {
            // Of a limit of none there is nothing to remember.
            if *count == 0 {
                held.remove(&block);
            }
            return Err(Reason::ConnectionsPerAddress);
        }
        *count += 1;
        drop(held);
        place.address = Some(OfAddress { inner: Arc::clone(&self.0), block });
        Ok(())
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        self.0.trusted.load().contains(address)
    }
}

impl Inner {
    fn held(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What counts as one address: an IPv6 subscriber has a whole /64.
fn block(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
    }
}

/// A connection's place, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    address: Option<OfAddress>,
}

#[derive(Debug)]
struct OfAddress {
    inner: Arc<Inner>,
    block: IpAddr,
}

impl Drop for OfAddress {
    fn drop(&mut self) {
        let mut held = self.inner.held();
        if let Some(count) = held.get_mut(&self.block) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.block);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(connections: usize, connections_per_address: usize) -> Limits {
        Limits { connections, connections_per_address, ..Limits::default() }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn networks(texts: &[&str]) -> Networks {
        Networks::new(texts.iter().map(|text| Networks::parse_one(text).unwrap()).collect())
    }

    #[test]
    fn an_address_has_its_places_and_nobody_elses() {
        let admission = Admission::new(&limits(10, 2));
        let first = admission.enter(ip("192.0.2.1")).unwrap();
        let _second = admission.enter(ip("::ffff:192.0.2.1")).unwrap();
        assert_eq!(admission.enter(ip("192.0.2.1")).unwrap_err(), Reason::ConnectionsPerAddress);
        let _other = admission.enter(ip("192.0.2.2")).unwrap();
        drop(first);
        admission.enter(ip("192.0.2.1")).unwrap();
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let admission = Admission::new(&limits(10, 1));
        let _first = admission.enter(ip("2001:db8:0:1::1")).unwrap();
        assert_eq!(admission.enter(ip("2001:db8:0:1:ffff::2")).unwrap_err(), Reason::ConnectionsPerAddress);
        admission.enter(ip("2001:db8:0:2::1")).unwrap();
    }

    #[test]
    fn what_is_remembered_ends_with_the_connections() {
        let admission = Admission::new(&limits(1000, 1));
        let places: Vec<_> =
            (0..200_u8).map(|last| admission.enter(IpAddr::from([192, 0, 2, last])).unwrap()).collect();
        assert_eq!(admission.0.held().len(), 200);
        drop(places);
        assert!(admission.0.held().is_empty());
        let closed = Admission::new(&limits(10, 0));
        assert_eq!(closed.enter(ip("192.0.2.1")).unwrap_err(), Reason::ConnectionsPerAddress);
        assert!(closed.0.held().is_empty());
    }

    #[test]
    fn all_have_to_share_the_places_in_all() {
        let admission = Admission::new(&limits(2, 2));
        let places = [admission.enter(ip("192.0.2.1")).unwrap(), admission.clone().enter(ip("192.0.2.2")).unwrap()];
        assert_eq!(admission.enter(ip("192.0.2.3")).unwrap_err(), Reason::Connections);
        drop(places);
        // A refusal by address gives the place in all back.
        let _two = [admission.enter(ip("192.0.2.1")).unwrap(), admission.enter(ip("192.0.2.1")).unwrap()];
        let few = Admission::new(&limits(2, 1));
        let _held = few.enter(ip("192.0.2.1")).unwrap();
        assert_eq!(few.enter(ip("192.0.2.1")).unwrap_err(), Reason::ConnectionsPerAddress);
        few.enter(ip("192.0.2.2")).unwrap();
    }

    #[test]
    fn trusted_proxies_are_not_counted_and_whom_they_speak_for_is() {
        let admission = Admission::behind(&limits(10, 1), networks(&["10.0.0.0/8"]), true);
        let proxy = ip("10.0.0.1");
        let (mut first, mut second) = (admission.enter(proxy).unwrap(), admission.enter(proxy).unwrap());
        admission.count_for(ip("192.0.2.1"), &mut first).unwrap();
        let refused = admission.count_for(ip("192.0.2.1"), &mut second);
        assert_eq!(refused.unwrap_err(), Reason::ConnectionsPerAddress);
        // Its own connections.
        admission.count_for(proxy, &mut second).unwrap();
    }

    #[test]
    fn the_protocol_is_for_trusted_proxies_alone_and_trust_can_be_withdrawn() {
        let admission = Admission::behind(&limits(10, 10), networks(&["10.0.0.0/8"]), true);
        assert_eq!(admission.enter(ip("192.0.2.1")).unwrap_err(), Reason::ProxyHeader);
        admission.enter(ip("10.0.0.1")).unwrap();
        admission.trust(networks(&["192.0.2.1"]));
        assert_eq!(admission.enter(ip("10.0.0.1")).unwrap_err(), Reason::ProxyHeader);
        admission.enter(ip("192.0.2.1")).unwrap();
    }
}
