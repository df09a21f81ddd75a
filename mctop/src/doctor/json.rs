//! The schema `mctop.doctor/1`. Names and meanings are a contract: members may be added, but not renamed.
//!
//! `verdict` and `exit_code` sum it up. `problems` say what is wrong (`what`) and what to do (`fix`), worst first. `kernel`,
//! `privileges`, `programs` and `memory` are the facts. `servers` has every memcached: how it would be traced (`tracing`: `probes`
//! with their `proof`, `notes`, `limits`) or why it cannot be (`refusal`). Unknown facts are null. `unexamined` counts processes that
//! could not be examined. The members are the fields of [`Kernel`], [`Privileges`], [`Programs`], [`MemoryCheck`], [`Server`] and
//! [`Problem`].

use std::io::{self, Write};

use serde::Serialize;

use super::capabilities::Privileges;
use super::diagnosis::{Diagnosis, Verdict};
use super::kernel::Kernel;
use super::problems::Problem;
use super::servers::Server;
use super::trial::Programs;
use crate::probe::memory_check::MemoryCheck;
use crate::text::json::write_document;

/// Name and version of the schema.
pub(crate) const SCHEMA: &str = "mctop.doctor/1";

#[derive(Serialize)]
struct DoctorDocument<'a> {
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
    /// How the `expected_cost_us` of the probes were measured.
    cost_basis: String,
    servers: &'a [Server],
    unexamined: Unexamined<'a>,
}

/// Processes that mctop is not permitted to examine.
#[derive(Serialize)]
struct Unexamined<'a> {
    processes: usize,
    /// Pids of those that are named memcached.
    likely: &'a [u32],
}

/// Writes the document.
///
/// # Errors
/// If `out` cannot be written.
pub(crate) fn write(diagnosis: &Diagnosis, out: &mut impl Write) -> io::Result<()> {
    let facts = &diagnosis.facts;
    write_document(
        &DoctorDocument {
            schema: SCHEMA,
            mctop: env!("CARGO_PKG_VERSION"),
            host: &facts.host,
            verdict: diagnosis.verdict,
            exit_code: diagnosis.exit_code(),
            problems: &diagnosis.problems,
            kernel: &facts.kernel,
            privileges: &facts.privileges,
            programs: &facts.programs,
            memory: &facts.memory,
            cost_basis: facts.costs.basis(),
            servers: &facts.search.servers,
            unexamined: Unexamined { processes: facts.search.denied, likely: &facts.search.likely },
        },
        out,
    )
}
