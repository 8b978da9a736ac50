//! Starting and stopping the server.

use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;
use test_engine_store::{Change, Store, StoreError, database_file, without_secrets};
use tokio::net::TcpListener;

use crate::admin::{self, AdminError};
use crate::app::AppState;
use crate::backfills::{Backfills, FormKey};
use crate::blobs::{BlobError, Blobs};
use crate::clock::Clock;
use crate::config::{Config, Storage};
use crate::running::Running;
use crate::{http, jobs, private_files, secrets};

/// The name in the database of the key that signs forms.
const FORM_KEY: &str = "backfill form key";

/// Reads after "failed to start: ".
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ServeError {
    #[error("cannot create the data directory {path}; choose another with --data-dir")]
    DataDirectory {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(
        "there is no database at {path}; check --data-dir, or create one with: test-engine serve, \
         or: test-engine init ORGANIZATION/SUITE"
    )]
    NoDatabase { path: PathBuf },
    #[error("cannot open the database {location}{hint}")]
    Database {
        /// The file, or the URL without its password.
        location: String,
        /// What to do, after a semicolon; may be empty.
        hint: &'static str,
        source: StoreError,
    },
    #[error("cannot create the first organization")]
    FirstStart(#[from] AdminError),
    #[error("cannot open the object storage; check --blob-store")]
    Blobs(#[from] BlobError),
    #[error("cannot write to the database")]
    Write(#[source] StoreError),
    #[error("cannot listen on {address}; choose another address with --listen")]
    Listen {
        address: std::net::SocketAddr,
        source: std::io::Error,
    },
}

/// The file of the database; `None` for other engines.
pub(crate) fn file_of(storage: &Storage) -> Option<PathBuf> {
    match storage.database_url() {
        Some(url) => database_file(url),
        None => Some(storage.database()),
    }
}

/// Opens the database, unless its file is missing: then a path was probably misspelt.
pub async fn open_existing_store(storage: &Storage) -> Result<Store, ServeError> {
    match file_of(storage) {
        Some(path) if !path.is_file() => Err(ServeError::NoDatabase { path }),
        _ => open_store(storage).await,
    }
}

/// Opens the database; creates the file if it is missing.
pub async fn open_store(storage: &Storage) -> Result<Store, ServeError> {
    if let Some(url) = storage.database_url() {
        let opened = Store::open_with(url, storage.database_connections)
            .await
            .map_err(|source| ServeError::Database {
                location: without_secrets(url),
                hint: hint(&source),
                source,
            });
        if let Some(file) = database_file(url) {
            private_files::tighten_database(&file);
        }
        return opened;
    }
    let directory = &storage.data_dir;
    fs_err::create_dir_all(directory).map_err(|source| ServeError::DataDirectory {
        path: directory.clone(),
        source,
    })?;
    // Before the database is created in it.
    private_files::tighten_directory(directory);
    let path = storage.database();
    let opened = Store::open_file(&path)
        .await
        .map_err(|source| ServeError::Database {
            location: path.display().to_string(),
            hint: match source {
                StoreError::Newer { .. } => "",
                _ => "; check that the data directory is writable",
            },
            source,
        });
    private_files::tighten_database(&path);
    opened
}

/// For databases with a URL.
fn hint(error: &StoreError) -> &'static str {
    match error {
        StoreError::SignIn(_) => "; check the user and the password in --database-url",
        StoreError::Unsecured(_) => {
            "; check sslmode and sslrootcert in --database-url, and the server's certificate"
        }
        StoreError::NoDatabase(_) => {
            "; create it with CREATE DATABASE, or choose another in --database-url"
        }
        StoreError::Unavailable(_) => {
            "; check that it is running, and the host and the port in --database-url"
        }
        _ => "",
    }
}

/// A server that is ready to run.
pub struct Server {
    config: Config,
    clock: Clock,
    store: Store,
    blobs: Blobs,
    backfills: Backfills,
    first_token: Option<SecretString>,
}

impl Server {
    /// Opens database and object storage. Creates an organization and a token if there is none.
    pub async fn prepare(config: Config, clock: Clock) -> Result<Self, ServeError> {
        let storage = &config.storage;
        let store = open_store(storage).await?;
        let blobs = Blobs::open(storage, clock.now())?;
        let form_key = store
            .server_secret(FORM_KEY, secrets::random(), clock.now())
            .await
            .map_err(ServeError::Write)?;
        let by_server = Change::by_server(clock.now());
        let first_token = admin::first_start(&store, &storage.organization, &by_server).await?;
        Ok(Self {
            config,
            clock,
            store,
            blobs,
            backfills: Backfills::new(FormKey::new(form_key)),
            first_token,
        })
    }

    /// The token of a new database. It is not stored, so print it.
    pub fn first_token(&self) -> Option<&SecretString> {
        self.first_token.as_ref()
    }

    /// The first organization, if no live token of any has all scopes: `init` creates none.
    pub async fn missing_admin_token(&self) -> Result<Option<String>, ServeError> {
        admin::missing_admin_token(&self.store, self.clock.now())
            .await
            .map_err(ServeError::Write)
    }

    /// Serves until `shutdown` completes and the requests in progress have finished.
    pub async fn run(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        self.run_until(listener, shutdown, std::future::pending())
            .await;
    }

    /// Like [`Self::run`], but aborts the requests in progress when `give_up` completes.
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
        let database = file_of(&self.config.storage);
        if let (Some(database), Ok(address)) = (&database, listener.local_addr())
            && let Err(error) = Running::new(address, public_url.clone()).write(database)
        {
            tracing::warn!(cause = %error, "failed to write the address of this server");
        }
        let app = Arc::new(AppState::new(
            self.config,
            self.clock,
            self.store,
            self.blobs,
            self.backfills,
            public_url,
        ));
        jobs::announce(&app).await;
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
        // Wait for it, because the jobs still use the database until then.
        let _aborted = background.await;
        jobs::release(&app).await;
        app.raw_uploads.finish().await;
        app.store.close().await;
        if let Some(database) = &database {
            Running::remove(database);
        }
    }
}

/// Serves on a listener until `shutdown` completes.
///
/// The first token of a new database is lost; create another with [`admin::create_token`].
pub async fn serve(
    config: Config,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let server = Server::prepare(config, Clock::System).await?;
    server.run(listener, shutdown).await;
    Ok(())
}
