//! `list`: one line for each archive.

use std::path::PathBuf;
use std::slice;

use blocktar::cartridge::TapeFile;
use blocktar::catalog::{self, Entry};
use blocktar::error::{Error, Result};
use blocktar::media;
use serde_json::{Value, json};

use super::{open_archive, parts};
use crate::arguments::ListArguments;
use crate::cartridge_text::ListedCartridge;
use crate::entry::{entry_value, state_code, state_of};
use crate::exit_code::ExitCode;
use crate::inventory;
use crate::summary::{count, printable, word};
use crate::talk::{self, Talk};
use crate::values::Stream;
use crate::{answer, cartridge_text, failure, sizes, tape_device};

/// The last is left out where nothing builds on anything.
const COLUMNS: [&str; 11] =
    ["ID", "NAME", "TIME", "KIND", "SOURCE", "SIZE", "DATA", "STORED", "STATE", "ARCHIVE", "BUILDS ON"];
/// Columns whose numbers are easier to compare when they end in line.
const RIGHT: [bool; 11] = [false, false, false, false, false, true, true, true, false, false, false];
/// One line of the table.
type Row = [String; 11];

/// What the places hold that were named.
#[derive(Default)]
struct Listing {
    entries: Vec<Entry>,
    cartridges: Vec<ListedCartridge>,
    left_over: Vec<PathBuf>,
    passed_over: u64,
    failures: Vec<Error>,
}

/// Runs the command.
pub fn run(arguments: &ListArguments, talk: Talk) -> Result<ExitCode> {
    let mut listing = Listing::default();
    for place in places(arguments) {
        // What else was named is listed all the same.
        let failure = place.and_then(|place| listing.look_at(place.as_ref())).err();
        listing.failures.extend(failure);
    }
    listing.failures.iter().for_each(talk::report);
    for path in &listing.left_over {
        let path = path.display();
        talk::warn(&format!(
            "{path}: left by a backup or restore that was interrupted; delete it, unless that still runs elsewhere"
        ));
    }
    if listing.passed_over > 0 {
        let files = count(listing.passed_over, "file");
        talk.detail(&format!("passed over {files} that are no archives of blocktar"));
    }
    catalog::find_whole_sets(&mut listing.entries);
    listing.cartridges.iter().for_each(|cartridge| talk.say(&cartridge.effort()));
    let code = listing.code();
    if arguments.json {
        answer::print_json(&listing.value(code))?;
    } else {
        let rows = listing.rows();
        if !rows.is_empty() {
            answer::print(table(&rows).as_bytes())?;
        }
    }
    Ok(code)
}

fn places(arguments: &ListArguments) -> Vec<Result<Option<Stream>>> {
    if arguments.places.is_empty() {
        return vec![Ok(tape_device::in_place_of_standard_input().map(|device| device.into_os_string().into()))];
    }
    let named = arguments.places.iter().map(|place| parts::all_named(slice::from_ref(place)));
    named
        .flat_map(|all| {
            all.map_or_else(|error| vec![Err(error)], |all| all.into_iter().map(|one| Ok(Some(one))).collect())
        })
        .collect()
}

impl Listing {
    fn look_at(&mut self, place: Option<&Stream>) -> Result<()> {
        let path = place.and_then(Stream::path);
        if let Some(mut drive) = tape_device::open_to_read(path)? {
            self.cartridges.push(ListedCartridge::list(&mut drive)?);
            return Ok(());
        }
        let Some(folder) = path.filter(|path| path.is_dir()) else {
            self.entries.push(catalog::examine(open_archive("list", place)?)?);
            return Ok(());
        };
        let found = inventory::take(folder)?;
        self.left_over.extend(found.left_over);
        self.passed_over += found.passed_over;
        self.failures.extend(found.failures);
        for path in &found.archives {
            match media::open_input(Some(path)).and_then(catalog::examine) {
                Ok(entry) => self.entries.push(entry),
                Err(error) => self.failures.push(error),
            }
        }
        Ok(())
    }

    fn code(&self) -> ExitCode {
        let entries = self.entries.iter().map(|entry| state_code(&entry.state));
        let codes = entries.chain(self.cartridges.iter().map(ListedCartridge::code));
        codes.chain(self.failures.iter().map(ExitCode::from)).fold(ExitCode::Done, ExitCode::worse)
    }

    /// The lines of the table: archives in files, then what lies on cartridges.
    fn rows(&self) -> Vec<Row> {
        let on_cartridges = self
            .cartridges
            .iter()
            .flat_map(|cartridge| cartridge.files.iter().map(move |file| tape_row(cartridge, file)));
        let mut rows: Vec<_> = self.entries.iter().map(row).chain(on_cartridges).collect();
        let on_cartridges = self.cartridges.iter().flat_map(|cartridge| cartridge.files.iter().map(TapeFile::archive));
        let listed = self.entries.iter().map(Some).chain(on_cartridges);
        rows.iter_mut().zip(listed).for_each(|(row, entry)| row[10] = self.builds_on(entry));
        rows
    }

