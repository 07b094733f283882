//! The commands that list, ask and protect.

use std::process::{Command, Stdio};

use crate::harness::browser::Browser;
use crate::harness::doorward::{binary, command_in};
use crate::harness::log::Log;
use crate::harness::ports::free_port;
use crate::harness::scene::{ANYBODY_SIGNED_IN, EVERYBODY};
use crate::harness::setup::Setup;
use crate::harness::upstream::Upstream;
use crate::harness::websocket;

#[tokio::test]
async fn routes_are_listed() {
    let setup = Setup::new()
        .route("app", "http://127.0.0.1:8080", &format!("name: The app\n{ANYBODY_SIGNED_IN}"))
        .route("code", "https://10.0.0.1", &format!("prefix: /x\n{EVERYBODY}"))
        .route("shut", "http://127.0.0.1:8081", "");
    setup.write();
    let said = crate::harness::doorward::command_on(&setup, &["routes"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    for word in
        [&setup.origin("app"), &setup.origin("code"), "http://127.0.0.1:8080", "https://10.0.0.1", "/x", "nobody"]
    {
        assert!(said.out.contains(word), "{word}: {}", said.out);
    }
}

#[tokio::test]
async fn health_tells_whether_it_is_well() {
    let upstream = Upstream::start().await;
    let mut door = Setup::new().route("app", &upstream.url(), EVERYBODY).start().await;
    let said = door.command(&["health"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let address = door.setup.health_address().to_string();
    assert_eq!(command_in(door.setup.folder(), &["health", "--address", &address]).await.code, Some(0));
    door.signal("TERM");
    door.ended().await;
    let said = door.command(&["health"]).await;
    assert!(said.code != Some(0) && !said.err.is_empty(), "{said:?}");
}

#[tokio::test]
async fn health_is_asked_on_an_address_of_its_own() {
    let upstream = Upstream::start().await;
    let door = Setup::new().route("app", &upstream.url(), EVERYBODY).start().await;
    for path in ["/healthz", "/readyz", "/startupz", "/status"] {
        assert_eq!(door.health(path).await.status, 200, "{path}");
        // On the public side these are the application's own paths.
        Browser::new().visit(&door.url("app", path)).await;
        assert_eq!(upstream.last().target(), path);
    }
    assert_eq!(door.health("/nothing").await.status, 404);
    assert_eq!(door.health("/.doorward/user").await.status, 404);
}

#[tokio::test]
async fn the_command_line_explains_itself() {
    let folder = tempfile::tempdir().unwrap();
    let said = command_in(folder.path(), &["--help"]).await;
    for command in ["run", "check", "explain", "protect", "routes", "session", "user", "certificate", "health"] {
        assert!(said.out.contains(command), "{command}: {}", said.out);
    }
    let said = command_in(folder.path(), &["--version"]).await;
    assert!(said.code == Some(0) && said.out.starts_with("doorward "), "{said:?}");
    for wrong in [&[][..], &["rum"], &["run", "--confg", "x"], &["protect", "http://127.0.0.1:1"], &["user"]] {
        let said = command_in(folder.path(), wrong).await;
        assert!(said.code != Some(0) && !said.err.is_empty(), "{wrong:?}: {said:?}");
    }
    // Without any configuration it says where it looked.
    let said = command_in(folder.path(), &["run"]).await;
    assert!(said.code != Some(0) && said.err.contains("config.yaml"), "{said:?}");
}

#[tokio::test]
async fn one_line_protects_one_application() {
    let upstream = Upstream::start().await;
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let from = format!("https://code.localhost:{port}");
    let mut child = Command::new(binary())
        .args(["protect", &upstream.url(), "--allow", "you@example.com", "--from", &from])
        .env("ADDRESS", format!("127.0.0.1:{port}"))
        .env("HEALTH_CHECK_ADDR", format!("127.0.0.1:{}", free_port()))
        .env("HOME", folder.path())
        .env("DATA_DIR", folder.path().join("data"))
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = Log::new();
    log.read(child.stdout.take().unwrap());
    log.read(child.stderr.take().unwrap());
    let line = log.wait_for_line("a link", |line| line.contains(&format!("{from}/.doorward/"))).await;
    let start = line.find(&from).unwrap();
    let link = line[start..].split(|c: char| c.is_whitespace() || c == '"').next().unwrap().to_owned();

    let mut browser = Browser::new();
    let authority = Command::new(binary())
        .args(["certificate", "authority"])
        .env("HOME", folder.path())
        .env("DATA_DIR", folder.path().join("data"))
        .current_dir(folder.path())
        .output()
        .unwrap();
    browser.trust(&String::from_utf8(authority.stdout).unwrap());
    let form = browser.visit(&link).await;
    let password = "violet tractor sings at noon";
    browser.submit(&form, &[("password", password), ("again", password)]).await;
    assert_eq!(browser.visit(&format!("{from}/x")).await.status, 200, "{}", log.text());
    // With what code-server needs: the Host kept, WebSockets allowed.
    let arrived = upstream.last();
    let host = format!("code.localhost:{port}");
    assert_eq!((arrived.target(), arrived.header("host")), ("/x", Some(host.as_str())));
    let cookie = browser.jar.header(&from.parse().unwrap()).unwrap();
    let raw = crate::harness::raw::Raw::tls(([127, 0, 0, 1], port).into(), "code.localhost").await;
    let headers = [("Origin", from.as_str()), ("Cookie", cookie.as_str())];
    assert!(websocket::over(raw, &host, "/s", &headers).await.is_ok());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
async fn what_protect_cannot_protect_is_said() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, word) in [
        (&["protect", "not a url", "--allow", "you@example.com"][..], "http://"),
        (&["protect", "http://127.0.0.1:1", "--allow", "nobody"], "e-mail"),
        (&["protect", "http://127.0.0.1:1", "--allow", "you@example.com", "--from", "ftp://x"], "https"),
        (&["protect", "http://127.0.0.1:1", "--allow", "you@example.com", "--cert", "x.pem"], "--cert-key"),
    ] {
        let said = command_in(folder.path(), arguments).await;
        assert!(said.code != Some(0) && said.err.to_lowercase().contains(word), "{arguments:?}: {said:?}");
    }
}
