//! The names of functions, and the choice of those to show.
//!
//! With full debug information every function has its path. With `line-tables-only` an inlined
//! function has only a bare name such as `recv<u32>` or `{async_fn#0}`. Its crate then follows from
//! its source file.

use std::{ffi::OsStr, path::Path};

/// The origin of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The program itself, or a crate that is not listed here: shown.
    Program,
    /// A library of leaf futures: shown as the awaited function, where the program calls it.
    Library,
    /// A function that only passes a poll on: not shown.
    Plumbing,
}

/// Crates whose futures are awaited, or that poll them on the way.
const LIBRARIES: [&str; 20] = [
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
    "upbeat",
    "upbeat_http",
    "upbeat_work",
    "hyper",
    "hyper_util",
    "h2",
    "tower",
    "tower_http",
    "axum",
    "axum_core",
];

/// Modules of libraries that only pass a poll on.
const PASSING: [&str; 8] = [
    "tokio::task::coop",
    "tokio::macros",
    "tokio::future",
    "tokio::util",
    "tokio::loom",
    "upbeat::player::erased",
    "upbeat::run::spawn",
    "upbeat::panic",
];

const PLUMBING: [&str; 8] =
    ["core", "alloc", "std", "backtrace", "upbeat_probe", "pin_project_lite", "tracing", "parking_lot"];

/// Returns the origin of the function with this [qualified](qualify) name and source file.
pub(crate) fn origin(name: &str, file: Option<&Path>) -> Origin {
    let path = path(name);
    match path.split_once("::") {
        Some(_) if PASSING.iter().any(|passing| path.starts_with(passing)) => Origin::Plumbing,
        Some((krate, _)) => match (of_crate(krate), file.and_then(module).map(|module| of_crate(crate_of(&module)))) {
            // A function of the program at a line of a library is inside a macro such as `select!`.
            (Origin::Program, Some(Origin::Library | Origin::Plumbing)) => Origin::Plumbing,
            (by_name, _) => by_name,
        },
        // Without a file it is a C function, such as those that walk the stack.
        None if file.is_none() => Origin::Plumbing,
        None => Origin::Program,
    }
}

/// Prefixes a bare name with the module of its file, if that is a file of a library.
pub(crate) fn qualify(name: String, file: Option<&Path>) -> String {
    match file.and_then(module) {
        Some(module) if !is_qualified(&name) => format!("{module}::{}", path(&name)),
        _ => name,
    }
}

/// Returns whether the name contains the module of the function.
pub(crate) fn is_qualified(name: &str) -> bool {
    path(name).contains("::")
}

fn of_crate(krate: &str) -> Origin {
    if PLUMBING.contains(&krate) {
        Origin::Plumbing
    } else if LIBRARIES.contains(&krate) {
        Origin::Library
    } else {
        Origin::Program
    }
}

/// Returns the path that decides the origin. In `<shop::Till as Future>::poll` it is that of the
/// type. In `<F as shop::Wait>::wait`, where the type has none, it is that of the trait.
fn path(name: &str) -> &str {
    let Some(inner) = name.strip_prefix('<') else {
        return name.split_once('<').map_or(name, |(path, _)| path);
    };
    let (of, implements) = inner.split_once(" as ").unwrap_or((inner, ""));
    let of = of.trim_start_matches(['&', '*', '(', '[', '<']);
    let of = of.strip_prefix("mut ").or(of.strip_prefix("dyn ")).unwrap_or(of);
    if of.contains("::") { of } else { implements }
}

/// Returns the module of a source file of the standard library, of this workspace, or of a crate
/// that cargo has downloaded.
///
/// The folder's name must contain a version. Otherwise a program in a folder `tokio` would lose all
/// its frames.
fn module(file: &Path) -> Option<String> {
    let file = file.with_extension("");
    let folders: Vec<_> = file.iter().filter_map(OsStr::to_str).collect();
    let src = folders.iter().rposition(|&folder| folder == "src")?;
    let folder = folders[src.checked_sub(1)?];
    let is_version = |(at, _): &(usize, &str)| folder[at + 1..].starts_with(|c: char| c.is_ascii_digit());
    let krate = match folder.match_indices('-').find(is_version) {
        Some((version, _)) => &folder[..version],
        None if folder.starts_with("upbeat") && folders[..src - 1].ends_with(&["crates"]) => folder,
        // `/rustc/<hash>/library/core/src/..`, or `rustlib/src/rust/library/core/src/..` where the
        // sources are installed.
        None if folders[..src].contains(&"library") && of_crate(folder) == Origin::Plumbing => folder,
        None => return None,
    };
    let modules = folders[src + 1..].iter().filter(|folder| !matches!(**folder, "lib" | "mod"));
    Some(modules.fold(krate.replace('-', "_"), |path, module| path + "::" + module))
}

fn crate_of(path: &str) -> &str {
    path.split_once("::").map_or(path, |(krate, _)| krate)
}

