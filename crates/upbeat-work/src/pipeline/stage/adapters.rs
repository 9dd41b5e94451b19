//! The stages that the methods of [`Pipeline`](crate::Pipeline) add.

use std::fmt;

use upbeat::BoxError;

use super::{flow::Downstream, traits::Stage};

macro_rules! stages {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        pub struct $name<F>(pub(crate) F);

        impl<F> fmt::Debug for $name<F> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}

stages! {
    /// The stage of [`Pipeline::map`](crate::Pipeline::map).
    Map
    /// The stage of [`Pipeline::try_map`](crate::Pipeline::try_map).
    TryMap
    /// The stage of [`Pipeline::filter`](crate::Pipeline::filter).
    Filter
    /// The stage of [`Pipeline::flat_map`](crate::Pipeline::flat_map).
    FlatMap
    /// The stage of [`Pipeline::inspect`](crate::Pipeline::inspect).
    Inspect
    /// The stage of [`Pipeline::context`](crate::Pipeline::context).
    Label
}

impl<T, U, F: Fn(T) -> U + Send + Sync> Stage<T> for Map<F> {
    type Out = U;

    #[inline]
    fn apply<D: Downstream<U>>(&self, item: T, out: &mut D) {
        out.give((self.0)(item));
    }
}

impl<T, U, E: Into<BoxError>, F: Fn(T) -> Result<U, E> + Send + Sync> Stage<T> for TryMap<F> {
    type Out = U;

    #[inline]
    fn apply<D: Downstream<U>>(&self, item: T, out: &mut D) {
        match (self.0)(item) {
            Ok(item) => out.give(item),
            Err(error) => out.fail(error.into()),
        }
    }
}

impl<T, F: Fn(&T) -> bool + Send + Sync> Stage<T> for Filter<F> {
    type Out = T;

    #[inline]
    fn apply<D: Downstream<T>>(&self, item: T, out: &mut D) {
        if (self.0)(&item) {
            out.give(item);
        }
    }
}

impl<T, I: IntoIterator, F: Fn(T) -> I + Send + Sync> Stage<T> for FlatMap<F> {
    type Out = I::Item;

    #[inline]
    fn apply<D: Downstream<I::Item>>(&self, item: T, out: &mut D) {
        let this = out.cursor().stage();
        for item in (self.0)(item) {
            out.give(item);
            // The stages behind have entered theirs, and the iterator belongs to this one.
            out.enter(this);
        }
    }
}

impl<T, F: Fn(&T) + Send + Sync> Stage<T> for Inspect<F> {
    type Out = T;

    #[inline]
    fn apply<D: Downstream<T>>(&self, item: T, out: &mut D) {
        (self.0)(&item);
        out.give(item);
    }
}

impl<T, C: fmt::Display + Send + Sync + 'static, F: Fn(&T) -> C + Send + Sync> Stage<T> for Label<F> {
    type Out = T;

    #[inline]
    fn apply<D: Downstream<T>>(&self, item: T, out: &mut D) {
        let context = (self.0)(&item);
        out.cursor().set_context(context);
        out.give(item);
    }
}
