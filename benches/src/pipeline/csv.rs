//! The contenders of the conversion.

use std::io::{BufRead, BufReader, Read, Write};

use anyhow::{Context, Result, bail};
use memchr::memrchr;
use rayon::prelude::*;
use tokio::sync::mpsc;
use upbeat_work::Pipeline;

use super::rows::{Out, Row, json, metric, parse, tuned};

/// The size of the output buffer of the loops.
const BUFFER: usize = 64 * 1024;
/// The size of a chunk for rayon, in rows (the fastest of 1, 8 and 32 Ki) and in bytes.
const ROWS: usize = 32 * 1024;
const BLOCK: usize = 1024 * 1024;
const CHANNEL: usize = 1024;

/// Runs one of the contenders. All of them read the input as a stream.
pub(crate) fn run(name: &str, input: &[u8], out: Out) -> Result<Out> {
    match name {
        "loop" => plain(input, out),
        "upbeat-1" => upbeat(input, out, 1),
        "upbeat-2" => upbeat(input, out, 2),
        "upbeat-owned-2" => upbeat_owned(input, out),
        "rayon" => rayon_rows(input, out),
        "rayon-blocks" => rayon_blocks(input, out),
        "mpsc" => runtime()?.block_on(channels(input.to_vec(), out)),
        "tuned-loop" => tuned_loop(input, out),
        "tuned-upbeat-1" => tuned_upbeat(input, out, 1),
        "tuned-upbeat-2" => tuned_upbeat(input, out, 2),
        "tuned-rayon-blocks" => tuned_rayon(input, out),
        other => bail!("no contender {other:?}"),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?)
}

/// Passes each line of the input except the header to `each`, and reuses the buffer.
fn lines(input: &[u8], mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut reader = BufReader::with_capacity(BUFFER, input);
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line)?;
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        each(line.strip_suffix(b"\n").unwrap_or(&line))?;
    }
}

fn plain(input: &[u8], mut out: Out) -> Result<Out> {
    let mut buffer = Vec::with_capacity(BUFFER + 1024);
    lines(input, |line| {
        json(&metric(parse(line)?), &mut buffer)?;
        if buffer.len() >= BUFFER {
            out.write_all(&buffer)?;
            buffer.clear();
        }
        Ok(())
    })?;
    out.write_all(&buffer)?;
    Ok(out)
}

fn upbeat(input: &[u8], out: Out, workers: usize) -> Result<Out> {
    let report = Pipeline::lines(input)
        .skip_lines(1)
        .try_map(parse)
        .map(metric)
        .write(out, |row, out| json(&row, out))
        .workers(workers)
        .run();
    Ok(report.ok().context("it runs to the end")?.output)
}

/// Converts lines as owned values, which the source allocates and a worker frees.
fn upbeat_owned(input: &[u8], out: Out) -> Result<Out> {
    let lines = BufReader::with_capacity(BUFFER, input).split(b'\n').skip(1).map_while(Result::ok);
    let report = Pipeline::from_iter(lines)
        .try_map(|line| parse(&line))
        .map(metric)
        .write(out, |row, out| json(&row, out))
        .workers(2)
        .run();
    Ok(report.ok().context("it runs to the end")?.output)
}

fn rayon_rows(input: &[u8], mut out: Out) -> Result<Out> {
    fn convert(rows: &[Vec<u8>], out: &mut Out) -> Result<()> {
        let converted: Vec<Result<Vec<u8>>> = rows
            .par_iter()
            .with_min_len(64)
            .map(|line| {
                let mut text = Vec::with_capacity(96);
                json(&metric(parse(line)?), &mut text)?;
                Ok(text)
            })
            .collect();
        for text in converted {
            out.write_all(&text?)?;
        }
        Ok(())
    }
    let mut rows = Vec::with_capacity(ROWS);
    lines(input, |line| {
        rows.push(line.to_vec());
        if rows.len() == ROWS {
            convert(&rows, &mut out)?;
            rows.clear();
        }
        Ok(())
    })?;
    convert(&rows, &mut out)?;
    Ok(out)
}