/// Returns the name without the additions of the compiler.
///
/// `shop::next::{{closure}}` becomes `shop::next`,
/// `<shop::Till as core::future::future::Future>::poll` becomes `shop::Till`, and a bare
/// `{async_fn#0}` becomes `async fn`. Generic arguments are left out, because the two manglings
/// show different ones, or none.
pub(crate) fn tidy(name: &str) -> String {
    if !is_qualified(name) {
        return tidy_bare(name);
    }
    let Some((of, function)) = name.strip_prefix('<').and_then(split_at_closing) else {
        return without_generated(name);
    };
    let (of, function) = (of.trim_start_matches('&'), without_generated(function));
    match of.split_once(" as ") {
        None => without_generated(of) + &function,
        Some((of, "core::future::future::Future")) if function == "::poll" => without_generated(of),
        Some((of, implements)) => format!("<{} as {}>{function}", without_generated(of), without_generated(implements)),
    }
}

/// Splits the text at the `>` that closes a `<` just before the text.
fn split_at_closing(text: &str) -> Option<(&str, &str)> {
    let mut depth = 1_usize;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '<' => depth += 1,
            // The arrow of a function type closes nothing.
            '>' if before != '-' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((&text[..at], &text[at + 1..]));
        }
        before = c;
    }
    None
}

/// Removes generic arguments and `::{{closure}}` (legacy mangling) or `::{closure#0}` (v0
/// mangling).
fn without_generated(path: &str) -> String {
    let mut tidy = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find(['<', '{']) {
        tidy.push_str(rest[..at].trim_end_matches("::"));
        rest = match rest[at..].strip_prefix('<') {
            Some(generic) => split_at_closing(generic).map_or("", |(_, behind)| behind),
            None => rest[at..].split_once('}').map_or("", |(_, behind)| behind.trim_start_matches('}')),
        };
    }
    tidy + rest
}

fn tidy_bare(name: &str) -> String {
    let bare = path(name);
    let generated = bare.strip_prefix('{').and_then(|inner| inner.split_once('#'));
    match generated {
        // The compiler's name for the body of an async closure.
        Some(("synthetic", _)) => "async closure".to_owned(),
        Some((kind, _)) => kind.replace('_', " "),
        None => bare.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKIO: &str = "/home/me/.cargo/registry/src/index/tokio-1.54.1/src/sync/mpsc/bounded.rs";
    const SELECT: &str = "/home/me/.cargo/registry/src/index/tokio-1.54.1/src/macros/select.rs";
    const CORE: &str = "/rustc/59807616/library/core/src/future/poll_fn.rs";
    const SHOP: &str = "/home/me/tokio/src/shop.rs";

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
            assert_eq!(origin(name, None), expected, "{name}");
        }
    }

    #[test]
    fn a_bare_name_belongs_to_the_module_of_its_file() {
        for (name, file, qualified, expected) in [
            ("{async_fn#0}", SHOP, "{async_fn#0}", Origin::Program),
            ("{async_fn#0}<u32>", TOKIO, "tokio::sync::mpsc::bounded::{async_fn#0}", Origin::Library),
            ("recv<u32, tokio::sync::Semaphore>", TOKIO, "tokio::sync::mpsc::bounded::recv", Origin::Library),
            ("poll<shop::Till>", CORE, "core::future::poll_fn::poll", Origin::Plumbing),
            ("record", "crates/upbeat-probe/src/tracer.rs", "upbeat_probe::tracer::record", Origin::Plumbing),
            ("main", "crates/upbeat-probe/tests/answers.rs", "main", Origin::Program),
            ("{closure#2}", SELECT, "tokio::macros::select::{closure#2}", Origin::Plumbing),
        ] {
            let file = Some(Path::new(file));
            assert_eq!(qualify(name.to_owned(), file), qualified);
            assert_eq!(origin(qualified, file), expected, "{qualified}");
        }
    }

    #[test]
    fn code_that_a_macro_adds_is_not_shown() {
        let closure = "shop::serve::{{closure}}::{{closure}}";
        assert_eq!(origin(closure, Some(Path::new(TOKIO))), Origin::Plumbing);
        assert_eq!(origin(closure, Some(Path::new(SHOP))), Origin::Program);
    }

    #[test]
    fn additions_of_the_compiler_are_left_out() {
        for (name, expected) in [
            ("shop::serve::{{closure}}::{{closure}}", "shop::serve"),
            ("shop::serve::{closure#0}::{closure#1}", "shop::serve"),
            ("shop::serve::{{closure}}::inner", "shop::serve::inner"),
            ("<shop::Till as core::future::future::Future>::poll", "shop::Till"),
            ("<shop::Till as shop::Wait>::wait::{{closure}}", "<shop::Till as shop::Wait>::wait"),
            ("{async_fn#0}", "async fn"),
            ("{async_block#1}", "async block"),
            ("serve<shop::Till>", "serve"),
            ("shop::serve::<shop::Till, fn() -> u8>::{closure#0}", "shop::serve"),
            (
                "tokio::sync::mpsc::bounded::Receiver<T>::recv::{{closure}}",
                "tokio::sync::mpsc::bounded::Receiver::recv",
            ),
            (
                "<tokio::sync::mpsc::bounded::Receiver<u32>>::recv::{closure#0}",
                "tokio::sync::mpsc::bounded::Receiver::recv",
            ),
            ("<shop::Till<u8> as core::future::future::Future>::poll", "shop::Till"),
        ] {
            assert_eq!(tidy(name), expected);
        }
    }
}
