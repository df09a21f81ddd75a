//! A BPF array map in this process's memory: read where the kernel side wrote it, without a system call for an element.

use std::io;
use std::marker::PhantomData;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use aya::Pod;
use mctop_common::table::{Bucket, HashCell};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// The elements of a mapped map, each a `T`. The kernel side may write them at any time.
#[derive(Debug)]
pub(crate) struct Mapped<T> {
    start: NonNull<u8>,
    elements: usize,
    element: PhantomData<T>,
}

// SAFETY: the mapping belongs to this value alone, and is of no particular thread.
unsafe impl<T> Send for Mapped<T> {}

impl<T: Pod> Mapped<T> {
    /// Maps the `elements` of an array map that was made with `BPF_F_MMAPABLE` and whose values are of the size of `T`, a
    /// multiple of 8.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn new(map: BorrowedFd<'_>, elements: u32) -> io::Result<Self> {
        let elements = usize::try_from(elements).map_err(io::Error::other)?;
        let len = elements.checked_mul(size_of::<T>()).ok_or(io::ErrorKind::OutOfMemory)?;
        // SAFETY: a new mapping at an address of the kernel's choice.
        let start =
            unsafe { mmap(std::ptr::null_mut(), len, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, map, 0) }?;
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { start, elements, element: PhantomData })
    }

    /// How many elements there are.
    #[must_use]
    pub(crate) const fn elements(&self) -> usize {
        self.elements
    }

    /// A copy of a field of type `F` at `offset` in an element.
    ///
    /// # Panics
    /// When there is no such element or field: a defect of the caller.
    #[must_use]
    pub(crate) fn load<F: Pod>(&self, element: usize, offset: usize) -> F {
        let at = self.at::<F>(element, offset);
        // SAFETY: inside of the mapping and aligned; any bits are an `F`. Volatile, because the kernel side writes too.
        unsafe { at.read_volatile() }
    }

    /// Writes a field of type `F` at `offset` in an element.
    ///
    /// # Panics
    /// As [`Self::load`].
    pub(crate) fn store<F: Pod>(&mut self, element: usize, offset: usize, value: F) {
        let at = self.at::<F>(element, offset);
        // SAFETY: as above.
        unsafe { at.write_volatile(value) };
    }

    /// Writes `new` into the 64-bit field at `offset` in an element if `old` stands there, which the kernel side may change
    /// meanwhile; whether it did.
    ///
    /// # Panics
    /// As [`Self::load`].
    pub(crate) fn replace(&mut self, element: usize, offset: usize, old: u64, new: u64) -> bool {
        let at = self.at::<u64>(element, offset);
        // SAFETY: as above; the kernel side changes it by atomic instructions only.
        let field = unsafe { AtomicU64::from_ptr(at) };
        field.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// The hashes of a bucket: the element's 64-bit fields from `offset` on, `stride` bytes apart.
    ///
    /// # Panics
    /// As [`Self::load`], when a slot is used.
    #[must_use]
    pub(crate) const fn bucket(&self, element: usize, offset: usize, stride: usize) -> MappedBucket<'_, T> {
        MappedBucket { map: self, element, offset, stride }
    }

    fn at<F>(&self, element: usize, offset: usize) -> *mut F {
        assert!(
            element < self.elements
                && offset + size_of::<F>() <= size_of::<T>()
                && offset.is_multiple_of(align_of::<F>())
        );
        // SAFETY: the element lies inside of the mapping, and the field inside of the element.
        unsafe { self.start.as_ptr().add(element * size_of::<T>() + offset).cast() }
    }
}

/// The hashes of a bucket in a mapped map.
#[derive(Debug)]
pub(crate) struct MappedBucket<'a, T> {
    map: &'a Mapped<T>,
    element: usize,
    offset: usize,
    stride: usize,
}

impl<T> Clone for MappedBucket<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for MappedBucket<'_, T> {}

impl<'a, T: Pod> Bucket for MappedBucket<'a, T> {
    type Cell = MappedCell<'a>;

    fn cell(self, slot: usize) -> MappedCell<'a> {
        let at = self.map.at::<u64>(self.element, self.offset + slot * self.stride);
        // SAFETY: inside of the mapping, which lives as long, and aligned; both sides change it by atomic instructions only.
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
        // SAFETY: the whole mapping, which nobody refers to any more. That it may fail changes nothing.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.elements * size_of::<T>()) };
    }
}
