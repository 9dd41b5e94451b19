//! The merge of sorted streams.

use futures_util::{Stream, TryStreamExt as _, future::try_join_all};

/// Merges streams that are sorted by descending key, and returns the first `max` items.
///
/// It takes at most one item more of each stream than it returns, and keeps one item of each in
/// memory.
///
/// # Errors
///
/// If a stream fails before the last item: its error.
pub(crate) async fn merge<S, T, E, K>(streams: Vec<S>, key: impl Fn(&T) -> K, max: usize) -> Result<Vec<T>, E>
where
    S: Stream<Item = Result<T, E>> + Unpin,
    K: Ord,
{
    if max == 0 {
        return Ok(Vec::new());
    }
    // The first items are awaited concurrently.
    let heads = streams.into_iter().map(async |mut stream: S| Ok((stream.try_next().await?, stream)));
    let mut heads: Vec<_> = try_join_all(heads).await?;
    let mut merged = Vec::new();
    loop {
        // Of equal items that of the first stream is taken, so that the order is deterministic.
        let first = heads.iter_mut().rev().max_by_key(|(head, _)| head.as_ref().map(&key));
        let Some((Some(item), stream)) = first.map(|(head, stream)| (head.take(), (head, stream))) else {
            return Ok(merged);
        };
        merged.push(item);
        if merged.len() == max {
            return Ok(merged);
        }
        let (head, stream) = stream;
        *head = stream.try_next().await?;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::{FutureExt as _, stream};
    use proptest::prelude::*;

    use super::*;

    /// Merges lists.
    fn merged(lists: &[Vec<u8>], max: usize) -> Vec<u8> {
        let streams = lists.iter().map(|list| stream::iter(list.iter().copied().map(Ok::<_, ()>))).collect();
        merge(streams, |&item| item, max).now_or_never().expect("nothing to wait for").expect("no error")
    }

    proptest! {
        #[test]
        fn the_result_is_the_start_of_all_items_sorted(mut lists: Vec<Vec<u8>>, max in 0..50_usize) {
            for list in &mut lists {
                list.sort_unstable_by(|a, b| b.cmp(a));
            }
            let mut all = lists.concat();
            all.sort_unstable_by(|a, b| b.cmp(a));
            all.truncate(max);
            prop_assert_eq!(merged(&lists, max), all);
        }
    }

    #[test]
    fn an_endless_stream_is_polled_for_the_returned_items_only() {
        let polled = Cell::new(0);
        let endless = stream::iter((0..).map(|item: i32| {
            polled.set(polled.get() + 1);
            Ok::<_, ()>(-item)
        }));
        let merged = merge(vec![endless], |&item| item, 5).now_or_never().expect("nothing to wait for");
        assert_eq!((merged, polled.get()), (Ok(vec![0, -1, -2, -3, -4]), 5));
    }

    #[test]
    fn an_error_before_the_last_item_is_returned() {
        let fails = || stream::iter([Ok(7), Err("broken"), Ok(5)]);
        let merged = |max| merge(vec![fails()], |&item| item, max).now_or_never().expect("nothing to wait for");
        assert_eq!(merged(1), Ok(vec![7]), "the error comes after the last item");
        assert_eq!(merged(2), Err("broken"));
    }
}
