//! Which parts of an archive were read, and which are asked for.

use std::collections::{BTreeSet, VecDeque};

use super::super::inputs::Inputs;
use crate::error::Result;
use crate::stream::{Input, NextInput};

/// So many parts in a row that nobody has: then no other is asked for.
const LACKING_MAX: u64 = 3;

/// The parts of an archive on its way through, of which any may be missing.
pub struct Course {
    given: VecDeque<Box<dyn Input>>,
    next: Option<Box<dyn NextInput>>,
    /// The number of the part that is read, once one of its members tells it, or by what was asked for.
    current: Option<u64>,
    read: BTreeSet<u64>,
    /// How many inputs were read of which nothing tells the number.
    unnumbered: usize,
    lacking: BTreeSet<u64>,
    /// The number of the last part, once its end was found.
    last: Option<u64>,
}

impl Course {
    /// Reads these inputs, of which the first is given back, then those that are brought.
    pub fn begin(mut inputs: Inputs) -> Result<Option<(Box<dyn Input>, Self)>> {
        let next = inputs.take_next();
        let mut given = VecDeque::from(inputs.into_untouched()?);
        let Some(first) = given.pop_front() else { return Ok(None) };
        let (read, lacking) = (BTreeSet::new(), BTreeSet::new());
        Ok(Some((first, Self { given, next, current: None, read, unnumbered: 0, lacking, last: None })))
    }

    /// A member tells the number of the part that is read.
    pub fn note_part(&mut self, number: u64) {
        self.current = Some(number);
    }

    /// The end of the archive was found, in this part.
    pub fn note_last(&mut self, number: u64) {
        self.last = Some(number);
    }

    /// The part that was read has come to its end. Gives the next of those that were given.
    pub fn end_input(&mut self) -> Option<Box<dyn Input>> {
        match self.current.take() {
            Some(number) => drop(self.read.insert(number)),
            None => self.unnumbered += 1,
        }
        self.given.pop_front()
    }

    /// Whether this part was read.
    pub fn has_read(&self, number: u64) -> bool {
        self.read.contains(&number)
    }

    /// Whoever brings parts, and the number of the one that is wanted next; `None` if there is nobody or nothing is.
    pub fn wanted(&mut self) -> Option<(&mut Box<dyn NextInput>, u64)> {
        let next = self.next.as_mut()?;
        let missing = (1..=self.last.unwrap_or(u64::MAX)).filter(|number| !self.read.contains(number));
        // Those without a number are some of the first ones that are missing.
        let number = missing.skip(self.unnumbered).find(|number| !self.lacking.contains(number))?;
        let before = number.saturating_sub(LACKING_MAX)..number;
        let gives_up = number > LACKING_MAX && before.clone().all(|number| self.lacking.contains(&number));
        (!gives_up).then_some((next, number))
    }

    /// Nobody has this part.
    pub fn note_lacking(&mut self, number: u64) {
        self.lacking.insert(number);
    }

    /// The parts that were neither given nor asked for in vain, as far as it is known that there are such: first and last of each run.
    pub fn not_given(&self) -> Vec<(u64, u64)> {
        if self.unnumbered > 0 {
            return Vec::new();
        }
        let (mut gaps, mut from) = (Vec::new(), 1);
        for known in self.read.union(&self.lacking).copied().chain(self.last.map(|last| last.saturating_add(1))) {
            if from < known {
                gaps.push((from, known - 1));
            }
            from = from.max(known.saturating_add(1));
        }
        gaps
    }
}
