//! Starting, reloading, stopping: quick, in one piece, and without anybody being cut off.

use std::time::Duration;

use crate::harness::browser::Browser;
use crate::harness::doorward::{Doorward, is_release};
use crate::harness::raw::Raw;
use crate::harness::scene::{ANYBODY_SIGNED_IN, EVERYBODY, Scene};
use crate::harness::setup::Setup;
use crate::harness::upstream::{Reply, Upstream};
use crate::harness::{eventually, skip};

async fn open_door() -> (Upstream, Doorward) {
    let upstream = Upstream::start().await;
    let door = Setup::new().route("app", &upstream.url(), EVERYBODY).start().await;
    (upstream, door)
}

async fn status(door: &Doorward, host: &str, path: &str) -> u16 {
    let url = door.url(host, path);
    Browser::new().visit(&url).await.status.as_u16()
}

#[tokio::test]
async fn it_starts_quickly() {
    // The first start makes keys and certificates; the next has them.
    let (_upstream, door) = open_door().await;
    let limit = if is_release() { 100 } else { 1500 };
    let mut best = door.ready_after;
    drop(door);
    for _ in 0..3 {
        let (_upstream, door) = open_door().await;
        best = best.min(door.ready_after);
    }
    assert!(best < Duration::from_millis(limit), "{best:?}");
}

#[tokio::test]
async fn it_is_small_while_idle() {
    if !is_release() {
        skip("memory while idle is measured in a release build only: DOORWARD_BINARY=target/release/doorward");
        return;
    }
    let scene = Scene::with_two_hosts().await;
    scene.door.signed_in("app").await;
    let kilobytes = scene.door.memory("VmRSS");
    assert!(kilobytes < 25 * 1024, "{kilobytes} kB");
}

#[tokio::test]
async fn an_address_in_use_is_said_in_plain_words() {
    let (_upstream, door) = open_door().await;
    let second = Setup::new().with(&format!("address: 127.0.0.1:{}", door.setup.port)).route(
        "app",
        "http://127.0.0.1:1",
        EVERYBODY,
    );
    let yaml = second.yaml().replacen(&format!("address: \"127.0.0.1:{}\"\n", second.port), "", 1);
    std::fs::write(second.config_file(), yaml).unwrap();
    let said = crate::harness::doorward::command_on(&second, &["run"]).await;
    assert_ne!(said.code, Some(0));
    let all = said.err + &said.out;
    assert!(all.contains(&door.setup.port.to_string()) && all.contains("in use"), "{all}");
}

#[tokio::test]
async fn a_data_folder_belongs_to_one_program_at_a_time() {
    let (_upstream, door) = open_door().await;
    let second = Setup::new().route("app", "http://127.0.0.1:1", EVERYBODY);
    let own = format!("data_dir: {}\n", second.data_dir().display());
    let shared = format!("data_dir: {}\n", door.setup.data_dir().display());
    std::fs::write(second.config_file(), second.yaml().replace(&own, &shared)).unwrap();
    let said = crate::harness::doorward::command_on(&second, &["run"]).await;
    assert_ne!(said.code, Some(0), "two programs share one store: {said:?}");
    assert!((said.err + &said.out).contains("data"), "it does not say what is wrong");
}

#[tokio::test]
async fn sigterm_lets_what_is_under_way_finish() {
    let (upstream, mut door) = open_door().await;
    upstream.reply_with(Reply::Late(Duration::from_millis(1500)));
    let mut raw = door.raw("app").await;
    raw.send(format!("GET /slow HTTP/1.1\r\nHost: {}\r\n\r\n", door.authority("app"))).await;
    upstream_has_it(&upstream).await;
    let idle = door.raw("app").await;
    door.signal("TERM");
    // New visitors are turned away while the old one is served.
    let address = door.setup.address();
    eventually("nobody new is let in", || async move {
        Raw::try_tls(address, Some("app.example.test"), &["http/1.1"]).await.is_err()
    })
    .await;
    assert_ne!(door.health("/readyz").await.status, 200);
    let answer = raw.answer().await;
    assert_eq!(answer.status, 200);
    let ended = door.ended().await;
    assert_eq!(ended.code(), Some(0), "{}", door.log.text());
    drop(idle);
}

/// The late reply is only noted once it is given, so look for the connection.
async fn upstream_has_it(upstream: &Upstream) {
    eventually("the request is at the application", || async { upstream.connections() > 0 }).await;
    upstream.wait_for_arrivals(1).await;
}

