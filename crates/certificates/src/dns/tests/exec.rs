//! Programs that succeed, fail, hang, and look around.

use std::fs;
use std::path::Path;

use doorward_config::DnsCommand;
use tempfile::TempDir;

use super::*;

/// A solver that runs this script by `/bin/sh`, with the folder as its first argument.
fn script(text: &str, timeout: Duration) -> (DnsSolver, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hook");
    fs::write(&file, text).unwrap();
    let command = vec!["/bin/sh".into(), path(&file), path(folder.path())];
    let updater = DnsUpdater::Exec(DnsCommand { command, timeout });
    let settings = Dns { updater, resolvers: vec![([127, 0, 0, 1], 9).into()], propagation: Duration::ZERO };
    (solver(&settings), folder)
}

fn path(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_program_is_told_what_to_do_by_its_arguments_and_a_clean_environment() {
    let text = "shift; echo \"$@\" >>\"$(dirname \"$0\")/arguments\"; env | sort >\"$(dirname \"$0\")/$1\"; cat";
    let (solver, folder) = script(text, PATIENCE);
    solver.present(&host("code.example.com"), VALUE).await.unwrap();
    solver.clean_up(&host("code.example.com"), VALUE).await.unwrap();
    let read = |file: &str| fs::read_to_string(folder.path().join(file)).unwrap();
    let at = "_acme-challenge.code.example.com";
    assert_eq!(read("arguments"), format!("present {at} {VALUE}\ncleanup {at} {VALUE}\n"));
    for action in ["present", "cleanup"] {
        let environment = read(action);
        for expected in [
            format!("DOORWARD_DNS_ACTION={action}\n"),
            format!("DOORWARD_DNS_NAME={at}\n"),
            format!("DOORWARD_DNS_VALUE={VALUE}\n"),
            "DOORWARD_DNS_HOST=code.example.com\n".into(),
        ] {
            assert!(environment.contains(&expected), "{environment}");
        }
        // The shell adds the last three of its own.
        let allowed = ["DOORWARD_DNS_", "PATH=", "HOME=", "LANG=", "PWD=", "SHLVL=", "OLDPWD=", "_="];
        for line in environment.lines() {
            assert!(allowed.iter().any(|start| line.starts_with(start)), "{line}");
        }
    }
}

#[tokio::test]
async fn a_failure_says_the_last_line_of_what_was_written() {
    for (text, expected) in [
        (
            "echo fine; echo one >&2; echo 'zone \x1b[31mlocked' >&2; echo >&2; exit 3",
            "(exit status: 3): zone [31mlocked",
        ),
        ("echo only this; exit 1", "(exit status: 1): only this"),
        ("exit 2", "(exit status: 2): it wrote nothing"),
        ("kill -9 $$", "signal: 9"),
        ("yes abcdefghij | head -c 5000000; echo; echo the end; exit 1", "the end"),
    ] {
        let (solver, _folder) = script(text, PATIENCE);
        let said = solver.present(&host("code.example.com"), VALUE).await.unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
    }
    let (solver, _folder) = script("head -c 3000 /dev/zero | tr '\\0' x; exit 1", PATIENCE);
    assert!(solver.clean_up(&host("example.com"), VALUE).await.unwrap_err().to_string().len() < 500);
}

#[tokio::test]
async fn a_program_that_hangs_is_killed_with_all_that_it_started() {
    let text = "sleep 600 & echo $! >\"$1/child\"; echo waiting; wait";
    let (solver, folder) = script(text, Duration::from_secs(4));
    let error = solver.present(&host("code.example.com"), VALUE).await.unwrap_err();
    assert!(matches!(error, DnsError::ProgramTooSlow { .. }), "{error}");
    assert!(error.to_string().contains("stopped after 4s: waiting"), "{error}");
    let child = fs::read_to_string(folder.path().join("child")).unwrap();
    gone(child.trim()).await;
}

#[tokio::test]
async fn a_program_that_nobody_waits_for_any_more_is_killed() {
    let (solver, folder) = script("sleep 600 & echo $! >\"$1/new\"; mv \"$1/new\" \"$1/child\"; wait", PATIENCE);
    let running = tokio::spawn(async move { solver.present(&host("code.example.com"), VALUE).await });
    let file = folder.path().join("child");
    while !file.exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    gone(fs::read_to_string(file).unwrap().trim()).await;
}

#[tokio::test]
async fn what_a_program_leaves_running_does_not_hold_us_up() {
    let (solver, folder) = script("sleep 600 & echo $! >\"$1/child\"", PATIENCE);
    tokio::time::timeout(PATIENCE, solver.present(&host("code.example.com"), VALUE)).await.unwrap().unwrap();
    let child = fs::read_to_string(folder.path().join("child")).unwrap();
    assert!(Path::new("/proc").join(child.trim()).exists());
    std::process::Command::new("kill").arg(child.trim()).status().unwrap();
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named_and_no_shell_is_asked() {
    let command = vec!["/nonexistent/hook; true".to_owned()];
    let updater = DnsUpdater::Exec(DnsCommand { command, timeout: PATIENCE });
    let settings = Dns { updater, resolvers: Vec::new(), propagation: Duration::ZERO };
    let said = solver(&settings).present(&host("example.com"), VALUE).await.unwrap_err().to_string();
    assert!(said.contains("/nonexistent/hook; true cannot be started (No such file"), "{said}");
    let updater = DnsUpdater::Exec(DnsCommand { command: Vec::new(), timeout: PATIENCE });
    let empty = Dns { updater, ..settings };
    assert!(DnsSolver::new(&empty, &[]).is_err());
}

/// Until the process has ended, or waits to be buried.
async fn gone(process: &str) {
    let file = Path::new("/proc").join(process).join("stat");
    let ended = || fs::read_to_string(&file).map_or(true, |stat| stat.contains(") Z "));
    tokio::time::timeout(PATIENCE, async {
        while !ended() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
}
