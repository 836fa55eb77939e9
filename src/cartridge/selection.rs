//! Finds one archive on a cartridge, and positions the drive at its head.

use crate::archive::BackupInfo;
use crate::catalog::{self, Entry, State};
use crate::drive::Drive;
use crate::error::{Error, Result};

use super::content::{Content, TapeFile};
use super::deck::{Deck, Met};
use super::inventory::Walk;

/// So many archives are named where the wanted one is missing.
const OTHERS_NAMED: usize = 10;
/// Why a tape file is not there, where the drive does not say.
const NO_END: &str = "it is not there, or the way to it cannot be read";

/// Which archive of a cartridge is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// The one whose id begins so.
    Id(String),
    /// The newest of this name.
    Name(String),
    /// The one in this tape file, counted from 0.
    File(u32),
}

/// The archive at whose head the drive stands.
#[derive(Clone, Debug)]
pub struct Selected {
    /// Its tape file, from 0.
    pub file: u32,
    /// What an inventory told of it; nothing where the tape file was named.
    pub entry: Option<Entry>,
    /// How often the drive was sent elsewhere.
    pub positionings: u64,
}

impl Selected {
    /// Refuses one that the inventory has shown to be broken: before anything is overwritten by it.
    ///
    /// # Errors
    /// [`Incomplete`](Error::Incomplete) or [`Damaged`](Error::Damaged), as reading it would come to.
    pub fn refuse_broken(&self) -> Result<()> {
        let Some(entry) = &self.entry else { return Ok(()) };
        let location = entry.location.clone();
        match &entry.state {
            State::Incomplete => {
                Err(Error::incomplete(location, "it has no end member; choose another with --id or --file"))
            }
            // One whose end can be read is whole but for the zeros behind it.
            State::Damaged(why) if entry.end.is_none() => Err(Error::damaged(location, why)),
            _ => Ok(()),
        }
    }
}

/// An archive on the way.
struct Candidate {
    file: u32,
    address: Option<u32>,
    info: BackupInfo,
    entry: Entry,
}

/// Goes to the head of the archive that is wanted, and checks that it is what the inventory promised.
///
/// # Errors
/// Refused: none such, or several. Damaged: what stands there is something else.
pub fn select(drive: &mut dyn Drive, selector: &Selector) -> Result<Selected> {
    let mut deck = Deck::open(drive, "read")?;
    if let Selector::File(number) = selector {
        go_to_tape_file(&mut deck, *number, selector)?;
        return Ok(Selected { file: *number, entry: None, positionings: deck.positionings() });
    }
    let (candidates, others) = candidates(&mut deck, selector)?;
    let chosen = choose(&deck, selector, candidates, &others)?;
    match chosen.address {
        Some(address) => deck.seek(address)?,
        None => {
            deck.go_to_file(chosen.file)?;
        }
    }
    check_head(&mut deck, &chosen)?;
    Ok(Selected { file: chosen.file, entry: Some(chosen.entry), positionings: deck.positionings() })
}

fn go_to_tape_file(deck: &mut Deck<'_>, number: u32, selector: &Selector) -> Result<()> {
    let there = deck.go_to_file(number);
    if matches!(there, Ok(true)) && stands_at_something(deck)? {
        return Ok(());
    }
    // Some drives do not tell the end of data, at which such a way ends, from a fault.
    let Some(count) = count_files(deck)? else { return there.and(Err(refused(deck, selector, NO_END, None))) };
    let why = match count {
        _ if number < count => "nothing is in it".to_owned(),
        0 => "the cartridge is blank".to_owned(),
        1 => format!("it has no tape file {number}: it has only one, 0"),
        count => format!("it has no tape file {number}: it has {count}, 0 to {}", count - 1),
    };
    Err(refused(deck, selector, &why, None))
}

/// How many tape files there are, found one after the other; nothing if the end of data is not certain.
fn count_files(deck: &mut Deck<'_>) -> Result<Option<u32>> {
    deck.rewind()?;
    let mut filemarks = 0;
    while matches!(deck.space_files(1), Ok(true)) {
        filemarks += 1;
    }
    // What lies behind the last filemark is one more.
    if !deck.go_to_file(filemarks)? {
        return Ok(None);
    }
    Ok(match deck.read()? {
        Met::EndOfData => Some(filemarks),
        Met::Record(_) if !matches!(deck.space_files(1), Ok(true)) => Some(filemarks + 1),
        _ => None,
    })
}

/// Whether anything stands next; what cannot be read is for the archive's reader to judge. Steps back to it.
fn stands_at_something(deck: &mut Deck<'_>) -> Result<bool> {
    match deck.read()? {
        Met::Record(_) => deck.step_back().map(|()| true),
        Met::Unreadable(_) => Ok(true),
        Met::Filemark | Met::EndOfData => Ok(false),
    }
}

