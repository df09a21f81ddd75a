//! `mctop man`: one page for the program and all its commands.

use std::io::{self, Write};

use clap::{Arg, Command, CommandFactory};
use clap_mangen::Man;

use crate::cli::{Cli, EXIT_CODES};

/// Macros of man(7): a section, a subsection, a new paragraph, a term with its explanation.
const SECTION: &str = ".SH ";
const SUBSECTION: &str = ".SS ";
const PARAGRAPH: &str = ".PP";
const TERM: &str = ".TP";

/// Writes the page in the macros of man(7). Options that commands share with the live table are described once, under the
/// headings that they have in the help.
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
        let mut shared: Vec<String> =
            command.get_arguments().filter_map(Arg::get_help_heading).map(str::to_uppercase).collect();
        shared.dedup();
        let own = Man::new(command.clone().mut_args(|arg| {
            let is_shared = arg.get_help_heading().is_some();
            arg.hide(is_shared)
        }));
        writeln!(out, "{SUBSECTION}{}", usage(command))?;
        out.write_all(&body(|section| own.render_description_section(section))?)?;
        out.write_all(&body(|section| own.render_options_section(section))?)?;
        if !shared.is_empty() {
            writeln!(out, "{PARAGRAPH}\nAlso takes the options under {}.", shared.join(", "))?;
        }
    }
    writeln!(out, "{SECTION}EXIT STATUS")?;
    EXIT_CODES.iter().try_for_each(|(code, meaning)| writeln!(out, "{TERM}\n{code}\n{meaning}"))
}

/// How a command is called: `dump [OPTIONS]`.
fn usage(command: &Command) -> String {
    let usage = command.clone().render_usage().to_string();
    usage.trim_start_matches("Usage: mctop ").to_owned()
}

/// A section without its heading, and without the definitions before it, which the title already contains.
fn body(render: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> io::Result<Vec<u8>> {
    let mut section = Vec::new();
    render(&mut section)?;
    let heading = section.windows(SECTION.len()).position(|window| window == SECTION.as_bytes()).unwrap_or(0);
    let length = section.iter().skip(heading).position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    section.drain(..heading + length);
    Ok(section)
}
