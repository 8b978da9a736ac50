//! A real S3-compatible service on a free port, with one empty bucket. It checks every signature
//! and every condition of a form, as the services that people use do.

use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::command::{Started, clean_command, start};
use crate::repository::tool;

/// The bucket that is there.
pub const BUCKET: &str = "artifacts";
/// The only access key.
pub const KEY_ID: &str = "test-key-id";
/// Its secret.
pub const SECRET: &str = "test-key-secret-0123456789";

/// The longest the service may take to start.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How often the output of a service that starts is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A running service, killed when it goes out of scope.
#[derive(Debug)]
pub struct S3Server {
    process: Option<Started>,
    endpoint: String,
    // Last, so that the files go after the service.
    data: TempDir,
}

impl S3Server {
    /// Starts a service with an empty bucket.
    #[track_caller]
    pub fn start() -> Self {
        let data = tempfile::Builder::new()
            .prefix("s3-")
            .tempdir()
            .expect("a temporary directory can be made");
        fs_err::create_dir(data.path().join(BUCKET)).expect("a directory can be made");
        let mut command = clean_command(tool("s3/bin/s3s-fs"), data.path());
        command
            .args(["--host", "127.0.0.1", "--port", "0"])
            .args(["--access-key", KEY_ID, "--secret-key", SECRET])
            .arg(data.path())
            .env("RUST_LOG", "info");
        let mut process = start(command);
        let began = Instant::now();
        let endpoint = loop {
            let has_ended = process.has_ended();
            let said = process.said_so_far();
            if let Some(endpoint) = endpoint(&said) {
                break endpoint;
            }
            assert!(
                !has_ended && began.elapsed() < START_LIMIT,
                "the S3 service does not start; it said:\n{said}"
            );
            std::thread::sleep(LOOK_EVERY);
        };
        Self {
            process: Some(process),
            endpoint,
            data,
        }
    }

    /// Such as `http://127.0.0.1:40001`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What a server has to be told to use the bucket below this prefix.
    pub fn settings(&self, prefix: &str) -> Vec<(&'static str, String)> {
        vec![
            ("TEST_ENGINE_BLOB_STORE", format!("s3://{BUCKET}/{prefix}")),
            ("TEST_ENGINE_S3_ENDPOINT", self.endpoint.clone()),
            ("TEST_ENGINE_S3_ACCESS_KEY_ID", KEY_ID.to_owned()),
            ("TEST_ENGINE_S3_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ]
    }

    /// The objects of the bucket, by key, in order.
    pub fn keys(&self) -> Vec<String> {
        let bucket = self.data.path().join(BUCKET);
        let files = walkdir::WalkDir::new(&bucket).sort_by_file_name();
        files
            .into_iter()
            .filter_map(Result::ok)
            .filter(|entry| entry.file_type().is_file())
            .map(walkdir::DirEntry::into_path)
            // The service's own notes on its objects.
            .filter(|path| !is_hidden(path))
            .map(|path| {
                let key = path.strip_prefix(&bucket).expect("it lies in the bucket");
                key.display().to_string()
            })
            .collect()
    }
}

fn is_hidden(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

impl Drop for S3Server {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
    }
}

/// The address that the service says it listens on.
fn endpoint(said: &str) -> Option<String> {
    let (_before, after) = said.split_once("server is running at http://")?;
    let end = after.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':')?;
    Some(format!("http://{}", &after[..end]))
}

#[cfg(test)]
mod tests {
    use super::endpoint;

    #[test]
    fn the_address_is_read_from_what_the_service_says() {
        let said = "  INFO s3s_fs: server is running at http://127.0.0.1:4711\n    at main.rs";
        assert_eq!(endpoint(said).as_deref(), Some("http://127.0.0.1:4711"));
        assert_eq!(endpoint("server is running at http://127.0.0.1:47"), None);
        assert_eq!(endpoint(""), None);
    }
}
