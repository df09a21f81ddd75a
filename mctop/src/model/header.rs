//! What is known about an observation before its first interval.

use jiff::Timestamp;

use super::snapshot::{Origin, TargetInfo};

/// What is known about an observation before its first interval. The default has no servers, no host name, and starts at the
/// Unix epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Header {
    /// Where the counts come from.
    pub origin: Origin,
    /// Name of the observed host.
    pub host: String,
    /// Its kernel release.
    pub kernel: String,
    /// Start of the observation.
    pub started_at: Timestamp,
    /// Watched servers.
    pub targets: Vec<TargetInfo>,
    /// What part of the keys was replaced and how, in a sentence; `None` for original keys.
    pub redaction: Option<String>,
}
