//! `test-engine serve`.

use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use super::output;
use super::settings::ServeSettings;
use crate::clock::Clock;
use crate::config::{LogFormat, Logs};
use crate::{ServeError, Server};

pub(super) async fn run(settings: ServeSettings) -> anyhow::Result<()> {
    let config = settings
        .into_config()
        .context("failed to read the settings")?;
    start_logs(&config.logs).context("failed to read the settings")?;
    let address = config.network.listen;
    let organization = config.storage.organization.clone();
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
    let (first, second) = signals().context("failed to listen for signals")?;
    let address = listener.local_addr().context("failed to start")?;
    // Scripts that use port 0 read this line.
    output::print(&format!("listening on http://{address}"))?;
    server.run_until(listener, first, second).await;
    tracing::info!("stopped");
    Ok(())
}

fn start_logs(logs: &Logs) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&logs.filter)
        .with_context(|| format!("{:?} is not a log level", logs.filter))?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_span_events(FmtSpan::NONE)
        .with_writer(std::io::stderr);
    match logs.format {
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
        LogFormat::Text => {
            let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
            subscriber.with_ansi(is_terminal).init();
        }
    }
    Ok(())
}

/// Two futures that complete at the first and at the second SIGINT or SIGTERM.
fn signals() -> std::io::Result<(impl Future<Output = ()>, impl Future<Output = ()>)> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (send_second, second) = tokio::sync::oneshot::channel();
    let first = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!(
            "shutting down: finishing requests in progress; a second signal aborts them"
        );
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
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