/// The input in blocks of whole lines.
fn blocks(mut input: &[u8], size: usize, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut header = Vec::new();
    input.read_until(b'\n', &mut header)?;
    let mut block = vec![0; size];
    let mut kept = 0;
    loop {
        let read = input.read(&mut block[kept..])?;
        let end = if read == 0 { kept } else { memrchr(b'\n', &block[..kept + read]).map_or(0, |at| at + 1) };
        each(&block[..end])?;
        if read == 0 {
            return Ok(());
        }
        block.copy_within(end..kept + read, 0);
        kept = kept + read - end;
    }
}

fn rayon_over(input: &[u8], out: &mut Out, convert: impl Fn(&[u8], &mut Vec<u8>) -> Result<()> + Sync) -> Result<()> {
    blocks(input, BLOCK, |block| {
        let mut parts = Vec::new();
        let mut rest = block;
        while !rest.is_empty() {
            let most = rest.len().min(BUFFER);
            let end = memrchr(b'\n', &rest[..most]).map_or(most, |at| at + 1);
            let (part, behind) = rest.split_at(end);
            parts.push(part);
            rest = behind;
        }
        let converted: Vec<Result<Vec<u8>>> = parts
            .par_iter()
            .map(|part| {
                let mut text = Vec::with_capacity(4 * part.len());
                convert(part, &mut text)?;
                Ok(text)
            })
            .collect();
        for text in converted {
            out.write_all(&text?)?;
        }
        Ok(())
    })
}

fn rayon_blocks(input: &[u8], mut out: Out) -> Result<Out> {
    rayon_over(input, &mut out, |part, text| {
        for line in part.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            json(&metric(parse(line)?), text)?;
        }
        Ok(())
    })?;
    Ok(out)
}

fn tuned_rayon(input: &[u8], mut out: Out) -> Result<Out> {
    rayon_over(input, &mut out, |part, text| Ok(tuned(part, text)?))?;
    Ok(out)
}

fn tuned_loop(input: &[u8], mut out: Out) -> Result<Out> {
    let mut text = Vec::with_capacity(4 * BUFFER);
    blocks(input, BUFFER, |block| {
        tuned(block, &mut text)?;
        out.write_all(&text)?;
        text.clear();
        Ok(())
    })?;
    Ok(out)
}

fn tuned_upbeat(input: &[u8], out: Out, workers: usize) -> Result<Out> {
    let report = Pipeline::blocks(input).skip_lines(1).write(out, tuned).workers(workers).run();
    Ok(report.ok().context("it runs to the end")?.output)
}

/// Runs a task per stage, with channels between them.
async fn channels(input: Vec<u8>, mut out: Out) -> Result<Out> {
    let (to_parse, mut lines_in) = mpsc::channel::<Vec<u8>>(CHANNEL);
    let (to_metric, mut parsed) = mpsc::channel::<Row>(CHANNEL);
    let (to_json, mut converted) = mpsc::channel::<Row>(CHANNEL);
    let (to_out, mut texts) = mpsc::channel::<Vec<u8>>(CHANNEL);
    tokio::spawn(async move {
        for line in BufReader::with_capacity(BUFFER, &input[..]).split(b'\n').skip(1).map_while(Result::ok) {
            if to_parse.send(line).await.is_err() {
                return;
            }
        }
    });
    tokio::spawn(async move {
        while let Some(line) = lines_in.recv().await {
            let Ok(row) = parse(&line) else { return };
            if to_metric.send(row).await.is_err() {
                return;
            }
        }
    });
    tokio::spawn(async move {
        while let Some(row) = parsed.recv().await {
            if to_json.send(metric(row)).await.is_err() {
                return;
            }
        }
    });
    tokio::spawn(async move {
        while let Some(row) = converted.recv().await {
            let mut text = Vec::with_capacity(96);
            if json(&row, &mut text).is_err() || to_out.send(text).await.is_err() {
                return;
            }
        }
    });
    let writing = tokio::spawn(async move {
        while let Some(text) = texts.recv().await {
            out.write_all(&text)?;
        }
        Ok::<_, std::io::Error>(out)
    });
    Ok(writing.await??)
}
