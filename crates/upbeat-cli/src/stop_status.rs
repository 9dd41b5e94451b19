//! The stop status: a line of the terminal that names the players that delay the stop.

use std::{
    io,
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use humantime::format_duration;
use upbeat::diagnostics::{Overview, PlayerSnapshot, Snapshot};

use crate::console;

/// The time between two updates of the line.
const INTERVAL: Duration = Duration::from_millis(250);

/// The time from the start of the stop to the first line. Most stops end earlier.
const DELAY: Duration = Duration::from_secs(1);

/// The thread that updates the line. It is separate from the runtime, so that it also runs while
/// all workers of the runtime are blocked.
#[derive(Debug)]
pub(crate) struct StopStatus {
    thread: Option<(Sender<()>, JoinHandle<()>)>,
}

impl StopStatus {
    /// Starts the thread, which runs until the value is dropped.
    ///
    /// # Errors
    ///
    /// If the system cannot start a thread.
    pub(crate) fn start(overview: Overview) -> io::Result<Self> {
        let (sender, dropped) = channel::<()>();
        let thread = thread::Builder::new().name("upbeat-status".into()).spawn(move || {
            let mut began = None;
            while dropped.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                let snapshot = overview.snapshot();
                if snapshot.stopping.is_some() {
                    let after = began.get_or_insert_with(Instant::now).elapsed();
                    if after >= DELAY {
                        console::status(&fit(line(&snapshot, after), console::width()));
                    }
                }
            }
            console::status("");
        })?;
        Ok(Self { thread: Some((sender, thread)) })
    }
}

impl Drop for StopStatus {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.thread.take() {
            drop(sender);
            // The line has to be wiped before the next output. The panic hook has printed a panic
            // of the thread already.
            let _ = thread.join();
        }
    }
}

/// Returns the line, such as `stopping for 3s, 7s left: shop/web (2 open, GET /slow for 5.0 s)`.
fn line(snapshot: &Snapshot, after: Duration) -> String {
    let seconds = |time: Duration| format_duration(Duration::from_secs(time.as_secs())).to_string();
    let delaying: Vec<_> = snapshot.delaying_stop().collect();
    let left = delaying.iter().filter_map(|player| player.remaining).max();
    let left = left.map_or_else(String::new, |left| format!(", {} left", seconds(left)));
    let players: Vec<_> = delaying.into_iter().map(describe).collect();
    format!("stopping for {}{left}: {}", seconds(after), players.join(", "))
}

fn describe(player: &PlayerSnapshot) -> String {
    let mut reasons = Vec::new();
    if let Some(oldest) = player.open.oldest.first() {
        reasons.push(format!("{} open", player.open.count()));
        reasons.push(oldest.to_string());
    }
    reasons.extend(player.tasks.oldest.first().map(|task| format!("task {task}")));
    reasons.extend(player.at.as_ref().map(|at| format!("at {at}")));
    reasons.extend(player.blocked_on.first().map(|blocked| format!("blocked on {blocked}")));
    if reasons.is_empty() { player.path.to_string() } else { format!("{} ({})", player.path, reasons.join(", ")) }
}

/// Truncates a line to the width of the terminal, because a wrapped line cannot be wiped.
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
    async fn names_delaying_players_and_their_open_work() {
        let slow = async |cx: Context| -> Result<(), BoxError> {
            cx.set_status("flushing");
            let began = tokio::time::Instant::now();
            cx.register_work(move |list| list.add(began, || "GET /slow".to_owned(), None));
            std::future::pending().await
        };
        let prompt = async |cx: Context| -> Result<(), BoxError> {
            cx.stopping().await;
            Ok(())
        };
        let shop = Conductor::new("shop").player("slow", slow).player("prompt", prompt);
        let overview = shop.handle().overview();
        let playing = tokio::spawn(shop.play_until(tokio::time::sleep(Duration::from_millis(1))));
        tokio::time::sleep(Duration::from_secs(3)).await;
        let line = line(&overview.snapshot(), Duration::from_millis(3200));
        assert_eq!(line, "stopping for 3s, 7s left: shop/slow (1 open, GET /slow for 3.0 s, at flushing for 3.0 s)");
        assert_eq!(playing.await.unwrap().exit_code(), exit_code::OVERRAN);
    }

    #[test]
    fn a_long_line_is_truncated_to_the_width() {
        assert_eq!(fit("12345".to_owned(), 6), "12345");
        assert_eq!(fit("123456".to_owned(), 6), "1234…");
        assert_eq!(fit(String::new(), 0), "…");
    }
}
