//! Webhooks: events arrive, signed, at receivers that work, and wait for those that do not.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use test_engine::clock::Clock;
use test_engine_store::{Page, Timestamp};
use test_engine_testkit::NO_SERVER;

use super::TestServer;
use crate::receiver::{Receiver, Reply, until};
use crate::support::{SUITE, result};

const WEBHOOKS: &str = "/v2/analytics/organizations/acme/webhooks";
/// 2026-11-23, in milliseconds since 1970.
const NOW: i64 = 1_795_392_000_000;
const MINUTE: i64 = 60_000;
/// Much longer than a receiver takes on the slowest machine.
const ATTEMPT_TIME: Duration = Duration::from_secs(5);

struct Scene {
    server: TestServer,
    time: Arc<AtomicI64>,
    /// The address of a test.
    test: String,
}

impl Scene {
    fn new() -> Self {
        Self::with_networks(&["127.0.0.0/8", "::1/128"])
    }

    /// A server whose webhooks may send to these networks.
    fn with_networks(networks: &[&str]) -> Self {
        let time = Arc::new(AtomicI64::new(NOW));
        let server = TestServer::with(
            |config| {
                let allowed = networks.iter().map(|network| network.parse().unwrap());
                config.webhooks.allowed_networks = allowed.collect();
                config.limits.rest_requests_per_minute = 0;
                config.webhooks.period = Duration::from_millis(30);
                config.webhooks.attempt_time = ATTEMPT_TIME;
            },
            Clock::Fixed(Arc::clone(&time)),
        );
        let results = json!([result("Cart", "adds", "cart_spec.rb", 0.5, "passed")]);
        server.upload("b1", "main", &results);
        let found = server.post(
            &format!("{SUITE}/tests/find"),
            &json!({"scope": "Cart", "name": "adds"}),
        );
        let id = found.ok()["id"].as_str().unwrap().to_owned();
        Self {
            server,
            time,
            test: format!("{SUITE}/tests/{id}"),
        }
    }

    fn wait(&self, millis: i64) {
        self.time.fetch_add(millis, Ordering::SeqCst);
    }

    /// The id and the secret of a new webhook.
    fn create(&self, body: &Value) -> (String, String) {
        let created = self.server.post(WEBHOOKS, body);
        assert_eq!(created.status, 201, "{}", created.text());
        let created = created.json();
        let text = |name: &str| created[name].as_str().unwrap().to_owned();
        (text("id"), text("secret"))
    }

    /// Changes the state of the test.
    fn set(&self, state: &str) {
        self.server.put(&format!("{}/{state}", self.test)).ok();
    }

    /// Newest first.
    fn deliveries(&self, webhook: &str) -> Vec<Value> {
        let listed = self.server.get(&format!("{WEBHOOKS}/{webhook}/deliveries"));
        listed.ok().as_array().unwrap().clone()
    }

    /// Waits until the newest delivery has had this many attempts and is in this state.
    fn wait_until(&self, webhook: &str, attempts: u64, state: &str) -> Value {
        let newest = || self.deliveries(webhook).into_iter().next();
        let is_so = |delivery: Value| {
            let is_over = !delivery["last_status"].is_null() || !delivery["last_error"].is_null();
            delivery["attempts"] == attempts && delivery["state"] == state && is_over
        };
        until(&format!("{attempts} attempts, {state}"), || {
            newest().is_some_and(is_so)
        });
        newest().unwrap()
    }
}

