//! Adding a row to a group.

use crate::model::rows::{KeyId, Row, Spread, Ttl};

/// Adds a row to `group`, which becomes a group if it was a key. The caller sets the name.
pub(super) fn add(group: &mut Row, row: &Row) {
    // All fields are named, so that a new one does not compile until it is merged here.
    let Row {
        key: _,
        target: _,
        keys,
        total,
        last,
        recent,
        outcomes,
        size: _,
        ttl: _,
        spread: _,
        size_min,
        size_max,
        first_seen,
        last_seen,
        calls_error,
        bytes_error,
        id: _,
    } = row;
    let sizes = union(group.sizes(), row.sizes());
    let ttls = union(group.ttls(), row.ttls());
    group.size = sizes.filter(|(least, most)| least == most).map(|(size, _)| size);
    group.ttl = ttls.filter(|(least, most)| least == most).map_or(Ttl::Unknown, |(ttl, _)| ttl);
    group.spread = Some(Spread { sizes, ttls });
    group.keys += keys;
    group.total += total;
    group.last += last;
    group.recent += recent;
    group.outcomes += outcomes;
    group.size_min = [group.size_min, *size_min].into_iter().flatten().min();
    group.size_max = group.size_max.max(*size_max);
    group.first_seen = group.first_seen.min(*first_seen);
    group.last_seen = group.last_seen.max(*last_seen);
    group.calls_error += calls_error;
    group.bytes_error += bytes_error;
    // Only single keys have an id in the history.
    group.id = KeyId::NONE;
}

/// The smallest range that contains both.
fn union<T: Ord>(a: Option<(T, T)>, b: Option<(T, T)>) -> Option<(T, T)> {
    match (a, b) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        (one, None) | (None, one) => one,
    }
}
