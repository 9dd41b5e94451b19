//! The paths that code names: in `use`, in types and expressions, and in the tokens of macros.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::{Item, UseTree, Visibility, spanned::Spanned as _, visit::Visit};

use crate::sources::{is_test_only, macro_items};

/// A path in the code of one module.
#[derive(Debug)]
pub(super) struct NamedPath {
    /// The module whose names it is resolved with.
    pub(super) module: Vec<String>,
    pub(super) segments: Vec<String>,
    pub(super) line: usize,
    pub(super) kind: PathKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PathKind {
    /// It stands in code.
    Code,
    /// `use path as name`; the name is `_` if there is none.
    Import { name: String, reexport: bool },
    /// `use path::*`.
    Glob { reexport: bool },
}

/// Returns all paths that `file` names outside of tests.
pub(super) fn of(file: &syn::File, module: &[String]) -> Vec<NamedPath> {
    let mut paths = Paths { module: module.to_vec(), found: Vec::new() };
    paths.visit_file(file);
    paths.found
}

struct Paths {
    module: Vec<String>,
    found: Vec<NamedPath>,
}

impl Paths {
    fn add(&mut self, segments: Vec<String>, span: Span, kind: PathKind) {
        let line = span.start().line;
        self.found.push(NamedPath { module: self.module.clone(), segments, line, kind });
    }

    /// Adds a path in code, unless it is a local name: those of modules' items are upper case,
    /// called, or qualified.
    fn add_code(&mut self, segments: Vec<String>, span: Span, is_called: bool) {
        let is_type = segments[0].starts_with(char::is_uppercase);
        if segments.len() > 1 || is_type || is_called {
            self.add(segments, span, PathKind::Code);
        }
    }

    fn add_use(&mut self, tree: &UseTree, mut prefix: Vec<String>, reexport: bool) {
        match tree {
            UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.add_use(&path.tree, prefix, reexport);
            }
            UseTree::Name(name) => self.add_leaf(prefix, &name.ident, &name.ident, reexport),
            UseTree::Rename(name) => self.add_leaf(prefix, &name.ident, &name.rename, reexport),
            UseTree::Glob(glob) => self.add(prefix, glob.span(), PathKind::Glob { reexport }),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.add_use(tree, prefix.clone(), reexport);
                }
            }
        }
    }

    fn add_leaf(&mut self, mut path: Vec<String>, name: &syn::Ident, rename: &syn::Ident, reexport: bool) {
        let mut rename = rename.to_string();
        if name == "self" {
            // `use a::b::{self}` imports `b`.
            if rename == "self" {
                rename = path.last().cloned().unwrap_or_default();
            }
        } else {
            path.push(name.to_string());
        }
        self.add(path, name.span(), PathKind::Import { name: rename, reexport });
    }

    /// Adds what looks like a path in the tokens of a macro.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        let mut before = ' ';
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Group(group) => {
                    self.add_tokens(group.stream());
                    before = ' ';
                }
                TokenTree::Punct(punct) => before = punct.as_char(),
                TokenTree::Literal(_) => before = ' ',
                TokenTree::Ident(first) => {
                    let mut segments = vec![first.to_string()];
                    let mut rest = tokens.clone();
                    while is_colon(rest.next()) && is_colon(rest.next()) {
                        let Some(TokenTree::Ident(next)) = rest.next() else { break };
                        segments.push(next.to_string());
                        tokens = rest.clone();
                    }
                    // A field, a lifetime, a variable of `macro_rules!`.
                    if !['.', '\'', '$'].contains(&before) {
                        self.add_code(segments, first.span(), false);
                    }
                    before = ' ';
                }
            }
        }
    }
}

fn is_colon(token: Option<TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == ':')
}

fn segments(path: &syn::Path) -> Vec<String> {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test_only(super::items::attributes(item)) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_test_only(&function.attrs) {
            syn::visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if module.content.is_some() {
            self.module.push(module.ident.to_string());
            syn::visit::visit_item_mod(self, module);
            self.module.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if item.leading_colon.is_none() {
            let reexport = !matches!(item.vis, Visibility::Inherited);
            self.add_use(&item.tree, Vec::new(), reexport);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            self.add_code(segments(path), path.span(), false);
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if let syn::Expr::Path(callee) = &*call.func
            && callee.path.get_ident().is_some()
        {
            self.add_code(segments(&callee.path), callee.span(), true);
        }
        syn::visit::visit_expr_call(self, call);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        self.add_code(segments(&mac.path), mac.path.span(), true);
        match macro_items(mac) {
            Some(file) => self.visit_file(&file),
            None => self.add_tokens(mac.tokens.clone()),
        }
    }

    // Neither of these is an import: what an attribute names is of another crate, and
    // `pub(in path)` names a parent.
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}
}
