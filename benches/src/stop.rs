//! The latency of a stop, from its request to the report.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use upbeat::{Conductor, Context};

use crate::{
    args::Args,
    child::Child,
    stats::{median, quantile},
    table::{Table, bound},
};

const PLAYERS: usize = 10;
const WARM_UP: usize = 50;

/// Runs the stops in a child and prints the table.
pub(crate) fn bench(args: &Args, out: &mut impl Write) -> Result<()> {
    let runs: usize = args.option("--runs", 1_000)?;
    writeln!(out, "## Stop latency\n\n{PLAYERS} ready players that return at once, {runs} stops.\n")?;
    let mut child = Child::spawn(&["child-stop", &runs.to_string()])?;
    let mut micros = Vec::new();
    for _ in 0..runs {
        let [one] = child.numbers::<f64, 1>()?;
        micros.push(one);
    }
    child.finish()?;
    let middle = median(micros.iter().copied());
    let mut table = Table::new(["", "median, µs", "99th percentile, µs", "longest, µs"]);
    let longest = quantile(micros.clone(), 1.0);
    let late = quantile(micros, 0.99);
    table.row(["upbeat".into(), format!("{middle:.0}"), format!("{late:.0}"), format!("{longest:.0}")]);
    table.print(out)?;
    bound(out, "median", middle / 1e3, 1.0, " ms")?;
    writeln!(out)?;
    Ok(())
}

/// Runs all stops one after the other, and prints a line for each.
pub(crate) fn child(args: &Args, out: &mut impl Write) -> Result<()> {
    let runs: usize = args.word(0)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    for run in 0..WARM_UP + runs {
        let took = runtime.block_on(runtime.spawn(once()))??;
        if run >= WARM_UP {
            writeln!(out, "{}", took.as_secs_f64() * 1e6)?;
        }
    }
    Ok(())
}

async fn idle(cx: Context) -> Result<(), std::io::Error> {
    cx.stopping().await;
    Ok(())
}

async fn once() -> Result<Duration> {
    let mut conductor = Conductor::new("bench");
    for at in 0..PLAYERS {
        conductor = conductor.player(format!("p{at}"), idle);
    }
    let handle = conductor.handle();
    let playing = tokio::spawn(conductor.play_until(std::future::pending()));
    handle.overview().wait_ready().await;
    // The service is idle when it is stopped. The threads of the runtime sleep first, so that the
    // time includes waking them.
    tokio::time::sleep(Duration::from_millis(1)).await;
    let requested = Instant::now();
    handle.stop();
    let report = playing.await?;
    let took = requested.elapsed();
    ensure!(report.is_clean(), "not a clean report: {report}");
    Ok(took)
}
