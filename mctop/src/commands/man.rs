//! `mctop man`: one page for the program and all its commands.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_mangen::Man;

use crate::cli::Cli;

/// Begins a section, and a part of one, in the macros of man(7).
const SECTION: &str = ".SH ";
const PART: &str = ".SS ";

/// Writes it in the macros of man(7).
///
/// # Errors
/// Those of `out`.
pub(super) fn write(out: &mut impl Write) -> io::Result<()> {
    let mut cli = Cli::command();
    cli.build();
    let page = Man::new(cli.clone());
    page.render_title(out)?;
    page.render_name_section(out)?;
    page.render_synopsis_section(out)?;
    page.render_description_section(out)?;
    page.render_options_section(out)?;
    writeln!(out, "{SECTION}COMMANDS")?;
    for command in cli.get_subcommands() {
        let part = Man::new(command.clone());
        writeln!(out, "{PART}{}", command.get_name())?;
        out.write_all(&body(|section| part.render_description_section(section))?)?;
        out.write_all(&body(|section| part.render_options_section(section))?)?;
    }
    writeln!(out, "{SECTION}EXIT STATUS")?;
    out.write_all(&body(|section| page.render_extra_section(section))?)
}

/// A section without its heading, and without the definitions before it, which the title has brought already.
fn body(render: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> io::Result<Vec<u8>> {
    let mut section = Vec::new();
    render(&mut section)?;
    let heading = section.windows(SECTION.len()).position(|window| window == SECTION.as_bytes()).unwrap_or(0);
    let length = section.iter().skip(heading).position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    section.drain(..heading + length);
    Ok(section)
}
