//! mctop's own commands: `cargo xtask ebpf|setup|load|demo|test|matrix|kernels|bench|screenshots|dist`.
//!
//! Each command is one module with its clap arguments and a `run` function; shared code (workspace, child processes,
//! signals, a private memcached) is beside them.

mod apt;
pub mod bench;
pub mod debian;
pub mod demo;
pub mod dist;
pub mod ebpf;
pub mod interrupt;
pub mod kernels;
pub mod load;
mod machine;
pub mod markdown;
pub mod matrix;
mod memcached;
pub mod process;
pub mod screenshots;
pub mod server;
pub mod setup;
pub mod test;
pub mod workspace;
