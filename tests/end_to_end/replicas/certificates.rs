//! One replica orders, every replica answers the challenge and serves the certificate.

use crate::acme::{a_moment, after_a_while, obtained, trusted};
use crate::harness::acme::Terms;
use crate::harness::balancer::{Balancer, Entrance};
use crate::harness::doorward::Doorward;
use crate::harness::hostile_authority::{DIRECTORY, FINALIZE, HostileAuthority, Whim};
use crate::harness::ports::free_port;
use crate::harness::scene::EVERYBODY;
use crate::harness::setup::Setup;
use crate::harness::stores::Store;
use crate::harness::upstream::Upstream;

const HOST: &str = "app.example.test";

/// Two replicas without certificates, behind balancers for TLS and for plain HTTP.
struct Pair {
    setups: Vec<Setup>,
    balancers: [Balancer; 2],
}

impl Pair {
    async fn new(store: &Store, upstream: &Upstream, more: &str) -> Self {
        let (entrance, plain) = (Entrance::open().await, Entrance::open().await);
        let redirects: Vec<u16> = (0..2).map(|_| free_port()).collect();
        let setups: Vec<Setup> = redirects
            .iter()
            .map(|redirect| {
                Setup::new()
                    .seen_at(entrance.port())
                    .making_certificates()
                    .with(&format!("cookie_secret: {}", super::SECRETS[0]))
                    .with(&store.keys())
                    .with(&format!("http_redirect_addr: 127.0.0.1:{redirect}"))
                    .with(more)
                    .route("app", &upstream.url(), EVERYBODY)
            })
            .collect();
        let ports = setups.iter().map(|setup| setup.port).collect();
        Self { setups, balancers: [entrance.balance(ports), plain.balance(redirects)] }
    }

    /// The authority looks for them where visitors do.
    fn terms(&self) -> Option<Terms> {
        let [tls, plain] = &self.balancers;
        Some(Terms::for_door(&self.setups[0])?.tls_port(tls.port).http_port(plain.port))
    }

    async fn start(self, authority: &HostileAuthority) -> (Vec<Doorward>, [Balancer; 2]) {
        let started = self.setups.into_iter().map(|setup| {
            let keys = authority.keys(&setup);
            setup.with(&keys).start()
        });
        (futures_util::future::join_all(started).await, self.balancers)
    }
}

async fn one_orders_and_both_serve(store: Store, challenges: &str) {
    let upstream = Upstream::start().await;
    let pair = Pair::new(&store, &upstream, &format!("autocert_challenges: [{challenges}]")).await;
    let Some(terms) = pair.terms() else { return };
    let acme = terms.start().await;
    let authority = HostileAuthority::before(&acme, Whim::Holds(DIRECTORY)).await;
    let (doors, _balancers) = pair.start(&authority).await;
    // Neither could begin before both were there.
    authority.wait_for_requests(DIRECTORY, 1).await;
    authority.does(Whim::Honest);
    let first = obtained(&doors[0], HOST, &acme).await;
    let root = &acme.root().await;
    let other = &doors[1];
    after_a_while("the other replica", || async move { trusted(other, HOST, root).await.is_some() }).await;
    assert_eq!(trusted(&doors[1], HOST, root).await, Some(first.clone()));
    a_moment().await;
    assert_eq!((acme.orders().await, acme.issued().await, acme.accounts().await), (1, 1, 1), "{}", acme.log().await);
    // Nothing of it is in a folder, and after a restart it is there from the first handshake on.
    let mut restarted = Vec::new();
    for door in doors {
        let acme_folder = door.setup.data_dir().join("acme");
        assert!(!acme_folder.exists(), "{}", acme_folder.display());
        restarted.push(door.restarted_after("KILL").await);
    }
    for door in &restarted {
        assert_eq!(trusted(door, HOST, root).await, Some(first.clone()));
    }
    assert_eq!(acme.orders().await, 1);
}

#[tokio::test]
async fn one_orders_by_handshake_and_both_serve_with_redis() {
    let Some(store) = Store::redis() else { return };
    one_orders_and_both_serve(store, "tls-alpn-01").await;
}

#[tokio::test]
async fn one_orders_by_file_and_both_serve_with_postgres() {
    let Some(store) = Store::postgres() else { return };
    one_orders_and_both_serve(store, "http-01").await;
}

#[tokio::test]
async fn when_the_one_that_orders_is_killed_the_other_takes_over() {
    let Some(store) = Store::redis() else { return };
    let upstream = Upstream::start().await;
    let pair = Pair::new(&store, &upstream, "").await;
    let Some(terms) = pair.terms() else { return };
    let acme = terms.start().await;
    // Its order stands, its name is proved, and then nothing comes back.
    let authority = HostileAuthority::before(&acme, Whim::Holds(FINALIZE)).await;
    let (mut doors, _balancers) = pair.start(&authority).await;
    authority.wait_for_requests(FINALIZE, 1).await;
    let mut orders = None;
    for (index, door) in doors.iter().enumerate() {
        let status: serde_json::Value = serde_json::from_slice(&door.health("/status").await.body).unwrap();
        if status["tls"]["orders"][0]["state"] == "ordering" {
            assert_eq!(orders.replace(index), None, "both order");
        }
    }
    let mut killed = doors.remove(orders.expect("one that orders"));
    killed.signal("KILL");
    killed.ended().await;
    authority.does(Whim::Honest);
    let survivor = &doors[0];
    let began = std::time::Instant::now();
    obtained(survivor, HOST, &acme).await;
    eprintln!("the other replica had the certificate {:?} after the one that ordered was killed", began.elapsed());
    assert!(acme.orders().await <= 2, "{}", acme.log().await);
    assert_eq!(acme.accounts().await, 1, "it is the same account");
}
