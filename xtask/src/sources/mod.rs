//! The sources of a crate as the compiler sees them: a module for each file, tests left out.

mod package;
mod test_only;

pub(crate) use package::{Package, SourceFile};
pub(crate) use test_only::is_test_only;
