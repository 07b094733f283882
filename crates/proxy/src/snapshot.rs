//! One configuration, compiled for serving. A reload builds the next one aside and swaps it in whole.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use doorward_assertion::Signer;
use doorward_authorize::RouteId;
use doorward_config::{Limit, Limits, Proxies, RateLimit, Route, Target, Underscored};
use doorward_hygiene::{Hostname, Origin, OriginPattern};

use crate::by_host::ByHost;
use crate::clients::JudgeClients;
use crate::error::BuildError;
use crate::identify::{Identify, OwnEndpoints};
use crate::limits::{HeldTo, RateBuckets};
use crate::route_table::RouteTable;
use crate::served_route::ServedRoute;
use crate::tally::{DecisionCount, DifferenceCount, RateLimitedCount, RefusalCount, Tallies};
use crate::upstreams::{UpstreamFigure, UpstreamLimits, Upstreams};

/// What a snapshot is built from.
pub struct SnapshotSettings {
    /// The routes, in the order of the file.
    pub routes: Vec<Route>,
    /// Every origin that is served: the routes' and the sign-in host's. Plain HTTP is redirected to no other.
    pub origins: Vec<OriginPattern>,
    /// The name of our cookies without its `__Host-`: they never reach an upstream.
    pub cookie_stem: String,
    /// What becomes of headers whose names have an underscore.
    pub underscored: Underscored,
    /// How long a streamed answer may be silent where the route says nothing else (`timeout_idle`).
    pub stream_idle: Limit,
    /// How much of everything there may be.
    pub limits: Limits,
    /// How often routes may be asked, all of them together.
    pub rate_limits: Vec<RateLimit>,
    /// Who knows the visitors.
    pub identify: Arc<dyn Identify>,
    /// Our own endpoints.
    pub own: Arc<dyn OwnEndpoints>,
    /// Who tells upstreams of a visitor; without one they are told nothing.
    pub signer: Option<Arc<Signer>>,
    /// Who judges the certificates that clients show; without one they mean nothing.
    pub clients: Option<Arc<dyn JudgeClients>>,
    /// Whom a denied visitor may ask: a name, an e-mail address or a URL.
    pub support_contact: Option<String>,
    /// The proxies before us that are believed.
    pub proxies: Proxies,
}

/// One configuration in service.
pub struct Snapshot {
    table: RouteTable<ServedRoute>,
    origins: ByHost<Vec<OriginPattern>>,
    upstreams: Upstreams,
    /// One more than that of the snapshot before.
    pub(crate) generation: u64,
    pub(crate) cookie_stem: Box<str>,
    pub(crate) underscored: Underscored,
    pub(crate) identify: Arc<dyn Identify>,
    pub(crate) own: Arc<dyn OwnEndpoints>,
    pub(crate) signer: Option<Arc<Signer>>,
    pub(crate) clients: Option<Arc<dyn JudgeClients>>,
    pub(crate) support_contact: Option<Arc<str>>,
    pub(crate) proxies: Proxies,
    pub(crate) limits: Limits,
    rates: Arc<RateBuckets>,
    tallies: Tallies,
}

impl Snapshot {
    /// Compiles a configuration. Upstreams that `previous` has too keep their connections.
    ///
    /// # Errors
    /// [`BuildError`] when an upstream could never be reached as configured.
    pub fn build(settings: SnapshotSettings, previous: Option<&Self>) -> Result<Self, BuildError> {
        Self::build_with(settings, previous, UpstreamLimits::default())
    }

    pub(crate) fn build_with(
        settings: SnapshotSettings,
        previous: Option<&Self>,
        limits: UpstreamLimits,
    ) -> Result<Self, BuildError> {
        let wanted = settings.routes.iter().filter_map(|route| match &route.target {
            Target::Upstream(upstream) => Some(upstream),
            Target::Redirect(_) | Target::Response(_) => None,
        });
        let upstreams = Upstreams::build(wanted, previous.map(|previous| &previous.upstreams), limits)?;
        let stream_idle = settings.stream_idle;
        let ids = settings.routes.iter().map(|route| &route.id);
        let tallies = Tallies::of(ids, previous.map(|previous| &previous.tallies));
        let rates = previous.map(|previous| Arc::clone(&previous.rates)).unwrap_or_default();
        let routes = settings.routes.into_iter().map(|route| {
            let tally = tallies.get(&route.id);
            let held_to = HeldTo::new(&rates, &route.id, &route.limits.rates, &settings.rate_limits);
            ServedRoute::new(route, &upstreams, stream_idle, held_to, tally)
        });
        let named = settings.origins.iter().filter_map(|origin| origin.host.exact().cloned());
        let table = RouteTable::new(routes.filter_map(|route| route.map(Arc::new)), named);
        let mut origins: HashMap<_, Vec<_>> = HashMap::new();
        for origin in settings.origins {
            origins.entry(origin.host.clone()).or_default().push(origin);
        }
        Ok(Self {
            table,
            origins: origins.into(),
            upstreams,
            generation: previous.map_or(0, |previous| previous.generation + 1),
            cookie_stem: settings.cookie_stem.into(),
            underscored: settings.underscored,
            identify: settings.identify,
            own: settings.own,
            signer: settings.signer,
            clients: settings.clients,
            support_contact: settings.support_contact.map(Into::into),
            proxies: settings.proxies,
            limits: settings.limits,
            rates,
            tallies,
        })
    }

    /// How often each route decided what, and why.
    pub fn decisions(&self) -> Vec<DecisionCount> {
        self.tallies.decisions()
    }

    /// What there is to tell of every upstream address.
    pub fn upstreams(&self) -> Vec<UpstreamFigure> {
        self.upstreams.figures()
    }

    /// How many requests are at upstreams.
    #[cfg(test)]
    pub(crate) fn upstreams_busy(&self) -> usize {
        self.upstreams.busy()
    }

    /// How often each route's shadow policy would have decided something else.
    pub fn shadow_differences(&self) -> Vec<DifferenceCount> {
        self.tallies.differences()
    }

    /// How often requests were refused, by route and reason.
    pub fn refusals(&self) -> Vec<RefusalCount> {
        self.tallies.refusals()
    }

    /// How often a `rate_limit` refused, by route and what was counted by.
    pub fn rate_limited(&self) -> Vec<RateLimitedCount> {
        self.tallies.rate_limited()
    }

    /// Counts a refusal; without a route where none was found yet.
    pub(crate) fn count_refusal(&self, route: Option<&RouteId>, reason: &'static str) {
        self.tallies.count_refusal(route, reason);
    }

    pub(crate) fn table(&self) -> &RouteTable<ServedRoute> {
        &self.table
    }

    /// Whether this host is ours: a route's, or the sign-in host.
    pub(crate) fn serves(&self, host: &Hostname) -> bool {
        self.origins.get(host).is_some() || self.table.has_host(host)
    }

    /// The https origin of this host: the one with this port if there is one, else its first.
    pub(crate) fn origin_of(&self, host: &Hostname, port: Option<u16>) -> Option<Origin> {
        let origins = self.origins.get(host)?;
        origins.iter().find(|origin| Some(origin.port) == port).or_else(|| origins.first())?.of_host(host)
    }
}

impl fmt::Debug for SnapshotSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotSettings").field("routes", &self.routes.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("table", &self.table).finish_non_exhaustive()
    }
}
