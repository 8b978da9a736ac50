//! A real S3-compatible service on a free port, with one empty bucket. It checks every signature
//! and every condition of a form.

use std::path::Path;

use tempfile::TempDir;

use crate::command::{HANG_TIMEOUT, Started, clean_command, start};
use crate::repository::{temporary_directory, tool};

/// The only bucket.
pub const BUCKET: &str = "artifacts";
/// The only access key.
pub const KEY_ID: &str = "test-key-id";
/// The secret of [`KEY_ID`].
pub const SECRET: &str = "test-key-secret-0123456789";

/// A running service, killed on drop.
#[derive(Debug)]
pub struct S3Server {
    _process: Started,
    endpoint: String,
    // Dropped last, after the service has ended.
    data: TempDir,
}

impl S3Server {
    /// Starts a service with an empty bucket.
    #[track_caller]
    pub fn start() -> Self {
        let data = temporary_directory("s3-");
        fs_err::create_dir(data.path().join(BUCKET)).expect("a directory can be created");
        let mut command = clean_command(tool("s3/bin/s3s-fs"), data.path());
        command
            .args(["--host", "127.0.0.1", "--port", "0"])
            .args(["--access-key", KEY_ID, "--secret-key", SECRET])
            .arg(data.path())
            .env("RUST_LOG", "info");
        let mut process = start(command);
        let endpoint = process.wait_for(HANG_TIMEOUT, endpoint);
        Self {
            _process: process,
            endpoint,
            data,
        }
    }

    /// For example `http://127.0.0.1:40001`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The variables that make a server use the bucket with this prefix.
    pub fn settings(&self, prefix: &str) -> Vec<(&'static str, String)> {
        vec![
            ("TEST_ENGINE_BLOB_STORE", format!("s3://{BUCKET}/{prefix}")),
            ("TEST_ENGINE_S3_ENDPOINT", self.endpoint.clone()),
            ("TEST_ENGINE_S3_ACCESS_KEY_ID", KEY_ID.to_owned()),
            ("TEST_ENGINE_S3_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ]
    }

    /// The keys of all objects in the bucket, sorted.
    pub fn keys(&self) -> Vec<String> {
        let bucket = self.data.path().join(BUCKET);
        let files = walkdir::WalkDir::new(&bucket).sort_by_file_name();
        files
            .into_iter()
            .filter_map(Result::ok)
            .filter(|entry| entry.file_type().is_file())
            .map(walkdir::DirEntry::into_path)
            // The service's metadata files.
            .filter(|path| !is_hidden(path))
            .map(|path| {
                let key = path
                    .strip_prefix(&bucket)
                    .expect("the file is in the bucket");
                key.display().to_string()
            })
            .collect()
    }
}

fn is_hidden(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

/// The address in the line that the service prints when it is ready.
fn endpoint(output: &str) -> Option<String> {
    let (_before, after) = output.split_once("server is running at http://")?;
    let end = after.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':')?;
    Some(format!("http://{}", &after[..end]))
}

#[cfg(test)]
mod tests {
    use super::endpoint;

    #[test]
    fn reads_the_address_from_the_output() {
        let output = "  INFO s3s_fs: server is running at http://127.0.0.1:4711\n    at main.rs";
        assert_eq!(endpoint(output).as_deref(), Some("http://127.0.0.1:4711"));
        assert_eq!(endpoint("server is running at http://127.0.0.1:47"), None);
        assert_eq!(endpoint(""), None);
    }
}
