//! `test-engine serve`.

use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::output;
use super::settings::ServeSettings;
use crate::clock::Clock;
use crate::config::{LogFormat, Logs};
use crate::scopes::Scope;
use crate::{ServeError, Server};

/// Never logged at any level: it dumps what the HTTP client sends and receives, secrets included.
const DUMPS: &str = "ureq_proto";

pub(super) async fn run(settings: ServeSettings) -> anyhow::Result<()> {
    let config = settings
        .into_config()
        .context("failed to read the settings")?;
    start_logs(&config.logs).context("failed to read the settings")?;
    let address = config.network.listen;
    let organization = config.storage.organization.clone();
    if config.network.is_exposed_without_tls() {
        tracing::warn!(
            listen = %address,
            "listening on an address that other machines can reach, without TLS: tokens and \
             results are sent in clear text. Put a TLS proxy in front and set --public-url to its \
             https:// URL, or listen on 127.0.0.1"
        );
    }
    // Before the database, so that a port in use does not leave a new database behind.
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| ServeError::Listen { address, source })
        .context("failed to start")?;
    let server = Server::prepare(config, Clock::System)
        .await
        .context("failed to start")?;
    if let Some(token) = server.first_token() {
        output::print(&format!(
            "admin token of the new organization {organization}, shown only this once: {}",
            token.expose_secret()
        ))?;
    }
    if let Some(missing) = server
        .missing_admin_token()
        .await
        .context("failed to start")?
    {
        output::print_error(&format!(
            "no token can change everything in an organization; to create one: test-engine token \
             create --organization {missing} --scope {}",
            Scope::ALL.map(Scope::name).join(",")
        ));
    }
    let (first, second) = signals().context("failed to listen for signals")?;
    let address = listener.local_addr().context("failed to start")?;
    // Scripts that use port 0 read this line.
    output::print(&format!("listening on http://{address}"))?;
    server.run_until(listener, first, second).await;
    tracing::info!("stopped");
    Ok(())
}

fn start_logs(logs: &Logs) -> anyhow::Result<()> {
    if let Some(unknown) = logs.unknown_level() {
        anyhow::bail!(
            "{unknown:?} is not a log level; use off, error, warn, info, debug or trace, or \
             directives such as info,test_engine=debug, with --log-level"
        );
    }
    let filter = EnvFilter::try_new(&logs.filter)
        .with_context(|| format!("{:?} is not a log level", logs.filter))?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_span_events(FmtSpan::NONE)
        .with_writer(std::io::stderr);
    let without_dumps = filter_fn(|metadata| !metadata.target().starts_with(DUMPS));
    match logs.format {
        LogFormat::Json => {
            let subscriber = subscriber.json().flatten_event(true).finish();
            subscriber.with(without_dumps).init();
        }
        LogFormat::Text => {
            let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
            let subscriber = subscriber.with_ansi(is_terminal).finish();
            subscriber.with(without_dumps).init();
        }
    }
    Ok(())
}

/// Two futures that complete at the first and at the second SIGINT, SIGTERM or SIGHUP: a terminal
/// that is closed stops the server like any other signal.
fn signals() -> std::io::Result<(impl Future<Output = ()>, impl Future<Output = ()>)> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let (send_second, second) = tokio::sync::oneshot::channel();
    let first = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
        tracing::info!(
            "shutting down: finishing requests in progress; a second signal aborts them"
        );
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            // Fails if the server has stopped already.
            let _ = send_second.send(());
        });
    };
    let second = async move {
        if second.await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    Ok((first, second))
}
