//! What finding a route costs with ten and with ten thousand of them: `make bench`.
//!
//! Fails when ten thousand cost more than a third more than ten. Hosts and paths are parsed before the clock starts, for
//! ten thousand requests of either table, so that reading the requests costs both the same. The tables take turns, and
//! it is the table that is measured, not what else took the cache meanwhile.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a bench prints, and ends when it cannot")]

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use doorward_config::{Env, Files, Overrides, PathRule, Route, Source, load};
use doorward_hygiene::{Hostname, NormalPath, OriginPattern};
use doorward_proxy::{NotFound, RouteTable};

const FEW: usize = 10;
const MANY: usize = 10_000;
const ROUNDS: usize = 301;
const REQUESTS: usize = 10_000;
/// The best of so many makes a round: another program on the same core takes the cache, and time, and gives neither back.
const PASSES: usize = 5;
/// Coprime to both sizes: requests visit every route, and none is next to the one before.
const STRIDE: usize = 7919;
/// What ten thousand routes may cost, in thousandths of what ten cost.
const MOST: u128 = 1333;

fn main() -> ExitCode {
    let route = template();
    println!(
        "Medians of {ROUNDS} rounds, each the best of {PASSES} times {REQUESTS} look-ups of a parsed host and path"
    );
    println!("{:<44}  {FEW:>6} routes  {MANY:>6} routes  to {FEW}", "");
    // A neighbour who takes the cache for longer than a case lasts does not do so thrice.
    let missed = CASES.iter().filter(|case| (0..3).all(|_| measure(case, &route) > MOST)).count();
    if missed > 0 {
        println!("FAILED: {MANY} routes cost more than {}.{:03} times what {FEW} cost", MOST / 1000, MOST % 1000);
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Prints what a look-up costs, and gives what it costs among many, in thousandths of what it costs among few.
fn measure(case: &Case, route: &Route) -> u128 {
    let (few, many) = (Asked::new(case, route, FEW), Asked::new(case, route, MANY));
    let (mut of_few, mut of_many) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        if round % 2 == 0 {
            of_few.push(few.round());
            of_many.push(many.round());
        } else {
            of_many.push(many.round());
            of_few.push(few.round());
        }
    }
    // Within one round the machine was the same; across rounds it need not have been.
    let ratio = median(of_few.iter().zip(&of_many).map(|(few, many)| many * 1000 / few).collect());
    let [few, many] = [of_few, of_many].map(median).map(|cost| format!("{}.{} ns", cost / 1000, cost % 1000 / 100));
    println!("{:<44}  {few:>13}  {many:>13}  {:>2}.{:02}", case.what, ratio / 1000, ratio % 1000 / 10);
    ratio
}

/// A way in which routes differ, and which of them is asked for. All names of a case are of one length, so that no
/// number costs more than another.
struct Case {
    what: &'static str,
    /// `from` and `prefix` of each route.
    route: fn(usize) -> (String, String),
    /// The host of a request for it.
    host: fn(usize) -> String,
    /// The path of such a request; without one, they all have the same.
    path: Option<fn(usize) -> String>,
    /// Whether every request is for the same route.
    same: bool,
    found: bool,
}

const CASES: [Case; 5] = [
    Case {
        what: "each a host, all asked for alike",
        route: |number| (format!("https://app-{number:04}.example.com"), "/".into()),
        host: |number| format!("app-{number:04}.example.com"),
        path: None,
        same: false,
        found: true,
    },
    Case {
        what: "each a host, one asked for all the time",
        route: |number| (format!("https://app-{number:04}.example.com"), "/".into()),
        host: |number| format!("app-{number:04}.example.com"),
        path: None,
        same: true,
        found: true,
    },
    Case {
        what: "each a wildcard, all asked for alike",
        route: |number| (format!("https://*.app-{number:04}.example.com"), "/".into()),
        host: |number| format!("anna.app-{number:04}.example.com"),
        path: None,
        same: false,
        found: true,
    },
    Case {
        what: "each a host, asked for hosts nobody has",
        route: |number| (format!("https://app-{number:04}.example.com"), "/".into()),
        host: |number| format!("off-{number:04}.example.com"),
        path: None,
        same: false,
        found: false,
    },
    Case {
        what: "one host, each a prefix, all asked for alike",
        route: |number| ("https://apps.example.com".into(), format!("/app-{number:04}")),
        host: |_| "apps.example.com".into(),
        path: Some(|number| format!("/app-{number:04}/index.html")),
        same: false,
        found: true,
    },
];

/// A table, and who asks it.
struct Asked {
    hosts: Vec<Hostname>,
    /// One for each host, or one for all.
    paths: Vec<NormalPath>,
    table: RouteTable<Route>,
    found: bool,
}

impl Asked {
    fn new(case: &Case, route: &Route, many: usize) -> Self {
        let asked = |turn: usize| if case.same { many / 2 } else { turn * STRIDE % many };
        // First, while the memory is in order: what a table leaves behind of its making is scattered.
        let hosts = (0..REQUESTS).map(|turn| Hostname::parse(&(case.host)(asked(turn))).unwrap()).collect();
        let path = |text: &str| NormalPath::parse(text).unwrap();
        let paths = match case.path {
            None => vec![path("/index.html")],
            Some(of) => (0..REQUESTS).map(|turn| path(&of(asked(turn)))).collect(),
        };
        let routes = (0..many).map(|number| {
            let (from, prefix) = (case.route)(number);
            let from = OriginPattern::parse(&from).unwrap();
            Arc::new(Route { from, path: PathRule::Prefix(prefix), ..route.clone() })
        });
        Self { hosts, paths, table: RouteTable::new(routes, None), found: case.found }
    }

    /// What one look-up costs, in picoseconds.
    fn round(&self) -> u128 {
        let pass = || {
            let started = Instant::now();
            self.ask_all();
            started.elapsed()
        };
        let best = (0..PASSES).map(|_| pass()).min().unwrap_or_default();
        best.as_nanos() * 1000 / u128::try_from(REQUESTS).unwrap()
    }

    fn ask_all(&self) {
        for (host, path) in self.hosts.iter().zip(self.paths.iter().cycle()) {
            let found = black_box(self.table.find(black_box(host), Some(443), black_box(path)));
            assert_eq!(found.err(), if self.found { None } else { Some(NotFound::Host) });
        }
    }
}

fn median(mut of: Vec<u128>) -> u128 {
    of.sort_unstable();
    of.get(of.len() / 2).copied().unwrap()
}

/// A route as a configuration has it.
fn template() -> Route {
    let text = "routes:\n  - from: https://code.example.com\n    to: http://127.0.0.1:8080\n    \
                policy: [{allow: {or: [{email: {is: you@example.com}}]}}]\n";
    let source = Source::new("config.yaml", text);
    let loaded = load(&source, &Overrides::default(), &Nothing, &Nothing, SystemTime::now()).unwrap();
    loaded.config.routes.into_iter().next().unwrap()
}

/// No variables and no files.
struct Nothing;

impl Env for Nothing {
    fn get(&self, _: &str) -> Option<String> {
        None
    }
}

impl Files for Nothing {
    fn read(&self, _: &std::path::Path) -> std::io::Result<Vec<u8>> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}
