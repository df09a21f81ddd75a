//! `top` for the hot keys of a memcached server.
//!
//! One direction of flow: [`target`] → probe → [`model`] → { tui, report, capture }.

pub mod error;
pub mod model;
pub mod report;
pub mod target;
pub mod tui;
