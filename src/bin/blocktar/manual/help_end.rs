//! Turns the end of a command's help into sections: examples, exit codes, and whatever else it says.

use clap_mangen::roff::{Roff, bold, roman};

use super::paragraphs;

/// A block of the help that begins with a heading: what it is called in a man page.
const HEADINGS: [(&str, &str); 2] = [("Examples:", "EXAMPLES"), ("Exit codes:", EXIT_STATUS)];
const EXIT_STATUS: &str = "EXIT STATUS";
/// Where paragraphs without a heading go.
const NOTES: &str = "NOTES";

/// Appends the sections. Blocks are parted by empty lines; the first line of one is a heading if it ends with a colon.
pub fn render(roff: &mut Roff, end: &str) {
    let mut notes = Vec::new();
    for block in end.split("\n\n").filter(|block| !block.trim().is_empty()) {
        match block.split_once('\n') {
            Some((heading, lines)) if heading.ends_with(':') => titled(roff, heading, lines),
            _ => notes.push(block),
        }
    }
    if notes.is_empty() {
        return;
    }
    roff.control("SH", [NOTES]);
    paragraphs(roff, &notes);
}

fn titled(roff: &mut Roff, heading: &str, lines: &str) {
    let known = HEADINGS.iter().find(|(text, _)| *text == heading).map(|(_, title)| (*title).to_owned());
    let title = known.unwrap_or_else(|| heading.trim_end_matches(':').to_uppercase());
    roff.control("SH", [&*title]);
    if title == EXIT_STATUS {
        lines.lines().for_each(|line| exit_code(roff, line));
    } else {
        as_it_stands(roff, lines);
    }
}

/// One line of the list of exit codes: the code, two blanks or more, what it means.
fn exit_code(roff: &mut Roff, line: &str) {
    let (code, meaning) = line.trim().split_once("  ").unwrap_or((line.trim(), ""));
    roff.control("TP", []).text([bold(code)]).text([roman(meaning.trim())]);
}

/// Lines that must not be filled: they are typed, or drawn, as they stand.
fn as_it_stands(roff: &mut Roff, lines: &str) {
    roff.control("RS", ["4"]).control("EX", []);
    for line in lines.lines() {
        roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
    }
    roff.control("EE", []).control("RE", []);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(end: &str) -> String {
        let mut roff = Roff::new();
        render(&mut roff, end);
        roff.to_roff()
    }

    #[test]
    fn each_block_becomes_a_section_and_notes_come_last() {
        let end = "Examples:\n  a | b\n  c > d\n\nSizes are bytes.\n\nExit codes:\n  0        done\n  130,143  stopped";
        let expected = ".SH EXAMPLES\n.RS 4\n.EX\na | b\nc > d\n.EE\n.RE\n\
                        .SH \"EXIT STATUS\"\n.TP\n\\fB0\\fR\ndone\n.TP\n\\fB130,143\\fR\nstopped\n\
                        .SH NOTES\nSizes are bytes.\n";
        assert_eq!(rendered(end), expected);
    }

    #[test]
    fn a_heading_of_its_own_is_kept_with_its_lines() {
        assert_eq!(rendered("The picture:\n  #.\n  .#"), ".SH \"THE PICTURE\"\n.RS 4\n.EX\n#.\n\\&.#\n.EE\n.RE\n");
    }
}
