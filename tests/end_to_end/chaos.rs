//! Applications break in every way there is while the configuration is reloaded every second: whoever is not at one of
//! them notices nothing, nobody ever gets another's answer, and afterwards nothing is left over.
//!
//! A dozen seconds; `CHAOS=full` makes it a minute.

mod villain;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use villain::{Vice, Villain};

use crate::harness::authority::{Authority, Pair};
use crate::harness::doorward::Doorward;
use crate::harness::hostile_provider::{Person, Provider};
use crate::harness::ports::free_port;
use crate::harness::scene::{ANYBODY_SIGNED_IN, EVERYBODY, only};
use crate::harness::scripted::{Scripted, Speaks};
use crate::harness::setup::Setup;
use crate::harness::visitor::Protocol::{Http1, Http2};
use crate::harness::{PATIENCE, eventually, within};
use crate::load::vitals::Vitals;
use crate::load::{Load, Tally, Who};

const ALICE: &str = "alice@example.com";
const VICES: [(&str, Vice); 5] = [
    ("resets", Vice::Resets),
    ("stalls", Vice::Stalls),
    ("early", Vice::Early),
    ("garbage", Vice::Garbage),
    ("closes-kept", Vice::ClosesKept),
];
/// Between two reloads.
const RELOADS: Duration = Duration::from_secs(1);
/// What may be open more than before: connections to applications that lie idle a while yet.
const FILES: usize = 12;
/// What may be resident more than before, in kilobytes: what the allocator keeps of a storm.
const MEMORY: u64 = 24 * 1024;

struct Stage {
    door: Arc<Doorward>,
    metrics: SocketAddr,
    /// Two configurations that differ in one route's policy.
    configurations: [String; 2],
    cookie: String,
    restarts: JoinHandle<()>,
    _provider: Provider,
    _good: Vec<Scripted>,
    _villains: Vec<Villain>,
}

