//! What holds archives: inputs in any order, each a part of one.

use super::head;
use super::input::ArchiveInput;
use super::parts::PartInput;
use crate::error::{Error, Result};
use crate::stream::{Input, NextInput};

/// What holds an archive: one input, or one for each of its parts, in any order.
pub struct Inputs {
    pub(super) given: Vec<Given>,
    pub(super) next: Option<Box<dyn NextInput>>,
}

/// One of them.
pub(super) enum Given {
    /// Nothing of it was read.
    Untouched(Box<dyn Input>),
    /// Its first member was.
    Begun(Box<PartInput>),
}

impl Given {
    fn name(&self) -> &str {
        match self {
            Self::Untouched(input) => input.name(),
            Self::Begun(part) => part.input.name(),
        }
    }

    fn begun(&self) -> Option<&PartInput> {
        match self {
            Self::Untouched(_) => None,
            Self::Begun(part) => Some(part),
        }
    }

    fn length(&self) -> Option<u64> {
        match self {
            Self::Untouched(input) => input.length(),
            Self::Begun(part) => part.input.length(),
        }
    }
}

impl Inputs {
    /// Inputs that hold the parts of an archive, in any order; at least one.
    ///
    /// # Errors
    /// None at all.
    pub fn all(given: Vec<Box<dyn Input>>) -> Result<Self> {
        if given.is_empty() {
            return Err(Error::refused("read an archive", "no input was named", None));
        }
        Ok(Self { given: given.into_iter().map(Given::Untouched).collect(), next: None })
    }

    /// Puts inputs that hold several archives, or parts of them, together by archive; each archive where its first input stands.
    ///
    /// # Errors
    /// What is wrong with the beginning of any. A later part of a full beside another full: they were meant to be parts of one archive.
    pub fn by_archive(given: Vec<Box<dyn Input>>) -> Result<Vec<Self>> {
        let mut archives: Vec<(String, Self)> = Vec::new();
        for input in given {
            let mut input = ArchiveInput::new(input);
            let first = head::read_info(&mut input)?;
            let id = first.info.id.clone();
            let part = Given::Begun(Box::new(PartInput { input, first }));
            match archives.iter_mut().find(|(other, _)| *other == id) {
                Some((_, archive)) => archive.given.push(part),
                None => archives.push((id, Self { given: vec![part], next: None })),
            }
        }
        let archives: Vec<_> = archives.into_iter().map(|(_, archive)| archive).collect();
        match refuse_fulls_in_pieces(&archives) {
            Some(refusal) => Err(refusal),
            None => Ok(archives),
        }
    }

    /// The same, and what gives those that are not among them.
    pub fn with_next(self, next: Box<dyn NextInput>) -> Self {
        Self { next: Some(next), ..self }
    }

    /// Takes whoever gives those that are not among them.
    pub(crate) fn take_next(&mut self) -> Option<Box<dyn NextInput>> {
        self.next.take()
    }

    /// The inputs, for whoever reads them in a way of their own, from the start.
    ///
    /// # Errors
    /// One whose beginning was read to [tell which archive it is of](Self::by_archive).
    pub(crate) fn into_untouched(self) -> Result<Vec<Box<dyn Input>>> {
        let untouched = |given| match given {
            Given::Untouched(input) => Ok(input),
            Given::Begun(part) => {
                let request = format!("read {} from its start", part.input.name());
                Err(Error::refused(request, "its beginning was read already", None))
            }
        };
        self.given.into_iter().map(untouched).collect()
    }

    /// What the archive is called: as its first input is, and how many others there are.
    pub fn name(&self) -> String {
        let first = self.first_name();
        match self.given.len() {
            0 | 1 => first.to_owned(),
            2 => format!("{first} and 1 more part"),
            count => format!("{first} and {} more parts", count - 1),
        }
    }

    /// What the first of them is called.
    pub fn first_name(&self) -> &str {
        self.given.first().map_or("", Given::name)
    }

    /// How many bytes all of them have, if that is known.
    pub fn length(&self) -> Option<u64> {
        self.given.iter().map(Given::length).sum()
    }
}

/// Of several fulls, of which one cannot stand alone.
fn refuse_fulls_in_pieces(archives: &[Inputs]) -> Option<Error> {
    let archives: Vec<Vec<&PartInput>> =
        archives.iter().map(|archive| archive.given.iter().filter_map(Given::begun).collect()).collect();
    let all_full = archives.iter().flatten().all(|part| part.first.info.parent.is_none());
    let has_no_first = |parts: &&Vec<&PartInput>| parts.iter().all(|part| part.first.info.part.is_some());
    let piece = archives.iter().find(has_no_first).filter(|_| all_full)?.first()?;
    let other = archives.iter().flatten().find(|part| part.first.info.id != piece.first.info.id)?;
    Some(not_one_archive(other, piece))
}

pub(super) fn not_one_archive(one: &PartInput, other: &PartInput) -> Error {
    let (first, second) = (one.input.name(), other.input.name());
    let what = format!("read {first} and {second} as parts of one archive");
    let why = format!("{first} is of the archive {}, {second} of {}", one.first.info.id, other.first.info.id);
    Error::refused(what, why, Some("name the parts of one archive alone".to_owned()))
}

impl From<Box<dyn Input>> for Inputs {
    fn from(input: Box<dyn Input>) -> Self {
        Self { given: vec![Given::Untouched(input)], next: None }
    }
}

impl<I: Input + 'static> From<Box<I>> for Inputs {
    fn from(input: Box<I>) -> Self {
        Self { given: vec![Given::Untouched(input)], next: None }
    }
}
