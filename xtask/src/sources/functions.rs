//! Functions of a file by name.

use std::ops::Range;

use syn::{ImplItem, Item, TraitItem, spanned::Spanned as _};

use super::{is_test_only, macro_items};

/// A function, constant or static, and where it stands.
#[derive(Debug)]
pub(crate) struct NamedItem {
    /// `Type::name` for what is in an impl or a trait, else `name`.
    pub(crate) name: String,
    /// The bytes of the file, with attributes and docs.
    pub(crate) bytes: Range<usize>,
}

/// Returns the functions and constants of `items`, those in nested modules included, tests left
/// out.
pub(crate) fn named_items(items: &[Item]) -> Vec<NamedItem> {
    let mut found = Vec::new();
    for item in items {
        add(item, &mut found);
    }
    found
}

fn add(item: &Item, found: &mut Vec<NamedItem>) {
    let mut push = |name: String, span: proc_macro2::Span| {
        found.push(NamedItem { name, bytes: span.byte_range() });
    };
    match item {
        Item::Fn(item) if !is_test_only(&item.attrs) => push(item.sig.ident.to_string(), item.span()),
        Item::Const(item) => push(item.ident.to_string(), item.span()),
        Item::Static(item) => push(item.ident.to_string(), item.span()),
        Item::Impl(item) if !is_test_only(&item.attrs) => {
            let Some(owner) = type_name(&item.self_ty) else { return };
            for member in &item.items {
                match member {
                    ImplItem::Fn(member) => push(format!("{owner}::{}", member.sig.ident), member.span()),
                    ImplItem::Const(member) => push(format!("{owner}::{}", member.ident), member.span()),
                    _ => {}
                }
            }
        }
        Item::Trait(item) => {
            for member in &item.items {
                if let TraitItem::Fn(member) = member {
                    push(format!("{}::{}", item.ident, member.sig.ident), member.span());
                }
            }
        }
        Item::Mod(item) if !is_test_only(&item.attrs) => {
            for item in item.content.iter().flat_map(|(_, items)| items) {
                add(item, found);
            }
        }
        Item::Macro(item) => {
            for item in macro_items(&item.mac).into_iter().flat_map(|file| file.items) {
                add(&item, found);
            }
        }
        _ => {}
    }
}

/// Returns the last name of a type's path, through references.
fn type_name(of: &syn::Type) -> Option<String> {
    match of {
        syn::Type::Path(path) => Some(path.path.segments.last()?.ident.to_string()),
        syn::Type::Reference(reference) => type_name(&reference.elem),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::named_items;

    #[test]
    fn items_are_found_by_name_with_their_text() {
        let code = "const A: u8 = 1; fn f() { ä } impl<T> X<T> { /// d\nfn g() {} } impl Y for &z::X { fn h() {} }\
                    trait Y { fn h(); } mod m { fn i() {} } #[cfg(test)] mod t { fn f() {} }";
        let items = named_items(&syn::parse_file(code).unwrap().items);
        let found: Vec<_> = items.iter().map(|item| (item.name.as_str(), &code[item.bytes.clone()])).collect();
        let expected = [
            ("A", "const A: u8 = 1;"),
            ("f", "fn f() { ä }"),
            ("X::g", "/// d\nfn g() {}"),
            ("X::h", "fn h() {}"),
            ("Y::h", "fn h();"),
            ("i", "fn i() {}"),
        ];
        assert_eq!(found, expected);
    }
}
