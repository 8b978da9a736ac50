//! A directory of files. A file gets its final name only when it is complete and on disk.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Bytes;
use fs_err as fs;
use futures_util::{Stream, StreamExt as _};
use tempfile::NamedTempFile;
use test_engine_store::Timestamp;
use tokio::io::AsyncWriteExt as _;

use super::{BlobError, Key};

/// The subdirectory of files that are being written.
const PARTIAL: &str = "unfinished";
/// Age in milliseconds at which a partial file is abandoned: longer than any upload may take.
const ABANDONED_AFTER: i64 = 24 * 60 * 60 * 1000;

#[derive(Clone)]
pub(crate) struct Files {
    root: Arc<Path>,
}

impl Files {
    /// Removes partial files of killed servers. The directory is created by the first write.
    pub(super) fn open(root: PathBuf, now: Timestamp) -> Result<Self, BlobError> {
        let partial = root.join(PARTIAL);
        let failed = |source| BlobError::File {
            path: partial.clone(),
            source,
        };
        let entries = match fs::read_dir(&partial) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { root: root.into() });
            }
            Err(error) => return Err(failed(error)),
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            let age = modified.ok().and_then(|modified| {
                let since_1970 = modified.duration_since(std::time::UNIX_EPOCH).ok()?;
                Some(now.millis() - i64::try_from(since_1970.as_millis()).ok()?)
            });
            if age.is_some_and(|age| age > ABANDONED_AFTER) {
                fs::remove_file(entry.path()).map_err(failed)?;
            }
        }
        Ok(Self { root: root.into() })
    }

    pub(super) fn path(&self, key: &Key) -> PathBuf {
        self.root.join(key.as_str())
    }

    pub(super) async fn receive<E: std::fmt::Display>(
        &self,
        key: &Key,
        mut chunks: impl Stream<Item = Result<Bytes, E>> + Unpin,
        limit: u64,
    ) -> Result<u64, BlobError> {
        let path = self.path(key);
        let failed = |source| BlobError::File {
            path: path.clone(),
            source,
        };
        let directory = self.root.join(PARTIAL);
        let (partial, file) = blocking(move || {
            fs::create_dir_all(&directory)?;
            let partial = NamedTempFile::new_in(directory)?;
            let file = partial.reopen()?;
            Ok((partial, file))
        })
        .await
        .map_err(failed)?;
        let mut file = tokio::fs::File::from_std(file);
        let mut written = 0;
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| BlobError::Sender(error.to_string()))?;
            written += chunk.len() as u64;
            if written > limit {
                return Err(BlobError::TooLarge { limit });
            }
            file.write_all(&chunk).await.map_err(failed)?;
        }
        file.flush().await.map_err(failed)?;
        file.sync_all().await.map_err(failed)?;
        let target = path.clone();
        blocking(move || {
            let directory = create_parent(&target)?;
            partial.persist(&target).map_err(|error| error.error)?;
            sync_directory(&directory)
        })
        .await
        .map_err(failed)?;
        Ok(written)
    }

    pub(super) async fn get(&self, key: &Key) -> Result<Option<Bytes>, BlobError> {
        self.read(key, |path| fs::read(path).map(Bytes::from)).await
    }

    pub(super) async fn open_file(&self, key: &Key) -> Result<Option<File>, BlobError> {
        self.read(key, |path| fs::File::open(path).map(fs::File::into_file))
            .await
    }

    async fn read<T: Send + 'static>(
        &self,
        key: &Key,
        read: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<Option<T>, BlobError> {
        let path = self.path(key);
        let target = path.clone();
        match blocking(move || read(&target)).await {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(BlobError::File { path, source }),
        }
    }

    pub(super) async fn rename(&self, from: &Key, to: &Key) -> Result<(), BlobError> {
        let (from, to) = (self.path(from), self.path(to));
        let path = from.clone();
        blocking(move || {
            let directory = create_parent(&to)?;
            match fs::rename(&from, &to) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && to.exists() => Ok(()),
                Err(error) => Err(error),
                Ok(()) => sync_directory(&directory),
            }
        })
        .await
        .map_err(|source| BlobError::File { path, source })
    }

    pub(super) async fn delete(&self, key: &Key) -> Result<(), BlobError> {
        self.read(key, |path| fs::remove_file(path)).await.map(drop)
    }
}

