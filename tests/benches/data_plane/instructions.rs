//! Instructions that a small request takes in user mode, as valgrind counts them: what noise does not touch.
//!
//! Two runs that differ in nothing but the number of requests; what they differ by is what requests cost.

use std::path::Path;

use super::figures::Figures;
use super::http2;
use super::load::{Ready, Work};
use super::peers::{self, Doorward};
use super::stage::Stage;

const INSTRUCTIONS: &str = "user instructions a small request";
const OF_HTTP2: &str = "user instructions over HTTP/2";
/// Most that a request may take.
const MOST: f64 = 60_000.0;
const FEW: usize = 500;
const MANY: usize = 2_500;

pub(crate) async fn measure(stage: &Stage, figures: &mut Figures) {
    if !peers::has("valgrind") {
        return;
    }
    let each = (run(stage, MANY, false).await - run(stage, FEW, false).await) / (MANY - FEW) as f64;
    figures.note(INSTRUCTIONS, "Doorward", each);
    if peers::has("h2load") {
        let each = (run(stage, MANY, true).await - run(stage, FEW, true).await) / (MANY - FEW) as f64;
        figures.note(OF_HTTP2, "Doorward", each);
    }
    figures.table(
        "Instructions in user mode, one kept-alive connection",
        &[(INSTRUCTIONS, "a request"), (OF_HTTP2, "over HTTP/2")],
    );
    figures.hold(INSTRUCTIONS, each, MOST);
}

/// All instructions of a process that answers so many requests.
async fn run(stage: &Stage, requests: usize, over_http2: bool) -> f64 {
    let name = match (requests == FEW, over_http2) {
        (true, false) => "few",
        (false, false) => "many",
        (true, true) => "few-http2",
        (false, true) => "many-http2",
    };
    let folder = stage.folder(name);
    let out = folder.join("callgrind.out");
    let mut below = vec!["valgrind".to_owned(), "--tool=callgrind".to_owned()];
    below.push(format!("--callgrind-out-file={}", out.display()));
    let below: Vec<&str> = below.iter().map(String::as_str).collect();
    let mut running = peers::start(stage, Doorward { name, ..Doorward::SMALL }, &below).await;
    if over_http2 {
        http2::load(&running.peer, 1, requests as u128);
    } else {
        let work = running.work.pop().unwrap();
        let work = Work { requests: vec![work.requests.first().unwrap().clone(); requests], ..work };
        Ready::open(&running.peer.target, vec![work]).await.once().await;
    }
    for server in &mut running.peer.servers {
        server.stop();
    }
    if let Some(kept) = std::env::var_os("PROFILE") {
        // For callgrind_annotate.
        std::fs::copy(&out, Path::new(&kept).join(format!("callgrind.{name}"))).unwrap();
    }
    let text = std::fs::read_to_string(&out).unwrap();
    let summary =
        text.lines().find_map(|line| line.strip_prefix("summary: ").or_else(|| line.strip_prefix("totals: ")));
    summary.and_then(|count| count.trim().parse().ok()).unwrap_or_else(|| panic!("no summary in {}", out.display()))
}
