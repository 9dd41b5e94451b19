//! Players that do what a test needs.

use std::{
    collections::VecDeque,
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::sleep,
};
use upbeat::{BoxError, Context, Player, with};

use crate::{Event, Log};

/// Waits for the stop.
///
/// # Errors
///
/// Never.
pub async fn idle(cx: Context) -> Result<(), BoxError> {
    cx.stopping().await;
    Ok(())
}

/// Ignores the stop, so it can only be aborted.
///
/// # Errors
///
/// Never.
pub async fn deaf(cx: Context) -> Result<(), BoxError> {
    cx.ready();
    pending().await
}

/// The next action of a [`Scripted`] player.
#[derive(Clone, Copy, Debug)]
pub enum Command {
    /// Returns `Ok`.
    Return,
    /// Returns this error.
    Fail(&'static str),
    /// Panics with this message.
    Panic(&'static str),
    /// Ignores the stop until it is released or aborted.
    Hang,
}

/// A player that executes the commands of a test, one run after the other. On a stop it returns
/// after a delay. A cheap clone.
#[derive(Clone, Debug)]
pub struct Scripted(Arc<Script>);

#[derive(Debug)]
struct Script {
    commands: Mutex<VecDeque<Command>>,
    commanded: Notify,
    released: Notify,
    starts: watch::Sender<u32>,
    live: watch::Sender<u32>,
    max_live: AtomicU32,
    stop_delay: Duration,
    fails_at_start: AtomicBool,
}

struct Live<'a>(&'a Script);

impl Drop for Live<'_> {
    fn drop(&mut self) {
        self.0.live.send_modify(|live| *live -= 1);
    }
}

impl Script {
    async fn play(&self, cx: Context) -> Result<(), BoxError> {
        self.live.send_modify(|live| *live += 1);
        self.max_live.fetch_max(*self.live.borrow(), SeqCst);
        let _live = Live(self);
        self.starts.send_modify(|starts| *starts += 1);
        if self.fails_at_start.load(SeqCst) {
            return Err("no start".into());
        }
        cx.ready();
        loop {
            let command = self.commands.lock().unwrap().pop_front();
            match command {
                Some(Command::Return) => return Ok(()),
                Some(Command::Fail(message)) => return Err(message.into()),
                Some(Command::Panic(message)) => panic!("{message}"),
                Some(Command::Hang) => self.released.notified().await,
                None => {
                    let stopping = tokio::select! {
                        biased;
                        () = self.commanded.notified() => false,
                        () = cx.stopping() => true,
                    };
                    if stopping {
                        sleep(self.stop_delay).await;
                        return Ok(());
                    }
                }
            }
        }
    }
}

impl Default for Scripted {
    fn default() -> Self {
        Self::new()
    }
}

impl Scripted {
    /// Creates a player that stops at once.
    pub fn new() -> Self {
        Self::stops_after(Duration::ZERO)
    }

    /// Creates a player that needs this time to stop.
    pub fn stops_after(stop_delay: Duration) -> Self {
        Self(Arc::new(Script {
            commands: Mutex::default(),
            commanded: Notify::new(),
            released: Notify::new(),
            starts: watch::Sender::new(0),
            live: watch::Sender::new(0),
            max_live: AtomicU32::new(0),
            stop_delay,
            fails_at_start: AtomicBool::new(false),
        }))
    }

    /// Returns a player of this script. All of them share it.
    pub fn player(&self) -> impl Player + use<> {
        with(self.0.clone(), async |script: Arc<Script>, cx: Context| script.play(cx).await)
    }

    /// Adds a command.
    pub fn send(&self, command: Command) {
        self.0.commands.lock().unwrap().push_back(command);
        self.0.commanded.notify_one();
    }

    /// Ends a [`Command::Hang`].
    pub fn release(&self) {
        self.0.released.notify_one();
    }

    /// Sets whether each further run fails at once.
    pub fn fail_at_start(&self, fails: bool) {
        self.0.fails_at_start.store(fails, SeqCst);
    }

    /// Waits until the run with this number, from 1, has begun.
    pub async fn started(&self, run: u32) {
        self.0.starts.subscribe().wait_for(|starts| *starts >= run).await.unwrap();
    }

    /// Waits until no run is left.
    pub async fn gone(&self) {
        self.0.live.subscribe().wait_for(|live| *live == 0).await.unwrap();
    }

    /// Returns the number of runs that have begun.
    pub fn starts(&self) -> u32 {
        *self.0.starts.borrow()
    }

    /// Returns the number of runs that have not ended.
    pub fn live(&self) -> u32 {
        *self.0.live.borrow()
    }

    /// Returns the largest number of runs at the same time.
    pub fn max_live(&self) -> u32 {
        self.0.max_live.load(SeqCst)
    }
}

/// Logs `NAME started`, on the stop `NAME stopping`, and after `stop_delay` `NAME stopped`.
pub fn logs(log: &Log, name: &'static str, stop_delay: Duration) -> impl Player + use<> {
    with(
        (log.clone(), name, stop_delay),
        async |(log, name, stop_delay): (Log, &'static str, Duration), cx: Context| {
            log.add(format!("{name} started"));
            cx.ready();
            cx.stopping().await;
            log.add(format!("{name} stopping"));
            sleep(stop_delay).await;
            log.add(format!("{name} stopped"));
            Ok::<_, BoxError>(())
        },
    )
}

/// Sets `event` on the stop.
pub fn sets_when_stopping(event: &Event) -> impl Player + use<> {
    with(event.clone(), async |event: Event, cx: Context| {
        cx.stopping().await;
        event.set();
        Ok::<_, BoxError>(())
    })
}
