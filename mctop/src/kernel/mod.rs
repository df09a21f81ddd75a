//! What the running kernel offers to this process, found out by inspection and by tests. Version numbers are not used, because
//! distributions backport features to older kernels and disable features of newer ones.

pub(crate) mod filesystems;
pub(crate) mod memory;
pub mod returns;
pub(crate) mod uprobe;

/// What mctop needs of a kernel, as a sentence of advice. mctop does not check the versions in it.
pub(crate) const NEEDED: &str = "mctop needs Linux 5.15 or later, or an older kernel with backported uprobe attach cookies such as that of \
                          RHEL 9, built with CONFIG_BPF_SYSCALL, CONFIG_BPF_EVENTS and CONFIG_UPROBE_EVENTS.";
