//! Producers and consumers, stopped in the middle.

use upbeat_examples::program::{Ended, Program};

/// Stops it when there is a queue to drain.
fn stopped_with_a_full_queue(args: &[&str]) -> Ended {
    let mut program = Program::start("producer_consumer", args);
    program.until("the queue is full");
    program.stop()
}

/// The numbers before these words, line by line.
fn numbers<'a>(text: &'a str, words: &'a str) -> impl Iterator<Item = u64> + 'a {
    text.lines().filter_map(move |line| line.split_once(words)?.0.split_whitespace().next_back()?.parse().ok())
}

/// The numbers behind this word.
fn behind<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = u64> + 'a {
    text.lines().filter_map(move |line| line.split_once(word)?.1.split([' ', ',']).next()?.parse().ok())
}

#[test]
fn all_that_was_produced_is_consumed_however_it_is_stopped() {
    let ended = stopped_with_a_full_queue(&[]);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let produced = numbers(&ended.printed, " produced").next().expect("it is told");
    let consumed = numbers(&ended.printed, " consumed").next().expect("it is told");
    assert!(produced >= 100, "{produced}");
    assert_eq!(produced, consumed);
    assert_eq!(behind(&ended.said, "consumed ").sum::<u64>(), consumed, "{}", ended.said);
    assert_eq!(behind(&ended.said, " produced ").sum::<u64>(), produced, "{}", ended.said);
    // The producers had stopped by then, and the queue was as full as they had left it.
    assert!(numbers(&ended.said, " of them when no producer").sum::<u64>() >= 50, "{}", ended.said);
}

#[test]
fn what_there_was_no_time_for_is_in_the_counts_and_in_the_exit_code() {
    let ended = stopped_with_a_full_queue(&["50"]);
    assert_eq!(ended.code, Some(124), "{}", ended.said);
    let produced = numbers(&ended.printed, " produced").next().expect("it is told");
    let consumed = numbers(&ended.printed, " consumed").next().expect("it is told");
    assert!(consumed < produced, "{consumed} of {produced}");
}
