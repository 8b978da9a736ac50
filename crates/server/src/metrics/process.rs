//! Metrics of the process, read from `/proc` on every scrape. They stay 0 where there is no
//! `/proc`.

use std::path::PathBuf;

use prometheus_client::metrics::gauge::Gauge;

use super::Registration;

/// The standard metrics of Prometheus for processes, and the size of the database.
pub(super) struct Process {
    resident: Gauge,
    threads: Gauge,
    open_files: Gauge,
    database_bytes: Gauge,
    database: Option<PathBuf>,
}

impl Process {
    pub(super) fn register(to: &mut Registration, database: Option<PathBuf>) -> Self {
        let size = "Size of the database file and its write-ahead log";
        let database_bytes = match &database {
            Some(_) => to.bytes("test_engine_database_size", size),
            None => Gauge::default(),
        };
        Self {
            resident: to.bytes("process_resident_memory", "Resident memory"),
            threads: to.gauge("process_threads", "Threads"),
            open_files: to.gauge("process_open_fds", "Open files and connections"),
            database_bytes,
            database,
        }
    }

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

/// The number after a name in `/proc/self/status`; 0 if it is missing.
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
    fn reads_numbers_with_or_without_a_unit() {
        let status = "Name:\tx\nVmRSS:\t    1234 kB\nThreads:\t7\n";
        assert_eq!(field(status, "VmRSS:"), 1234);
        assert_eq!(field(status, "Threads:"), 7);
        assert_eq!(field(status, "VmSwap:"), 0);
    }
}
