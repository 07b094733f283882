//! No room under `data_dir`: nobody new gets in, whoever is in goes on, and all is well once there is room.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::browser::{Answer, Browser};
use crate::harness::hostile_provider::Person;
use crate::harness::scene::{ANYBODY_SIGNED_IN, Scene, WEBSOCKETS};
use crate::harness::websocket::{echo, ended, open};
use crate::harness::{eventually, skip};

/// What a sign-in is told.
const NOT_NOW: &str = "Signing in is not possible just now";

/// A file system of eight megabytes, or `None` where this process may mount none.
fn small_disk(at: &Path) -> Option<Mounted> {
    fs::create_dir(at).unwrap();
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m,mode=0700", "doorward-test"]).arg(at).output();
    mounted.is_ok_and(|output| output.status.success()).then(|| Mounted(at.to_owned()))
}

/// Unmounted when dropped, whoever still has files open there.
struct Mounted(PathBuf);

impl Mounted {
    /// Leaves no room; the file that takes it.
    fn fill(&self) -> PathBuf {
        let filler = self.0.join("filler");
        let full = io::copy(&mut io::repeat(0), &mut File::create(&filler).unwrap()).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        filler
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _gone = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// Signs people in until one is refused: as long as the store's file has free places, it needs no room.
async fn first_refused(scene: &Scene) -> Answer {
    for number in 0..400 {
        scene.provider.person(Person::new(&format!("late{number}@example.com")));
        let answer = Browser::new().visit(&scene.url("app", "/")).await;
        if answer.status != 200 {
            return answer;
        }
    }
    panic!("sign-ins go on, as if there were room");
}

#[tokio::test]
async fn a_full_disk_lets_nobody_new_in_and_disturbs_nobody_who_is() {
    let mut disk = None;
    let scene = Scene::with(|setup, upstream| {
        disk = small_disk(&setup.data_dir());
        setup.route("app", upstream, &format!("{ANYBODY_SIGNED_IN}\n{WEBSOCKETS}"))
    })
    .await;
    let Some(disk) = disk else {
        skip("a full disk needs the right to mount one");
        return;
    };
    let mut alice = scene.browser_of("alice@example.com").await;
    let mut bob = scene.browser_of("bob@example.com").await;
    let mut shell = open(&scene.door, &alice, "app").await.unwrap();
    let mut bobs_shell = open(&scene.door, &bob, "app").await.unwrap();
    let question = bob.visit(&scene.url("app", "/.doorward/sign_out")).await;
    let filler = disk.fill();

    let page = first_refused(&scene).await;
    assert_eq!(page.status, 503, "{}", page.text());
    assert!(page.text().contains(NOT_NOW) && !page.text().contains("identity provider"), "{}", page.text());
    assert!(page.text().contains("stays so"), "{}", page.text());
    assert!(page.header("retry-after").is_some());

    assert_eq!(alice.fetch(&scene.url("app", "/still")).await.status, 200, "whoever is signed in goes on");
    assert_eq!(alice.visit(&scene.url("app", "/.doorward/")).await.status, 200);
    assert!(echo(&mut shell, "still here").await);
    assert!(echo(&mut open(&scene.door, &alice, "app").await.unwrap(), "and anew").await);
    let stranger = Browser::new().fetch(&scene.url("app", "/")).await;
    assert_eq!(stranger.status, 401, "{}", stranger.text());
    assert_eq!(scene.door.health("/healthz").await.status, 200);

    // Signing out ends the session here, and says so if it cannot be written down.
    let kept: Vec<_> = bob.jar.all().cloned().collect();
    let answer = bob.submit(&question, &[]).await;
    assert!(answer.text().contains("You are signed out"), "{} {}", answer.status, answer.text());
    assert!(answer.status == 200 || answer.text().contains("perhaps not everywhere"), "{}", answer.text());
    ended(&mut bobs_shell).await;
    for cookie in &kept {
        bob.jar.plant(&cookie.domain, &cookie.name, &cookie.value);
    }
    assert_eq!(bob.fetch(&scene.url("app", "/")).await.status, 401, "signing out ends it, full disk or not");
    scene.door.log.wait_for("signed-out").await;

    fs::remove_file(filler).unwrap();
    eventually("signing in works", || {
        let (provider, url) = (&scene.provider, scene.url("app", "/room"));
        async move {
            provider.person(Person::new("carol@example.com"));
            Browser::new().visit(&url).await.status == 200
        }
    })
    .await;
    assert_eq!(bob.fetch(&scene.url("app", "/")).await.status, 401, "room brings nobody back");
    assert!(echo(&mut shell, "all the time").await);
    let carol =
        scene.door.log.wait_for_line("carol", |line| line.contains("carol") && line.contains("signed-in")).await;
    assert!(carol.contains("audit"), "{carol}");
    let request = alice.fetch(&scene.url("app", "/logged")).await;
    assert_eq!(request.status, 200);
    scene.door.log.access_line(request.header("x-request-id").unwrap()).await;
    // What was answered before the disk was full has outlived it all.
    let Scene { door, provider: _provider, upstream: _upstream } = scene;
    let door = door.restarted().await;
    assert_eq!(alice.fetch(&door.url("app", "/")).await.status, 200);
    drop(disk);
}
