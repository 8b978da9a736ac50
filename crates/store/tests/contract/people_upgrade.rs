//! Upgrades a database whose tokens have no owners.

use crate::support::{NOON, on_upgraded_databases};

/// Rows of version 18.
const ROWS: &str = "\
    INSERT INTO organizations (uuid, slug, created_at) \
    VALUES (X'00112233445566778899aabbccddeeff', 'acme', 0); \
    INSERT INTO tokens (uuid, organization_id, kind, secret_hash, scopes, created_at) VALUES \
    (X'01112233445566778899aabbccddeeff', 1, 0, \
    X'0101010101010101010101010101010101010101010101010101010101010101', 'read_suites', 0), \
    (X'02112233445566778899aabbccddeeff', 1, 2, \
    X'0202020202020202020202020202020202020202020202020202020202020202', 'read_suites', 0);";

#[tokio::test]
async fn tokens_of_earlier_versions_belong_to_ci() {
    on_upgraded_databases(18, ROWS, async |store| {
        for secret in [1, 2] {
            let token = store.token_by_hash(&[secret; 32]).await.unwrap().unwrap();
            assert_eq!(token.owner, None);
            assert!(token.is_live(NOON));
        }
        assert!(store.users(None).await.unwrap().is_empty());
        assert!(!store.has_logins().await.unwrap());
    })
    .await;
}
