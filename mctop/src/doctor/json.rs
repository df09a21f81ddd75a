//! The schema `mctop.doctor/1`: names and meanings are a contract; fields may be added, none renamed.
//!
//! `verdict` and `exit_code` sum it up, `problems` say what is wrong (`what`) and what to do (`fix`), worst first. `kernel`,
//! `privileges`, `programs` and `memory` are what was looked at, `servers` every memcached: how it would be traced (`tracing`: `probes`
//! with their `proof`, `notes`, `limits`) or why not (`refusal`). What could not be looked at is null; `unexamined` counts the
//! processes that may be servers. The fields are those of [`Kernel`], [`Privileges`], [`Programs`], [`MemoryCheck`], [`Server`] and
//! [`Problem`].

use std::io::{self, Write};

use serde::Serialize;

use super::capabilities::Privileges;
use super::diagnosis::{Diagnosis, Problem, Verdict};
use super::kernel::Kernel;
use super::servers::Server;
use super::trial::Programs;
use crate::probe::memory_check::MemoryCheck;
use crate::report::json;

/// Name and version of the schema.
pub(crate) const SCHEMA: &str = "mctop.doctor/1";

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    mctop: &'static str,
    host: &'a str,
    /// `works`, `not_permitted`, `no_memory` or `no_target`.
    verdict: Verdict,
    exit_code: u8,
    problems: &'a [Problem],
    kernel: &'a Kernel,
    privileges: &'a Privileges,
    programs: &'a Programs,
    memory: &'a MemoryCheck,
    /// Where `expected_cost_us` of each probe is from.
    cost_basis: &'static str,
    servers: &'a [Server],
    unexamined: Unexamined<'a>,
}

/// Processes that may not be examined.
#[derive(Serialize)]
struct Unexamined<'a> {
    processes: usize,
    /// Those that are called memcached.
    likely: &'a [u32],
}

/// Writes the document.
///
/// # Errors
/// Those of `out`.
pub(crate) fn write(diagnosis: &Diagnosis, out: &mut impl Write) -> io::Result<()> {
    let facts = &diagnosis.facts;
    json::write_visibly(
        &Document {
            schema: SCHEMA,
            mctop: env!("CARGO_PKG_VERSION"),
            host: &facts.host,
            verdict: diagnosis.verdict,
            exit_code: diagnosis.exit_code(),
            problems: &diagnosis.problems,
            kernel: &facts.kernel,
            privileges: &facts.privileges,
            programs: &facts.programs,
            memory: &facts.room,
            cost_basis: facts.costs.basis,
            servers: &facts.search.servers,
            unexamined: Unexamined { processes: facts.search.denied, likely: &facts.search.likely },
        },
        out,
    )
}
