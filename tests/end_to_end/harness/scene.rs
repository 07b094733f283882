//! The usual stage: a quick provider, one application, and Doorward between them.

use super::browser::Browser;
use super::doorward::Doorward;
use super::hostile_provider::{Person, Provider};
use super::setup::Setup;
use super::upstream::Upstream;

pub(crate) const ANYBODY_SIGNED_IN: &str = "allow_any_authenticated_user: true";
pub(crate) const EVERYBODY: &str = "allow_public_unauthenticated_access: true";
/// What code-server needs.
pub(crate) const WEBSOCKETS: &str = "allow_websockets: true\npreserve_host_header: true";

/// A policy that lets one address in.
pub(crate) fn only(email: &str) -> String {
    format!("policy: [{{allow: {{or: [{{email: {{is: {email}}}}}]}}}}]")
}

/// The stage.
pub(crate) struct Scene {
    pub(crate) provider: Provider,
    pub(crate) upstream: Upstream,
    pub(crate) door: Doorward,
}

impl Scene {
    /// One host, `app`, with these route keys.
    pub(crate) async fn with_app(route: &str) -> Self {
        Self::with(|setup, upstream| setup.route("app", upstream, route)).await
    }

    /// Two hosts, `app` and `code`, on the same application, open to whoever is signed in. `app` signs in.
    pub(crate) async fn with_two_hosts() -> Self {
        Self::with(|setup, upstream| {
            setup.route("app", upstream, ANYBODY_SIGNED_IN).route("code", upstream, ANYBODY_SIGNED_IN)
        })
        .await
    }

    /// Whatever the closure makes of a setup and the application's URL; the provider is configured.
    pub(crate) async fn with(make: impl FnOnce(Setup, &str) -> Setup) -> Self {
        let provider = Provider::start().await;
        let upstream = Upstream::start().await;
        let setup = make(Setup::new().with(&provider.keys()), &upstream.url());
        Self { door: setup.start().await, provider, upstream }
    }

    pub(crate) fn url(&self, host: &str, path_and_query: &str) -> String {
        self.door.url(host, path_and_query)
    }

    /// A browser whose person is signed in under this address, on `app`.
    pub(crate) async fn browser_of(&self, email: &str) -> Browser {
        self.provider.person(Person::new(email));
        self.door.signed_in("app").await
    }

    /// How many requests have reached the application.
    pub(crate) fn arrivals(&self) -> usize {
        self.upstream.arrived().len()
    }
}
