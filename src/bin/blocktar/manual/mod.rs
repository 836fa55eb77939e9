//! The man pages, made from the definition of the command line: blocktar(1), and one for each command.

mod description;
mod help_end;

use std::env;

use blocktar::error::{Error, Result};
use clap::{Arg, Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use jiff::Timestamp;

use crate::arguments::Arguments;

/// The section of the manual: commands that any user may run.
pub const SECTION: &str = "1";
/// Other programs' pages that a reader of these may want.
const NEIGHBOURS: [&str; 3] = ["dd", "tar", "zstd"];
/// Gives the pages a date, in seconds since 1970, so that a package is built the same way twice.
const DATE_VARIABLE: &str = "SOURCE_DATE_EPOCH";

/// One man page.
#[derive(Debug)]
pub struct Page {
    /// Its name without the section: `blocktar-backup`.
    pub name: String,
    /// Its text for `man`.
    pub text: String,
}

/// The name of a command's page, or of blocktar's own.
pub fn page_name(command: Option<&str>) -> String {
    command.map_or_else(|| "blocktar".to_owned(), |command| format!("blocktar-{command}"))
}

/// The date that the pages bear: today, unless the environment gives another.
pub fn date() -> Result<String> {
    let time = match env::var_os(DATE_VARIABLE) {
        None => Timestamp::now(),
        Some(text) => seconds(&text.to_string_lossy()).ok_or_else(|| {
            let why = format!("{DATE_VARIABLE} is `{}`", text.to_string_lossy());
            Error::refused("date the man pages", why, Some("give seconds since 1970, or unset it".to_owned()))
        })?,
    };
    Ok(time.strftime("%Y-%m-%d").to_string())
}

fn seconds(text: &str) -> Option<Timestamp> {
    Timestamp::from_second(text.parse().ok()?).ok()
}

/// All pages, blocktar's own first.
pub fn pages(date: &str) -> Vec<Page> {
    let mut program = Arguments::command().disable_help_subcommand(true);
    // Only this gives the commands what they share: --help, --quiet, --verbose.
    program.build();
    let program = program.mut_args(for_a_page).mut_subcommands(|command| command.mut_args(for_a_page));
    let names: Vec<_> = program.get_subcommands().map(|command| page_name(Some(command.get_name()))).collect();
    let commands = program.get_subcommands().map(|command| (Some(command.get_name()), command));
    let pages = [(None, &program)].into_iter().chain(commands);
    pages.map(|(name, command)| page(page_name(name), name, command, &names, date)).collect()
}

/// What is no option takes a section of its own. Values stand in the sentence: `clap_mangen` makes a list of them that `mandoc` finds fault with.
fn for_a_page(argument: Arg) -> Arg {
    let heading = if argument.is_positional() { "Arguments" } else { "Options" };
    let values = argument.get_possible_values();
    if values.is_empty() || !argument.get_action().takes_values() {
        return argument.help_heading(heading);
    }
    let meanings: Vec<_> = values
        .iter()
        .map(|value| match value.get_help() {
            Some(help) => format!("{} ({})", value.get_name(), in_lower_case(&help.to_string())),
            None => value.get_name().to_owned(),
        })
        .collect();
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    argument.help_heading(heading).hide_possible_values(true).help(format!("{help}: {}", meanings.join(", ")))
}

fn page(name: String, subcommand: Option<&str>, command: &Command, names: &[String], date: &str) -> Page {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let version = concat!("blocktar ", env!("CARGO_PKG_VERSION"));
    let mut head = Roff::new();
    head.control("TH", [&*name.to_uppercase(), SECTION, date, version, "User Commands"]);
    head.control("SH", ["NAME"]).text([roman(format!("{name} - {}", in_lower_case(&about)))]);
    head.control("SH", ["SYNOPSIS"]);
    synopsis(&mut head, command);
    head.control("SH", ["DESCRIPTION"]);
    paragraphs(&mut head, description::of(subcommand));
    let mut tail = Roff::new();
    let end = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    help_end::render(&mut tail, &end);
    see_also(&mut tail, &name, names);
    let text = head.render() + &arguments(command) + &without_preamble(&tail.render());
    Page { name, text }
}

/// Paragraphs of a section: the first needs no break before it.
fn paragraphs(roff: &mut Roff, texts: &[&str]) {
    for (place, text) in texts.iter().enumerate() {
        if place > 0 {
            roff.control("PP", []);
        }
        roff.text([roman(*text)]);
    }
}

/// The sections that list arguments, options and commands.
fn arguments(command: &Command) -> String {
    let man = Man::new(command.clone().subcommand_help_heading("COMMANDS")).section(SECTION);
    let mut text = Vec::new();
    man.render_options_section(&mut text).expect("memory can be written");
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text).expect("memory can be written");
    }
    without_preamble(&String::from_utf8(text).expect("the definition is UTF-8"))
}

