//! What cannot be seen of a server that can be traced, or costs more than usual.

use serde::Serialize;

use crate::target::accuracy;
use crate::target::discover::options::{Protocol, ServerOptions};
use crate::target::points::{Operands, Resolved};

use super::cost::Costs;

/// Something that cannot be seen, or costs more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Limit {
    /// The limit, in a sentence.
    pub what: String,
    /// What to do about it, in a sentence.
    pub fix: String,
    /// Whether it certainly applies; otherwise only if clients use the feature concerned.
    pub certain: bool,
}

/// The limits of tracing a server with these options and this binary. `reads_requests`: whether requests are read at lookups.
pub(crate) fn of(options: &ServerOptions, resolved: &Resolved, reads_requests: bool, costs: &Costs) -> Vec<Limit> {
    let mut limits = Vec::new();
    let mut add = |certain, what: &str, fix: &str| {
        limits.push(Limit { what: what.to_owned(), fix: fix.to_owned(), certain });
    };
    if options.proxy {
        add(
            true,
            "It runs as a proxy (proxy_config): requests that it routes to other servers cannot be seen.",
            "Run mctop on the servers that it routes to.",
        );
    }
    if !reads_requests && resolved.commands.is_empty() {
        add(
            true,
            &resolved.command_notes.concat(),
            "Rely on CALLS, SETS, SIZE and TTL only, or run another build of memcached, such as a distribution's package.",
        );
    } else if !reads_requests && options.protocol != Protocol::Ascii {
        add(
            options.protocol == Protocol::Binary || options.sasl,
            &accuracy::binary_requests(),
            "Make clients use the text protocol, or rely on SIZE and TTL only, and on CALLS except for incr and decr.",
        );
    }
    if resolved.lookups.iter().any(|point| stores_unknown(&point.operands)) {
        add(
            true,
            "Lookups by storage commands are recognized for text commands only.",
            "Make clients store with the text protocol, or run a distribution's package, in which such lookups are recognized.",
        );
    }
    if resolved.clock.is_none() {
        add(
            true,
            "memcached's clock was not found, so TTLs are computed from the start time of the process.",
            "Treat TTLs as approximate, or run a distribution's package, in which the clock is found.",
        );
    }
    let commands = resolved.commands.iter().filter(|_| !reads_requests);
    if commands.chain(&resolved.lookups).any(|point| !point.emulated) {
        add(
            true,
            &format!(
                "A probed instruction is single-stepped, which costs about {:.0} µs per trap instead of {:.1} µs.",
                costs.single_stepped_us, costs.emulated_us
            ),
            "Watch a busy server only briefly (mctop dump -d 5s).",
        );
    }
    limits
}

fn stores_unknown(operands: &Operands) -> bool {
    matches!(operands, Operands::Lookup { store_returns, .. } if store_returns.is_empty())
}

#[cfg(test)]
mod tests {
    use mctop_common::records::Operand;

    use super::*;
    use crate::doctor::cost::ELSEWHERE;
    use crate::model::probe_point::{FoundBy, ProbeKind, SiteKind};
    use crate::target::elf::Machine;
    use crate::target::points::Point;

    fn point(kind: ProbeKind, function: &str, operands: Operands) -> Point {
        Point {
            kind,
            site: SiteKind::Exact,
            function: function.to_owned(),
            found_by: FoundBy::Recovered,
            offset: 1,
            address: 1,
            instruction: String::new(),
            emulated: true,
            proof: Vec::new(),
            operands,
        }
    }

    fn resolved() -> Resolved {
        let operand = Operand::register(0);
        let lookup = Operands::Lookup {
            key: operand,
            key_len: operand,
            found: operand,
            item: operand,
            descriptor: operand,
            connection: operand,
            return_address: operand,
            store_returns: vec![-1],
            delta_returns: vec![-2],
        };
        Resolved {
            steps: Vec::new(),
            machine: Machine::X86_64,
            build_id: None,
            version: None,
            lookups: vec![point(ProbeKind::Lookup, "do_item_get", lookup)],
            requests: None,
            commands: vec![point(ProbeKind::Command, "process_command_ascii", Operands::Command { text: operand })],
            command_notes: Vec::new(),
            events: Vec::new(),
            event_notes: Vec::new(),
            clock: Some(1),
            wide_item_flags: true,
            notes: Vec::new(),
        }
    }

    fn ascii() -> ServerOptions {
        ServerOptions { protocol: Protocol::Ascii, ..ServerOptions::default() }
    }

    /// The only limit.
    fn only(options: &ServerOptions, resolved: &Resolved) -> Limit {
        let mut limits = of(options, resolved, false, &ELSEWHERE);
        assert_eq!(limits.len(), 1, "{limits:#?}");
        limits.remove(0)
    }

    #[test]
    fn a_text_server_has_no_limits() {
        assert_eq!(of(&ascii(), &resolved(), false, &ELSEWHERE), []);
    }

    #[test]
    fn options_limit_what_can_be_seen() {
        assert!(only(&ServerOptions { proxy: true, ..ascii() }, &resolved()).what.contains("proxy_config"));
        let binary = only(&ServerOptions::default(), &resolved());
        assert!(!binary.certain, "clients may not use the binary protocol");
        assert!(binary.what.contains("OTHER, BYTES, BYTES/S and BYTES% are wrong"), "{binary:?}");
        assert!(only(&ServerOptions { protocol: Protocol::Binary, ..ServerOptions::default() }, &resolved()).certain);
        assert!(only(&ServerOptions { sasl: true, ..ServerOptions::default() }, &resolved()).certain);
    }

    #[test]
    fn the_binary_limits_what_can_be_seen() {
        let limit = |change: fn(&mut Resolved)| {
            let mut resolved = resolved();
            change(&mut resolved);
            let limit = only(&ascii(), &resolved);
            assert!(limit.certain && limit.fix.ends_with('.'), "{limit:?}");
            limit.what
        };
        let unseen = limit(|resolved| {
            resolved.commands.clear();
            resolved.command_notes = vec![accuracy::all_requests("it has none")];
        });
        assert!(unseen.contains("GETS, HITS, MISSES, HIT%") && unseen.contains("it has none"), "{unseen}");
        assert!(limit(|resolved| resolved.clock = None).contains("clock"));
        assert!(limit(|resolved| resolved.lookups[0].emulated = false).contains("single-stepped"));
        assert!(
            limit(|resolved| {
                let Operands::Lookup { store_returns, .. } = &mut resolved.lookups[0].operands else { return };
                store_returns.clear();
            })
            .contains("storage commands")
        );
    }
}
