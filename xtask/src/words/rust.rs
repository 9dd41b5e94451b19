//! The prose of Rust files: comments, strings that are sentences, names of tests.

use std::io;

use proc_macro2::{Literal, TokenStream, TokenTree};
use syn::visit::Visit;

use super::{
    comments,
    prose::{Prose, ProseKind},
};
use crate::sources::is_test_only;

/// Returns all prose of a file, in no order.
pub(super) fn prose(path: &str, text: &str) -> io::Result<Vec<Prose>> {
    let mut prose = comments::of_rust(text);
    prose.extend(test_names(text));
    // What a test writes is data.
    if !path.split('/').any(|folder| folder == "tests") {
        let file = syn::parse_file(text)
            .map_err(|error| io::Error::other(format!("line {}: {error}", error.span().start().line)))?;
        let mut strings = Strings { lines: text.lines().collect(), found: Vec::new() };
        strings.visit_file(&file);
        prose.extend(strings.found);
    }
    Ok(prose)
}

/// Returns the names of the functions that have an attribute which ends with `test`.
fn test_names(text: &str) -> Vec<Prose> {
    let mut names = Vec::new();
    let mut is_test = false;
    for (index, line) in text.lines().enumerate() {
        let code = line.trim_start();
        if let Some(attribute) = code.strip_prefix("#[") {
            let path = attribute.split(['(', ']', '=']).next().unwrap_or_default();
            is_test |= path.rsplit("::").next() == Some("test");
        } else if let Some(at) = code.find("fn ") {
            let name = code[at + 3..].split(['(', '<']).next().unwrap_or_default();
            if is_test {
                let column = line.len() - code.len() + at + 4;
                let text = name.replace('_', " ");
                names.push(Prose { line: index + 1, column, text, kind: ProseKind::TestName });
            }
            is_test = false;
        }
    }
    names
}

struct Strings<'a> {
    lines: Vec<&'a str>,
    found: Vec<Prose>,
}

impl Strings<'_> {
    /// Adds each line of a string that has several words: one word is a name or data.
    fn add(&mut self, value: &str, span: proc_macro2::Span) {
        if !value.trim().contains(char::is_whitespace) {
            return;
        }
        let (start, end) = (span.start(), span.end());
        for line in start.line..=end.line {
            let Some(text) = self.lines.get(line - 1) else { continue };
            let from = if line == start.line { start.column } else { 0 };
            let to = if line == end.line { end.column } else { usize::MAX };
            let text: String = text.chars().take(to).skip(from).collect();
            self.found.push(Prose { line, column: from + 1, text, kind: ProseKind::Text });
        }
    }

    fn add_literal(&mut self, literal: &Literal) {
        if let Ok(string) = syn::parse_str::<syn::LitStr>(&literal.to_string()) {
            self.add(&string.value(), literal.span());
        }
    }

    fn add_tokens(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.add_tokens(group.stream()),
                TokenTree::Literal(literal) => self.add_literal(&literal),
                TokenTree::Ident(_) | TokenTree::Punct(_) => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Strings<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_test_only(&module.attrs) {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        if !is_test_only(&function.attrs) {
            syn::visit::visit_item_fn(self, function);
        }
    }

    fn visit_lit_str(&mut self, string: &'ast syn::LitStr) {
        self.add(&string.value(), string.span());
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        self.add_tokens(mac.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        // Docs are comments already.
        if attribute.path().is_ident("doc") {
            return;
        }
        match &attribute.meta {
            syn::Meta::List(list) => self.add_tokens(list.tokens.clone()),
            meta => syn::visit::visit_meta(self, meta),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(path: &str, code: &str) -> Vec<(usize, usize, String)> {
        let prose = prose(path, code).unwrap().into_iter();
        prose.map(|prose| (prose.line, prose.column, prose.text)).collect()
    }

    #[test]
    fn sentences_are_prose_wherever_they_stand() {
        let code = [
            "fn f() { g(\"a b\") }",
            "fn f() { info!(x = 1, \"a b\") }",
            "#[error(\"a b\")] struct S;",
            "#[help = \"a b\"] struct S;",
        ];
        for code in code {
            let column = code.find('"').unwrap() + 1;
            assert_eq!(texts("src/a.rs", code), [(1, column, "\"a b\"".to_owned())], "{code}");
        }
    }

    #[test]
    fn words_alone_and_strings_of_tests_are_data() {
        assert!(texts("src/a.rs", "fn f() { g(\"ab\") }").is_empty());
        assert!(texts("src/a.rs", "#[cfg(test)] mod tests { fn f() { g(\"a b\") } }").is_empty());
        assert!(texts("tests/a.rs", "fn f() { g(\"a b\") }").is_empty());
    }

    #[test]
    fn each_line_of_a_string_has_its_place() {
        assert_eq!(
            texts("src/a.rs", "const A: &str =\n  \"a b\n c\";"),
            [(2, 3, "\"a b".to_owned()), (3, 1, " c\"".to_owned())]
        );
    }

    #[test]
    fn names_of_tests_are_prose_and_other_names_are_not() {
        let code = "#[tokio::test(start_paused = true)]\nasync fn a_b() {}\nfn c_d() {}\n  #[test]\n  fn e() {}";
        assert_eq!(texts("tests/a.rs", code), [(2, 10, "a b".to_owned()), (5, 6, "e".to_owned())]);
    }
}
