//! A folder with a chain of archives, in which the program is run as its users run it.
#![allow(dead_code)] // No test program uses all of it.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use crate::archives::history::{Link, history};
use crate::place::{MIB, Place, failed};
use crate::support::Chance;

/// A folder with the archives of a history: `1.tar` a full, the others increments.
pub struct Chain {
    /// The folder.
    pub place: Place,
    /// The images, oldest first.
    pub states: Vec<Vec<u8>>,
    /// Their archives.
    pub links: Vec<Link>,
}

impl Chain {
    /// The check for zeros: written, backed up, made zero, backed up; then it grows and shrinks.
    pub fn new() -> Self {
        let place = Place::of_size(4096);
        let full = Chance::from_seed(5).bytes(3 * MIB);
        let mut zeroed = full.clone();
        zeroed[4096..MIB + 8192].fill(0);
        zeroed[2 * MIB..2 * MIB + 4096].fill(0x44);
        let mut grown = zeroed.clone();
        grown.resize(4 * MIB, 0);
        grown[3 * MIB + 4096..3 * MIB + 8192].fill(0x55);
        let mut shrunk = grown[..2 * MIB + 4096].to_vec();
        shrunk[..100].fill(0x66);
        let states = vec![full, zeroed, grown, shrunk];
        let links = history(&states);
        let chain = Self { place, states, links };
        chain.links.iter().for_each(|link| chain.write(link));
        chain
    }

    /// Writes an archive under its number.
    pub fn write(&self, link: &Link) {
        fs::write(self.path(&format!("{}.tar", link.number)), &link.bytes[..]).unwrap();
    }

    /// The path of this name in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.place.path(name)
    }

    /// Runs what must restore this state.
    pub fn restores(&self, line: &str, target: &str, state: usize) -> Output {
        let output = self.place.run(line);
        assert_eq!(output.status.code(), Some(0), "{line}: {output:?}");
        assert!(fs::read(self.path(target)).unwrap() == self.states[state], "{line}: other bytes came back");
        output
    }

    /// Runs what must be refused as no chain.
    pub fn refuses(&self, line: &str, texts: &[&str]) {
        failed(&self.place.run(line), line, 7, texts);
        assert!(!self.path("new.img").exists(), "{line}: an image is there");
    }
}
