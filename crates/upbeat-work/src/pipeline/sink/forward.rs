//! The sink of a section that has another one behind it.

use std::sync::Arc;

use tokio::sync::mpsc::{Sender, error::TrySendError};

use super::traits::{Failures, NoMore, Sink, private::Sealed};
use crate::pipeline::{
    batch::{Relayed, Tray},
    control::Run,
    meter::JointFill,
    outcome::Cause,
};

/// Sends batches whole.
pub(crate) struct Forward<T> {
    to: Option<Sender<Vec<Relayed<T>>>>,
    fill: Arc<JointFill>,
    run: Run,
}

impl<T> Forward<T> {
    pub(crate) fn new(to: Sender<Vec<Relayed<T>>>, fill: Arc<JointFill>, run: Run) -> Self {
        Self { to: Some(to), fill, run }
    }
}

impl<T: Send> Sink for Forward<T> {
    type Unit = Relayed<T>;
    type Output = ();

    fn emit(&mut self, tray: &mut Tray<Relayed<T>>, _: &mut impl Failures) -> Result<(), NoMore> {
        let count = tray.units.len();
        if count == 0 {
            return Ok(());
        }
        let room = match self.to.as_ref().map(|to| (to, to.try_reserve())) {
            Some((_, Ok(room))) => Some(room),
            Some((to, Err(TrySendError::Full(())))) => {
                let room = self.run.unless_dropping(to.reserve()).map_err(|error| Cause::Sink(error.into()))?;
                room.and_then(Result::ok)
            }
            Some((_, Err(TrySendError::Closed(())))) | None => None,
        };
        // Why the section behind has ended, it knows itself.
        let Some(room) = room else { return Err(NoMore { cause: None, dropped: count as u64 }) };
        room.send(std::mem::replace(&mut tray.units, Vec::with_capacity(count)));
        if let Some(to) = &self.to {
            self.fill.set(to.max_capacity() - to.capacity());
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.to = None;
    }

    fn into_output(self) {}
}

impl<T> Sealed for Forward<T> {}
