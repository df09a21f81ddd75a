//! What the running kernel offers this process, found out by looking or trying. A version number decides nothing: distributions
//! port features to older kernels, and turn them off in newer ones.

pub mod filesystems;
