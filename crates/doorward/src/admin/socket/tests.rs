//! The socket against strangers, leftovers and rude clients.

use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::admin::client::{AskError, ask};
use crate::admin::stage::operations;

fn folder() -> TempDir {
    TempDir::with_prefix("admin-").unwrap()
}

async fn serve(data_dir: &Path) -> CancellationToken {
    let stop = CancellationToken::new();
    let socket = AdminSocket::bind(data_dir).await.unwrap();
    tokio::spawn(socket.serve(operations(), stop.clone()));
    stop
}

/// Sends these bytes and reads all that comes back.
async fn say(data_dir: &Path, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(socket_of(data_dir)).await.unwrap();
    // It may have heard enough before all is said.
    let _enough = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _cut = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn it_is_there_for_its_user_alone_and_gone_at_the_end() {
    let folder = folder();
    let data_dir = folder.path().join("data");
    let stop = serve(&data_dir).await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&data_dir), mode(&socket_of(&data_dir))), (0o700, 0o600));
    let answer = ask(&data_dir, &Request::Blocked {}).await.unwrap();
    assert_eq!(answer, Answer::People { people: Vec::new() });
    stop.cancel();
    let gone = async {
        while socket_of(&data_dir).exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone).await.unwrap();
    assert!(matches!(ask(&data_dir, &Request::Blocked {}).await, Err(AskError::Nobody(_))));
}

#[test]
fn only_its_own_user_and_root_are_heard() {
    assert!(is_trusted(1000, 1000) && is_trusted(0, 1000) && is_trusted(0, 0));
    assert!(!is_trusted(1001, 1000) && !is_trusted(1000, 0) && !is_trusted(u32::MAX, 0));
}

#[tokio::test]
async fn the_socket_of_a_dead_process_is_replaced() {
    let folder = folder();
    // Closed without its file being removed, as when a process is killed.
    drop(std::os::unix::net::UnixListener::bind(socket_of(folder.path())).unwrap());
    assert!(socket_of(folder.path()).exists());
    assert!(matches!(ask(folder.path(), &Request::Blocked {}).await, Err(AskError::Nobody(_))));
    let _stop = serve(folder.path()).await;
    assert!(ask(folder.path(), &Request::Blocked {}).await.is_ok());
}

#[tokio::test]
async fn a_socket_in_use_is_never_taken() {
    let folder = folder();
    let _stop = serve(folder.path()).await;
    assert!(matches!(AdminSocket::bind(folder.path()).await, Err(SocketError::Taken(_))));
    assert!(ask(folder.path(), &Request::Blocked {}).await.is_ok(), "the first is still there");

    // Not even one whose process is too busy to accept.
    let busy = self::folder();
    let listener = std::os::unix::net::UnixListener::bind(socket_of(busy.path())).unwrap();
    assert!(matches!(AdminSocket::bind(busy.path()).await, Err(SocketError::Taken(_))));
    drop(listener);
}

#[tokio::test]
async fn whoever_ends_leaves_the_socket_of_the_next_alone() {
    let folder = folder();
    let first = AdminSocket::bind(folder.path()).await.unwrap();
    std::fs::remove_file(socket_of(folder.path())).unwrap();
    let _stop = serve(folder.path()).await;
    drop(first);
    assert!(ask(folder.path(), &Request::Blocked {}).await.is_ok());
}

#[tokio::test]
async fn a_file_of_that_name_is_left_alone() {
    let folder = folder();
    std::fs::write(socket_of(folder.path()), "precious").unwrap();
    assert!(matches!(AdminSocket::bind(folder.path()).await, Err(SocketError::Occupied(_))));
    assert_eq!(std::fs::read(socket_of(folder.path())).unwrap(), b"precious");
}

#[tokio::test]
async fn a_path_that_is_too_long_is_said_to_be_that() {
    let folder = folder();
    let data_dir = folder.path().join("d".repeat(120));
    std::fs::create_dir(&data_dir).unwrap();
    let error = AdminSocket::bind(&data_dir).await.map(drop).unwrap_err();
    assert!(error.to_string().contains("shorter `data_dir`"), "{error}");
    assert!(matches!(ask(&data_dir, &Request::Blocked {}).await, Err(AskError::TooLong(_))));
}

#[tokio::test]
async fn what_it_does_not_understand_is_answered_and_does_nothing() {
    let folder = folder();
    let _stop = serve(folder.path()).await;
    for nonsense in [
        "\n",
        "{}\n",
        "[1]\n",
        "{\"request\":\"launch\"}\n",
        "{\"request\":\"blocked\",\"more\":1}\n",
        "{\"request\":\"revoke\",\"wanted\":\"everything\"}\n",
        "GET / HTTP/1.1\r\n\r\n",
        "\u{0}\n",
    ] {
        let answer = say(folder.path(), nonsense.as_bytes()).await;
        assert!(answer.contains("\"failed\"") && answer.contains(env!("CARGO_PKG_VERSION")), "{nonsense:?}: {answer}");
    }
    assert!(ask(folder.path(), &Request::Blocked {}).await.is_ok());
}

#[tokio::test]
async fn a_request_without_end_is_refused() {
    let folder = folder();
    let _stop = serve(folder.path()).await;
    let answer = say(folder.path(), &vec![b' '; 4 * LONGEST_REQUEST]).await;
    assert!(answer.is_empty() || answer.contains("too long"), "{answer}");
    assert!(ask(folder.path(), &Request::Blocked {}).await.is_ok());
}

#[tokio::test]
async fn those_who_say_nothing_do_not_keep_others_out() {
    let folder = folder();
    let _stop = serve(folder.path()).await;
    let mut silent = Vec::new();
    for _ in 0..AT_ONCE + 4 {
        silent.push(UnixStream::connect(socket_of(folder.path())).await.unwrap());
    }
    // Heard as soon as the first of them have had their time.
    assert!(ask(folder.path(), &Request::Blocked {}).await.is_ok());
    for mut stream in silent {
        let mut nothing = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut nothing)).await.unwrap();
        assert!(read.is_ok() && nothing.is_empty());
    }
}