/// Everything that fits, and the names and ids of what does not; goes no farther than needed.
fn candidates(deck: &mut Deck<'_>, selector: &Selector) -> Result<(Vec<Candidate>, Vec<String>)> {
    let (mut found, mut others) = (Vec::new(), Vec::new());
    let mut walk = Walk::begin(deck)?;
    while let Some(file) = walk.next()? {
        let other = file.archive().and_then(|entry| entry.info.as_ref()).map(short_name);
        let Some(candidate) = candidate(file, selector) else {
            others.extend(other);
            continue;
        };
        // A whole id names one archive alone.
        let is_it =
            matches!(selector, Selector::Id(id) if *id == candidate.info.id) && is_whole(&candidate.entry.state);
        found.push(candidate);
        if is_it {
            break;
        }
    }
    Ok((found, others))
}

/// An archive as the user can ask for it.
fn short_name(info: &BackupInfo) -> String {
    info.name.as_ref().map_or_else(|| info.id.clone(), |name| format!("{name} ({})", info.id))
}

/// What there is instead, the newest last.
fn instead(others: &[String]) -> String {
    let named = &others[others.len().saturating_sub(OTHERS_NAMED)..];
    match others.len() {
        0 => "no archive is on the cartridge".to_owned(),
        count if count == named.len() => format!("the cartridge holds {}", named.join(", ")),
        count => format!("the last of the {count} archives on the cartridge are {}", named.join(", ")),
    }
}

fn candidate(file: TapeFile, selector: &Selector) -> Option<Candidate> {
    let (number, address) = (file.number?, file.address);
    let Content::Archive(entry) = file.content else { return None };
    let info = entry.info.clone()?;
    let fits = match selector {
        Selector::Id(start) => info.id.starts_with(&start.to_ascii_lowercase()),
        Selector::Name(name) => info.name.as_ref() == Some(name),
        Selector::File(wanted) => *wanted == number,
    };
    fits.then_some(Candidate { file: number, address, info, entry: *entry })
}

fn is_whole(state: &State) -> bool {
    matches!(state, State::Complete | State::Part | State::PartOf(_) | State::WithBadRanges)
}

/// The one that is meant: the newest; of one archive's parts the first, of its copies a whole one.
fn choose(deck: &Deck<'_>, selector: &Selector, candidates: Vec<Candidate>, others: &[String]) -> Result<Candidate> {
    if let Selector::Id(_) = selector {
        let mut ids: Vec<_> = candidates.iter().map(|candidate| candidate.info.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.len() > 1 {
            let remedy = format!("give more of it: {}", ids.join(", "));
            return Err(refused(deck, selector, "several archives on it have an id that begins so", Some(remedy)));
        }
    }
    let part = |candidate: &Candidate| candidate.info.part.as_ref().map_or(1, |part| part.number);
    let rank = |candidate: &Candidate| {
        let whole = is_whole(&candidate.entry.state);
        (candidate.info.created, candidate.info.id.clone(), std::cmp::Reverse(part(candidate)), whole)
    };
    candidates
        .into_iter()
        .max_by_key(rank)
        .ok_or_else(|| refused(deck, selector, &format!("it is not there: {}", instead(others)), None))
}

/// What the inventory told must stand where it told so. Steps back to it.
fn check_head(deck: &mut Deck<'_>, chosen: &Candidate) -> Result<()> {
    // One whose head is damaged was told by its end, and is for its reader to judge.
    if !is_whole(&chosen.entry.state) {
        return Ok(());
    }
    let location = chosen.entry.location.clone();
    let head = match deck.read()? {
        Met::Record(length) => deck.record(length).to_vec(),
        _ => return Err(Error::damaged(location, "where the archive begins nothing can be read any more")),
    };
    if !catalog::begins_with_id(&head, &chosen.info.id) {
        let why = format!("the drive went to where archive {} begins, and there is something else", chosen.info.id);
        return Err(Error::damaged(location, why));
    }
    deck.step_back()
}

fn refused(deck: &Deck<'_>, selector: &Selector, why: &str, remedy: Option<String>) -> Error {
    let name = deck.name();
    let what = match selector {
        Selector::Id(id) => format!("read the archive {id}"),
        Selector::Name(wanted) => format!("read the newest archive named {wanted}"),
        Selector::File(number) => format!("read tape file {number}"),
    };
    let remedy = remedy.unwrap_or_else(|| format!("`blocktar list {name}` shows what lies there"));
    Error::refused(format!("{what} from {name}"), why, Some(remedy))
}