fn create_parent(path: &Path) -> io::Result<PathBuf> {
    let directory = path.parent().unwrap_or(path).to_owned();
    fs::create_dir_all(&directory)?;
    Ok(directory)
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    fs::File::open(directory)?.sync_all()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn stream(
        chunks: &[&'static str],
    ) -> impl Stream<Item = Result<Bytes, &'static str>> + Unpin + use<> {
        let chunks: Vec<_> = chunks
            .iter()
            .map(|chunk| match *chunk {
                "!" => Err("connection reset"),
                text => Ok(Bytes::from_static(text.as_bytes())),
            })
            .collect();
        futures_util::stream::iter(chunks)
    }

    fn names(directory: &Path) -> Vec<PathBuf> {
        let files = fs::read_dir(directory).unwrap();
        files.map(|file| file.unwrap().path()).collect()
    }

    #[tokio::test]
    async fn only_complete_files_exist() {
        let directory = tempfile::tempdir().unwrap();
        let files = Files::open(directory.path().join("blobs"), NOW).unwrap();
        let key = Key::incoming_backfill(Uuid::nil(), Uuid::nil());
        let aborted = files.receive(&key, stream(&["ab", "!"]), 10).await;
        assert!(matches!(aborted, Err(BlobError::Sender(text)) if text == "connection reset"));
        let large = files.receive(&key, stream(&["abc", "abc"]), 5).await;
        assert!(matches!(large, Err(BlobError::TooLarge { limit: 5 })));
        assert_eq!(files.get(&key).await.unwrap(), None);
        assert!(files.open_file(&key).await.unwrap().is_none());
        let size = files.receive(&key, stream(&["abc", "ab"]), 5).await;
        assert_eq!(size.unwrap(), 5);
        assert_eq!(files.get(&key).await.unwrap().unwrap(), "abcab");
        assert!(names(&directory.path().join("blobs/unfinished")).is_empty());
    }

    #[tokio::test]
    async fn renaming_and_deleting_are_idempotent() {
        let directory = tempfile::tempdir().unwrap();
        let files = Files::open(directory.path().to_owned(), NOW).unwrap();
        let from = Key::incoming_backfill(Uuid::nil(), Uuid::nil());
        let to = Key::ingested_backfill(Uuid::nil(), Uuid::nil());
        files.receive(&from, stream(&["x"]), 5).await.unwrap();
        files.rename(&from, &to).await.unwrap();
        files.rename(&from, &to).await.unwrap();
        assert_eq!(files.get(&to).await.unwrap().unwrap(), "x");
        files.delete(&to).await.unwrap();
        files.delete(&to).await.unwrap();
        assert!(files.rename(&from, &to).await.is_err());
    }

    #[test]
    fn removes_abandoned_partial_files() {
        let directory = tempfile::tempdir().unwrap();
        let partial = directory.path().join(PARTIAL);
        fs::create_dir_all(&partial).unwrap();
        fs::write(partial.join("a"), "x").unwrap();
        let written = fs::metadata(partial.join("a")).unwrap().modified().unwrap();
        let written = written.duration_since(std::time::UNIX_EPOCH).unwrap();
        let written = Timestamp::from_millis(i64::try_from(written.as_millis()).unwrap());
        Files::open(directory.path().to_owned(), written.plus_millis(60_000)).unwrap();
        assert_eq!(names(&partial).len(), 1);
        Files::open(directory.path().to_owned(), written.plus_days(2)).unwrap();
        assert_eq!(names(&partial).len(), 0);
    }
}
