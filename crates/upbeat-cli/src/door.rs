//! Who holds the door: one line of the terminal that says it while everything stops.

use std::{
    io,
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use humantime::format_duration;
use upbeat::{Overview, PlayerSnapshot, Snapshot};

use crate::console;

/// How often the line is written anew.
const EVERY: Duration = Duration::from_millis(250);

/// A stop that is over by then needs no explanation.
const SOON: Duration = Duration::from_secs(1);

/// The thread that shows the line: a thread of its own, so that it goes on when every worker of the runtime is blocked.
#[derive(Debug)]
pub(crate) struct Door {
    over: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Door {
    /// Watches from now on until it is dropped.
    ///
    /// # Errors
    ///
    /// When there is no thread to be had.
    pub(crate) fn watch(overview: Overview) -> io::Result<Self> {
        let (sender, over) = channel::<()>();
        let thread = thread::Builder::new().name("upbeat-door".into()).spawn(move || {
            let mut begun = None;
            while over.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                let seen = overview.snapshot();
                if seen.stopping.is_some() {
                    let after = begun.get_or_insert_with(Instant::now).elapsed();
                    if after >= SOON {
                        console::status(&fit(line(&seen, after), console::width()));
                    }
                }
            }
            console::status("");
        })?;
        Ok(Self { over: Some((sender, thread)) })
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.over.take() {
            drop(sender);
            // So that the line is gone before anything else is written. A panic there has been told already.
            let _ = thread.join();
        }
    }
}

/// `stopping for 3s, 7s left: shop/web (2 open, GET /slow for 5.0 s), shop/db (at flushing for 2.0 s)`
fn line(seen: &Snapshot, after: Duration) -> String {
    let seconds = |time: Duration| format_duration(Duration::from_secs(time.as_secs())).to_string();
    let holders: Vec<_> = seen.delaying_stop().collect();
    let left = holders.iter().filter_map(|player| player.remaining).max();
    let left = left.map_or_else(String::new, |left| format!(", {} left", seconds(left)));
    let names: Vec<_> = holders.into_iter().map(holder).collect();
    format!("stopping for {}{left}: {}", seconds(after), names.join(", "))
}

fn holder(player: &PlayerSnapshot) -> String {
    let mut why = Vec::new();
    if let Some(oldest) = player.open.oldest.first() {
        why.push(format!("{} open", player.open.count()));
        why.push(oldest.to_string());
    }
    why.extend(player.tasks.oldest.first().map(|task| format!("task {task}")));
    why.extend(player.at.as_ref().map(|at| format!("at {at}")));
    why.extend(player.blocked_on.first().map(|blocked| format!("blocked on {blocked}")));
    if why.is_empty() { player.path.to_string() } else { format!("{} ({})", player.path, why.join(", ")) }
}

/// A line that is longer than the terminal is wide could not be wiped.
fn fit(line: String, width: usize) -> String {
    if line.chars().count() < width {
        return line;
    }
    line.chars().filter(|letter| !letter.is_control()).take(width.saturating_sub(2)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use upbeat::{BoxError, Conductor, Context, exit_code};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn names_who_is_left_with_what_they_have_under_way() {
        let slow = async |cx: Context| -> Result<(), BoxError> {
            cx.set_status("flushing");
            let begun = tokio::time::Instant::now();
            cx.register_work(move |list| list.add(begun, || "GET /slow".to_owned(), None));
            std::future::pending().await
        };
        let polite = async |cx: Context| -> Result<(), BoxError> {
            cx.stopping().await;
            Ok(())
        };
        let shop = Conductor::new("shop").player("slow", slow).player("polite", polite);
        let overview = shop.handle().overview();
        let playing = tokio::spawn(shop.play_until(tokio::time::sleep(Duration::from_millis(1))));
        tokio::time::sleep(Duration::from_secs(3)).await;
        let line = line(&overview.snapshot(), Duration::from_millis(3200));
        assert_eq!(line, "stopping for 3s, 7s left: shop/slow (1 open, GET /slow for 3.0 s, at flushing for 3.0 s)");
        assert_eq!(playing.await.unwrap().exit_code(), exit_code::OVERRAN);
    }

    #[test]
    fn a_long_line_is_cut_to_the_width() {
        assert_eq!(fit("12345".to_owned(), 6), "12345");
        assert_eq!(fit("123456".to_owned(), 6), "1234…");
        assert_eq!(fit(String::new(), 0), "…");
    }
}
