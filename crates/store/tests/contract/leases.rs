//! Leases: one holder until they expire.

use uuid::Uuid;

use crate::support::{NOON, on_every_engine};

#[tokio::test]
async fn grants_a_lease_to_one_holder_until_it_expires() {
    on_every_engine(async |db| {
        let [a, b] = [Uuid::new_v4(), Uuid::new_v4()];
        let take = async |holder, from: i64, to: i64| {
            let (now, until) = (NOON.plus_millis(from), NOON.plus_millis(to));
            let taken = db.store.try_lease("sweep", holder, now, until).await;
            taken.unwrap()
        };
        assert!(take(a, 0, 1_000).await);
        assert!(!take(b, 999, 2_000).await);
        assert!(take(a, 999, 2_000).await, "its holder can extend it");
        assert!(!take(b, 1_500, 2_500).await, "as extended");
        assert!(take(b, 2_000, 3_000).await, "it had expired");
        assert!(!take(a, 2_001, 3_000).await);
        let other = db.store.try_lease("other", a, NOON, NOON.plus_millis(1));
        assert!(other.await.unwrap(), "names are independent");
    })
    .await;
}

#[tokio::test]
async fn releases_only_the_holders_leases() {
    on_every_engine(async |db| {
        let [a, b] = [Uuid::new_v4(), Uuid::new_v4()];
        let take = async |name, holder| {
            let until = NOON.plus_days(1);
            let taken = db.store.try_lease(name, holder, NOON, until).await;
            taken.unwrap()
        };
        assert!(take("x", a).await && take("y", a).await && take("z", b).await);
        db.store.release_leases(b).await.unwrap();
        assert!(!take("x", b).await && !take("y", b).await && take("z", a).await);
        db.store.release_leases(a).await.unwrap();
        assert!(take("x", b).await && take("y", b).await && take("z", b).await);
    })
    .await;
}

#[tokio::test]
async fn the_last_write_check_is_known_until_its_server_stops() {
    on_every_engine(async |db| {
        let check = async || db.store.last_write_check().await.unwrap();
        let holder = Uuid::new_v4();
        assert_eq!(check().await, None);
        db.store.check_writable(holder, NOON).await.unwrap();
        assert_eq!(check().await, Some(NOON));
        let later = NOON.plus_millis(5_000);
        db.store.check_writable(holder, later).await.unwrap();
        assert_eq!(check().await, Some(later));
        db.store.release_leases(holder).await.unwrap();
        assert_eq!(check().await, None);
    })
    .await;
}

#[tokio::test]
async fn grants_a_contested_lease_once() {
    on_every_engine(async |db| {
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let store = db.store.clone();
                tokio::spawn(async move {
                    let until = NOON.plus_days(1);
                    store.try_lease("x", Uuid::new_v4(), NOON, until).await
                })
            })
            .collect();
        let mut taken = 0;
        for task in tasks {
            taken += usize::from(task.await.unwrap().unwrap());
        }
        assert_eq!(taken, 1);
    })
    .await;
}
