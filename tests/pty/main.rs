//! The `mctop` program in a terminal, driven by a keyboard.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod clients;
mod ending;
mod hostile;
mod incidents;
mod keystrokes;
mod live;
mod load;
mod playing;
mod progress;
mod rates;
mod replay;
mod searching;
mod unusual;
