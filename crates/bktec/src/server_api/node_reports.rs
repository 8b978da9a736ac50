//! Sends the reports of a node.

use std::io::Write as _;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use secrecy::{ExposeSecret as _, SecretString};
use test_engine_wire::NodeReport;

use super::{ApiError, Budget, Call, Client, Failure, Request, Transport, json};

/// For a report of a node that should end at once, or whose server was unavailable a moment ago.
const SINGLE_TRY_TIMEOUT: Duration = Duration::from_secs(2);

/// A smaller report is sent as it is: it fits into what TCP sends before the first response (10
/// segments of 1,460 bytes), so that compressing it would cost time and save none.
const MIN_COMPRESSED: usize = 10 * 1460;

/// A node that ends earlier sends only its last report.
const FIRST_REPORT_DELAY: Duration = Duration::from_millis(100);

/// Dropped when a later report replaces the first one.
#[derive(Debug)]
pub struct FirstReport {
    _superseded: Sender<()>,
}

impl Client<'_> {
    pub fn send_node_report(&self, report: &NodeReport) -> Result<(), ApiError> {
        let body = ReportBody::of(report);
        let call = Call {
            doing: "send the node report",
            budget: Budget::NODE_REPORT,
            url: &self.node_reports_url(),
            accept: "*/*",
            body: Some(&body.bytes),
            is_gzip: body.is_gzip,
        };
        // The response may be empty.
        self.call(&call, |_| Ok(()))
    }

    /// Within 2 s, and without a line for a failed try.
    pub fn send_node_report_once(&self, report: &NodeReport) -> Result<(), Failure> {
        let limit = SINGLE_TRY_TIMEOUT.mul_f64(self.time_scale);
        self.report_sender().send(report, limit)
    }

    /// Sends once from another thread, without waiting for the response. A failure is not
    /// reported: the next report of the node replaces this one.
    ///
    /// Waits a moment first, and sends nothing if the returned value was dropped by then.
    pub fn send_node_report_in_background(&self, report: NodeReport) -> FirstReport {
        let sender = self.report_sender();
        let limit = Budget::NODE_REPORT.scaled(self.time_scale).per_try;
        let (superseded, wait) = mpsc::channel();
        std::thread::spawn(move || {
            if wait.recv_timeout(FIRST_REPORT_DELAY) == Err(RecvTimeoutError::Timeout) {
                sender.send(&report, limit).ok();
            }
        });
        FirstReport {
            _superseded: superseded,
        }
    }

    fn report_sender(&self) -> ReportSender {
        ReportSender {
            transport: self.transport.clone(),
            url: self.node_reports_url(),
            authorization: self.authorization.clone(),
        }
    }

    fn node_reports_url(&self) -> String {
        format!("{}/test_plan/node_reports", self.suite_url)
    }
}

/// Needs no terminal, so that another thread can own it.
struct ReportSender {
    transport: Transport,
    url: String,
    authorization: SecretString,
}

impl ReportSender {
    fn send(&self, report: &NodeReport, limit: Duration) -> Result<(), Failure> {
        let ReportBody { bytes, is_gzip } = ReportBody::of(report);
        let request = Request {
            url: &self.url,
            authorization: Some(self.authorization.expose_secret()),
            content_type: "application/json",
            content_encoding: is_gzip.then_some("gzip"),
            accept: "*/*",
        };
        let length = bytes.len() as u64;
        self.transport
            .post(request, length, &mut &bytes[..], limit)
            .map(drop)
    }
}

struct ReportBody {
    bytes: Vec<u8>,
    is_gzip: bool,
}

impl ReportBody {
    fn of(report: &NodeReport) -> Self {
        let text = json(report);
        let is_gzip = text.len() >= MIN_COMPRESSED;
        Self {
            bytes: if is_gzip { gzipped(&text) } else { text },
            is_gzip,
        }
    }
}

fn gzipped(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder
        .write_all(text)
        .and_then(|()| encoder.finish())
        .expect("writing to memory cannot fail")
}