#[test]
fn an_event_arrives_signed_and_as_the_api_lists_it() {
    let scene = Scene::new();
    let receiver = Receiver::start([]);
    let (id, secret) = scene.create(&json!({"url": receiver.url()}));
    let body = json!({"reason": "the sandbox throttles us", "days": 3});
    let muted = scene.server.ask("PUT", &format!("{}/mute", scene.test));
    muted.bearer(&scene.server.access).json(&body).send().ok();

    let received = receiver.wait_for(1).remove(0);
    assert_eq!(received.path(), "/hooks/secret-path");
    assert_eq!(received.header("content-type"), "application/json");
    assert_eq!(received.header("x-test-engine-event"), "mute.created");
    let host = format!("127.0.0.1:{}", receiver.port);
    assert_eq!(received.header("host"), host);
    assert!(received.is_signed_with(&secret));
    assert!(!received.is_signed_with("another secret"));
    let time = format!("t={},", NOW / 1_000);
    assert!(
        received
            .header("x-test-engine-signature")
            .starts_with(&time)
    );

    let event = received.json();
    assert_eq!(event["event"], "mute.created");
    assert_eq!(event["at"], "2026-11-23T00:00:00.000Z");
    assert_eq!(event["organization"], "acme");
    assert_eq!(event["suite"]["slug"], "web");
    assert_eq!(event["test"]["name"], "Cart adds");
    assert_eq!(event["reason"], "the sandbox throttles us");
    assert_eq!(event["actor"]["name"], "first admin token");
    assert_eq!(event["after"]["ends_at"], "2026-11-26T00:00:00.000Z");
    let listed = scene.server.get(&format!("{SUITE}/events")).ok();
    assert_eq!(listed, json!([event]));

    let delivery = scene.wait_until(&id, 1, "delivered");
    assert_eq!(delivery["id"], received.header("x-test-engine-delivery"));
    assert_eq!(delivery["event_id"], event["id"]);
    assert_eq!(delivery["last_status"], 200);
}

#[test]
fn events_are_listed_by_kind_and_test() {
    let scene = Scene::new();
    scene.set("mute");
    scene.set("skip");
    scene.set("enable");
    let events = |query: &str| {
        let listed = scene.server.get(&format!("{SUITE}/events?{query}")).ok();
        let listed = listed.as_array().unwrap().clone();
        let kinds = listed.iter().map(|event| event["event"].clone());
        Value::Array(kinds.collect())
    };
    let all = json!(["skip.removed", "skip.created", "mute.created"]);
    assert_eq!(events(""), all);
    let id = scene.test.rsplit('/').next().unwrap();
    assert_eq!(events(&format!("test_id={id}")), all);
    assert_eq!(events("event=skip.created"), json!(["skip.created"]));
    assert_eq!(events("per_page=1&page=3"), json!(["mute.created"]));
    let unknown = scene.server.get(&format!("{SUITE}/events?event=mute"));
    assert!(unknown.error(400).contains("\"mute\""));
}

#[test]
fn a_failed_delivery_is_repeated_with_the_same_id_and_body() {
    let scene = Scene::new();
    let receiver = Receiver::start([Reply::Status(500), Reply::Status(503)]);
    let (id, secret) = scene.create(&json!({"url": receiver.url()}));
    scene.set("mute");
    let failed = scene.wait_until(&id, 1, "pending");
    assert_eq!(failed["last_error"], "the response was 500, expected 2xx");
    assert_eq!(failed["next_at"], "2026-11-23T00:01:00.000Z");
    scene.wait(MINUTE);
    // While the second attempt lasts, the error is still that of the first.
    until("the second failure", || {
        let deliveries = scene.deliveries(&id);
        deliveries
            .iter()
            .any(|delivery| delivery["last_status"] == 503)
    });
    let failed = scene.wait_until(&id, 2, "pending");
    assert_eq!(failed["next_at"], "2026-11-23T00:03:00.000Z");
    scene.wait(2 * MINUTE);
    let delivered = scene.wait_until(&id, 3, "delivered");
    assert_eq!(delivered["last_error"], Value::Null);
    let received = receiver.received();
    assert_eq!(received.len(), 3);
    let delivery = |at: usize| received[at].header("x-test-engine-delivery");
    assert_eq!((delivery(0), delivery(1)), (delivery(2), delivery(2)));
    assert_eq!(received[0].body, received[2].body);
    assert!(received.iter().all(|it| it.is_signed_with(&secret)));
}

