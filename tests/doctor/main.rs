//! `mctop doctor` on this very host: with and without privilege, and on servers that are run in every odd way.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod program;
#[path = "../cli/requirement.rs"]
mod requirement;
mod selection;
mod server;
mod surroundings;
mod unprivileged;
