//! What the running kernel offers this process, found out by looking or trying. A version number decides nothing: distributions
//! port features to older kernels, and turn them off in newer ones.

pub mod filesystems;
pub mod memory;
pub mod returns;
pub mod uprobe;

/// What a kernel must have, a sentence of advice. Nothing is decided by the versions in it.
pub const NEEDED: &str = "mctop needs attach cookies of uprobes and what came with them, as Linux 5.15 has them, or an older kernel \
                          into which a distribution has ported them, such as that of RHEL 9; built with CONFIG_BPF_SYSCALL, \
                          CONFIG_BPF_EVENTS and CONFIG_UPROBE_EVENTS.";
