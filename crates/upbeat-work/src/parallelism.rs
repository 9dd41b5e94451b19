//! How many threads can run at the same time.

use std::{num::NonZero, sync::LazyLock, thread};

/// Asked once: on Linux the answer is in files, and to read them costs more than a small pipeline does.
pub(crate) static PROCESSORS: LazyLock<usize> =
    LazyLock::new(|| thread::available_parallelism().map_or(1, NonZero::get));
