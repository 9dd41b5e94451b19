//! Values on the stack for the time of a loop.

/// What is larger than this many bytes stays where it is: moving it would cost more than it saves.
const SMALL: usize = 512;

/// Moves a value onto the stack while `work` uses it, and back, in a panic too.
///
/// So the compiler may keep it in registers: what must be found in memory after a panic is stored and loaded again by every turn of a loop
/// that may panic, and each turn waits for the one before it. Returns `None` if the value is not at home.
#[inline]
pub(crate) fn on_stack<T, R>(home: &mut Option<T>, work: impl FnOnce(&mut T) -> R) -> Option<R> {
    if size_of::<T>() > SMALL {
        return home.as_mut().map(work);
    }
    let mut lent = PutBack { value: home.take(), home };
    lent.value.as_mut().map(work)
}

struct PutBack<'a, T> {
    value: Option<T>,
    home: &'a mut Option<T>,
}

impl<T> Drop for PutBack<'_, T> {
    #[inline]
    fn drop(&mut self) {
        *self.home = self.value.take();
    }
}

#[cfg(test)]
mod tests {
    use upbeat::panic::Panic;

    use super::*;

    #[test]
    fn a_value_comes_home_from_a_panic_as_it_was_left() {
        let mut home = Some(1);
        let panic = Panic::catch(|| {
            on_stack(&mut home, |value| {
                *value += 1;
                panic!("in the middle");
            })
        });
        assert!(panic.is_err());
        assert_eq!(home, Some(2));
        assert_eq!(on_stack(&mut home, |value| *value), Some(2));
        let mut large = Some([1; 1_000]);
        on_stack(&mut large, |value| value[999] = 2);
        assert_eq!(large.map(|value| value[999]), Some(2));
    }
}