/// What `roff` puts before each piece is wanted once in a page.
fn without_preamble(piece: &str) -> String {
    piece.replace(&Roff::new().render(), "")
}

/// `blocktar backup [OPTIONS] <SOURCE>` as man pages have it: what is typed as it stands in bold, what is put in its place in italics.
fn synopsis(roff: &mut Roff, command: &Command) {
    let usage = command.clone().render_usage().to_string();
    let words = usage.trim_start_matches("Usage:").split_whitespace();
    let mut line: Vec<Inline> = Vec::new();
    for word in words {
        if !line.is_empty() {
            line.push(roman(" "));
        }
        let inner = word.trim_matches(|one| "[]<>.".contains(one));
        let is_placeholder = inner.chars().all(|one| one.is_ascii_uppercase() || one == '_');
        match word.split_once(inner) {
            Some((before, after)) if is_placeholder => {
                let kept = |text: &str| roman(text.replace(['<', '>'], ""));
                line.extend([kept(before), italic(inner), kept(after)]);
            }
            _ => line.push(bold(word)),
        }
    }
    roff.text(line);
}

fn see_also(roff: &mut Roff, name: &str, names: &[String]) {
    let own = ["blocktar".to_owned()];
    let others = NEIGHBOURS.map(str::to_owned);
    let mut line = Vec::new();
    for page in own.iter().chain(names).chain(&others).filter(|page| *page != name) {
        if !line.is_empty() {
            line.push(roman(", "));
        }
        line.extend([bold(page), roman(format!("({SECTION})"))]);
    }
    roff.control("SH", ["SEE ALSO"]).text(line);
}

/// Help begins with a capital letter, the line by which `apropos` knows a page does not.
fn in_lower_case(about: &str) -> String {
    let mut rest = about.chars();
    rest.next().map(|first| first.to_lowercase().chain(rest).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Page> {
        pages("2026-01-31")
    }

    #[test]
    fn every_command_has_a_page_with_what_a_reader_looks_for() {
        let pages = all();
        let commands = Arguments::command();
        assert_eq!(pages.len(), 1 + commands.get_subcommands().count());
        for (page, command) in pages.iter().skip(1).zip(commands.get_subcommands()) {
            assert_eq!(page.name, format!("blocktar-{}", command.get_name()));
        }
        for page in &pages {
            let mut rest = page.text.as_str();
            let sections =
                ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "\"EXIT STATUS\"", "\"SEE ALSO\""];
            for section in sections {
                let (_, behind) = rest
                    .split_once(&format!("\n.SH {section}\n"))
                    .unwrap_or_else(|| panic!("{}: {section} is missing or out of order", page.name));
                assert!(!behind.starts_with(".SH"), "{}: {section} is empty", page.name);
                rest = behind;
            }
            assert_eq!(page.text.matches(".ie ").count(), 1, "{}: one preamble", page.name);
        }
    }

    #[test]
    fn a_page_names_the_options_and_the_exit_codes_of_its_command() {
        let pages = all();
        let backup = &pages[1].text;
        for text in
            ["\\fISOURCE\\fR", "--output", "--keep-going", "blake3", "\\fB8\\fR\ndone, but with bad or lost ranges"]
        {
            let text = text.replace('-', "\\-");
            assert!(backup.contains(&text), "{text} in {backup}");
        }
        assert!(backup.contains(".TH BLOCKTAR-BACKUP 1 2026-01-31"), "{backup}");
        assert!(pages[0].text.contains("blocktar\\-backup(1)"));
    }

    #[test]
    fn the_synopsis_tells_what_is_typed_from_what_stands_for_it() {
        let mut roff = Roff::new();
        let mut program = Arguments::command();
        program.build();
        synopsis(&mut roff, program.find_subcommand("backup").unwrap());
        let line = "\\fBblocktar\\fR \\fBbackup\\fR [\\fIOPTIONS\\fR] \\fISOURCE\\fR\n";
        assert!(roff.render().ends_with(line), "{}", roff.render());
    }

    #[test]
    fn dates_are_seconds_since_1970() {
        assert_eq!(seconds("1769817600").unwrap().strftime("%Y-%m-%d").to_string(), "2026-01-31");
        assert!(seconds("yesterday").is_none() && seconds("99999999999999999").is_none() && seconds("").is_none());
    }
}
