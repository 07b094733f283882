//! Several processes on one store behind a plain balancer: to visitors they are one.

mod certificates;
mod endings;
mod killings;
mod outages;
mod secrets;
mod sign_in;
mod tickets;

use crate::harness::balancer::{Balancer, Entrance};
use crate::harness::browser::Browser;
use crate::harness::doorward::Doorward;
use crate::harness::hostile_provider::{Person, Provider};
use crate::harness::raw::{Raw, RawAnswer};
use crate::harness::scene::{ANYBODY_SIGNED_IN, WEBSOCKETS};
use crate::harness::setup::{DOMAIN, Setup};
use crate::harness::stores::Store;
use crate::harness::upstream::Upstream;

/// What every replica seals with; the second is its successor.
const SECRETS: [&str; 2] =
    ["cSxkr4xTnNvQ8qzhUcn0P2q2J4pVvS7mMKb7r1mJd3Q=", "p2a8Q1q5wY0n7r9t4u6v8x1z3B5D7F9H1J3L5N7P9R0="];

/// Replicas behind a balancer, with a provider, an application and a store that they share.
struct Replicas {
    doors: Vec<Doorward>,
    balancer: Balancer,
    provider: Provider,
    upstream: Upstream,
    store: Store,
}

impl Replicas {
    async fn start(count: usize, store: Store) -> Self {
        Self::with(count, store, |setup| setup).await
    }

    /// Replicas whose setups are made by the closure too. `app` and `code` are hosts of theirs.
    async fn with(count: usize, store: Store, make: impl Fn(Setup) -> Setup) -> Self {
        let (entrance, provider, upstream) = (Entrance::open().await, Provider::start().await, Upstream::start().await);
        let route = format!("{ANYBODY_SIGNED_IN}\n{WEBSOCKETS}");
        let setups: Vec<Setup> = (0..count)
            .map(|_| {
                let setup = Setup::new()
                    .seen_at(entrance.port())
                    .with(&provider.keys())
                    .with(&format!("cookie_secret: {}", SECRETS[0]))
                    .with(&store.keys())
                    .route("app", &upstream.url(), &route)
                    .route("code", &upstream.url(), &route);
                make(setup)
            })
            .collect();
        let balancer = entrance.balance(setups.iter().map(|setup| setup.port).collect());
        // All at once, as after a power cut.
        let doors = futures_util::future::join_all(setups.into_iter().map(Setup::start)).await;
        Self { doors, balancer, provider, upstream, store }
    }

    fn url(&self, host: &str, path: &str) -> String {
        self.doors[0].url(host, path)
    }

    /// What visitors write into `Host`.
    fn authority(&self, host: &str) -> String {
        format!("{host}.{DOMAIN}:{}", self.balancer.port)
    }

    async fn browser_of(&self, email: &str) -> Browser {
        self.provider.person(Person::new(email));
        self.doors[0].signed_in("app").await
    }

    /// A script's request to one replica, with the browser's cookies.
    async fn ask(&self, index: usize, browser: &Browser, host: &str, path: &str) -> RawAnswer {
        let mut raw = Raw::tls(self.doors[index].setup.address(), &format!("{host}.{DOMAIN}")).await;
        raw.send(self.request(browser, host, path)).await;
        raw.answer().await
    }

    fn request(&self, browser: &Browser, host: &str, path: &str) -> String {
        let cookies = browser.jar.header(&self.url(host, path).parse().unwrap()).unwrap_or_default();
        format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAccept: */*\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nCookie: {cookies}\r\n\r\n",
            self.authority(host)
        )
    }
}
