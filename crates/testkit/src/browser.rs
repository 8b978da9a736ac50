//! A real browser: Debian's Chromium without a window, controlled over a pipe.
//!
//! The protocol is Chromium's own (`--remote-debugging-pipe`): JSON messages that end with a NUL,
//! which the browser reads from file descriptor 3 and writes to 4.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::command::{clean_command, installed};
use crate::repository::{temporary_directory, tool};

/// Of one command. A busy machine loads a page in seconds.
const TIMEOUT: Duration = Duration::from_mins(1);
/// How long no request may be open before a page counts as loaded.
const QUIET: Duration = Duration::from_millis(150);

/// Killed on drop.
pub struct Browser {
    child: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    last_id: u64,
    session: String,
    /// Events that no command waited for.
    events: Vec<Value>,
    _profile: TempDir,
}

/// What a page did while it was loaded.
#[derive(Debug, Default)]
pub struct Visit {
    /// Of the page itself.
    pub status: u64,
    /// In order, without `data:` addresses.
    pub requests: Vec<String>,
    /// Messages of the console, errors of scripts, and reports of the browser, such as violations
    /// of the content security policy.
    pub messages: Vec<String>,
}

impl Browser {
    /// Fails the test if Chromium is not installed or does not start.
    #[track_caller]
    pub fn start() -> Self {
        let profile = temporary_directory("browser-");
        let chromium = installed("chromium");
        let mut command = clean_command("sh", profile.path());
        // Chromium's own streams stay apart from the pipe.
        command.args([
            "-c",
            "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1",
            "sh",
        ]);
        command.arg(chromium).args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-proxy-server",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--hide-scrollbars",
            "--remote-debugging-pipe",
        ]);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("Chromium can be started");
        let commands = child.stdin.take().expect("its stdin is piped");
        let mut output = BufReader::new(child.stdout.take().expect("its stdout is piped"));
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while output
                .read_until(0, &mut message)
                .is_ok_and(|length| length > 0)
            {
                message.pop();
                let parsed = serde_json::from_slice(&message).unwrap_or_default();
                message.clear();
                if sender.send(parsed).is_err() {
                    break;
                }
            }
        });
        let mut browser = Self {
            child,
            commands,
            messages,
            last_id: 0,
            session: String::new(),
            events: Vec::new(),
            _profile: profile,
        };
        let target = browser.command("Target.createTarget", &json!({"url": "about:blank"}));
        let attached = browser.command(
            "Target.attachToTarget",
            &json!({"targetId": target["targetId"], "flatten": true}),
        );
        browser.session = attached["sessionId"]
            .as_str()
            .map(str::to_owned)
            .expect("a session");
        for domain in ["Page", "Network", "Runtime", "Log"] {
            browser.command(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// Sends a command of the protocol and returns its result.
    #[track_caller]
    pub fn command(&mut self, method: &str, parameters: &Value) -> Value {
        self.last_id += 1;
        let id = self.last_id;
        let mut message = json!({"id": id, "method": method, "params": parameters});
        if !self.session.is_empty() {
            message["sessionId"] = self.session.clone().into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.commands
            .write_all(&bytes)
            .expect("Chromium reads commands");
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let message = self
                .messages
                .recv_timeout(left)
                .unwrap_or_else(|error| panic!("{method} has no response: {error}"));
            if message["id"] == id {
                let error = &message["error"];
                assert!(error.is_null(), "{method} failed: {error}");
                return message["result"].clone();
            }
            self.events.push(message);
        }
    }

    /// The size of the window, the color scheme (`light` or `dark`), and whether scripts run.
    #[track_caller]
    pub fn look(&mut self, width: u32, height: u32, scheme: &str, scripts: bool) {
        self.command(
            "Emulation.setDeviceMetricsOverride",
            &json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}),
        );
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.command("Emulation.setEmulatedMedia", &json!({"features": features}));
        let disabled = json!({"value": !scripts});
        self.command("Emulation.setScriptExecutionDisabled", &disabled);
    }

    /// Sets a cookie such as `name=value`.
    #[track_caller]
    pub fn set_cookie(&mut self, address: &str, cookie: &str) {
        let (name, value) = cookie.split_once('=').expect("a name and a value");
        let cookie = json!({"url": address, "name": name, "value": value});
        self.command("Network.setCookie", &cookie);
    }

    /// Signs out, and forgets the theme.
    #[track_caller]
    pub fn clear_cookies(&mut self) {
        self.command("Network.clearBrowserCookies", &json!({}));
    }

    /// As if no page had been opened before.
    #[track_caller]
    pub fn clear_cache(&mut self) {
        self.command("Network.clearBrowserCache", &json!({}));
    }

    /// Opens an address and waits until the page has loaded and is quiet.
    #[track_caller]
    pub fn open(&mut self, address: &str) -> Visit {
        self.events.clear();
        let result = self.command("Page.navigate", &json!({"url": address}));
        assert!(result["errorText"].is_null(), "{address}: {result}");
        self.settle("Page.loadEventFired");
        self.visit()
    }

    /// Waits for an event, and then until nothing happens for a moment.
    #[track_caller]
    pub fn settle(&mut self, event: &str) {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            match self.messages.recv_timeout(QUIET) {
                Ok(message) => self.events.push(message),
                Err(RecvTimeoutError::Timeout) => {
                    if self.events.iter().any(|message| message["method"] == event) {
                        return;
                    }
                    assert!(Instant::now() < deadline, "no {event}");
                }
                Err(RecvTimeoutError::Disconnected) => panic!("Chromium ended"),
            }
        }
    }

    /// What happened since the last page was opened.
    pub fn visit(&self) -> Visit {
        let mut visit = Visit::default();
        for event in &self.events {
            let parameters = &event["params"];
            match event["method"].as_str().unwrap_or_default() {
                "Network.requestWillBeSent" => {
                    let address = parameters["request"]["url"].as_str().unwrap_or_default();
                    if !address.starts_with("data:") {
                        visit.requests.push(address.to_owned());
                    }
                }
                "Network.responseReceived" if parameters["type"] == "Document" => {
                    visit.status = parameters["response"]["status"].as_u64().unwrap_or(0);
                }
                "Runtime.consoleAPICalled" => visit.messages.push(parameters["args"].to_string()),
                "Runtime.exceptionThrown" => {
                    visit
                        .messages
                        .push(parameters["exceptionDetails"].to_string());
                }
                "Log.entryAdded" => visit.messages.push(parameters["entry"].to_string()),
                _ => {}
            }
        }
        visit
    }

    /// Evaluates an expression of JavaScript in the page; waits for a promise.
    #[track_caller]
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let result = self.command(
            "Runtime.evaluate",
            &json!({"expression": expression, "awaitPromise": true, "returnByValue": true}),
        );
        assert!(
            result["exceptionDetails"].is_null(),
            "{expression}: {result}"
        );
        result["result"]["value"].clone()
    }

    /// Evaluates until the result is true. Fails the test after a minute.
    #[track_caller]
    pub fn wait_until(&mut self, expression: &str) {
        let deadline = Instant::now() + TIMEOUT;
        while self.evaluate(expression) != true {
            assert!(Instant::now() < deadline, "never true: {expression}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Presses a key, such as `j`, `Tab` or `Enter`, when the scripts of the page have run.
    #[track_caller]
    pub fn press(&mut self, key: &str) {
        self.wait_until("document.readyState === 'complete'");
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            "Escape" => 27,
            " " => 32,
            other => other.to_uppercase().bytes().next().map_or(0, u32::from),
        };
        let text = match key {
            "Tab" | "Escape" => "",
            "Enter" => "\r",
            other => other,
        };
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({"type": kind, "key": key, "windowsVirtualKeyCode": code});
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = text.into();
            }
            self.command("Input.dispatchKeyEvent", &event);
        }
    }

    /// Types a text into the focused element.
    #[track_caller]
    pub fn type_text(&mut self, text: &str) {
        self.command("Input.insertText", &json!({"text": text}));
    }

    /// Clicks the middle of the first element that matches a selector, when the scripts of the page
    /// have run.
    #[track_caller]
    pub fn click(&mut self, selector: &str) {
        self.wait_until("document.readyState === 'complete'");
        let place = self.evaluate(&format!(
            "(() => {{ const e = document.querySelector({}); if (!e) return null; \
             e.scrollIntoView({{block: 'center'}}); const b = e.getBoundingClientRect(); \
             return [b.left + b.width / 2, b.top + b.height / 2]; }})()",
            json!(selector)
        ));
        assert!(place.is_array(), "no {selector}");
        for kind in ["mousePressed", "mouseReleased"] {
            self.command(
                "Input.dispatchMouseEvent",
                &json!({"type": kind, "x": place[0], "y": place[1], "button": "left",
                        "clickCount": 1}),
            );
        }
    }

    /// Writes a picture of the whole page as PNG.
    #[track_caller]
    pub fn screenshot(&mut self, path: &Path) {
        self.capture(path, 6_000.0, &json!({"format": "png"}));
    }

    /// Writes a picture of the upper part of the page, at most this many pixels high, as WebP. Text
    /// stays sharp, and it takes half as much as PNG.
    #[track_caller]
    pub fn picture(&mut self, path: &Path, max_height: f64) {
        self.capture(path, max_height, &json!({"format": "webp", "quality": 80}));
    }

    #[track_caller]
    fn capture(&mut self, path: &Path, max_height: f64, format: &Value) {
        let size = self.command("Page.getLayoutMetrics", &json!({}));
        let size = &size["cssContentSize"];
        let height = size["height"].as_f64().unwrap_or(1.0).min(max_height);
        let mut wanted = format.clone();
        wanted["captureBeyondViewport"] = true.into();
        wanted["clip"] =
            json!({"x": 0, "y": 0, "width": size["width"], "height": height, "scale": 1});
        let taken = self.command("Page.captureScreenshot", &wanted);
        let data = taken["data"].as_str().expect("a picture");
        let bytes = STANDARD.decode(data).expect("pictures are in base64");
        if let Some(directory) = path.parent() {
            fs_err::create_dir_all(directory).expect("a directory can be created");
        }
        fs_err::write(path, bytes).expect("a picture can be written");
    }

    /// The findings of axe-core in the page: WCAG 2.0 to 2.2, A and AA, and best practices. Each is
    /// the name of a rule with the elements that break it.
    #[track_caller]
    pub fn accessibility_findings(&mut self) -> Vec<String> {
        let axe = fs_err::read_to_string(tool("axe/node_modules/axe-core/axe.min.js"))
            .expect("axe-core can be read");
        self.evaluate(&format!("{axe}; true"));
        let found = self.evaluate(
            "axe.run({runOnly: {type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', \
             'wcag22aa', 'best-practice']}, resultTypes: ['violations']}).then((r) => \
             r.violations.flatMap((v) => v.nodes.map((n) => v.id + ': ' + n.html.slice(0, 200) + \
             ' (' + n.failureSummary + ')')))",
        );
        let found = found.as_array().expect("a list").iter();
        found
            .map(|finding| finding.as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// How much wider the page is than the window, in pixels.
    #[track_caller]
    pub fn sideways_scroll(&mut self) -> f64 {
        let wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        self.evaluate(wider).as_f64().unwrap_or(f64::MAX)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A browser that has ended already is no failure of its own.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
