//! The atomics that both ends share: the processor's, or those of loom's model of a processor.

#[cfg(not(loom))]
pub use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering, fence};
#[cfg(loom)]
pub use model::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering, fence};

/// loom takes up a thread anew only where its access depends on the last one of the same word, and forgets the
/// one before that: a load and an exchange of a thread hide what another has loaded. So each access here is
/// also one of a word that all share; it orders nothing.
#[cfg(loom)]
mod model {
    use loom::sync::atomic;
    pub use loom::sync::atomic::{Ordering, fence};

    loom::lazy_static! {
        static ref ACCESSES: atomic::AtomicUsize = atomic::AtomicUsize::new(0);
    }

    macro_rules! atomics {
        ($($name:ident: $type:ty),*) => {$(
            #[derive(Debug, Default)]
            pub struct $name(atomic::$name);

            impl $name {
                pub fn new(value: $type) -> $name {
                    $name(atomic::$name::new(value))
                }

                fn access(&self) -> &atomic::$name {
                    ACCESSES.fetch_add(1, Ordering::Relaxed);
                    &self.0
                }

                pub fn load(&self, order: Ordering) -> $type {
                    self.access().load(order)
                }

                pub fn store(&self, value: $type, order: Ordering) {
                    self.access().store(value, order);
                }

                pub fn swap(&self, value: $type, order: Ordering) -> $type {
                    self.access().swap(value, order)
                }

                pub fn fetch_add(&self, value: $type, order: Ordering) -> $type {
                    self.access().fetch_add(value, order)
                }

                pub fn fetch_sub(&self, value: $type, order: Ordering) -> $type {
                    self.access().fetch_sub(value, order)
                }

                pub fn fetch_update(
                    &self,
                    success: Ordering,
                    failure: Ordering,
                    update: impl FnMut($type) -> Option<$type>,
                ) -> Result<$type, $type> {
                    self.access().fetch_update(success, failure, update)
                }

                pub fn compare_exchange(
                    &self,
                    current: $type,
                    new: $type,
                    success: Ordering,
                    failure: Ordering,
                ) -> Result<$type, $type> {
                    self.access().compare_exchange(current, new, success, failure)
                }

                pub fn compare_exchange_weak(
                    &self,
                    current: $type,
                    new: $type,
                    success: Ordering,
                    failure: Ordering,
                ) -> Result<$type, $type> {
                    self.compare_exchange(current, new, success, failure)
                }
            }
        )*};
    }

    atomics!(AtomicU8: u8, AtomicU16: u16, AtomicU32: u32, AtomicU64: u64);
}
