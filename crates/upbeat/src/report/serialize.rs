//! Reports for machines.

use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::{
    Report,
    failure::{Cause, Failure},
    player::PlayerReport,
};
use crate::{error::chain, panic::Panic, snapshot::outcome::Outcome, stop_cause::StopCause};

impl Serialize for StopCause {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Failure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Failure", 4)?;
        out.serialize_field("attempt", &self.attempt)?;
        out.serialize_field("task", &self.task.as_deref())?;
        out.serialize_field("error", &chain(&*self.error))?;
        out.serialize_field("panicked_at", &self.panic().and_then(Panic::location))?;
        out.end()
    }
}

impl Serialize for PlayerReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("PlayerReport", 10)?;
        out.serialize_field("path", &*self.path)?;
        out.serialize_field("outcome", self.outcome.as_str())?;
        let because = match &self.outcome {
            Outcome::NeverStarted { because } => because.as_deref(),
            _ => None,
        };
        out.serialize_field("because", &because)?;
        out.serialize_field("runs", &self.runs)?;
        out.serialize_field("overran", &self.overran)?;
        out.serialize_field("optional", &self.optional)?;
        out.serialize_field("failures", &self.failures)?;
        out.serialize_field("notes", &self.notes)?;
        out.serialize_field("lost", &self.lost)?;
        out.serialize_field("stuck", &self.stuck)?;
        out.end()
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (cause, detail) = match &self.cause {
            Cause::AllDone => ("all done", None),
            Cause::Stopped(cause) => ("stopped", Some(cause.to_string())),
            Cause::Failed { path } => ("failed", Some(path.to_string())),
            Cause::BadScore(error) => ("bad score", Some(error.to_string())),
            Cause::NoSignals(error) => ("no signals", Some(error.to_string())),
        };
        let mut out = serializer.serialize_struct("Report", 8)?;
        out.serialize_field("name", &*self.name)?;
        out.serialize_field("exit_code", &self.exit_code())?;
        out.serialize_field("cause", cause)?;
        out.serialize_field("detail", &detail)?;
        out.serialize_field("forced_by", &self.forced_by.map(|signal| signal.to_string()))?;
        out.serialize_field("took_secs", &self.took.as_secs_f64())?;
        out.serialize_field("stop_took_secs", &self.stop_took.map(|took| took.as_secs_f64()))?;
        out.serialize_field("players", &self.players)?;
        out.end()
    }
}
