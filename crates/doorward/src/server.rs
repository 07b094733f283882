//! The running server: binds, serves, reloads, stops.

mod admin;
mod assertion_keys;
mod banner;
mod error;
mod gate;
mod handshakes;
mod health;
mod lasting;
mod metrics;
mod needing_restart;
mod plain;
mod published_keys;
mod served_certificates;
mod service;
mod session_health;
mod shared_certificates;
mod ticket_keys;
mod watch;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use doorward_config::{Codec, Config, Limit, Loaded, LogLevel};
use doorward_proxy::{End, Pipeline, PipelineSettings};
use doorward_telemetry::{AccessLog, LogFormat, init_logging};
use doorward_transport::{Admission, Drain, Kind, Limits, Listener, Terms, TransportError, Versions, serve};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info, warn};

use crate::invitations::Invited;
pub(crate) use error::ServerError;
use health::{Health, Stage};
use metrics::Metrics;
use service::Service;
pub(crate) use watch::Cause;
use watch::Watch;

/// How often what is held open is decided again where the time makes a difference.
const REDECIDE_EVERY: Duration = Duration::from_secs(15);
/// How long requests may go on after SIGTERM. Below the ten seconds after which container engines kill.
const DRAIN: Duration = Duration::from_secs(8);
/// How long what is still open then has to close.
const CLOSE: Duration = Duration::from_secs(1);

/// How a configuration is loaded again.
pub(crate) struct Reloading {
    /// Loads it, or says what is wrong.
    pub(crate) load: Box<dyn Fn() -> Result<Loaded, String> + Send + Sync>,
    /// The file it stands in, if in one.
    pub(crate) file: Option<PathBuf>,
    /// When it was begun to be loaded the first time.
    pub(crate) loaded_after: SystemTime,
}

/// Serves a configuration until SIGTERM or SIGINT, and drains.
///
/// # Errors
/// [`ServerError`] when it cannot start. Once it serves, nothing but a signal ends it.
pub(crate) async fn run(loaded: Loaded, reloading: Reloading) -> Result<(), ServerError> {
    let Loaded { config, watched, .. } = loaded;
    let format = LogFormat::detect();
    let counts = init_logging(config.log_level.as_str(), format);
    // Signals first: one that comes during start-up must not be lost.
    let mut terminate = signal(SignalKind::terminate()).map_err(ServerError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServerError::Signals)?;
    let mut watch = Watch::new(files(&reloading, watched), reloading.loaded_after).map_err(ServerError::Signals)?;

    let drain = Drain::new();
    let mut service = Service::open(config, drain.clone()).await?;
    let config = service.config();
    let sockets = Sockets::bind(&config, &service)?;
    let access_log = access_log(&config, format)?;
    let sessions = service.session_health(counts);
    let health = Health::new(service.status(&sessions), {
        let sessions = sessions.clone();
        Arc::new(move || sessions.failing_since())
    });
    let health_drain = Drain::new();
    let pipeline = Pipeline::new(PipelineSettings {
        snapshot: service.snapshot(),
        access_log: access_log.clone(),
        tunnels: service.tunnels(),
        clock: SystemTime::now,
        challenges: service.handshakes().map(|handshakes| handshakes as _),
    });
    let addresses = sockets.addresses();
    let machines = (health.clone(), Metrics::new(service.gather(&sessions)));
    let terms = terms(&config);
    let admission = terms.admission.clone();
    sockets.serve(&pipeline, machines, &terms, [&drain, &health_drain]);
    admin::open(&config.data_dir, service.sessions(), service.until_the_end()).await;
    health.enter(Stage::Ready);
    banner::print(&config, &addresses);
    banner::print_invitations(&service.invite(Invited::Everybody, SystemTime::now())?);
    info!(?addresses, routes = config.routes.len(), "serving");
    drop(config);

    let mut renewal = tokio::time::interval(served_certificates::RENEWAL_EVERY);
    let mut redecision = tokio::time::interval(REDECIDE_EVERY);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = renewal.tick() => {
                service.look_after_certificates(SystemTime::now());
                service.look_after_keys(SystemTime::now());
            }
            _ = redecision.tick() => service.redecide_by_time(SystemTime::now()),
            cause = watch.changed() => {
                reload(&mut service, &reloading, &mut watch, cause).await;
                admission.trust(service.config().proxies.trusted.clone());
            }
        }
    }

    info!(open = drain.running(), "stopping: no new connections, waiting for what is under way");
    health.enter(Stage::Stopping);
    drain.begin();
    tokio::select! {
        () = finish(&drain, &service) => {}
        _ = terminate.recv() => warn!("told twice to stop: not waiting any longer"),
        _ = interrupt.recv() => warn!("told twice to stop: not waiting any longer"),
    }
    health_drain.begin();
    service.close();
    info!("stopped");
    access_log.flush();
    Ok(())
}

/// Waits for what is under way, ends what is open for long, and waits for that.
async fn finish(drain: &Drain, service: &Service) {
    if drain.finished(DRAIN).await {
        return;
    }
    let ended = service.tunnels().end_all(End::Stopping);
    if !drain.finished(CLOSE).await {
        warn!(tunnels = ended, connections = drain.running(), "connections were cut");
    }
}

