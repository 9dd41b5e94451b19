//! Pipelines: every item comes out once, in order, or is accounted for, whichever worker overtakes which.

mod failures;
mod items;
mod order;
mod slow;
mod stop;
mod within;