    /// The archive on which another builds, as it is called here; its id, if it is not among them.
    fn builds_on(&self, entry: Option<&Entry>) -> String {
        let Some(parent) = entry.and_then(|entry| entry.info.as_ref()?.parent.as_ref()) else { return "-".to_owned() };
        let leaves_it = |other: &&Entry| other.end.as_ref().and_then(|end| end.state) == Some(parent.state);
        match self.archives().find(leaves_it) {
            Some(found) => printable(&found.location),
            None => format!("{} (not here)", parent.id),
        }
    }

    /// All archives, wherever they lie.
    fn archives(&self) -> impl Iterator<Item = &Entry> {
        let on_cartridges = self.cartridges.iter().flat_map(|cartridge| &cartridge.files).filter_map(TapeFile::archive);
        self.entries.iter().chain(on_cartridges)
    }

    fn value(&self, code: ExitCode) -> Value {
        let left_over: Vec<_> = self.left_over.iter().map(|path| path.to_string_lossy()).collect();
        json!({
            "command": "list",
            "exit_code": code.number(),
            "archives": self.archives().map(entry_value).collect::<Vec<_>>(),
            "cartridges": self.cartridges.iter().map(ListedCartridge::value).collect::<Vec<_>>(),
            "left_over": left_over,
            "passed_over": self.passed_over,
            "errors": self.failures.iter().map(failure::value).collect::<Vec<_>>(),
        })
    }
}

fn row(entry: &Entry) -> Row {
    let info = entry.info.as_ref();
    let of_info = |text: Option<String>| text.map_or_else(|| "-".to_owned(), |text| printable(&text));
    let size = |bytes: Option<u64>| bytes.map_or_else(|| "-".to_owned(), sizes::short);
    [
        of_info(info.map(|info| info.id.clone())),
        of_info(info.and_then(|info| info.name.clone())),
        of_info(info.map(|info| info.created.to_string())),
        of_info(info.map(|info| word(&info.kind))),
        of_info(info.map(|info| info.device.path.clone())),
        size(info.map(|info| info.device.size_bytes)),
        size(entry.end.as_ref().map(|end| end.data_bytes)),
        size(entry.end.as_ref().map(|end| end.stored_bytes).or(entry.archive_bytes)),
        // The reason would spoil the table; `info` tells it.
        state_of(entry),
        printable(&entry.location),
        "-".to_owned(),
    ]
}

fn tape_row(cartridge: &ListedCartridge, file: &TapeFile) -> Row {
    let location = printable(&cartridge.location(file));
    let Some(entry) = file.archive() else {
        let mut row: Row = std::array::from_fn(|_| "-".to_owned());
        let words = cartridge_text::words(file).unwrap_or_default();
        for (column, text) in [1, 3, 8].into_iter().zip(words) {
            row[column] = printable(&text);
        }
        row[9] = location;
        return row;
    };
    let mut row = row(entry);
    row[3] = cartridge_text::kind(entry).unwrap_or(row[3].clone());
    row[8] = cartridge_text::state(entry).to_owned();
    row[9] = location;
    row
}

fn table(rows: &[Row]) -> String {
    let columns = if rows.iter().all(|row| row[10] == "-") { 10 } else { 11 };
    let mut widths = COLUMNS.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let header = COLUMNS.map(str::to_owned);
    let mut text = String::new();
    for row in std::iter::once(&header).chain(rows) {
        let mut line = String::new();
        for ((cell, width), right) in row.iter().zip(widths).zip(RIGHT).take(columns) {
            line += &if right { format!("{cell:>width$}  ") } else { format!("{cell:<width$}  ") };
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use blocktar::catalog::State;

    #[test]
    fn columns_are_aligned() {
        let row = |name: &str, size: &str| {
            let mut row: Row = std::array::from_fn(|_| "-".to_owned());
            (row[1], row[5]) = (name.to_owned(), size.to_owned());
            row
        };
        let text = table(&[row("büro", "8 GiB"), row("a long name", "512 bytes")]);
        let ends: Vec<_> = text.lines().map(|line| line.chars().count()).collect();
        assert_eq!(text.lines().next().unwrap().split_whitespace().collect::<Vec<_>>(), COLUMNS[..10]);
        assert!(text.contains("    8 GiB  ") && text.contains("512 bytes  "), "{text}");
        assert_eq!(ends[1], ends[2]);
    }

    #[test]
    fn an_archive_that_tells_nothing_still_has_a_line() {
        let entry = Entry {
            location: "a\u{1b}.tar".to_owned(),
            info: None,
            end: None,
            state: State::Incomplete,
            archive_bytes: Some(2048),
        };
        let row = row(&entry);
        assert_eq!((row[0].as_str(), row[7].as_str(), row[8].as_str()), ("-", "2 KiB", "incomplete"));
        assert_eq!(row[9], "a\\u{1b}.tar");
    }
}
