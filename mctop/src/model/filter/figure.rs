//! The figures of a row by name, and the values that they are compared with.

use crate::model::column::{COLUMNS, Column};
use crate::model::snapshot::{Row, Snapshot, Ttl, per_second, share};
use crate::model::span::Span;

/// A figure of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Figure {
    /// What a column shows.
    Column(Column),
    /// Misses whose item had expired.
    Expired,
    /// Misses whose item had been flushed.
    Flushed,
}

/// Figures without a column, and other common names of columns.
const MORE: &[(&str, Figure)] = &[
    ("expired", Figure::Expired),
    ("flushed", Figure::Flushed),
    ("pid", Figure::Column(Column::Target)),
    ("rps", Figure::Column(Column::Rate)),
    ("calls/s", Figure::Column(Column::Rate)),
    ("bps", Figure::Column(Column::Bandwidth)),
    ("bytes/s", Figure::Column(Column::Bandwidth)),
    ("bw", Figure::Column(Column::Bandwidth)),
];

/// From this Jaro-Winkler similarity (0 to 1) on, a name counts as a mistyped other one.
const SIMILARITY_MIN: f64 = 0.8;
/// Shorter names, in bytes, never count as mistyped.
const MISTYPED_MIN: usize = 3;

/// How a figure's values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Number,
    Percent,
    Bytes,
    Time,
}

impl Figure {
    /// The figure with a name.
    pub(super) fn by_name(name: &str) -> Option<Self> {
        let more = MORE.iter().find(|(known, _)| *known == name).map(|(_, figure)| *figure);
        let column = || Column::by_name(name).filter(|column| *column != Column::Key).map(Self::Column);
        more.or_else(column)
    }

    /// The name that a mistyped one was probably meant to be.
    pub(super) fn closest(name: &str) -> Option<&'static str> {
        let columns = COLUMNS.iter().filter(|declaration| declaration.column != Column::Key);
        let names = columns.map(|declaration| declaration.name).chain(MORE.iter().map(|(name, _)| *name));
        let similar = names.map(|known| (strsim::jaro_winkler(name, known), known));
        let closest =
            similar.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(similarity, _)| *similarity >= SIMILARITY_MIN);
        closest.map(|(_, known)| known).filter(|_| name.len() >= MISTYPED_MIN)
    }

    /// The names of all figures, for errors: those of the columns, then those without a column.
    pub(super) fn names() -> String {
        let columns = COLUMNS.iter().filter(|declaration| declaration.column != Column::Key);
        let names = columns.map(|declaration| declaration.name);
        let more = MORE.iter().filter(|(_, figure)| !matches!(figure, Self::Column(_))).map(|(name, _)| *name);
        names.chain(more).collect::<Vec<_>>().join(", ")
    }

    /// Parses a value. The error is what was expected.
    pub(super) fn value(self, text: &str) -> Result<f64, &'static str> {
        self.unit().value(text)
    }

    /// Whether it is a rate or a share.
    pub(super) const fn is_over_span(self) -> bool {
        match self {
            Self::Column(column) => column.is_over_span(),
            Self::Expired | Self::Flushed => false,
        }
    }

    fn unit(self) -> Unit {
        match self {
            Self::Column(Column::HitRatio | Column::ShareCalls | Column::ShareBytes) => Unit::Percent,
            Self::Column(Column::Size | Column::Bytes | Column::Bandwidth) => Unit::Bytes,
            Self::Column(Column::Ttl) => Unit::Time,
            Self::Column(
                Column::Key
                | Column::Target
                | Column::Keys
                | Column::Calls
                | Column::Rate
                | Column::Gets
                | Column::Hits
                | Column::Misses
                | Column::Sets
                | Column::Deletes
                | Column::Other,
            )
            | Self::Expired
            | Self::Flushed => Unit::Number,
        }
    }

    /// The figure of a row in the unit of the column (a count, bytes, percent, seconds), if the row has one. A group has its
    /// largest size and its shortest TTL.
    pub(super) fn of(self, snapshot: &Snapshot, row: &Row, span: Span) -> Option<f64> {
        let (total, counts) = (&row.total, span.of(row));
        let (all, time) = (span.whole(snapshot), span.length(snapshot));
        let count = |count: u64| Some(count as f64);
        let column = match self {
            Self::Column(column) => column,
            Self::Expired => return count(total.expired),
            Self::Flushed => return count(total.flushed),
        };
        match column {
            Column::Key => None,
            Column::Target => snapshot.targets.get(row.target as usize).map(|target| target.pid.into()),
            Column::Keys => count(row.keys),
            Column::Calls => count(total.calls()),
            Column::Rate => Some(per_second(counts.calls(), time)),
            Column::ShareCalls => Some(100.0 * share(counts.calls(), all.calls())),
            Column::Gets => count(total.gets()),
            Column::Hits => count(total.hits),
            Column::Misses => count(total.misses),
            Column::HitRatio => total.hit_ratio().map(|ratio| 100.0 * ratio),
            Column::Sets => count(total.sets),
            Column::Deletes => count(total.deletes),
            Column::Other => count(total.other),
            Column::Size => row.sizes().map(|(_, largest)| largest.into()),
            Column::Ttl => match row.ttls() {
                None | Some((Ttl::Unknown, _)) => None,
                Some((Ttl::Seconds(seconds), _)) => Some(seconds.into()),
                Some((Ttl::Never, _)) => Some(f64::INFINITY),
            },
            Column::Bytes => count(total.bytes()),
            Column::Bandwidth => Some(per_second(counts.bytes(), time)),
            Column::ShareBytes => Some(100.0 * share(counts.bytes(), all.bytes())),
        }
    }
}

impl Unit {
    fn value(self, text: &str) -> Result<f64, &'static str> {
        let expected = match self {
            Self::Number => "a number such as 50, 1.5k or 2M",
            Self::Percent => "a percentage such as 50 or 0.1%",
            Self::Bytes => "a number of bytes such as 500, 13.9kB or 1M",
            Self::Time => "a time such as 30, 90s, 2h or never",
        };
        if self == Self::Time && text == "never" {
            return Ok(f64::INFINITY);
        }
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let value = number.parse::<f64>().ok().zip(self.factor(unit)).map(|(number, factor)| number * factor);
        value.filter(|value| value.is_finite()).ok_or(expected)
    }

    /// The factor of a prefix or unit that makes sense here: `1m` is a minute, not a million.
    fn factor(self, unit: &str) -> Option<f64> {
        match self {
            Self::Percent => matches!(unit, "" | "%").then_some(1.0),
            Self::Number => si(unit),
            Self::Bytes => {
                let prefix = unit.strip_suffix('B').unwrap_or(unit);
                prefix.strip_suffix('i').map_or_else(|| si(prefix), binary)
            }
            Self::Time => match unit {
                "" | "s" => Some(1.0),
                "m" | "min" => Some(60.0),
                "h" => Some(3_600.0),
                "d" => Some(86_400.0),
                _ => None,
            },
        }
    }
}

fn si(prefix: &str) -> Option<f64> {
    match prefix {
        "" => Some(1.0),
        "k" | "K" => Some(1e3),
        "M" => Some(1e6),
        "G" => Some(1e9),
        "T" => Some(1e12),
        _ => None,
    }
}

/// Prefixes of IEC 80000-13, as in `KiB` and `MiB`.
fn binary(prefix: &str) -> Option<f64> {
    match prefix {
        "K" => Some(1_024.0),
        "M" => Some(1_048_576.0),
        "G" => Some(1_073_741_824.0),
        "T" => Some(1_099_511_627_776.0),
        _ => None,
    }
}
