//! Each rule is broken once, in a crate that is in memory.

use super::{rooms::Rooms, rules};
use crate::sources::Package;

/// Returns the findings in a crate of these files.
fn findings(files: &[(&str, &str)]) -> Vec<String> {
    findings_with("", files)
}

/// Returns the findings in a crate with `metadata` under `[package.metadata.rooms]`.
fn findings_with(metadata: &str, files: &[(&str, &str)]) -> Vec<String> {
    let manifest = format!("[package.metadata.rooms]\n{metadata}");
    let texts = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    let package = Package::new("x", manifest, texts).unwrap();
    let rooms = Rooms::new(&package).unwrap();
    rules::check(&rooms).iter().map(ToString::to_string).collect()
}

#[track_caller]
fn assert_one(findings: &[String], start: &str) {
    assert!(findings.len() == 1 && findings[0].starts_with(start), "{findings:#?} instead of {start}");
}

const NONE: [&str; 0] = [];

#[test]
fn an_import_from_the_root_is_found_in_every_form() {
    let root = ("lib.rs", "mod a; mod b; pub use a::A;");
    let a = ("a.rs", "pub struct A;");
    let code = [
        "use crate::A;",
        "use super::A;",
        "use crate::{b, A as B};",
        "fn f() { let _ = crate::A; }",
        "fn f() { g!(x, crate::A) }",
        "impl Clone for crate::A {}",
        "use crate::*;",
    ];
    for code in code {
        assert_one(&findings(&[root, a, ("b.rs", code)]), "x/src/b.rs:1: root import: ");
    }
}

#[test]
fn an_import_from_a_module_and_an_exported_macro_are_none_from_the_root() {
    let files = [
        ("lib.rs", "mod a; mod b; pub use a::A;"),
        ("a.rs", "pub struct A; #[macro_export] macro_rules! m { () => {} }"),
        ("b.rs", "use crate::a::A; use super::a; pub fn f(_: a::A) { crate::m!() }"),
    ];
    assert_eq!(findings(&files), NONE);
}

#[test]
fn the_home_of_what_is_imported_from_the_root_is_named() {
    let files = [
        ("lib.rs", "mod a; mod b; pub use a::A;"),
        ("a/mod.rs", "mod c; pub use c::A;"),
        ("a/c.rs", "pub struct A;"),
        ("b.rs", "use crate::A;"),
    ];
    assert!(findings(&files)[0].ends_with("it is defined in `crate::a::c::A`"));
}

#[test]
fn an_import_upward_is_found() {
    let files = [("lib.rs", "mod low; mod high;"), ("low.rs", "use crate::high::H;"), ("high.rs", "pub struct H;")];
    assert_eq!(findings_with("floors = ['high', 'low']", &files), NONE);
    assert_eq!(findings_with("floors = ['high low']", &files), NONE);
    assert_one(&findings_with("floors = ['low', 'high']", &files), "x/src/low.rs:1: floors: ");
}

#[test]
fn every_room_is_on_a_floor_and_no_other() {
    let files = [("lib.rs", "mod a; mod b;"), ("a.rs", ""), ("b.rs", "")];
    assert_one(&findings_with("floors = ['a']", &files), "x/Cargo.toml: floors: room `b` is on no floor");
    assert_one(&findings_with("floors = ['a b', 'c']", &files), "x/Cargo.toml: floors: there is no room `c`");
}

#[test]
fn a_circle_of_files_is_found() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("b.rs", "use crate::a::A; pub struct B;"),
    ];
    assert_one(&findings(&files), "x/src: circle: a → b → a (a.rs:1 `crate::b::B`, b.rs:1 `crate::a::A`)");
}

#[test]
fn a_circle_of_folders_without_one_of_files_is_found() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a/mod.rs", "mod one; mod two;"),
        ("a/one.rs", "pub(crate) struct One;"),
        ("a/two.rs", "use crate::b::B; fn f(_: B) {}"),
        ("b.rs", "use crate::a::one::One; pub struct B(One);"),
    ];
    assert_one(&findings(&files), "x/src: circle: a → b → a ");
}