/// Swaps in the configuration as it is now; keeps the running one when there is anything wrong with it.
async fn reload(service: &mut Service, reloading: &Reloading, watch: &mut Watch, cause: Cause) {
    let began = SystemTime::now();
    watch.know();
    match (reloading.load)() {
        Err(problems) => error!(%problems, ?cause, "the configuration was not reloaded; the running one stays"),
        Ok(Loaded { config, hints, watched }) => {
            for hint in &hints {
                warn!("{hint}");
            }
            let files = files(reloading, watched);
            match service.replace(config, SystemTime::now()).await {
                Ok(ended) => {
                    info!(
                        ?cause,
                        routes = service.config().routes.len(),
                        tunnels_ended = ended,
                        "configuration reloaded"
                    );
                    match service.invite(Invited::Newcomers, SystemTime::now()) {
                        Ok(invitations) => banner::print_invitations(&invitations),
                        Err(error) => error!(%error, "nobody could be invited"),
                    }
                }
                Err(error) => {
                    error!(error = %crate::commands::Failure::of(&error), ?cause, "the configuration was not reloaded; the running one stays");
                }
            }
            watch.look_at(files, began);
        }
    }
}

fn files(reloading: &Reloading, watched: Vec<PathBuf>) -> Vec<PathBuf> {
    reloading.file.iter().cloned().chain(watched).collect()
}

fn limits(config: &Config) -> Limits {
    let defaults = Limits::default();
    // Never is no answer to somebody who is silent: then the defaults hold.
    let or = |limit: Limit, default| limit.duration().unwrap_or(default);
    Limits { head: or(config.timeouts.read, defaults.head), idle: or(config.timeouts.idle, defaults.idle), ..defaults }
}

/// On what terms the public listeners serve.
fn terms(config: &Config) -> Terms {
    let limits = limits(config);
    let admission = Admission::behind(&limits, config.proxies.trusted.clone(), config.proxies.protocol);
    Terms { limits, versions: versions(config.listeners.codec), admission }
}

pub(crate) fn versions(codec: Codec) -> Versions {
    match codec {
        Codec::Auto => Versions::Both,
        Codec::Http1 => Versions::Http1,
        Codec::Http2 => Versions::Http2,
    }
}

/// A line for each request, unless the log level asks for less.
fn access_log(config: &Config, format: LogFormat) -> Result<AccessLog, ServerError> {
    match config.log_level {
        LogLevel::Off | LogLevel::Error | LogLevel::Warn => Ok(AccessLog::to_nowhere()),
        LogLevel::Info | LogLevel::Debug | LogLevel::Trace => {
            AccessLog::to_stdout(format).map_err(ServerError::Threads)
        }
    }
}

/// The sockets, all bound before any is served: a port that is taken is the commonest mistake.
struct Sockets {
    main: Vec<Listener>,
    redirect: Option<Listener>,
    health: Option<Listener>,
    metrics: Option<Listener>,
}

/// Where it listens, with the ports the system chose.
#[derive(Debug)]
pub(crate) struct Addresses {
    pub(crate) main: Vec<SocketAddr>,
    #[expect(dead_code, reason = "for the log line, by Debug")]
    pub(crate) redirect: Option<SocketAddr>,
    #[expect(dead_code, reason = "for the log line, by Debug")]
    pub(crate) health: Option<SocketAddr>,
    #[expect(dead_code, reason = "for the log line, by Debug")]
    pub(crate) metrics: Option<SocketAddr>,
}

impl Sockets {
    fn bind(config: &Config, service: &Service) -> Result<Self, ServerError> {
        let listeners = &config.listeners;
        let main = service.handshakes().map_or(Kind::Cleartext, |handshakes| Kind::Tls(handshakes as _));
        let optional = |address: Option<SocketAddr>, kind| address.map(|at| Listener::bind(at, kind)).transpose();
        Ok(Self {
            main: listeners
                .addresses
                .iter()
                .map(|address| Listener::bind(*address, main.clone()))
                .collect::<Result<_, _>>()?,
            redirect: optional(listeners.redirect, Kind::Redirect)?,
            health: optional(config.health, Kind::Cleartext)?,
            metrics: optional(config.metrics, Kind::Cleartext)?,
        })
    }

    fn addresses(&self) -> Addresses {
        Addresses {
            main: self.main.iter().map(Listener::local_address).collect(),
            redirect: self.redirect.as_ref().map(Listener::local_address),
            health: self.health.as_ref().map(Listener::local_address),
            metrics: self.metrics.as_ref().map(Listener::local_address),
        }
    }

    /// Serves all of them; health and metrics go on being answered while the rest drains.
    fn serve(
        self,
        pipeline: &Pipeline,
        (health, metrics): (Health, Metrics),
        terms: &Terms,
        [drain, health_drain]: [&Drain; 2],
    ) {
        for listener in self.main.into_iter().chain(self.redirect) {
            spawn(serve(listener, pipeline.clone(), terms.clone(), drain.clone()));
        }
        if let Some(listener) = self.health {
            spawn(serve(listener, health, health::terms(), health_drain.clone()));
        }
        if let Some(listener) = self.metrics {
            spawn(serve(listener, metrics, health::terms(), health_drain.clone()));
        }
    }
}

fn spawn(serving: impl Future<Output = Result<(), TransportError>> + Send + 'static) {
    tokio::spawn(async move {
        if let Err(error) = serving.await {
            error!(%error, "a listener ended");
        }
    });
}
