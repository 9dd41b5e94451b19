//! The sources of a crate as the compiler sees them: a module for each file, tests left out.

mod functions;
mod macro_items;
mod package;
mod test_only;

pub(crate) use functions::named_items;
pub(crate) use macro_items::macro_items;
pub(crate) use package::{Package, SourceFile};
pub(crate) use test_only::is_test_only;
