//! Which functions are worth showing, and under what name.

/// Whose a function is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The program's own, or that of a crate which we do not know: shown.
    Program,
    /// A library of leaf futures: shown where the program calls it, as what is awaited.
    Library,
    /// What lies between two functions and means nothing to the reader.
    Plumbing,
}

/// Crates whose futures people await.
const LIBRARIES: [&str; 10] = [
    "tokio",
    "tokio_util",
    "tokio_stream",
    "futures",
    "futures_util",
    "futures_channel",
    "futures_core",
    "futures_task",
    "async_channel",
    "event_listener",
];

/// Parts of libraries that only pass a poll on.
const PASSING: [&str; 6] =
    ["tokio::task::coop", "tokio::runtime", "tokio::macros", "tokio::future", "tokio::util", "tokio::loom"];

const PLUMBING: [&str; 8] =
    ["core", "alloc", "std", "backtrace", "upbeat_probe", "pin_project_lite", "tracing", "parking_lot"];

/// Whose the function of this demangled name is.
pub(crate) fn origin(name: &str) -> Origin {
    let path = path(name);
    let Some((krate, _)) = path.split_once("::") else {
        // A function of C, such as those that walk the stack.
        return Origin::Plumbing;
    };
    if PLUMBING.contains(&krate) || PASSING.iter().any(|passing| path.starts_with(passing)) {
        Origin::Plumbing
    } else if LIBRARIES.contains(&krate) {
        Origin::Library
    } else {
        Origin::Program
    }
}

/// The path that says whose it is: of `<shop::Till as Future>::poll` that of the type, of `<&mut F as shop::Wait>::wait`, where
/// the type could be anyone's, that of the trait.
fn path(name: &str) -> &str {
    let Some(inner) = name.strip_prefix('<') else { return name };
    let (of, implements) = inner.split_once(" as ").unwrap_or((inner, ""));
    let of = of.trim_start_matches(['&', '*', '(', '[', '<']);
    let of = of.strip_prefix("mut ").or(of.strip_prefix("dyn ")).unwrap_or(of);
    if of.contains("::") { of } else { implements }
}

/// The name without what the compiler has put in: `shop::next` for `shop::next::{{closure}}`, `shop::Till` for
/// `<shop::Till as core::future::future::Future>::poll`.
pub(crate) fn tidy(name: &str) -> String {
    let mut tidy = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(start) = rest.find("::{") {
        let (before, from) = rest.split_at(start);
        tidy.push_str(before);
        // `::{{closure}}` is the older mangling, `::{closure#0}` the newer one.
        rest = from.find('}').map_or("", |end| from[end..].trim_start_matches('}'));
    }
    tidy.push_str(rest);
    match tidy.strip_prefix('<').and_then(|inner| inner.strip_suffix(" as core::future::future::Future>::poll")) {
        Some(future) => future.to_owned(),
        None => tidy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_belongs_to_the_crate_of_its_path_or_type() {
        for (name, expected) in [
            ("shop::serve::{{closure}}", Origin::Program),
            ("<shop::Till as core::future::future::Future>::poll", Origin::Program),
            ("<&mut shop::Till as core::future::future::Future>::poll", Origin::Program),
            ("<F as shop::Wait>::wait", Origin::Program),
            ("tokio::sync::mpsc::bounded::Receiver<T>::recv::{{closure}}", Origin::Library),
            ("<tokio::time::sleep::Sleep as core::future::future::Future>::poll", Origin::Library),
            ("<tokio::task::coop::Coop<F> as core::future::future::Future>::poll", Origin::Plumbing),
            ("<core::pin::Pin<P> as core::future::future::Future>::poll", Origin::Plumbing),
            ("<F as core::future::into_future::IntoFuture>::into_future", Origin::Plumbing),
            ("upbeat_probe::watched::traced_poll", Origin::Plumbing),
            ("_Unwind_Backtrace", Origin::Plumbing),
        ] {
            assert_eq!(origin(name), expected, "{name}");
        }
    }

    #[test]
    fn closures_and_the_poll_of_a_named_future_are_left_out() {
        for (name, expected) in [
            ("shop::serve::{{closure}}::{{closure}}", "shop::serve"),
            ("shop::serve::{closure#0}::{closure#1}", "shop::serve"),
            ("shop::serve::{{closure}}::inner", "shop::serve::inner"),
            ("<shop::Till as core::future::future::Future>::poll", "shop::Till"),
            ("<shop::Till as shop::Wait>::wait::{{closure}}", "<shop::Till as shop::Wait>::wait"),
        ] {
            assert_eq!(tidy(name), expected);
        }
    }
}
