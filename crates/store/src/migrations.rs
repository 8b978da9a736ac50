//! The migrations of both engines, which are part of the program.
//!
//! They are listed by name. sqlx has a macro that lists a folder, but it would build the database
//! drivers a second time, for the compiler.

use std::sync::LazyLock;

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

pub(crate) static SQLITE: LazyLock<Migrator> = LazyLock::new(|| migrator(|file| file.sqlite));
pub(crate) static POSTGRES: LazyLock<Migrator> = LazyLock::new(|| migrator(|file| file.postgres));

struct File {
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        &[$(File {
            name: $name,
            sqlite: include_str!(concat!("../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../migrations/postgres/", $name, ".sql")),
        }),+]
    };
}

/// Each is named after its version and what it adds. The list says which there are: a file that is
/// not listed is not run.
const FILES: &[File] = files![
    "0001_initial",
    "0002_commits",
    "0004_several_servers",
    "0005_deleted_suites",
    "0006_rest",
    "0012_day_blocks",
    "0013_tests_of_suites",
    "0014_accounting",
    "0017_accounting_runs",
    "0018_audit_and_quarantine",
    "0019_insights",
    "0020_spans",
    "0021_people",
    "0023_events_and_webhooks",
    "0026_rules",
    "0027_clean_passes",
    "0030_compact_evidence",
    "0031_selection",
    "0033_saved_views",
    "0034_file_loads",
    "0035_plans_and_their_pace",
    "0036_file_load_of_plans",
    "0037_selection_knowledge",
    "0038_selection_pages",
];

fn migrator(sql: impl Fn(&File) -> &'static str) -> Migrator {
    let migrations = FILES.iter().map(|file| {
        let (version, description) = file.name.split_once('_').expect("a version and a name");
        Migration::new(
            version.parse().expect("the version is a number"),
            description.replace('_', " ").into(),
            MigrationType::Simple,
            sql(file).into_sql_str(),
            false,
        )
    });
    Migrator::with_migrations(migrations.collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Databases that earlier versions migrated have the versions, names and checksums that sqlx
    /// derives from the files.
    #[tokio::test]
    async fn every_file_is_listed_as_sqlx_reads_it() {
        for (engine, listed) in [("sqlite", &*SQLITE), ("postgres", &*POSTGRES)] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("migrations")
                .join(engine);
            let read = Migrator::new(folder.as_path()).await.unwrap();
            let rows = |migrator: &Migrator| -> Vec<_> {
                let rows = migrator.iter();
                let row = |it: &Migration| {
                    (
                        it.version,
                        it.description.clone(),
                        it.checksum.clone(),
                        it.no_tx,
                    )
                };
                rows.map(row).collect()
            };
            assert_eq!(rows(listed), rows(&read), "{engine}");
        }
    }
}
