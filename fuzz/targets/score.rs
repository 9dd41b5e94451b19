//! Score files: the parser never panics, and each fault has a position inside the text and can be
//! rendered.

#![no_main]

use std::path::PathBuf;

use libfuzzer_sys::fuzz_target;

// The parser is in a program, which has no library.
#[expect(dead_code, unused_imports, reason = "the program uses all of it")]
#[path = "../../crates/upbeat-cli/src/score/mod.rs"]
mod score;

use score::{Fault, Source, Span, parse, render};

fn check_faults(faults: &[Fault], source: &Source) {
    let is_inside = |span: &Span| span.start <= span.end && span.end <= source.text.len();
    for fault in faults {
        assert!(is_inside(&fault.span), "{fault:?} is outside the text");
        assert!(fault.also.iter().all(|(span, _)| is_inside(span)), "{fault:?} is outside the text");
        assert!(!fault.message.is_empty() && fault.help.as_ref().is_none_or(|help| !help.is_empty()), "{fault:?}");
    }
    assert!(faults.is_sorted_by_key(|fault| fault.span.start), "{faults:?}");
    let _ = render(faults, source, false);
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let source = Source { name: "score.toml".to_owned(), text: text.to_owned().into(), folder: PathBuf::new() };
    match parse(&source) {
        Ok(score) => {
            assert!(!score.servers.is_empty(), "a score has something to play");
            assert!(score.warnings.iter().all(Fault::is_warning), "{:?}", score.warnings);
            check_faults(&score.warnings, &source);
        }
        Err(faults) => {
            assert!(faults.iter().any(|fault| !fault.is_warning()), "{faults:?}");
            check_faults(&faults, &source);
        }
    }
});
