//! A BPF array map that is mapped into this process's memory, so that its elements are accessed without system calls.

use std::io;
use std::marker::PhantomData;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use aya::Pod;
use mctop_common::table::{HashBucket, HashCell};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// A mapped map with elements of type `T`. eBPF programs may write to it at any time.
#[derive(Debug)]
pub(crate) struct Mapped<T> {
    start: NonNull<u8>,
    elements: usize,
    element: PhantomData<T>,
}

// SAFETY: only this value owns the mapping, which is not bound to a thread.
unsafe impl<T> Send for Mapped<T> {}

impl<T: Pod> Mapped<T> {
    /// Maps an array map with this number of elements, which was created with `BPF_F_MMAPABLE` and whose values have the size of `T`,
    /// a multiple of 8.
    pub(crate) fn new(map: BorrowedFd<'_>, elements: u32) -> io::Result<Self> {
        let elements = usize::try_from(elements).map_err(io::Error::other)?;
        let len = elements.checked_mul(size_of::<T>()).ok_or(io::ErrorKind::OutOfMemory)?;
        // SAFETY: a new mapping at an address chosen by the kernel.
        let start =
            unsafe { mmap(std::ptr::null_mut(), len, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, map, 0) }?;
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { start, elements, element: PhantomData })
    }

    /// Number of elements.
    pub(crate) const fn elements(&self) -> usize {
        self.elements
    }

    /// A copy of the field of type `F` at `offset` in an element.
    ///
    /// # Panics
    /// If there is no such element or field, which is a bug in the caller.
    pub(crate) fn load<F: Pod>(&self, element: usize, offset: usize) -> F {
        let at = self.at::<F>(element, offset);
        // SAFETY: inside the mapping and aligned, and valid for any bit pattern. Volatile, because eBPF programs write, too.
        unsafe { at.read_volatile() }
    }

    /// Writes the field of type `F` at `offset` in an element.
    ///
    /// # Panics
    /// As [`Self::load`].
    pub(crate) fn store<F: Pod>(&mut self, element: usize, offset: usize, value: F) {
        let at = self.at::<F>(element, offset);
        // SAFETY: as above.
        unsafe { at.write_volatile(value) };
    }

    /// The hashes of a bucket: the 64-bit fields of an element from `offset` on, `stride` bytes apart. Accessing a slot that does not
    /// exist panics.
    pub(crate) const fn bucket(&self, element: usize, offset: usize, stride: usize) -> MappedBucket<'_, T> {
        MappedBucket { map: self, element, offset, stride }
    }

    fn at<F>(&self, element: usize, offset: usize) -> *mut F {
        assert!(
            element < self.elements
                && offset + size_of::<F>() <= size_of::<T>()
                && offset.is_multiple_of(align_of::<F>())
        );
        // SAFETY: the element is inside the mapping, and the field inside the element.
        unsafe { self.start.as_ptr().add(element * size_of::<T>() + offset).cast() }
    }
}

/// The hashes of a bucket in a mapped map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MappedBucket<'a, T> {
    map: &'a Mapped<T>,
    element: usize,
    offset: usize,
    stride: usize,
}

impl<'a, T: Pod> HashBucket for MappedBucket<'a, T> {
    type Cell = MappedCell<'a>;

    fn cell(self, slot: usize) -> MappedCell<'a> {
        let at = self.map.at::<u64>(self.element, self.offset + slot * self.stride);
        // SAFETY: inside the mapping, which lives as long, and aligned. Both sides change it only by atomic instructions.
        MappedCell(unsafe { AtomicU64::from_ptr(at) })
    }
}

/// A hash in a mapped map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MappedCell<'a>(&'a AtomicU64);

impl HashCell for MappedCell<'_> {
    fn load(self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn claim(self, hash: u64) -> u64 {
        match self.0.compare_exchange(0, hash, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(before) | Err(before) => before,
        }
    }
}

impl<T> Drop for Mapped<T> {
    fn drop(&mut self) {
        // SAFETY: the whole mapping, to which no references are left. If this fails, the mapping stays until mctop exits.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.elements * size_of::<T>()) };
    }
}
