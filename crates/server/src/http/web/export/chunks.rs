//! Lists that are read while they are sent.

use std::future::Future;

use futures_util::stream::{self, BoxStream, StreamExt as _};

use super::super::page::PageError;
use super::{CHUNK, Row};

/// The rows of a list, some at a time.
pub(in crate::http::web) type Chunks = BoxStream<'static, Result<Vec<Row>, PageError>>;

/// Reads a list from a position on. `read` returns some rows and the next position, if any.
pub(in crate::http::web) fn from_position<P, F>(
    start: P,
    mut read: impl FnMut(P) -> F + Send + 'static,
) -> Chunks
where
    P: Send + 'static,
    F: Future<Output = Result<(Vec<Row>, Option<P>), PageError>> + Send + 'static,
{
    let chunks = stream::try_unfold(Some(start), move |position| {
        let reading = position.map(&mut read);
        async move {
            match reading {
                Some(reading) => reading.await.map(Some),
                None => Ok(None),
            }
        }
    });
    chunks.boxed()
}

/// A list whose items are known, but not what the file says about them: `describe` reads that for
/// some items at once.
pub(in crate::http::web) fn of_items<T, F>(
    items: Vec<T>,
    mut describe: impl FnMut(Vec<T>) -> F + Send + 'static,
) -> Chunks
where
    T: Send + 'static,
    F: Future<Output = Result<Vec<Row>, PageError>> + Send + 'static,
{
    from_position(items.into_iter(), move |mut rest| {
        let some: Vec<T> = rest.by_ref().take(CHUNK as usize).collect();
        let describing = describe(some);
        async move {
            let rows = describing.await?;
            Ok((rows, (rest.len() > 0).then_some(rest)))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::error::ApiError;

    async fn read(chunks: Chunks) -> Vec<Option<Vec<Row>>> {
        chunks.map(Result::ok).collect().await
    }

    #[tokio::test]
    async fn items_are_described_in_their_order_some_at_a_time() {
        let most = u64::from(CHUNK);
        let describe = async |some: Vec<u64>| {
            let row = |number: u64| vec![number.into()];
            Ok(some.into_iter().map(row).collect::<Vec<Row>>())
        };
        for (items, chunks) in [(0, 1), (1, 1), (most, 1), (most + 1, 2), (2 * most, 2)] {
            let found = read(of_items((0..items).collect(), describe)).await;
            assert_eq!(found.len(), chunks, "{items}");
            let rows: Vec<Row> = found.into_iter().flatten().flatten().collect();
            let expected: Vec<Row> = (0..items).map(|number| vec![number.into()]).collect();
            assert_eq!(rows, expected);
        }
    }

    #[tokio::test]
    async fn a_list_ends_with_an_error() {
        let chunks = from_position(0_u64, async |position| match position {
            2 => Err(ApiError::bad_request("gone").into()),
            _ => Ok((vec![vec![position.into()]], Some(position + 1))),
        });
        let found = read(chunks).await;
        assert_eq!(
            found,
            [
                Some(vec![vec![0_u64.into()]]),
                Some(vec![vec![1_u64.into()]]),
                None
            ]
        );
    }
}
