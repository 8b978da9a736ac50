//! A folder of files. Each appears under its name only when it is whole and on disk.

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

/// Holds what is still being written.
const UNFINISHED: &str = "unfinished";
/// Milliseconds after which nobody is still writing: longer than any upload may take.
const ABANDONED_AFTER: i64 = 24 * 60 * 60 * 1000;

/// A folder of files. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Files {
    root: Arc<Path>,
}

impl Files {
    /// The folder, made when something is put there. What a killed server left half-written is
    /// removed.
    pub(super) fn open(root: PathBuf, now: Timestamp) -> Result<Self, BlobError> {
        let unfinished = root.join(UNFINISHED);
        let failed = |source| BlobError::File {
            path: unfinished.clone(),
            source,
        };
        let entries = match fs::read_dir(&unfinished) {
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
        mut pieces: impl Stream<Item = Result<Bytes, E>> + Unpin,
        limit: u64,
    ) -> Result<u64, BlobError> {
        let path = self.path(key);
        let failed = |source| BlobError::File {
            path: path.clone(),
            source,
        };
        let folder = self.root.join(UNFINISHED);
        let (unfinished, file) = blocking(move || {
            fs::create_dir_all(&folder)?;
            let unfinished = NamedTempFile::new_in(folder)?;
            let file = unfinished.reopen()?;
            Ok((unfinished, file))
        })
        .await
        .map_err(failed)?;
        let mut file = tokio::fs::File::from_std(file);
        let mut written = 0;
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| BlobError::Sender(error.to_string()))?;
            written += piece.len() as u64;
            if written > limit {
                return Err(BlobError::TooLarge { limit });
            }
            file.write_all(&piece).await.map_err(failed)?;
        }
        file.flush().await.map_err(failed)?;
        file.sync_all().await.map_err(failed)?;
        let target = path.clone();
        blocking(move || {
            let folder = make_folder_of(&target)?;
            unfinished.persist(&target).map_err(|error| error.error)?;
            sync_folder(&folder)
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
        let wanted = path.clone();
        match blocking(move || read(&wanted)).await {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(BlobError::File { path, source }),
        }
    }

    pub(super) async fn rename(&self, from: &Key, to: &Key) -> Result<(), BlobError> {
        let (from, to) = (self.path(from), self.path(to));
        let path = from.clone();
        blocking(move || {
            let folder = make_folder_of(&to)?;
            match fs::rename(&from, &to) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && to.exists() => Ok(()),
                Err(error) => Err(error),
                Ok(()) => sync_folder(&folder),
            }
        })
        .await
        .map_err(|source| BlobError::File { path, source })
    }

    pub(super) async fn delete(&self, key: &Key) -> Result<(), BlobError> {
        let path = self.path(key);
        let gone = path.clone();
        match blocking(move || fs::remove_file(gone)).await {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(BlobError::File { path, source })
            }
            _ => Ok(()),
        }
    }
}

fn make_folder_of(path: &Path) -> io::Result<PathBuf> {
    let folder = path.parent().unwrap_or(path).to_owned();
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// A name is on disk only when its folder is.
fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(io::Error::other(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn stream(
        pieces: &[&'static str],
    ) -> impl Stream<Item = Result<Bytes, &'static str>> + Unpin + use<> {
        let pieces: Vec<_> = pieces
            .iter()
            .map(|piece| match *piece {
                "!" => Err("the line broke"),
                text => Ok(Bytes::from_static(text.as_bytes())),
            })
            .collect();
        futures_util::stream::iter(pieces)
    }

    fn names(folder: &Path) -> Vec<PathBuf> {
        let files = fs::read_dir(folder).unwrap();
        files.map(|file| file.unwrap().path()).collect()
    }

    #[tokio::test]
    async fn a_file_is_there_as_a_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::open(folder.path().join("blobs"), NOW).unwrap();
        let key = Key::incoming_backfill(Uuid::nil(), Uuid::nil());
        let broken = files.receive(&key, stream(&["ab", "!"]), 10).await;
        assert!(matches!(broken, Err(BlobError::Sender(text)) if text == "the line broke"));
        let large = files.receive(&key, stream(&["abc", "abc"]), 5).await;
        assert!(matches!(large, Err(BlobError::TooLarge { limit: 5 })));
        assert_eq!(files.get(&key).await.unwrap(), None);
        assert!(files.open_file(&key).await.unwrap().is_none());
        let size = files.receive(&key, stream(&["abc", "ab"]), 5).await;
        assert_eq!(size.unwrap(), 5);
        assert_eq!(files.get(&key).await.unwrap().unwrap(), "abcab");
        assert_eq!(
            names(&folder.path().join("blobs/unfinished")),
            Vec::<PathBuf>::new()
        );
    }

    #[tokio::test]
    async fn renaming_and_deleting_can_be_done_again() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::open(folder.path().to_owned(), NOW).unwrap();
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
    fn what_was_abandoned_long_ago_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let unfinished = folder.path().join(UNFINISHED);
        fs::create_dir_all(&unfinished).unwrap();
        fs::write(unfinished.join("a"), "x").unwrap();
        let written = std::fs::metadata(unfinished.join("a"))
            .unwrap()
            .modified()
            .unwrap()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        let written = Timestamp::from_millis(i64::try_from(written.as_millis()).unwrap());
        Files::open(folder.path().to_owned(), written.plus_millis(60_000)).unwrap();
        assert_eq!(names(&unfinished).len(), 1);
        Files::open(folder.path().to_owned(), written.plus_days(2)).unwrap();
        assert_eq!(names(&unfinished).len(), 0);
    }
}
