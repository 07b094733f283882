//! What a child process says, line by line, to be waited for and looked through.

use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

/// The lines of a process so far. Clones share them.
#[derive(Clone)]
pub(crate) struct Log {
    lines: Arc<watch::Sender<Vec<String>>>,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { lines: Arc::new(watch::Sender::default()) }
    }

    /// Takes in one of the process's streams until it ends.
    pub(crate) fn read(&self, stream: impl Read + Send + 'static) {
        let lines = self.lines.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                lines.send_modify(|all| all.push(line));
            }
        });
    }

    pub(crate) fn text(&self) -> String {
        self.lines.borrow().join("\n")
    }

    /// The lines that are JSON.
    pub(crate) fn entries(&self) -> Vec<Value> {
        self.lines.borrow().iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Waits for a line that holds this text, and gives it.
    pub(crate) async fn wait_for(&self, text: &str) -> String {
        self.wait_for_line(text, |line| line.contains(text)).await
    }

    pub(crate) async fn wait_for_line(&self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        let find = |lines: &Vec<String>| lines.iter().find(|line| fits(line)).cloned();
        let mut receiver = self.lines.subscribe();
        // What is found is cloned while the lines are borrowed: borrowing them once more would wait for a writer that waits
        // for the first borrow.
        let waited = tokio::time::timeout(super::PATIENCE, async {
            let lines = receiver.wait_for(|lines| find(lines).is_some()).await.ok()?;
            find(&lines)
        })
        .await;
        let found = waited.ok().flatten();
        found.unwrap_or_else(|| panic!("the log never said {what:?}:\n{}", self.text()))
    }

    /// The access line of a request, once it is written: by the id that its answer carried.
    pub(crate) async fn access_line(&self, request_id: &str) -> Value {
        let needle = format!("\"request-id\":\"{request_id}\"");
        let line = self.wait_for_line(&needle, |line| line.contains(&needle) && line.contains("\"request\"")).await;
        serde_json::from_str(&line).unwrap()
    }

    /// Waits until what was said up to now has been read: the access log is written in batches.
    pub(crate) async fn settled(&self) -> String {
        let mut receiver = self.lines.subscribe();
        while tokio::time::timeout(Duration::from_millis(150), receiver.changed()).await.is_ok() {}
        self.text()
    }
}
