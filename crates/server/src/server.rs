//! The server from its first file to its last request.

use std::path::PathBuf;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use test_engine_store::{Store, StoreError, without_secrets};
use tokio::net::TcpListener;

use crate::admin::{self, AdminError};
use crate::app::AppState;
use crate::backfills::{Backfills, FormKey};
use crate::blobs::{BlobError, Blobs};
use crate::clock::Clock;
use crate::config::Config;
use crate::{http, jobs, secrets};

/// The name of the key that forms are sealed with, in the database.
const FORM_KEY: &str = "backfill form key";

/// Why the server cannot start. Reads after "failed to start: ".
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The data directory cannot be made.
    #[error("the data directory {path} cannot be made; choose another with --data-dir")]
    DataDirectory {
        /// As configured.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The database cannot be opened.
    #[error("the database {place} cannot be opened{hint}")]
    Database {
        /// The file, or the address without its password.
        place: String,
        /// What to do about it, after a semicolon; may be empty.
        hint: &'static str,
        /// What the store says.
        source: StoreError,
    },
    /// The first organization cannot be made.
    #[error("the first organization cannot be made")]
    FirstStart(#[from] AdminError),
    /// The object storage cannot be opened.
    #[error("the object storage cannot be opened; check --blob-store")]
    Blobs(#[from] BlobError),
    /// The database refuses to be written to.
    #[error("the database cannot be written to")]
    Write(#[source] StoreError),
    /// The address cannot be listened on.
    #[error("the address {address} cannot be listened on; choose another with --listen")]
    Listen {
        /// As configured.
        address: std::net::SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Open the database of this configuration; a file is made when missing.
pub async fn open_store(config: &Config) -> Result<Store, ServeError> {
    let storage = &config.storage;
    if let Some(url) = &storage.database_url {
        let url = url.expose_secret();
        return Store::open_with(url, storage.database_connections)
            .await
            .map_err(|source| ServeError::Database {
                place: without_secrets(url),
                hint: hint(&source),
                source,
            });
    }
    let directory = &storage.data_dir;
    fs_err::create_dir_all(directory).map_err(|source| ServeError::DataDirectory {
        path: directory.clone(),
        source,
    })?;
    let path = storage.database();
    Store::open_file(&path)
        .await
        .map_err(|source| ServeError::Database {
            place: path.display().to_string(),
            hint: match source {
                StoreError::Newer { .. } => "",
                _ => "; check that the data directory is writable",
            },
            source,
        })
}

/// What to do when the database at an address cannot be opened.
fn hint(error: &StoreError) -> &'static str {
    match error {
        StoreError::SignIn(_) => "; check the user and the password in --database-url",
        StoreError::Unsecured(_) => {
            "; check sslmode and sslrootcert in --database-url, and the server's certificate"
        }
        StoreError::NoDatabase(_) => {
            "; make it with CREATE DATABASE, or name another in --database-url"
        }
        StoreError::Unavailable(_) => {
            "; check that it is running, and the host and the port in --database-url"
        }
        _ => "",
    }
}

/// A server that is ready to listen.
pub struct Server {
    config: Config,
    clock: Clock,
    store: Store,
    blobs: Blobs,
    backfills: Backfills,
    first_token: Option<SecretString>,
}

impl Server {
    /// Open everything. A database without an organization gets one, and a token for it.
    pub async fn prepare(config: Config, clock: Clock) -> Result<Self, ServeError> {
        let store = open_store(&config).await?;
        let organization = &config.storage.organization;
        let blobs = Blobs::open(&config.storage.blobs, clock.now())?;
        let form_key = store
            .server_secret(FORM_KEY, secrets::random(), clock.now())
            .await
            .map_err(ServeError::Write)?;
        let first_token = admin::first_start(&store, organization, clock.now()).await?;
        Ok(Self {
            config,
            clock,
            store,
            blobs,
            backfills: Backfills::new(FormKey::new(form_key)),
            first_token,
        })
    }

    /// The token of a new database. There is no other way to learn it, so show it once.
    pub fn first_token(&self) -> Option<&SecretString> {
        self.first_token.as_ref()
    }

    /// Serve until `shutdown` is done; requests under way are finished first.
    pub async fn run(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        self.run_until(listener, shutdown, std::future::pending())
            .await;
    }

    /// The same; once `give_up` is done, requests under way are waited for no longer.
    pub async fn run_until(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
        give_up: impl Future<Output = ()>,
    ) {
        let limit = self.config.network.shutdown_limit;
        let public_url = self.config.network.public_url.clone().unwrap_or_else(|| {
            let address = listener.local_addr().unwrap_or(self.config.network.listen);
            format!("http://{address}")
        });
        let app = Arc::new(AppState::new(
            self.config,
            self.clock,
            self.store.clone(),
            self.blobs,
            self.backfills,
            public_url,
        ));
        let background = tokio::spawn(jobs::run(Arc::clone(&app)));
        http::listen::run(
            listener,
            http::router(Arc::clone(&app)),
            app.config.limits.header_time,
            shutdown,
            limit,
            give_up,
        )
        .await;
        background.abort();
        // The jobs touch nothing any more once this has ended, in whichever way.
        let _aborted = background.await;
        jobs::hand_over(&app).await;
        app.raw_uploads.finish().await;
        self.store.close().await;
    }
}

/// Serve this configuration on a listener until `shutdown` is done.
///
/// A new database gets its organization but nobody learns the first token; make one with
/// [`admin::create_token`].
pub async fn serve(
    config: Config,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let server = Server::prepare(config, Clock::System).await?;
    server.run(listener, shutdown).await;
    Ok(())
}