#[tokio::test]
async fn sigterm_ends_an_idle_program_at_once() {
    let (_upstream, mut door) = open_door().await;
    let _keep_alive = {
        let mut raw = door.raw("app").await;
        raw.send(format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", door.authority("app"))).await;
        raw.answer().await;
        raw
    };
    let started = std::time::Instant::now();
    door.signal("TERM");
    assert_eq!(door.ended().await.code(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
}

#[tokio::test]
async fn an_open_editor_does_not_keep_it_from_stopping() {
    use crate::harness::scene::WEBSOCKETS;
    use crate::harness::websocket::{echo, ended, open};
    let upstream = Upstream::start().await;
    let mut door = Setup::new().route("app", &upstream.url(), &format!("{EVERYBODY}\n{WEBSOCKETS}")).start().await;
    let mut socket = open(&door, &Browser::new(), "app").await.unwrap();
    assert!(echo(&mut socket, "x").await);
    let started = std::time::Instant::now();
    door.signal("TERM");
    ended(&mut socket).await;
    assert_eq!(door.ended().await.code(), Some(0));
    // `docker stop` gives ten seconds.
    assert!(started.elapsed() < Duration::from_secs(9), "{:?}", started.elapsed());
}

#[tokio::test]
async fn ctrl_c_stops_it_as_well() {
    let (_upstream, mut door) = open_door().await;
    door.signal("INT");
    assert_eq!(door.ended().await.code(), Some(0));
}

#[tokio::test]
async fn what_a_reload_cannot_change_is_said() {
    let (_upstream, door) = open_door().await;
    let other = crate::harness::ports::free_port();
    let yaml = door.setup.yaml().replace(&format!("127.0.0.1:{}\"", door.setup.port), &format!("127.0.0.1:{other}\""));
    assert_ne!(yaml, door.setup.yaml());
    door.replace_config(&yaml);
    door.signal("HUP");
    door.log
        .wait_for_line("a word about the address", |line| line.contains("address") && line.contains("restart"))
        .await;
    assert_eq!(status(&door, "app", "/").await, 200);
}

#[tokio::test]
async fn sighup_takes_the_new_configuration_whole() {
    let (upstream, door) = open_door().await;
    assert_eq!(status(&door, "app", "/").await, 200);
    let other = Upstream::start().await;
    let yaml = door.setup.yaml();
    let more = format!(
        "    set_request_headers: {{X-New: \"yes\"}}\n  - from: {}\n    to: {}\n    prefix: /new\n    {EVERYBODY}\n",
        door.setup.origin("app"),
        other.url()
    );
    door.replace_config(&(yaml + &more));
    door.signal("HUP");
    let (door, new) = (&door, &other);
    eventually(
        "the new route",
        || async move { status(door, "app", "/new").await == 200 && !new.arrived().is_empty() },
    )
    .await;
    assert_eq!(status(door, "app", "/").await, 200);
    assert_eq!(upstream.last().header("x-new"), Some("yes"));
}

#[tokio::test]
async fn a_changed_file_is_taken_by_itself() {
    let (upstream, door) = open_door().await;
    let yaml = door.setup.yaml();
    door.replace_config(&(yaml.clone() + "    set_request_headers: {X-Round: \"1\"}\n"));
    let (door, seen) = (&door, &upstream);
    let is = |round: &'static str| async move {
        status(door, "app", "/").await == 200 && seen.last().header("x-round") == Some(round)
    };
    eventually("the file that was replaced", || is("1")).await;
    // Written in place, as some editors do.
    std::fs::write(door.setup.config_file(), yaml + "    set_request_headers: {X-Round: \"2\"}\n").unwrap();
    eventually("the file that was written over", || is("2")).await;
}

#[tokio::test]
async fn a_bad_file_is_reported_and_the_running_one_stays() {
    let (_upstream, mut door) = open_door().await;
    let good = door.setup.yaml();
    for bad in [
        "routes: [",
        "",
        "adress: 1\n",
        &good.replace("to: http", "to: gopher"),
        &good.replace("hosts.pem", "gone.pem"),
    ] {
        door.replace_config(bad);
        let before = door.log.text().len();
        door.signal("HUP");
        let log = door.log.clone();
        eventually("a complaint in the log", || {
            let log = log.clone();
            async move {
                let text = log.text();
                let new = text.get(before..).unwrap_or_default().to_owned();
                new.contains("\"ERROR\"") || new.contains("\"WARN\"")
            }
        })
        .await;
        assert!(door.is_running());
        assert_eq!(status(&door, "app", "/").await, 200, "after {bad:.40}");
    }
    assert!(door.log.text().contains("config.yaml:1:"), "it does not say where the problem is: {}", door.log.text());
    door.replace_config(&(good + "    prefix: /only\n"));
    door.signal("HUP");
    let door = &door;
    eventually("a good file is taken again", || async move { status(door, "app", "/").await == 404 }).await;
}

#[tokio::test]
async fn a_reload_keeps_sessions_and_connections() {
    let scene = Scene::with_two_hosts().await;
    let mut browser = scene.door.signed_in("app").await;
    let cookie = browser.jar.header(&scene.url("app", "/").parse().unwrap()).unwrap();
    let mut kept = scene.door.raw("app").await;
    let request = format!("GET /kept HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\n\r\n", scene.door.authority("app"));
    kept.send(&request).await;
    assert_eq!(kept.answer().await.status, 200);
    let connections = scene.upstream.connections();
    let yaml = scene.door.setup.yaml() + "    set_request_headers: {X-Reloaded: \"yes\"}\n";
    scene.door.replace_config(&yaml);
    scene.door.signal("HUP");
    browser.visit(&scene.url("code", "/")).await;
    let (door, upstream) = (&scene.door, &scene.upstream);
    let shared = tokio::sync::Mutex::new(&mut browser);
    eventually("the reload", || async {
        shared.lock().await.fetch(&door.url("code", "/")).await;
        upstream.last().header("x-reloaded").is_some()
    })
    .await;
    kept.send(&request).await;
    assert_eq!(kept.answer().await.status, 200, "a connection was cut by the reload");
    assert!(scene.upstream.connections() <= connections + 2, "the pool was thrown away");
    assert_eq!(scene.provider.requests("/authorize").len(), 1);
}

#[tokio::test]
async fn a_rule_that_changed_holds_for_the_very_next_request() {
    let scene = Scene::with_app(ANYBODY_SIGNED_IN).await;
    let mut browser = scene.door.signed_in("app").await;
    let yaml = scene.door.setup.yaml().replace(ANYBODY_SIGNED_IN, "allowed_users: [bob@example.com]");
    scene.door.replace_config(&yaml);
    scene.door.signal("HUP");
    let url = scene.url("app", "/");
    let shared = tokio::sync::Mutex::new(&mut browser);
    eventually("the new rule", || async { shared.lock().await.visit(&url).await.status == 403 }).await;
}

#[tokio::test]
async fn settings_come_from_the_environment_too() {
    let upstream = Upstream::start().await;
    let door = Setup::new()
        .with("cookie_name: from-file")
        .environment("COOKIE_NAME", "from-environment")
        .environment("INSIDE", &upstream.url())
        .route("app", "${INSIDE}", EVERYBODY)
        .route("code", &upstream.url(), ANYBODY_SIGNED_IN)
        .start()
        .await;
    assert_eq!(status(&door, "app", "/").await, 200);
    let mut browser = Browser::new();
    let page = browser.visit(&door.url("code", "/")).await;
    assert!(page.text().contains("name=\"password\""), "{}", page.text());
    assert!(browser.jar.all().all(|cookie| cookie.name.starts_with("__Host-from-environment")), "{:?}", browser.jar);
}

#[tokio::test]
async fn nothing_listens_that_was_not_asked_for() {
    let (_upstream, door) = open_door().await;
    let pid = door.pid();
    let mut listening = Vec::new();
    let inodes: Vec<String> = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']').map(str::to_owned))
        .collect();
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        let text = std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let listens = fields[3] == "0A" || table.starts_with("udp");
            if listens && inodes.iter().any(|inode| inode == fields[9]) {
                let port = fields[1].rsplit(':').next().unwrap();
                listening.push((table, u16::from_str_radix(port, 16).unwrap()));
            }
        }
    }
    listening.sort_unstable();
    let mut expected = vec![("tcp", door.setup.port), ("tcp", door.setup.health_port)];
    expected.sort_unstable();
    assert_eq!(listening, expected);
}