impl Stage {
    async fn start() -> Self {
        let provider = Provider::start().await;
        let pair = Authority::shared().issue(&["localhost"]);
        let metrics = free_port();
        let mut setup = Setup::new().with(&provider.keys()).with(&format!("metrics_address: 127.0.0.1:{metrics}"));
        let authority = setup.file("upstreams.pem", &Authority::shared().pem());
        let trust =
            format!("allow_websockets: true\npreserve_host_header: true\ntls_custom_ca_file: {}", authority.display());
        let mut good = Vec::new();
        for speaks in [Speaks::Http1, Speaks::Http1Tls, Speaks::Http2Tls, Speaks::Http2] {
            let application = Scripted::start(speaks, &pair).await;
            setup = setup.route(speaks.name(), &application.url(), &format!("{EVERYBODY}\n{trust}"));
            good.push(application);
        }
        let good_url = good[0].url();
        let mut villains = Vec::new();
        for (name, vice) in VICES {
            let villain = Villain::start(vice).await;
            setup = setup.route(name, &villain.url(), &format!("{EVERYBODY}\ntimeout: 1s"));
            villains.push(villain);
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let restarting = format!("http://{}", listener.local_addr().unwrap());
        let setup = setup
            .route("restarts", &restarting, EVERYBODY)
            .route("signed", &good_url, &format!("{ANYBODY_SIGNED_IN}\n{trust}"))
            .route("denied", &good_url, &only("bob@example.com"))
            .route("turning", &good_url, EVERYBODY);
        let one = setup.yaml();
        let at = one.rfind(EVERYBODY).unwrap();
        let other = format!("{}{ANYBODY_SIGNED_IN}{}", &one[..at], &one[at + EVERYBODY.len()..]);
        let door = Arc::new(setup.start().await);
        provider.person(Person::new(ALICE));
        let browser = door.signed_in("signed").await;
        let cookie = browser.jar.header(&door.url("signed", "/").parse().unwrap()).unwrap();
        Self {
            door,
            metrics: ([127, 0, 0, 1], metrics).into(),
            configurations: [one, other],
            cookie,
            restarts: tokio::spawn(restarts(listener, pair)),
            _provider: provider,
            _good: good,
            _villains: villains,
        }
    }

    /// Everybody at once, for so long, and until half as many reloads have come as there were seconds.
    async fn storm(&self, lasting: Duration) -> Tally {
        let mut load = Load::on(&self.door, Duration::from_millis(20));
        let alice = |host, protocol| Who { host, protocol, cookie: Some(self.cookie.clone()) };
        for (host, protocol) in [("h1", Http2), ("h1-tls", Http1), ("h2-tls", Http2), ("h2c", Http1)] {
            load.downloads(Who::stranger(host, protocol), 200);
        }
        for (host, protocol) in [("h1", Http1), ("h1-tls", Http2), ("h2-tls", Http1), ("h2c", Http2)] {
            load.uploads(Who::stranger(host, protocol));
        }
        load.websocket(Who::stranger("h1", Http1));
        load.websocket(Who::stranger("h1-tls", Http2));
        load.websocket(alice("signed", Http1));
        load.events(Who::stranger("h2-tls", Http1));
        load.events(Who::stranger("h1", Http2));
        load.downloads(alice("signed", Http2), 200);
        // Its cookie is another host's: nobody.
        load.downloads(Who::stranger("denied", Http1), 401);
        load.tries(Who::stranger("turning", Http2), &[200, 401, 404]);
        load.tries(Who::stranger("restarts", Http1), &[200, 502]);
        for (number, (host, _)) in VICES.into_iter().enumerate() {
            let protocol = if number.is_multiple_of(2) { Http1 } else { Http2 };
            load.tries(Who::stranger(host, protocol), &[200, 502, 504]);
        }
        let (began, reloads) = (Instant::now(), self.reloads() as u64 + lasting.as_secs() / 2);
        let mut round = 0;
        while began.elapsed() < lasting || (self.reloads() as u64) < reloads {
            assert!(began.elapsed() < lasting + PATIENCE, "few reloads in {:?}", began.elapsed());
            self.door.replace_config(&self.configurations[round % 2]);
            self.door.signal("HUP");
            round += 1;
            tokio::time::sleep(RELOADS).await;
        }
        within("the end of a storm", load.end()).await
    }

    fn reloads(&self) -> usize {
        self.door.log.text().matches("\"configuration reloaded\"").count()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.restarts.abort();
    }
}

/// An application that is killed and started again, on the same port, over and over.
async fn restarts(mut listener: TcpListener, pair: Pair) {
    let address = listener.local_addr().unwrap();
    loop {
        let running = Scripted::listen(listener, Speaks::Http1, &pair);
        tokio::time::sleep(Duration::from_millis(700)).await;
        drop(running);
        tokio::time::sleep(Duration::from_millis(150)).await;
        listener = loop {
            if let Ok(listener) = TcpListener::bind(address).await {
                break listener;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_notices_what_breaks_elsewhere_and_nothing_is_left_over() {
    let full = std::env::var_os("CHAOS").is_some_and(|value| value == "full");
    let lasting = Duration::from_secs(if full { 60 } else { 12 });
    let stage = Stage::start().await;
    // What is made once, and kept.
    let warm = stage.storm(Duration::from_secs(3)).await;
    assert!(warm.wrong.is_empty(), "{}", warm.wrong.join("\n"));
    let before = Vitals::at_rest(&stage.door, stage.metrics).await;

    let tally = stage.storm(lasting).await;
    eprintln!("{:#?}", tally.right);
    assert!(tally.wrong.is_empty(), "{}", tally.wrong.join("\n"));
    assert_eq!(tally.right.len(), 22, "somebody got no answer at all: {:#?}", tally.right);

    let (door, metrics) = (&stage.door, stage.metrics);
    eventually("nothing is left open", || async move {
        let now = Vitals::of(door, metrics).await;
        now.tunnels == 0 && now.files <= before.files + FILES && now.threads <= before.threads + 1
    })
    .await;
    let after = Vitals::at_rest(door, metrics).await;
    eprintln!("{before:?}\n{after:?}");
    assert!(after.memory <= before.memory + MEMORY, "{before:?}, afterwards {after:?}");
}