#[test]
fn a_receiver_that_is_gone_for_a_day_leaves_dead_letters_to_send_again() {
    let scene = Scene::new();
    let (id, _secret) = scene.create(&json!({"url": format!("{NO_SERVER}/hook")}));
    scene.set("mute");
    let failed = scene.wait_until(&id, 1, "pending");
    assert_eq!(
        failed["last_error"],
        "the request failed: the connection failed"
    );
    scene.set("skip");
    scene.wait_until(&id, 1, "pending");
    scene.wait(24 * 60 * MINUTE);
    until("dead letters", || {
        let all = scene.deliveries(&id);
        all.iter().all(|delivery| delivery["state"] == "dead")
    });
    let webhook = format!("{WEBHOOKS}/{id}");
    assert_eq!(scene.server.get(&webhook).ok()["dead"], 2);
    let dead = scene
        .server
        .get(&format!("{webhook}/deliveries?state=dead"))
        .ok();
    assert_eq!(dead.as_array().unwrap().len(), 2);

    // It is back, elsewhere.
    let receiver = Receiver::start([]);
    scene
        .server
        .patch(&webhook, &json!({"url": receiver.url()}))
        .ok();
    let first = dead[1]["id"].as_str().unwrap();
    let resend = format!("{webhook}/resend");
    let resent = scene
        .server
        .post(&format!("{resend}?delivery_id={first}"), &json!({}));
    assert_eq!((resent.status, resent.json()), (202, json!({"resent": 1})));
    assert_eq!(
        receiver.wait_for(1)[0].header("x-test-engine-delivery"),
        first
    );
    let resent = scene.server.post(&resend, &json!({})).json();
    assert_eq!(resent, json!({"resent": 1}));
    assert_eq!(receiver.wait_for(2)[1].json()["event"], "skip.created");
    let missing = format!("{resend}?delivery_id={}", uuid::Uuid::nil());
    scene.server.post(&missing, &json!({})).error(404);
}

#[test]
fn a_slow_receiver_does_not_delay_the_others() {
    let scene = Scene::new();
    let slow = Receiver::start([Reply::After(ATTEMPT_TIME * 20)]);
    let (id, _secret) = scene.create(&json!({"url": slow.url()}));
    let fast = Receiver::start([]);
    scene.create(&json!({"url": fast.url()}));
    scene.set("mute");
    fast.wait_for(1);
    let failed = scene.wait_until(&id, 1, "pending");
    let error = failed["last_error"].as_str().unwrap();
    assert!(error.starts_with("no response within"), "{error}");
}

#[test]
fn a_response_without_end_is_not_read() {
    let scene = Scene::new();
    let receiver = Receiver::start([Reply::Endless]);
    let (id, _secret) = scene.create(&json!({"url": receiver.url()}));
    scene.set("mute");
    scene.wait_until(&id, 1, "delivered");
    let sent = receiver.sent();
    assert!(sent < 100_000_000, "read {sent} bytes");
}

#[test]
fn redirects_are_not_followed_and_410_is_final() {
    let scene = Scene::new();
    let elsewhere = Receiver::start([]);
    let receiver = Receiver::start([Reply::Redirect(elsewhere.url()), Reply::Status(410)]);
    let (id, _secret) = scene.create(&json!({"url": receiver.url()}));
    scene.set("mute");
    let failed = scene.wait_until(&id, 1, "pending");
    assert_eq!(failed["last_status"], 307);
    scene.wait(MINUTE);
    let dead = scene.wait_until(&id, 2, "dead");
    assert_eq!(dead["last_status"], 410);
    assert!(elsewhere.received().is_empty());
}

#[test]
fn addresses_that_are_not_public_are_refused_unless_allowed() {
    let scene = Scene::with_networks(&["10.0.0.0/8"]);
    let receiver = Receiver::start([]);
    let create = |url: &str| scene.server.post(WEBHOOKS, &json!({"url": url}));
    let refused = create(&receiver.url()).error(422);
    assert!(refused.contains("--webhook-allowed-networks"), "{refused}");
    let mapped = format!("http://[::ffff:127.0.0.1]:{}/", receiver.port);
    create(&mapped).error(422);
    // What a name stands for is known when it is used.
    let named = format!("http://localhost:{}/", receiver.port);
    let (id, _secret) = scene.create(&json!({"url": named}));
    scene.set("mute");
    let failed = scene.wait_until(&id, 1, "pending");
    let error = failed["last_error"].as_str().unwrap();
    assert!(
        error.contains("localhost has an address that is not public"),
        "{error}"
    );
    assert!(receiver.received().is_empty());
}

