//! Comments, found without a parser: it drops those that are not docs.

use std::io;

use super::prose::{Fence, Prose, ProseKind};

/// Returns the comments of a TOML file.
#[expect(clippy::unnecessary_wraps, reason = "readers of all kinds of files have one signature")]
pub(super) fn of_toml(_: &str, text: &str) -> io::Result<Vec<Prose>> {
    let mut comments = Vec::new();
    for (index, line) in text.lines().enumerate() {
        // After a value a `#` may be in a string; those are rare, and short.
        if let Some(text) = line.trim_start().strip_prefix('#') {
            let column = line.chars().count() - text.chars().count() + 1;
            comments.push(Prose { line: index + 1, column, text: text.to_owned(), kind: ProseKind::Comment });
        }
    }
    Ok(comments)
}

/// Returns the comments of a Rust file, the code in docs left out.
pub(super) fn of_rust(text: &str) -> Vec<Prose> {
    let mut comments: Vec<Prose> = Vec::new();
    let mut fence = Fence::default();
    // The line and the marker of the last line of docs.
    let mut last_doc = (0, "");
    for raw in raw_comments(text) {
        let marker = ["///", "//!"].into_iter().find(|marker| raw.text.starts_with(marker));
        // Four strokes are no docs.
        let marker = marker.filter(|_| !raw.text.starts_with("////"));
        let kind = match marker {
            Some(marker) => {
                let is_first = last_doc != (raw.line - 1, marker);
                last_doc = (raw.line, marker);
                if is_first {
                    fence = Fence::default();
                }
                ProseKind::Doc { is_first }
            }
            None => ProseKind::Comment,
        };
        let body = raw.text.trim_start_matches(['/', '!', '*']);
        let prose = if marker.is_some() { fence.prose(body) } else { Some(body) };
        // Code in docs may be as long as code.
        if let Some(prose) = prose {
            let column = raw.column + raw.text.chars().count() - prose.chars().count();
            comments.push(Prose { line: raw.line, column, text: prose.to_owned(), kind });
        }
    }
    comments
}

#[derive(Debug, PartialEq)]
struct RawComment<'a> {
    line: usize,
    column: usize,
    /// With its marker, without the end of the line.
    text: &'a str,
}

/// Returns the comments of a Rust file, one for each line.
fn raw_comments(text: &str) -> Vec<RawComment<'_>> {
    let mut comments = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_length(rest)
        } else {
            at += token_length(rest, text[..at].chars().next_back());
            continue;
        };
        let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let (first_line, first_column) = (text[..at].matches('\n').count() + 1, text[start..at].chars().count() + 1);
        for (index, line) in text[at..at + length].lines().enumerate() {
            let column = if index == 0 { first_column } else { 1 };
            comments.push(RawComment { line: first_line + index, column, text: line });
        }
        at += length;
    }
    comments
}

/// Returns the length of a comment that begins with `/*`; such comments nest.
fn block_length(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Returns the length of a string or character at the start of `text`, or of its first character.
fn token_length(text: &str, before: Option<char>) -> usize {
    let first = text.chars().next().map_or(1, char::len_utf8);
    if let Some(body) = text.strip_prefix('"') {
        return 1 + quoted_length(body, '"');
    }
    if text.starts_with('r') && !before.is_some_and(|letter| letter.is_alphanumeric() && letter != 'b' && letter != 'c')
    {
        let hashes = text[1..].len() - text[1..].trim_start_matches('#').len();
        if let Some(body) = text[1 + hashes..].strip_prefix('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            return 2 + hashes + body.find(&end).map_or(body.len(), |at| at + end.len());
        }
    }
    if let Some(body) = text.strip_prefix('\'') {
        let mut letters = body.chars();
        let (letter, next) = (letters.next(), letters.next());
        // Otherwise it is a lifetime.
        if letter == Some('\\') || next == Some('\'') {
            return 1 + quoted_length(body, '\'');
        }
    }
    first
}

/// Returns the length up to and with the closing quote.
fn quoted_length(body: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in body.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == quote => return at + 1,
            _ => {}
        }
    }
    body.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(code: &str) -> Vec<&str> {
        raw_comments(code).into_iter().map(|comment| comment.text).collect()
    }

    #[test]
    fn comments_are_told_from_strings_and_lifetimes() {
        assert_eq!(texts(r#"let a = "// no \" // no"; // yes"#), ["// yes"]);
        assert_eq!(texts("let a = r#\"\" // no\"#; // yes"), ["// yes"]);
        assert_eq!(texts("fn f<'a>(c: &'a str) { '\"'; '\\''; } // yes"), ["// yes"]);
        assert_eq!(texts("a /* b /* c */ d */ e // f"), ["/* b /* c */ d */", "// f"]);
        assert_eq!(texts("br\"\\\" // yes"), ["// yes"]);
    }

    #[test]
    fn lines_and_columns_count_from_one() {
        let comments = raw_comments("\n  ä /* b\n c */\n// d");
        let places: Vec<_> = comments.iter().map(|comment| (comment.line, comment.column)).collect();
        assert_eq!(places, [(2, 5), (3, 1), (4, 1)]);
    }

    #[test]
    fn a_block_of_docs_has_one_first_line() {
        let comments = of_rust("//! a\n/// b\n/// c\n\n/// d\n// e\n//// f");
        let firsts: Vec<_> = comments.iter().map(|comment| comment.kind == ProseKind::Doc { is_first: true }).collect();
        assert_eq!(firsts, [true, true, false, true, false, false]);
        assert_eq!((comments[1].column, comments[1].text.as_str()), (4, " b"));
    }

    #[test]
    fn code_in_docs_is_left_out() {
        let comments = of_rust("/// a\n/// ```\n/// let nobody = 1; // b\n/// ```\n/// c");
        let texts: Vec<_> = comments.iter().map(|comment| comment.text.trim()).collect();
        assert_eq!(texts, ["a", "b", "c"]);
    }
}
