//! Finds memcached processes and, for each distinct binary, the probe points.

pub mod points;