#[test]
fn a_name_is_resolved_and_used_with_its_host_header() {
    let scene = Scene::new();
    let receiver = Receiver::start([]);
    scene.create(&json!({"url": format!("http://localhost:{}/hook", receiver.port)}));
    scene.set("mute");
    let received = receiver.wait_for(1).remove(0);
    let host = format!("localhost:{}", receiver.port);
    assert_eq!(received.header("host"), host);
}

#[test]
fn a_webhook_to_this_server_itself_ends() {
    let scene = Scene::new();
    let base = scene.server.base.clone();
    let own = scene.server.post(WEBHOOKS, &json!({"url": base}));
    assert!(own.error(422).contains("is the address of this server"));
    let alias = base.replace("127.0.0.1", "localhost");
    let (id, _secret) = scene.create(&json!({"url": format!("{alias}{SUITE}/tests")}));
    scene.set("mute");
    let failed = scene.wait_until(&id, 1, "pending");
    assert_eq!(failed["last_status"], 405);
    assert_eq!(scene.deliveries(&id).len(), 1, "it causes no events");
}

#[test]
fn what_a_dead_server_had_begun_is_delivered_again_with_its_id() {
    let scene = Scene::new();
    let receiver = Receiver::start([]);
    let (id, _secret) = scene.create(&json!({"url": receiver.url()}));
    let later = NOW + 60 * MINUTE;
    let claimed = scene.server.with_store(async |store| {
        let organization = store.organization("acme").await.unwrap().unwrap();
        let all = store.webhooks(organization.id, None, Page::new(1, 1));
        let webhook = all.await.unwrap().items.remove(0);
        let suite = store.suite("acme", "web").await.unwrap().unwrap();
        let test = store
            .find_test(&suite, "Cart", "adds")
            .await
            .unwrap()
            .unwrap();
        // Due in an hour for the running server, and now for the other one, whose clock is ahead.
        let at = Timestamp::from_millis(later);
        let change = test_engine_store::Change::by_server(at);
        let state = test_engine_store::TestState::Skipped;
        let set = store.set_test_state(suite.id, test.uuid, state, &change);
        set.await.unwrap().unwrap();
        let until = at.plus_millis(2 * MINUTE);
        let claimed = store.claim_delivery(webhook.id, at, until).await.unwrap();
        claimed.unwrap().uuid.to_string()
    });
    scene.time.store(later, Ordering::SeqCst);
    std::thread::sleep(Duration::from_millis(200));
    assert!(receiver.received().is_empty(), "the claim has not lapsed");
    scene.wait(2 * MINUTE);
    let delivered = scene.wait_until(&id, 2, "delivered");
    assert_eq!(delivered["id"], *claimed);
    let received = receiver.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].header("x-test-engine-delivery"), claimed);
}

#[test]
fn announcements_and_ends_of_mutes_are_sent_to_chats() {
    let scene = Scene::new();
    let receiver = Receiver::start([]);
    let events = json!(["mute.ending", "mute.expired"]);
    let body = json!({"url": receiver.url(), "format": "slack", "events": events,
                      "suite_slug": "web"});
    scene.create(&body);
    let body = json!({"reason": "a <b> & c", "days": 3});
    let muted = scene.server.ask("PUT", &format!("{}/mute", scene.test));
    muted.bearer(&scene.server.access).json(&body).send().ok();
    let end = Timestamp::from_millis(NOW).plus_days(3);
    for now in [end.plus_days(-1), end] {
        scene.time.store(now.millis(), Ordering::SeqCst);
        scene.server.with_store(async |store| {
            store.advance_quarantines(now, 10).await.unwrap();
        });
    }
    let received = receiver.wait_for(2);
    let text = |at: usize| received[at].json()["text"].as_str().unwrap().to_owned();
    assert!(
        text(0).starts_with("*Mute ends within a day:* <http://"),
        "{}",
        text(0)
    );
    assert!(text(0).contains("|Cart adds> in <"), "{}", text(0));
    assert!(
        text(0).ends_with("\n> a &lt;b&gt; &amp; c · ends 2026-11-26"),
        "{}",
        text(0)
    );
    assert!(
        text(1).starts_with("*Mute ended, enabled again:* "),
        "{}",
        text(1)
    );
}
