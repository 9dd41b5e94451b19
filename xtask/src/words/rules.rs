//! The rules for a line of prose.

use super::{
    finding::{Problem, ProseFinding},
    list::WordList,
    prose::{Prose, ProseKind, without_code},
};

const MAX_COLUMNS: usize = 100;

/// A first line that begins so asks, where it should say what the item is or does.
/// "Whether" is not among them: it is how the docs of a flag begin.
const QUESTIONS: [&str; 4] = ["What", "How", "Where", "Who"];

/// Returns the findings in the prose of one file.
pub(super) fn check(path: &str, prose: &[Prose], list: &WordList) -> Vec<ProseFinding> {
    let mut findings = Vec::new();
    for line in prose {
        let mut add =
            |column, problem| findings.push(ProseFinding { path: path.to_owned(), line: line.line, column, problem });
        let plain = without_code(&line.text);
        for (at, word) in words(&plain) {
            if let Some(instead) = list.instead_of(word) {
                let problem = Problem::Word { word: word.to_owned(), instead: instead.to_owned() };
                add(line.column + plain[..at].chars().count(), problem);
            }
        }
        if let ProseKind::Doc { is_first: true } = line.kind {
            let first = words(&line.text).next().map(|(_, word)| word);
            if let Some(word) = first.filter(|word| QUESTIONS.contains(word)) {
                add(line.column, Problem::FirstLine { word: word.to_owned() });
            }
        }
        let columns = line.column - 1 + line.text.chars().count();
        if line.is_comment() && columns > MAX_COLUMNS && !is_unbreakable(&line.text) {
            add(line.column, Problem::TooLong { columns });
        }
    }
    findings
}

/// Returns the words of a text with their places. A name as `in_hand` is one word.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_letter = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut at = 0;
    text.split_inclusive(move |letter| !is_letter(letter)).filter_map(move |piece| {
        let start = at;
        at += piece.len();
        let word = piece.trim_end_matches(|letter| !is_letter(letter));
        (!word.is_empty()).then_some((start, word))
    })
}

/// Returns whether a line cannot be wrapped: a row of a table, or an address.
fn is_unbreakable(text: &str) -> bool {
    text.trim_start().starts_with('|') || text.contains("://")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str, kind: ProseKind) -> Vec<String> {
        let list = WordList::parse("# why\nnobody, twin -> nothing").unwrap();
        let prose = Prose { line: 3, column: 5, text: text.to_owned(), kind };
        check("a.rs", &[prose], &list).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_word_is_found_whole_in_any_case_and_by_its_column() {
        assert_eq!(findings("Ä Nobody's.", ProseKind::Page), ["a.rs:3:7: Nobody → nothing"]);
        assert_eq!(findings("twins, `twin`, is_twin", ProseKind::Page), [""; 0]);
    }

    #[test]
    fn a_first_line_of_docs_does_not_ask() {
        let first = ProseKind::Doc { is_first: true };
        for word in QUESTIONS {
            assert_eq!(findings(&format!("{word} it is."), first).len(), 1, "{word}");
        }
        assert_eq!(findings("Whatever it is.", first), [""; 0]);
        assert_eq!(findings("What it is.", ProseKind::Doc { is_first: false }), [""; 0]);
        assert_eq!(findings("What it is.", ProseKind::Comment), [""; 0]);
    }

    #[test]
    fn a_comment_ends_in_column_100() {
        let line = |columns: usize| "x".repeat(columns - 4);
        assert_eq!(findings(&line(100), ProseKind::Comment), [""; 0]);
        assert_eq!(findings(&line(101), ProseKind::Comment), ["a.rs:3:5: comment of 101 columns → wrap it at 100"]);
        assert_eq!(findings(&line(101), ProseKind::Text), [""; 0]);
        assert_eq!(findings(&format!("| {}", line(101)), ProseKind::Comment), [""; 0]);
    }
}
