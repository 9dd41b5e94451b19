//! Values that a loop keeps on the stack.

/// The size in bytes up to which a value is moved. Moving a larger one costs more than it saves.
const MAX_MOVED: usize = 512;

/// Moves a value onto the stack while `work` uses it, and back afterwards, also after a panic.
///
/// The compiler may then keep it in registers. A value that has to be in memory after a panic is
/// stored and loaded by every turn of a loop that may panic, and each turn waits for the one
/// before it. Returns `None` if `slot` is empty.
#[inline]
pub(crate) fn on_stack<T, R>(slot: &mut Option<T>, work: impl FnOnce(&mut T) -> R) -> Option<R> {
    if size_of::<T>() > MAX_MOVED {
        return slot.as_mut().map(work);
    }
    let mut moved = PutBack { value: slot.take(), slot };
    moved.value.as_mut().map(work)
}

struct PutBack<'a, T> {
    value: Option<T>,
    slot: &'a mut Option<T>,
}

impl<T> Drop for PutBack<'_, T> {
    #[inline]
    fn drop(&mut self) {
        *self.slot = self.value.take();
    }
}

#[cfg(test)]
mod tests {
    use upbeat::panic::Panic;

    use super::*;

    #[test]
    fn a_panic_puts_the_value_back_as_it_was_left() {
        let mut slot = Some(1);
        let panic = Panic::catch(|| {
            on_stack(&mut slot, |value| {
                *value += 1;
                panic!("in the middle");
            })
        });
        assert!(panic.is_err());
        assert_eq!(slot, Some(2));
        assert_eq!(on_stack(&mut slot, |value| *value), Some(2));
        let mut large = Some([1; 1_000]);
        on_stack(&mut large, |value| value[999] = 2);
        assert_eq!(large.map(|value| value[999]), Some(2));
    }
}
