//! Several sorted streams as one.

use futures_util::{Stream, TryStreamExt as _, future::try_join_all};

/// Merges streams each of which is sorted, the greatest key first, and takes the first `most` items of the result.
///
/// It asks no stream for more than one item beyond what is taken, and keeps one item of each in memory.
///
/// # Errors
///
/// The first error that one of them has on the way.
pub(crate) async fn merge<S, T, E, K>(streams: Vec<S>, key: impl Fn(&T) -> K, most: usize) -> Result<Vec<T>, E>
where
    S: Stream<Item = Result<T, E>> + Unpin,
    K: Ord,
{
    if most == 0 {
        return Ok(Vec::new());
    }
    // The heads are waited for at the same time.
    let heads = streams.into_iter().map(async |mut stream: S| Ok((stream.try_next().await?, stream)));
    let mut heads: Vec<_> = try_join_all(heads).await?;
    let mut merged = Vec::new();
    loop {
        // Of equals the first stream's, so that the order is always the same.
        let first = heads.iter_mut().rev().max_by_key(|(head, _)| head.as_ref().map(&key));
        let Some((Some(item), stream)) = first.map(|(head, stream)| (head.take(), (head, stream))) else {
            return Ok(merged);
        };
        merged.push(item);
        if merged.len() == most {
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

    /// All that is merged here is there at once.
    fn merged(lists: &[Vec<u8>], most: usize) -> Vec<u8> {
        let streams = lists.iter().map(|list| stream::iter(list.iter().copied().map(Ok::<_, ()>))).collect();
        merge(streams, |&item| item, most).now_or_never().expect("nothing to wait for").expect("no error")
    }

    proptest! {
        #[test]
        fn it_is_the_beginning_of_all_items_sorted(mut lists: Vec<Vec<u8>>, most in 0..50_usize) {
            for list in &mut lists {
                list.sort_unstable_by(|a, b| b.cmp(a));
            }
            let mut all = lists.concat();
            all.sort_unstable_by(|a, b| b.cmp(a));
            all.truncate(most);
            prop_assert_eq!(merged(&lists, most), all);
        }
    }

    #[test]
    fn an_endless_stream_is_asked_for_one_item_more_than_is_taken_at_most() {
        let asked = Cell::new(0);
        let endless = stream::iter((0..).map(|item: i32| {
            asked.set(asked.get() + 1);
            Ok::<_, ()>(-item)
        }));
        let merged = merge(vec![endless], |&item| item, 5).now_or_never().expect("nothing to wait for");
        assert_eq!((merged, asked.get()), (Ok(vec![0, -1, -2, -3, -4]), 5));
    }

    #[test]
    fn an_error_on_the_way_ends_it() {
        let fails = || stream::iter([Ok(7), Err("broken"), Ok(5)]);
        let merged = |most| merge(vec![fails()], |&item| item, most).now_or_never().expect("nothing to wait for");
        assert_eq!(merged(1), Ok(vec![7]), "it is not on the way to the first");
        assert_eq!(merged(2), Err("broken"));
    }
}
