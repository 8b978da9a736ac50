//! A server whose certificate nobody vouches for. Nothing is told to it, and the client says why.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Stdio};

use crate::bktec::Bktec;

/// A server that speaks TLS with a certificate of its own making. Ends when it is dropped.
struct SelfSigned {
    base: String,
    process: Child,
    /// Open, so that it can go on talking.
    _stdout: BufReader<ChildStdout>,
    _folder: tempfile::TempDir,
}

impl SelfSigned {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = openssl(&folder)
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            ])
            .args(["-subj", "/CN=127.0.0.1"])
            .args(["-addext", "subjectAltName=IP:127.0.0.1"])
            .args(["-keyout", "key.pem", "-out", "certificate.pem"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let mut process = openssl(&folder)
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
            _folder: folder,
        }
    }
}

impl Drop for SelfSigned {
    fn drop(&mut self) {
        // It may have ended by itself; a test that is over does not care.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn openssl(folder: &tempfile::TempDir) -> std::process::Command {
    #[expect(clippy::disallowed_methods, reason = "a stand-in for a server")]
    let mut command = std::process::Command::new("openssl");
    command
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// A certificate may be put right while the client tries, so this counts as no connection.
#[test]
fn a_run_goes_on_without_a_plan() {
    let server = SelfSigned::start();
    let ended = Bktec::configured(&["run"], &server.base).run();
    assert_eq!(ended.code, 0, "{ended}");
    assert!(ended.stderr.contains(TOLD), "{ended}");
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
fn an_upload_fails() {
    let server = SelfSigned::start();
    let ended = Bktec::uploading(&["a.json"], &server.base)
        .file("a.json", r#"[{"name":"a","result":"passed"}]"#)
        .run();
    assert_eq!(ended.code, 16, "{ended}");
    assert!(ended.stderr.contains(TOLD), "{ended}");
}

const TOLD: &str = "the server's certificate is not trusted";
