//! The definitions of a file: types, inherent impls, and the other names of a module.

use proc_macro2::Span;
use syn::{Attribute, Item, Visibility, spanned::Spanned as _};

use crate::sources::{is_test_only, macro_items};

/// The definitions of one module. Modules without a file of their own have their own entry.
#[derive(Debug)]
pub(super) struct Definitions {
    pub(super) module: Vec<String>,
    pub(super) types: Vec<TypeDefinition>,
    /// The inherent impls, each by its type's path.
    pub(super) impls: Vec<(Vec<String>, usize)>,
    /// Names that are neither types nor modules.
    pub(super) others: Vec<String>,
    /// Macros that are at the crate's root wherever they are defined.
    pub(super) exported_macros: Vec<String>,
}

/// A struct, enum, union, trait or type alias.
#[derive(Debug)]
pub(super) struct TypeDefinition {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) is_private: bool,
    /// Two with the same name in one file may be alternatives.
    pub(super) is_conditional: bool,
}

/// Returns the definitions of `items`, which stand in `module`.
pub(super) fn of(items: &[Item], module: &[String]) -> Vec<Definitions> {
    let mut all = Vec::new();
    let mut own = Definitions {
        module: module.to_vec(),
        types: Vec::new(),
        impls: Vec::new(),
        others: Vec::new(),
        exported_macros: Vec::new(),
    };
    own.add(items, &mut all);
    all.push(own);
    all
}

impl Definitions {
    fn add(&mut self, items: &[Item], all: &mut Vec<Self>) {
        for item in items {
            let attributes = attributes(item);
            if is_test_only(attributes) {
                continue;
            }
            match item {
                Item::Struct(item) => self.add_type(&item.ident, &item.vis, attributes),
                Item::Enum(item) => self.add_type(&item.ident, &item.vis, attributes),
                Item::Union(item) => self.add_type(&item.ident, &item.vis, attributes),
                Item::Trait(item) => self.add_type(&item.ident, &item.vis, attributes),
                Item::TraitAlias(item) => self.add_type(&item.ident, &item.vis, attributes),
                Item::Type(item) => self.add_type(&item.ident, &item.vis, attributes),
                Item::Fn(item) => self.others.push(item.sig.ident.to_string()),
                Item::Const(item) => self.others.push(item.ident.to_string()),
                Item::Static(item) => self.others.push(item.ident.to_string()),
                Item::Impl(item) if item.trait_.is_none() => {
                    if let syn::Type::Path(of) = &*item.self_ty {
                        let path = of.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
                        self.impls.push((path, line(item.self_ty.span())));
                    }
                }
                Item::Macro(item) => self.add_macro(item, all),
                Item::Mod(item) => {
                    if let Some((_, items)) = &item.content {
                        all.extend(of(items, &[&self.module[..], &[item.ident.to_string()]].concat()));
                    }
                }
                _ => {}
            }
        }
    }

    fn add_type(&mut self, name: &syn::Ident, visibility: &Visibility, attributes: &[Attribute]) {
        self.types.push(TypeDefinition {
            name: name.to_string(),
            line: line(name.span()),
            is_private: matches!(visibility, Visibility::Inherited),
            is_conditional: attributes.iter().any(|attribute| attribute.path().is_ident("cfg")),
        });
    }

    fn add_macro(&mut self, item: &syn::ItemMacro, all: &mut Vec<Self>) {
        match &item.ident {
            Some(name) => {
                self.others.push(name.to_string());
                if item.attrs.iter().any(|attribute| attribute.path().is_ident("macro_export")) {
                    self.exported_macros.push(name.to_string());
                }
            }
            None => {
                if let Some(file) = macro_items(&item.mac) {
                    self.add(&file.items, all);
                }
            }
        }
    }
}

fn line(span: Span) -> usize {
    span.start().line
}

/// Returns the attributes of an item of any kind.
pub(super) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
