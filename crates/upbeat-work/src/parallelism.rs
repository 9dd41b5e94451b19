//! The number of threads that can run at the same time.

use std::{num::NonZero, sync::LazyLock, thread};

/// Read once: on Linux the number is in files, and reading them costs more than a small pipeline.
pub(crate) static PROCESSORS: LazyLock<usize> =
    LazyLock::new(|| thread::available_parallelism().map_or(1, NonZero::get));
