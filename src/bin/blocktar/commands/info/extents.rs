//! `info --extents`: the map as it stands in the archive.

use blocktar::archive::{BackupInfo, Inputs, Kind, MapKind, map_text};
use blocktar::catalog::{self, Entry, Found, State, Survey};
use blocktar::error::{Error, Result};
use blocktar::extent::{Extent, ExtentKind, ExtentMap, MAP_EXTENTS_MAX};

use crate::entry::{state_code, state_text};
use crate::exit_code::ExitCode;
use crate::{answer, talk};

/// How many lines are printed at once.
const LINES_PER_PIECE: usize = 4096;

/// Prints the map, and then says in what state the archive is.
pub fn print(input: Inputs, as_json: bool) -> Result<ExitCode> {
    let (known, survey) = catalog::survey(input);
    let entry = match (&known.info, &known.map) {
        (Some(info), Some(map)) if info.map == MapKind::First => {
            // Before anything is printed: a failed read leaves no half answer.
            let entry = survey.finish(&known, &mut |_| ())?;
            print_map(info, map, as_json)?;
            entry
        }
        (Some(info), Some(_)) => {
            let (map, entry) = map_of_members(survey, &known)?;
            print_map(info, &map, as_json)?;
            entry
        }
        _ => return Err(no_map(survey.finish(&known, &mut |_| ())?)),
    };
    if entry.state != State::Complete {
        talk::warn(&format!("{}: {}", entry.location, state_text(&entry.state)));
    }
    Ok(state_code(&entry.state))
}

/// The map that an archive without one would have: what its members say, neighbours of a kind joined.
fn map_of_members(survey: Survey, known: &catalog::Known) -> Result<(ExtentMap, Entry)> {
    let (mut map, mut last, mut too_many) = (ExtentMap::new(), None::<Extent>, false);
    let entry = survey.finish(known, &mut |found| {
        let range = found.range();
        let kind = match found {
            Found::Zeros(_) => ExtentKind::Zero { hole: false },
            Found::Data(_) | Found::Bad(_) => ExtentKind::Data,
        };
        match &mut last {
            Some(last) if last.end() == range.start && last.kind == kind => last.length += range.length,
            _ if map.len() + 1 < MAP_EXTENTS_MAX => {
                let next = Extent { start: range.start, length: range.length, kind };
                last.replace(next).into_iter().for_each(|extent| map.push(extent));
            }
            _ => too_many = true,
        }
    })?;
    if too_many {
        let why = format!("it has no map, and its members tell more than {MAP_EXTENTS_MAX} extents");
        let remedy = "`--json` without `--extents` tells how much of what it holds".to_owned();
        return Err(Error::refused(format!("print the extents of {}", entry.location), why, Some(remedy)));
    }
    last.into_iter().for_each(|extent| map.push(extent));
    Ok((map, entry))
}

fn no_map(entry: Entry) -> Error {
    match entry.state {
        State::Damaged(why) => Error::damaged(entry.location, why),
        State::NotUnderstood(why) => Error::refused(format!("read {}", entry.location), why, None),
        _ => Error::incomplete(entry.location, "it ends before its map does"),
    }
}

fn print_map(info: &BackupInfo, map: &ExtentMap, as_json: bool) -> Result<()> {
    if as_json {
        return answer::print_pieces(map_text(map, info.kind != Kind::Full).chain([b"\n".to_vec()]));
    }
    answer::print_pieces(table(map, info.device.size_bytes))
}

/// One line for each extent, in columns.
fn table(map: &ExtentMap, size_bytes: u64) -> impl Iterator<Item = String> + '_ {
    let width = size_bytes.to_string().len().max("LENGTH".len());
    let header = format!("{:>width$}  {:>width$}  KIND\n", "START", "LENGTH");
    let pieces = (0..map.len()).step_by(LINES_PER_PIECE).map(move |first| {
        let positions = first..map.len().min(first + LINES_PER_PIECE);
        let line = |extent: Extent| {
            let kind = match extent.kind {
                ExtentKind::Data => "data",
                ExtentKind::Zero { hole: false } => "zero",
                ExtentKind::Zero { hole: true } => "hole",
            };
            format!("{:>width$}  {:>width$}  {kind}\n", extent.start, extent.length)
        };
        positions.filter_map(|position| map.get(position)).map(line).collect()
    });
    std::iter::once(header).chain(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_extent_has_its_line() {
        let map: ExtentMap = (0..LINES_PER_PIECE as u64 + 1)
            .map(|place| if place % 2 == 0 { Extent::data(place * 8, 8) } else { Extent::hole(place * 8, 8) })
            .collect();
        let text: String = table(&map, 1 << 20).collect();
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines.len(), 1 + map.len());
        assert_eq!(lines[..3], [["START", "LENGTH", "KIND"], ["0", "8", "data"], ["8", "8", "hole"]]);
        assert_eq!(lines[map.len()], ["32768", "8", "data"]);
        assert_eq!(table(&ExtentMap::new(), 0).count(), 1);
    }
}
