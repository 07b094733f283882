//! Policies at work: what is enforced, and what is written, counted and said of it.

mod denied;
mod facts;
mod provider;
mod records;
mod shadow;

use crate::harness::doorward::Doorward;
use crate::harness::ports::free_port;
use crate::harness::raw::Raw;
use crate::harness::scene::Scene;
use crate::harness::setup::Setup;

/// The usual stage, and the port where it is measured.
async fn measured(make: impl FnOnce(Setup, &str) -> Setup) -> (Scene, u16) {
    let port = free_port();
    let key = format!("metrics_address: 127.0.0.1:{port}");
    (Scene::with(|setup, upstream| make(setup, upstream).with(&key)).await, port)
}

/// The metrics whose names begin so.
pub(crate) async fn figures(port: u16, name: &str) -> Vec<String> {
    let mut raw = Raw::plain(([127, 0, 0, 1], port).into()).await;
    raw.try_send("GET /metrics HTTP/1.1\r\nHost: metrics\r\nConnection: close\r\n\r\n".to_owned()).await.unwrap();
    let page = raw.answer_to("GET").await.unwrap().text();
    page.lines().filter(|line| line.starts_with(name)).map(str::to_owned).collect()
}

/// Puts another configuration in place and waits until it is in service.
async fn reload(door: &Doorward, yaml: &str) {
    let before = door.log.text().matches("configuration reloaded").count();
    door.replace_config(yaml);
    crate::harness::eventually("the reload", || async move {
        door.log.text().matches("configuration reloaded").count() > before
    })
    .await;
}
