//! Where operators' commands find the sessions: a process, a file, a shared store, or nowhere; and who may ask.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::harness::browser::Browser;
use crate::harness::counterpart::{Counterpart, installed, of_the_system};
use crate::harness::doorward::command_on;
use crate::harness::ports::free_port;
use crate::harness::scene::{ANYBODY_SIGNED_IN, Scene};
use crate::harness::setup::Setup;
use crate::harness::{eventually, skip};

fn socket(data_dir: &Path) -> std::path::PathBuf {
    data_dir.join("admin.sock")
}

async fn is_signed_in(scene: &Scene, browser: &mut Browser) -> bool {
    browser.fetch(&scene.url("app", "/")).await.status == 200
}

#[tokio::test]
async fn what_is_revoked_while_nobody_runs_stays_revoked() {
    let mut scene = Scene::with_app(ANYBODY_SIGNED_IN).await;
    let mut alice = scene.browser_of("alice@example.com").await;
    let mut bob = scene.browser_of("bob@example.com").await;
    scene.door.signal("TERM");
    scene.door.ended().await;
    assert!(!socket(&scene.door.setup.data_dir()).exists(), "the socket is removed at the end");

    let listed = scene.door.command(&["session", "list"]).await;
    assert!(listed.out.contains("alice@example.com") && listed.out.contains("bob@example.com"), "{listed:?}");
    let said = scene.door.command(&["session", "revoke", "--user", "alice@example.com"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("No doorward runs"), "{said:?}");
    let scene = Scene { door: scene.door.started_again().await, ..scene };
    assert!(!is_signed_in(&scene, &mut alice).await && is_signed_in(&scene, &mut bob).await);
    let blocked = scene.door.command(&["user", "blocked", "--json"]).await;
    assert!(blocked.out.contains("alice@example.com"), "{blocked:?}");
}

#[tokio::test]
async fn where_nothing_was_ever_kept_nothing_is_made_by_looking() {
    let setup = Setup::new().route("app", "http://127.0.0.1:1", ANYBODY_SIGNED_IN);
    setup.write();
    for look in [&["session", "list"][..], &["user", "blocked"], &["session", "revoke", "--all", "--yes"]] {
        let said = command_on(&setup, look).await;
        assert!(said.code == Some(0) && said.out.is_empty() && !said.err.is_empty(), "{said:?}");
    }
    let said = command_on(&setup, &["session", "revoke", "AAAAAAAAAAAAAAAAAAAAAA"]).await;
    assert!(said.code == Some(1) && said.err.contains("there is no session"), "{said:?}");
    assert!(!setup.data_dir().exists());
    // Somebody can be kept out before anything runs.
    let said = command_on(&setup, &["user", "block", "eve@example.com"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let list = command_on(&setup, &["user", "list"]).await;
    assert!(list.out.contains("eve@example.com  BLOCKED"), "{list:?}");
}

#[tokio::test]
async fn sessions_in_memory_are_nowhere_when_nobody_runs() {
    let setup =
        Setup::new().with("databroker_storage_type: memory").route("app", "http://127.0.0.1:1", ANYBODY_SIGNED_IN);
    setup.write();
    let said = command_on(&setup, &["session", "list"]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("nobody listens at") && said.err.contains("memory"), "{said:?}");
}

#[tokio::test]
async fn a_store_in_use_by_a_process_without_a_socket_is_said_to_be_that() {
    let scene = Scene::with_app(ANYBODY_SIGNED_IN).await;
    std::fs::remove_file(socket(&scene.door.setup.data_dir())).unwrap();
    let said = scene.door.command(&["session", "list"]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    for words in ["in use by a process that cannot be asked", "nobody listens at", "admin.sock"] {
        assert!(said.err.contains(words), "{words}: {said:?}");
    }
}

#[tokio::test]
async fn a_socket_left_by_a_killed_process_is_replaced() {
    let scene = Scene::with_app(ANYBODY_SIGNED_IN).await;
    let path = socket(&scene.door.setup.data_dir());
    let door = scene.door.restarted_after("KILL").await;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let said = door.command(&["session", "list"]).await;
    assert!(said.code == Some(0) && said.err.contains("nobody is signed in"), "{said:?}");
}

/// Not one that is root's alone.
const PYTHON: &str = "/usr/bin/python3";

/// Asks for the end of every session, as the user `nobody`.
fn ask_as_nobody(path: &Path) -> std::process::Output {
    // What it says is there to be read even when it hung up before it was asked.
    let script = "
import socket, sys
there = socket.socket(socket.AF_UNIX)
there.settimeout(20)
there.connect(sys.argv[1])
try:
    there.sendall(b'{\"request\":\"revoke\",\"wanted\":\"all\"}\\n')
except BrokenPipeError:
    pass
print(there.makefile().read())";
    Command::new("setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups", PYTHON, "-c", script])
        .arg(path)
        .output()
        .unwrap()
}

#[tokio::test]
async fn another_user_is_refused_even_when_the_socket_was_opened_to_them() {
    let can = Command::new("setpriv").args(["--reuid", "65534", "--clear-groups", PYTHON, "-c", ""]).status();
    if !can.is_ok_and(|status| status.success()) {
        skip("asking as another user takes root, setpriv and python3");
        return;
    }
    let scene = Scene::with_app(ANYBODY_SIGNED_IN).await;
    let mut alice = scene.browser_of("alice@example.com").await;
    let path = socket(&scene.door.setup.data_dir());
    let open_to_all = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    open_to_all(scene.door.setup.folder(), 0o755);
    open_to_all(&scene.door.setup.data_dir(), 0o755);
    // The system keeps them out.
    let out = ask_as_nobody(&path);
    assert!(!out.status.success() && String::from_utf8_lossy(&out.stderr).contains("PermissionError"), "{out:?}");
    // And where it does not, their name does.
    open_to_all(&path, 0o666);
    let out = tokio::task::spawn_blocking(move || ask_as_nobody(&path)).await.unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert!(said.contains("as another user"), "{said}");
    scene.door.log.wait_for("another user was refused at the admin socket").await;
    assert!(is_signed_in(&scene, &mut alice).await);
}

/// A shared store that has a password: the command reaches it by the configuration alone.
async fn with_redis(setup: Setup) -> Option<(Setup, Counterpart)> {
    let Some(program) = of_the_system("redis-server").or_else(|| installed("valkey/valkey-server")) else {
        skip("Redis is not installed: scripts/install.sh redis");
        return None;
    };
    let port = free_port();
    let arguments = ["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--requirepass", "hunter2"];
    let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
    let redis = Counterpart::start(&program, arguments, &[]);
    eventually("Redis", || async { tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() }).await;
    let setup = setup.with(&format!(
        "databroker_storage_type: redis\ndatabroker_storage_connection_string: redis://:hunter2@127.0.0.1:{port}\n\
         cookie_secret: {}",
        "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
    ));
    Some((setup, redis))
}

#[tokio::test]
async fn a_shared_store_is_asked_itself_when_nobody_runs_here() {
    let setup = Setup::new().route("app", "http://127.0.0.1:1", ANYBODY_SIGNED_IN);
    let Some((setup, redis)) = with_redis(setup).await else { return };
    setup.write();
    let said = command_on(&setup, &["user", "block", "eve@example.com"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("shared store"), "{said:?}");
    let said = command_on(&setup, &["user", "blocked"]).await;
    assert!(said.code == Some(0) && said.out.contains("eve@example.com"), "{said:?}");

    // Another secret opens nothing of it, and says so.
    let yaml = std::fs::read_to_string(setup.config_file()).unwrap();
    let other = yaml.replace("MDEyMzQ1", "MTEyMzQ1");
    std::fs::write(setup.config_file(), other).unwrap();
    let said = command_on(&setup, &["user", "blocked"]).await;
    assert!(said.code == Some(1) && said.err.contains("sealed with another secret"), "{said:?}");
    // No secret at all: what this machine makes for itself would be another one.
    let none: String =
        yaml.lines().filter(|line| !line.starts_with("cookie_secret")).map(|line| format!("{line}\n")).collect();
    std::fs::write(setup.config_file(), none).unwrap();
    let said = command_on(&setup, &["user", "blocked"]).await;
    assert!(said.code == Some(1) && said.err.contains("the same `cookie_secret`"), "{said:?}");

    std::fs::write(setup.config_file(), yaml).unwrap();
    drop(redis);
    let said = command_on(&setup, &["user", "blocked"]).await;
    assert!(said.code == Some(1) && said.err.contains("store is unavailable"), "{said:?}");
    assert!(!said.err.contains("hunter2"), "{said:?}");
}
