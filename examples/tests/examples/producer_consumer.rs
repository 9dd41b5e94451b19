//! Tests of a stop of producers and consumers.

use upbeat_examples::program::{Ended, Program};

/// Stops the program when its queue is full.
fn stopped_with_a_full_queue(args: &[&str]) -> Ended {
    let mut program = Program::start("producer_consumer", args);
    program.until("the queue is full");
    program.stop()
}

/// Returns the number before these words in each line.
fn numbers<'a>(text: &'a str, words: &'a str) -> impl Iterator<Item = u64> + 'a {
    text.lines().filter_map(move |line| line.split_once(words)?.0.split_whitespace().next_back()?.parse().ok())
}

/// Returns the number after this word in each line.
fn numbers_after<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = u64> + 'a {
    text.lines().filter_map(move |line| line.split_once(word)?.1.split([' ', ',']).next()?.parse().ok())
}

#[test]
fn all_produced_items_are_consumed_by_a_stop() {
    let ended = stopped_with_a_full_queue(&[]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let produced = numbers(&ended.stdout, " produced").next().expect("a number");
    let consumed = numbers(&ended.stdout, " consumed").next().expect("a number");
    assert!(produced >= 100, "{produced}");
    assert_eq!(produced, consumed);
    assert_eq!(numbers_after(&ended.stderr, "consumed ").sum::<u64>(), consumed, "{}", ended.stderr);
    assert_eq!(numbers_after(&ended.stderr, " produced ").sum::<u64>(), produced, "{}", ended.stderr);
    // The producers leave the queue full, so it is drained after they have ended.
    assert!(numbers(&ended.stderr, " of them after the last producer").sum::<u64>() >= 50, "{}", ended.stderr);
}

#[test]
fn a_stop_that_times_out_shows_in_the_counts_and_the_exit_code() {
    let ended = stopped_with_a_full_queue(&["50"]);
    assert_eq!(ended.code, Some(124), "{}", ended.stderr);
    let produced = numbers(&ended.stdout, " produced").next().expect("a number");
    let consumed = numbers(&ended.stdout, " consumed").next().expect("a number");
    assert!(consumed < produced, "{consumed} of {produced}");
}
