//! The `mctop` program as people see it: in a terminal, with a keyboard.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../cli/captures.rs"]
mod captures;
mod clients;
mod ending;
mod hostile;
mod incidents;
mod keystrokes;
mod live;
#[path = "../loopback.rs"]
mod loopback;
mod memcached;
mod playing;
mod progress;
mod rates;
mod replay;
#[allow(dead_code, reason = "shared with another test program, which needs the rest")]
#[path = "../cli/requirement.rs"]
mod requirement;
mod searching;
mod terminal;
mod unusual;
