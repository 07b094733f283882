//! How often who may ask: `rate_limit`, of a route and of all together.
//!
//! Refuses what comes faster. What is counted by address is counted before anybody is asked whose request it is; what is
//! counted by person or by route, only once policy has let it through, so that strangers cannot use up what is meant for
//! those who may.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

use doorward_authorize::RouteId;
use doorward_config::{RateKey, RateLimit};
use doorward_identity::Subject;
use doorward_rates::{Bucket, Buckets, Rate, TooSoon, network};

/// Every bucket there is. One for the whole process: those of limits that a reload leaves as they are go on.
#[derive(Debug, Default)]
pub(crate) struct RateBuckets {
    buckets: Buckets,
    marks: RandomState,
    /// Of limits by route, as long as some configuration has them.
    whole: Mutex<HashMap<(RouteId, RateLimit), Weak<Bucket>>>,
}

/// When a limit is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// When the route is found.
    Found,
    /// When policy has let the request through.
    Allowed,
}

/// The limits that requests of one route are held to.
#[derive(Debug)]
pub(crate) struct HeldTo {
    buckets: Arc<RateBuckets>,
    limits: Box<[Counted]>,
}

#[derive(Debug)]
struct Counted {
    rate: Rate,
    by: RateKey,
    /// Tells the buckets of this limit from those of every other.
    mark: u64,
    /// Of a limit by route.
    whole: Option<Arc<Bucket>>,
}

impl HeldTo {
    /// What the route says, and what is said for all; none where nobody says anything, and then nothing is asked.
    pub(crate) fn new(
        buckets: &Arc<RateBuckets>,
        route: &RouteId,
        own: &[RateLimit],
        of_all: &[RateLimit],
    ) -> Option<Self> {
        let own = own.iter().map(|limit| Counted::new(buckets, limit, route, Some(route)));
        let of_all = of_all.iter().map(|limit| Counted::new(buckets, limit, route, None));
        let limits: Box<[_]> = own.chain(of_all).collect();
        (!limits.is_empty()).then(|| Self { buckets: Arc::clone(buckets), limits })
    }

    /// Takes one out of each bucket that is asked now, until one is empty.
    ///
    /// # Errors
    /// Which, and for how long.
    pub(crate) fn take(
        &self,
        when: When,
        client: IpAddr,
        visitor: Option<&Subject>,
        now: Instant,
    ) -> Result<(), (RateKey, TooSoon)> {
        for limit in self.limits.iter().filter(|limit| limit.when() == when) {
            limit.take(&self.buckets.buckets, client, visitor, now).map_err(|too_soon| (limit.by, too_soon))?;
        }
        Ok(())
    }
}

impl Counted {
    /// `of` is the route that says it; none where it is said for all.
    fn new(buckets: &RateBuckets, limit: &RateLimit, route: &RouteId, of: Option<&RouteId>) -> Self {
        let whole = (limit.by == RateKey::Route).then(|| buckets.whole(route, *limit));
        let mark = buckets.marks.hash_one((of.map(RouteId::as_str), limit));
        Self { rate: Rate::new(limit.requests, limit.per, limit.burst), by: limit.by, mark, whole }
    }

    fn when(&self) -> When {
        match self.by {
            RateKey::Address => When::Found,
            RateKey::Identity | RateKey::Route => When::Allowed,
        }
    }

    fn take(&self, buckets: &Buckets, client: IpAddr, visitor: Option<&Subject>, now: Instant) -> Result<(), TooSoon> {
        match (&self.whole, visitor) {
            (Some(whole), _) => whole.take(self.rate, buckets.time(now)),
            // A person is who their provider says, whichever session they come with.
            (None, Some(Subject { issuer, id })) if self.by == RateKey::Identity => {
                buckets.take((self.mark, issuer, id), self.rate, 1, now)
            }
            (None, _) => buckets.take((self.mark, network(client)), self.rate, 1, now),
        }
    }
}

