//! A server with a self-signed certificate: the client sends nothing and reports why.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Stdio};

use crate::bktec::Bktec;

/// A TLS server with a self-signed certificate. Killed on drop.
struct SelfSigned {
    base: String,
    process: Child,
    /// Kept open, so that the server can write to it.
    _stdout: BufReader<ChildStdout>,
    _directory: tempfile::TempDir,
}

impl SelfSigned {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let created = openssl(&directory)
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            ])
            .args(["-subj", "/CN=127.0.0.1"])
            .args(["-addext", "subjectAltName=IP:127.0.0.1"])
            .args(["-keyout", "key.pem", "-out", "certificate.pem"])
            .output()
            .unwrap();
        assert!(created.status.success(), "{created:?}");
        let mut process = openssl(&directory)
            .args(["s_server", "-accept", "127.0.0.1:0", "-www"])
            .args(["-key", "key.pem", "-cert", "certificate.pem"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let address = stdout
            .by_ref()
            .lines()
            .map_while(Result::ok)
            .find_map(|line| Some(line.strip_prefix("ACCEPT ")?.to_owned()))
            .unwrap();
        Self {
            base: format!("https://{address}"),
            process,
            _stdout: stdout,
            _directory: directory,
        }
    }
}

impl Drop for SelfSigned {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn openssl(directory: &tempfile::TempDir) -> std::process::Command {
    #[expect(clippy::disallowed_methods, reason = "a stand-in for a server")]
    let mut command = std::process::Command::new("openssl");
    command
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// The certificate may be fixed while the client retries, so this counts as unavailable.
#[test]
fn run_uses_the_fallback_plan() {
    let server = SelfSigned::start();
    let ended = Bktec::configured(&["run"], &server.base).run();
    assert_eq!(ended.code, 0, "{ended}");
    assert!(ended.stderr.contains(UNTRUSTED), "{ended}");
    assert!(
        ended
            .stderr
            .contains("Falling back to non-intelligent splitting"),
        "{ended}"
    );
    assert!(ended.stdout.contains("ran a.test.js c.test.js"), "{ended}");
    assert!(ended.took.as_secs_f32() < 2.6 + 4.0, "{:?}", ended.took);
}

#[test]
fn upload_fails() {
    let server = SelfSigned::start();
    let ended = Bktec::uploading(&["a.json"], &server.base)
        .file("a.json", r#"[{"name":"a","result":"passed"}]"#)
        .run();
    assert_eq!(ended.code, 16, "{ended}");
    assert!(ended.stderr.contains(UNTRUSTED), "{ended}");
}

const UNTRUSTED: &str = "the server's certificate is not trusted";
