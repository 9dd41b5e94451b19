//! The queue as data: which lines wait, and which are dropped.

use std::collections::VecDeque;

/// An entry of the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A line.
    Line(Vec<u8>),
    /// The number of lines that were dropped at this position.
    Dropped(u64),
}

/// Lines in their order, bounded in bytes.
///
/// Once a line is dropped, all others are dropped too until half of the queue is free. A reader
/// that is only slow therefore gets long runs of lines, and not a count after each of them.
#[derive(Debug)]
pub(crate) struct Queue {
    entries: VecDeque<Entry>,
    capacity: usize,
    /// The bytes of all lines in `entries`.
    bytes: usize,
    /// The lines dropped since the last entry.
    dropped: u64,
}

impl Queue {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { entries: VecDeque::new(), capacity, bytes: 0, dropped: 0 }
    }

    /// Adds a line, or drops and counts it. An empty queue accepts any line.
    pub(crate) fn push(&mut self, line: &[u8]) {
        let limit = if self.dropped > 0 { self.capacity / 2 } else { self.capacity };
        if !self.entries.is_empty() && self.bytes.saturating_add(line.len()) > limit {
            self.dropped += 1;
        } else {
            self.push_always(line);
        }
    }

    /// Adds a line, even if the queue is full.
    pub(crate) fn push_always(&mut self, line: &[u8]) {
        if self.dropped > 0 {
            self.entries.push_back(Entry::Dropped(std::mem::take(&mut self.dropped)));
        }
        self.bytes += line.len();
        self.entries.push_back(Entry::Line(line.to_owned()));
    }

    /// Takes the first entry. The count of the last dropped lines comes after all lines.
    pub(crate) fn pop(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front();
        if let Some(Entry::Line(line)) = &entry {
            self.bytes -= line.len();
        }
        entry.or_else(|| (self.dropped > 0).then(|| Entry::Dropped(std::mem::take(&mut self.dropped))))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.dropped == 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Push(usize),
        PushAlways(usize),
        Pop,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..30_usize).prop_map(Step::Push),
            1 => (0..30_usize).prop_map(Step::PushAlways),
            3 => Just(Step::Pop),
        ]
    }

    /// Appends an entry to what comes out: the numbers of lines, and `None` for each dropped one.
    fn take(out: &mut Vec<Option<u64>>, entry: &Entry) {
        match entry {
            Entry::Line(line) => {
                let number = u64::from_be_bytes(line[..8].try_into().unwrap());
                out.push(Some(number));
            }
            Entry::Dropped(count) => out.extend((0..*count).map(|_| None)),
        }
    }

    proptest! {
        /// As many lines come out as went in. Each line is at its position, and each gap has the
        /// number of its lines.
        #[test]
        fn each_line_is_written_or_counted_at_its_position(steps in prop::collection::vec(step(), 0..200)) {
            let mut queue = Queue::with_capacity(100);
            let (mut pushed, mut always, mut out) = (0_u64, Vec::new(), Vec::new());
            let line = |number: u64, length: usize| [&number.to_be_bytes()[..], &vec![0; length]].concat();
            for step in steps {
                match step {
                    Step::Push(length) => {
                        let before = queue.bytes;
                        queue.push(&line(pushed, length));
                        prop_assert!(queue.bytes <= before.max(100), "{} bytes", queue.bytes);
                        pushed += 1;
                    }
                    Step::PushAlways(length) => {
                        queue.push_always(&line(pushed, length));
                        always.push(pushed);
                        pushed += 1;
                    }
                    Step::Pop => {
                        if let Some(entry) = queue.pop() {
                            take(&mut out, &entry);
                        }
                    }
                }
            }
            while let Some(entry) = queue.pop() {
                take(&mut out, &entry);
            }
            prop_assert!(queue.is_empty() && queue.bytes == 0);
            prop_assert_eq!(out.len() as u64, pushed);
            for (number, written) in (0..).zip(&out) {
                prop_assert!(written.is_none_or(|written| written == number));
            }
            prop_assert!(always.iter().all(|&number| out[usize::try_from(number).unwrap()].is_some()));
        }
    }

    #[test]
    fn lines_are_accepted_again_once_half_of_the_queue_is_free() {
        let mut queue = Queue::with_capacity(10);
        for _ in 0..12 {
            queue.push(b"x");
        }
        for _ in 0..4 {
            queue.pop();
        }
        queue.push(b"y");
        queue.pop();
        queue.pop();
        queue.push(b"z");
        let mut left = Vec::new();
        while let Some(entry) = queue.pop() {
            left.push(entry);
        }
        assert_eq!(left[left.len() - 2..], [Entry::Dropped(3), Entry::Line(b"z".to_vec())]);
    }

    #[test]
    fn a_line_larger_than_the_queue_is_accepted_if_it_is_empty() {
        let mut queue = Queue::with_capacity(3);
        queue.push(b"large");
        queue.push(b"x");
        assert_eq!(queue.pop(), Some(Entry::Line(b"large".to_vec())));
        assert_eq!(queue.pop(), Some(Entry::Dropped(1)));
        assert_eq!(queue.pop(), None);
    }
}
