//! Contexts with many layers.

use std::time::Duration;

use peers::{MS, paused};
use upbeat::Context;

use super::{VERY_LONG, canceled, is_done, times_out};

/// Derives many contexts of all kinds, in an order that depends on the seed.
fn layers(seed: u32, limit: Duration) -> (Context, Vec<Context>) {
    struct Value(u32);
    let mut random = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        random % 3
    };
    let mut cx = Context::background().with_value("bottom");
    let mut cancels = Vec::new();
    for i in 0..60 {
        cx = match next() {
            0 => cx.with_value(Value(i)),
            1 => cx.child(),
            _ => cx.with_timeout(limit),
        };
        assert!(cx.value::<Value>().is_none_or(|value| value.0 <= i));
        cancels.push(cx.clone());
    }
    (cx, cancels)
}

/// Same as `TestLayersCancel`.
#[test]
fn a_cancellation_passes_many_layers_which_keep_their_values() {
    paused(async || {
        for seed in 0..200 {
            let (cx, layers) = layers(seed, VERY_LONG);
            assert!(!is_done(&cx) && cx.value::<&str>().is_some());
            layers[seed as usize % layers.len()].cancel("enough");
            assert!(canceled(&cx) && cx.value::<&str>().is_some());
        }
    });
}

/// Same as `TestLayersTimeout`.
#[test]
fn a_timeout_passes_many_layers_which_keep_their_values() {
    paused(async || {
        for seed in 0..200 {
            let (cx, _layers) = layers(seed, MS);
            times_out(&cx).await;
            assert!(cx.value::<&str>().is_some());
        }
    });
}
