//! The stages of a section with the workers' part of its sink.

use super::timed::Timed;
use crate::pipeline::{
    batch::Outputs,
    meter::LapTimes,
    sink::{Pack, SinkStage},
    stage::{Cursor, StageChain},
};

/// Stages that make outputs of units `U` of a batch `B` of the source.
pub trait FusedStages<B, U>: Send + Sync {
    /// Runs a batch through all stages. `sink` is the number of the sink's stage.
    fn run(&self, batch: &mut B, cursor: Cursor, sink: usize, outputs: &mut Outputs<U>);

    /// As [`run`](FusedStages::run), and adds the time of each stage to `laps`.
    fn run_timed(
        &self,
        batch: &mut B,
        cursor: Cursor,
        sink: usize,
        outputs: &mut Outputs<U>,
        laps: LapTimes,
    ) -> LapTimes;
}

/// A chain of stages, and the workers' part of a sink.
#[derive(Debug)]
pub struct Fused<L, P> {
    pub(crate) chain: L,
    pub(crate) pack: P,
}

impl<B, U, L, P> FusedStages<B, U> for Fused<L, P>
where
    L: for<'b> StageChain<'b, B>,
    P: for<'b> Pack<<L as StageChain<'b, B>>::Out, U>,
{
    fn run(&self, batch: &mut B, cursor: Cursor, sink: usize, outputs: &mut Outputs<U>) {
        let mut stage = SinkStage::new(cursor, &self.pack, sink, outputs);
        self.chain.run(batch, &mut stage);
        stage.finish();
    }

    fn run_timed(
        &self,
        batch: &mut B,
        cursor: Cursor,
        sink: usize,
        outputs: &mut Outputs<U>,
        laps: LapTimes,
    ) -> LapTimes {
        let stage = SinkStage::new(cursor, &self.pack, sink, outputs);
        let mut timed = Timed::new(stage, laps, sink);
        self.chain.run(batch, &mut timed);
        let (mut stage, laps) = timed.finish();
        stage.finish();
        laps
    }
}