#[tokio::test]
async fn nothing_stays_open_that_visitors_left() {
    use crate::harness::scene::WEBSOCKETS;
    use crate::harness::websocket::{echo, open};
    let upstream = Upstream::start().await;
    let door = Setup::new().route("app", &upstream.url(), &format!("{EVERYBODY}\n{WEBSOCKETS}")).start().await;
    let files = || std::fs::read_dir(format!("/proc/{}/fd", door.pid())).unwrap().count();
    let mut browser = Browser::new();
    browser.fetch(&door.url("app", "/")).await;
    let before = files();
    for _ in 0..30 {
        let mut socket = open(&door, &browser, "app").await.unwrap();
        assert!(echo(&mut socket, "x").await);
        drop(socket);
        browser.fetch(&door.url("app", "/")).await;
        let mut half = door.raw("app").await;
        half.send("POST / HTTP/1.1\r\nHost: ").await;
        drop(half);
    }
    upstream.wait_for_tunnels(0).await;
    eventually("the files are closed", || async { files() <= before + 4 }).await;
}

#[tokio::test]
async fn a_change_during_a_reload_is_not_lost() {
    let upstream = Upstream::start().await;
    // The window is small, so it is looked for with several programs at several moments.
    let tries = [0, 1, 2, 3, 5, 8, 13, 21].map(|delay| {
        let upstream = &upstream;
        async move {
            let door = Setup::new().route("app", &upstream.url(), EVERYBODY).start().await;
            let round = |number: u32| format!("{}    prefix: /{number}\n", door.setup.yaml());
            let (first, last) = (round(1), round(2));
            door.replace_config(&first);
            door.signal("HUP");
            tokio::time::sleep(Duration::from_millis(delay)).await;
            door.replace_config(&last);
            let door = &door;
            eventually(&format!("what was written {delay} ms after SIGHUP"), || async move {
                status(door, "app", "/2").await == 200
            })
            .await;
        }
    });
    futures_util::future::join_all(tries).await;
}