impl RateBuckets {
    fn whole(&self, route: &RouteId, limit: RateLimit) -> Arc<Bucket> {
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        whole.retain(|_, bucket| bucket.strong_count() > 0);
        let key = (route.clone(), limit);
        if let Some(bucket) = whole.get(&key).and_then(Weak::upgrade) {
            return bucket;
        }
        let bucket = Arc::default();
        whole.insert(key, Arc::downgrade(&bucket));
        bucket
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const CLIENT: &str = "192.0.2.7";

    fn limit(by: RateKey) -> RateLimit {
        RateLimit { requests: 1, per: Duration::from_secs(60), burst: 2, by }
    }

    fn route(name: &str) -> RouteId {
        RouteId::new(name)
    }

    fn client() -> IpAddr {
        CLIENT.parse().unwrap()
    }

    fn person(id: &str) -> Subject {
        Subject { issuer: "https://id.example.com".into(), id: id.into() }
    }

    /// How many of five get through.
    fn passes(held_to: &HeldTo, when: When, client: IpAddr, visitor: Option<&Subject>, now: Instant) -> usize {
        (0..5).filter(|_| held_to.take(when, client, visitor, now).is_ok()).count()
    }

    #[test]
    fn addresses_are_counted_before_anything_else_and_a_network_is_one() {
        let (buckets, now) = (Arc::default(), Instant::now());
        let held_to = HeldTo::new(&buckets, &route("a"), &[limit(RateKey::Address)], &[]).unwrap();
        assert_eq!(passes(&held_to, When::Allowed, client(), None, now), 5);
        assert_eq!(passes(&held_to, When::Found, client(), None, now), 2);
        let (by, too_soon) = held_to.take(When::Found, client(), Some(&person("ann")), now).unwrap_err();
        assert_eq!((by, too_soon.seconds()), (RateKey::Address, 60));
        assert_eq!(passes(&held_to, When::Found, "192.0.2.8".parse().unwrap(), None, now), 2);
        let of_one_network = (1..=5)
            .filter(|host| held_to.take(When::Found, format!("2001:db8::{host}").parse().unwrap(), None, now).is_ok());
        assert_eq!(of_one_network.count(), 2);
    }

    #[test]
    fn people_are_counted_by_who_they_are_and_strangers_by_address() {
        let (buckets, now) = (Arc::default(), Instant::now());
        let held_to = HeldTo::new(&buckets, &route("a"), &[limit(RateKey::Identity)], &[]).unwrap();
        let (ann, bob) = (person("ann"), person("bob"));
        assert_eq!(passes(&held_to, When::Allowed, client(), Some(&ann), now), 2);
        assert_eq!(passes(&held_to, When::Allowed, "192.0.2.8".parse().unwrap(), Some(&ann), now), 0);
        assert_eq!(passes(&held_to, When::Allowed, client(), Some(&bob), now), 2);
        let same_name_elsewhere = Subject { issuer: "https://other.example.com".into(), ..ann };
        assert_eq!(passes(&held_to, When::Allowed, client(), Some(&same_name_elsewhere), now), 2);
        assert_eq!(passes(&held_to, When::Allowed, client(), None, now), 2);
    }

    #[test]
    fn a_route_has_one_bucket_and_what_is_said_for_all_gives_each_route_its_own_by_route_alone() {
        let (buckets, now) = (Arc::default(), Instant::now());
        let of_all = [limit(RateKey::Route), limit(RateKey::Address)];
        let a = HeldTo::new(&buckets, &route("a"), &[], &of_all).unwrap();
        let b = HeldTo::new(&buckets, &route("b"), &[], &of_all).unwrap();
        assert_eq!(passes(&a, When::Allowed, client(), None, now), 2);
        assert_eq!(passes(&b, When::Allowed, client(), None, now), 2);
        assert_eq!(passes(&a, When::Found, client(), None, now), 2);
        assert_eq!(passes(&b, When::Found, client(), None, now), 0, "an address has one bucket for all routes");
    }

    #[test]
    fn a_reload_keeps_the_buckets_of_limits_that_stay_and_of_no_others() {
        let (buckets, now) = (Arc::default(), Instant::now());
        for by in [RateKey::Address, RateKey::Identity, RateKey::Route] {
            let when = if by == RateKey::Address { When::Found } else { When::Allowed };
            let before = HeldTo::new(&buckets, &route("a"), &[limit(by)], &[]).unwrap();
            assert_eq!(passes(&before, when, client(), None, now), 2);
            let same = HeldTo::new(&buckets, &route("a"), &[limit(by)], &[]).unwrap();
            assert_eq!(passes(&same, when, client(), None, now), 0, "{by:?}");
            let wider = RateLimit { burst: 3, ..limit(by) };
            let changed = HeldTo::new(&buckets, &route("a"), &[wider], &[]).unwrap();
            assert_eq!(passes(&changed, when, client(), None, now), 3, "{by:?}");
        }
    }

    #[test]
    fn nothing_is_asked_where_nothing_is_said() {
        assert!(HeldTo::new(&Arc::default(), &route("a"), &[], &[]).is_none());
    }
}
