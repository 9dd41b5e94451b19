use syn::Item;

/// Returns the items that a macro is given, if they are items: `pin_project! { struct … }`.
pub(crate) fn macro_items(mac: &syn::Macro) -> Option<syn::File> {
    let file: syn::File = mac.parse_body().ok()?;
    let is_plain = |item: &Item| !matches!(item, Item::Macro(_) | Item::Verbatim(_));
    (!file.items.is_empty() && file.items.iter().all(is_plain)).then_some(file)
}
