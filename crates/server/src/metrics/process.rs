//! What the operating system says of this process, asked for when somebody wants to know.
//!
//! From `/proc`, so only on Linux; elsewhere these figures stay at zero.

use std::path::PathBuf;

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// Gauges under the names that Prometheus has for every process, and the database's size.
pub(super) struct Process {
    resident: Gauge,
    threads: Gauge,
    open_files: Gauge,
    database_bytes: Gauge,
    database: Option<PathBuf>,
}

impl Process {
    pub(super) fn register(registry: &mut Registry, database: Option<PathBuf>) -> Self {
        let process = Self {
            resident: Gauge::default(),
            threads: Gauge::default(),
            open_files: Gauge::default(),
            database_bytes: Gauge::default(),
            database,
        };
        registry.register_with_unit(
            "process_resident_memory",
            "Memory that is in use",
            Unit::Bytes,
            process.resident.clone(),
        );
        registry.register(
            "process_threads",
            "Threads of the process",
            process.threads.clone(),
        );
        registry.register(
            "process_open_fds",
            "Open files and connections",
            process.open_files.clone(),
        );
        if process.database.is_some() {
            registry.register_with_unit(
                "test_engine_database_size",
                "The file of the database and its log",
                Unit::Bytes,
                process.database_bytes.clone(),
            );
        }
        process
    }

    /// Ask again.
    pub(super) fn refresh(&self) {
        let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
        self.resident.set(field(&status, "VmRSS:") * 1024);
        self.threads.set(field(&status, "Threads:"));
        let open = fs_err::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        self.open_files.set(i64::try_from(open).unwrap_or(i64::MAX));
        if let Some(database) = &self.database {
            let mut log = database.clone().into_os_string();
            log.push("-wal");
            let sizes = [database.clone(), PathBuf::from(log)]
                .iter()
                .filter_map(|file| fs_err::metadata(file).ok())
                .fold(0_u64, |sum, file| sum.saturating_add(file.len()));
            self.database_bytes
                .set(i64::try_from(sizes).unwrap_or(i64::MAX));
        }
    }
}

/// The number behind a name in `/proc/self/status`; 0 when it is not there.
fn field(status: &str, name: &str) -> i64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn numbers_are_read_with_or_without_a_unit() {
        let status = "Name:\tx\nVmRSS:\t    1234 kB\nThreads:\t7\n";
        assert_eq!(field(status, "VmRSS:"), 1234);
        assert_eq!(field(status, "Threads:"), 7);
        assert_eq!(field(status, "VmSwap:"), 0);
    }
}