#[test]
fn a_circle_of_a_folder_and_its_face_is_found() {
    let face = "mod c; use c::C; pub struct A(C);";
    let files = [("lib.rs", "mod a;"), ("a/mod.rs", face), ("a/c.rs", "use super::A; pub struct C(Box<A>);")];
    assert_one(&findings(&files), "x/src/a: circle: c → mod → c ");
    let files = [files[0], ("a.rs", face), files[2]];
    assert_one(&findings(&files), "x/src/a: circle: c → mod → c ");
}

#[test]
fn a_face_that_only_shows_what_is_behind_it_is_in_no_circle() {
    let face = "mod c; pub use c::C; pub struct A;";
    let files = [("lib.rs", "mod a;"), ("a/mod.rs", face), ("a/c.rs", "use super::A; pub struct C(A);")];
    assert_eq!(findings(&files), NONE);
    let using = "mod c; pub use c::C; pub struct A(C);";
    let files = [("lib.rs", "mod a;"), ("a/mod.rs", using), files[2]];
    assert_one(&findings(&files), "x/src/a: circle: c → mod → c ");
}

#[test]
fn what_a_face_shows_is_imported_from_where_it_is_defined() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a/mod.rs", "mod c; mod d; pub use c::C; pub use d::D;"),
        ("a/c.rs", "pub struct C;"),
        ("a/d.rs", "use crate::b::B; pub struct D(B);"),
        ("b.rs", "use crate::a::C; pub struct B(C);"),
    ];
    // Between a and b, and not between the files.
    assert_one(&findings(&files), "x/src: circle: a → b → a (a/d.rs:1 `crate::b::B`, b.rs:1 `crate::a::C`)");
}

#[test]
fn a_folder_with_thirteen_files_is_found() {
    let names: Vec<_> = (0..13).map(|number| format!("a/f{number}.rs")).collect();
    let mut files = vec![("lib.rs", "")];
    files.extend(names.iter().map(|name| (name.as_str(), "")));
    assert_one(&findings(&files), "x/src/a: folder size: 13 files, at most 12");
    assert_eq!(findings(&files[..13]), NONE);
}

#[test]
fn a_type_name_that_is_there_twice_is_found() {
    let one = ("lib.rs", "mod a; mod b; struct One;");
    let second = [
        "enum One {}",
        "pub trait One {}",
        "type One = ();",
        "pin_project! { struct One { x: () } }",
        "mod c { struct One; }",
    ];
    for text in second {
        assert_one(&findings(&[one, ("a.rs", text), ("b.rs", "")]), "x/src/a.rs:1: type name: `One`");
    }
}

#[test]
fn private_state_alternatives_and_tests_may_share_a_name() {
    let alternatives = "#[cfg(unix)] struct One; #[cfg(not(unix))] struct One; #[cfg(test)] mod tests { struct Two; }";
    let files = [
        ("lib.rs", "mod a; mod b; #[cfg(test)] mod tests; struct Two;"),
        ("a.rs", "struct State; struct Inner;"),
        ("b.rs", &format!("struct State; struct Inner; fn f() {{ struct Two; }} {alternatives}")),
        ("tests.rs", "struct Two;"),
    ];
    assert_eq!(findings(&files), NONE);
    let public = [("lib.rs", "mod a; mod b;"), ("a.rs", "pub struct State;"), ("b.rs", "pub(crate) struct State;")];
    assert_one(&findings(&public), "x/src/b.rs:1: type name: `State`");
}

#[test]
fn an_impl_away_from_its_type_is_found() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "pub struct A;"),
        ("b.rs", "use crate::a::A; impl A {} impl Clone for A {}"),
    ];
    assert_one(&findings(&files), "x/src/b.rs:1: impl: `impl A`");
}

#[test]
fn a_thread_or_an_exit_outside_of_its_room_is_found() {
    let metadata = "[package.metadata.rooms.threads]\nb = 'a reason'";
    let code = [
        "fn f() { std::thread::spawn(|| {}); }",
        "use std::thread; fn f() { thread::Builder::new(); }",
        "use std::process as p; fn f() { p::exit(1) }",
        "use std::process::abort; fn f() { abort() }",
    ];
    for code in code {
        let files = [("lib.rs", "mod a; mod b;"), ("a.rs", code), ("b.rs", code)];
        let found = findings_with(metadata, &files);
        assert!(
            !found.is_empty() && found.iter().all(|found| found.starts_with("x/src/a.rs:1: threads: ")),
            "{found:#?}"
        );
        assert_eq!(findings(&files), NONE, "a crate that declares nothing may start threads");
    }
}
