use syn::{Attribute, Meta, Token, punctuated::Punctuated};

/// Returns whether an item with these attributes is compiled for tests only.
pub(crate) fn is_test_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args().is_ok_and(|predicate| needs_test(&predicate))
    })
}

fn needs_test(predicate: &Meta) -> bool {
    match predicate {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) => {
            let Ok(inner) = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated) else { return false };
            if list.path.is_ident("all") {
                inner.iter().any(needs_test)
            } else {
                list.path.is_ident("any") && !inner.is_empty() && inner.iter().all(needs_test)
            }
        }
        Meta::NameValue(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_excluded(attribute: &str) -> bool {
        let item: syn::ItemStruct = syn::parse_str(&format!("{attribute} struct S;")).unwrap();
        is_test_only(&item.attrs)
    }

    #[test]
    fn only_what_needs_the_test_configuration_is_excluded() {
        assert!(is_excluded("#[cfg(test)]"));
        assert!(is_excluded("#[cfg(all(test, unix))]"));
        assert!(is_excluded("#[cfg(any(test))]"));
        assert!(!is_excluded("#[cfg(any(test, feature = \"x\"))]"));
        assert!(!is_excluded("#[cfg(not(test))]"));
        assert!(!is_excluded("#[cfg(unix)]"));
        assert!(!is_excluded("#[derive(Debug)]"));
    }
}
