//! Binaries: the search for probe points ends, with or without a result, whatever the file is.
#![no_main]

use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use mctop::internal::resolve;

fuzz_target!(|data: &[u8]| {
    let file = rustix::fs::memfd_create("binary", rustix::fs::MemfdFlags::CLOEXEC).expect("memfd_create works");
    let mut file = std::fs::File::from(file);
    file.write_all(data).expect("memory can be written");
    let _ = resolve(Path::new(&format!("/proc/self/fd/{}", file.as_raw_fd())));
});
