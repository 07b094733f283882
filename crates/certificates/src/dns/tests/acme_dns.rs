//! An acme-dns server that notes what it is asked.

use std::sync::{Arc, Mutex};

use doorward_config::{AcmeDns, AcmeDnsAccount};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// Answers every request with this status and body; the requests are noted.
async fn server(answer: String) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&requests);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut request, mut buffer) = (String::new(), [0; 1024]);
            // The body is JSON: whole when it is closed.
            while !request.ends_with('}') {
                let count = stream.read(&mut buffer).await.unwrap();
                assert!(count > 0, "{request}");
                request.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
            }
            noted.lock().unwrap().push(request);
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    (address, requests)
}

fn response(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn settings(url: &str) -> Dns {
    let account = AcmeDnsAccount {
        username: "c36f50e8-4632-44f0-83fe-e070fef28a10".into(),
        password: Secret::new(*b"htB9mR9DYgcu9bX_afHF62erXaH2TS7bg9KW3F7Z"),
        subdomain: "8e5700ea-a4bf-41c7-8a77-e990661dcc6a".into(),
    };
    let updater =
        DnsUpdater::AcmeDns(AcmeDns { url: url.parse().unwrap(), accounts: vec![(host("code.example.com"), account)] });
    Dns { updater, resolvers: vec![([127, 0, 0, 1], 9).into()], propagation: Duration::ZERO }
}

#[tokio::test]
async fn the_value_is_set_with_the_account_of_the_host() {
    let (address, requests) = server(response("200 OK", &format!("{{\"txt\": \"{VALUE}\"}}"))).await;
    for (base, path) in [("", "/update"), ("/api", "/api/update"), ("/api/", "/api/update")] {
        let solver = solver(&settings(&format!("http://{address}{base}")));
        solver.present(&host("code.example.com"), VALUE).await.unwrap();
        solver.clean_up(&host("code.example.com"), VALUE).await.unwrap();
        let mut noted = requests.lock().unwrap();
        let request = noted.pop().unwrap();
        assert!(noted.is_empty(), "cleaning up asks nothing");
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("POST {path} HTTP/1.1\r\n")), "{head}");
        let head = head.to_ascii_lowercase();
        assert!(head.contains("x-api-user: c36f50e8-4632-44f0-83fe-e070fef28a10"), "{head}");
        assert!(head.contains("x-api-key: htb9mr9dygcu9bx_afhf62erxah2ts7bg9kw3f7z"), "{head}");
        assert!(head.contains("content-type: application/json"), "{head}");
        assert_eq!(body, format!("{{\"subdomain\":\"8e5700ea-a4bf-41c7-8a77-e990661dcc6a\",\"txt\":\"{VALUE}\"}}"));
        assert!(!format!("{solver:?}").contains("htB9"), "{solver:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_success_says_what_to_look_at() {
    let page = "x".repeat(100_000);
    for (answer, expected) in [
        (response("401 Unauthorized", "{\"error\": \"forbidden\"}"), "forbidden\"}): are `username`, `password`"),
        (response("400 Bad Request", "{\"error\": \"bad_txt\"}"), "answered 400"),
        (response("500 Internal Server Error", "no\u{202e}\r\ndisk"), "answered 500 (nodisk): its log says why"),
        (response("200 OK", "<h1>Welcome</h1>"), "is `url` really that of an acme-dns server's API?"),
        (response("200 OK", &page), "a long page"),
        ("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\nconnection: close\r\n\r\n".into(), "answered 302"),
        ("SSH-2.0-OpenSSH_9.2\r\n".into(), "cannot be reached"),
    ] {
        let (address, _) = server(answer).await;
        let error = solver(&settings(&format!("http://{address}"))).present(&host("code.example.com"), VALUE).await;
        let error = error.unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(said.contains(expected), "{expected}: {said}");
        assert!(!said.contains("htB9"), "{said}");
    }
}

#[tokio::test]
async fn a_host_without_an_account_is_told_how_to_get_one() {
    let solver = solver(&settings("https://auth.example.org/api"));
    let said = solver.present(&host("other.example.com"), VALUE).await.unwrap_err().to_string();
    assert!(said.contains("curl -X POST https://auth.example.org/api/register"), "{said}");
    assert!(said.contains("CNAME record _acme-challenge.other.example.com to its `fulldomain`"), "{said}");
}

#[test]
fn a_password_is_not_sent_in_clear_text_to_another_machine() {
    let error = DnsSolver::new(&settings("http://auth.example.org"), &[]).unwrap_err();
    assert!(matches!(error, DnsError::ClearText { .. }), "{error}");
    DnsSolver::new(&settings("https://auth.example.org"), &[]).unwrap();
}
