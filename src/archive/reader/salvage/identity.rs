//! Which archive it is that is salvaged, where members of several are met.

use std::collections::BTreeMap;

use super::super::input::Common;
use crate::error::{Error, Result};

/// How many other archives are told apart.
const OTHERS_MAX: usize = 100;

/// Whose member it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// This archive's, or that of the one that it may yet be.
    This,
    /// Another archive's.
    Other,
}

/// The archive's id, and what else was met.
#[derive(Debug)]
pub struct Identity {
    /// How the id begins that the user named.
    named: Option<String>,
    /// What the headers of its members have in common, once one was found sound.
    common: Option<Common>,
    /// Whether it cannot be another: the input begins with this one's first member, or the user named it.
    certain: bool,
    others: BTreeMap<String, u64>,
}

impl Identity {
    /// Of the archive whose id begins so, or of the first that is met.
    pub fn new(named: Option<String>) -> Self {
        Self { certain: named.is_some(), named, common: None, others: BTreeMap::new() }
    }

    /// The id, once it is known.
    pub fn id(&self) -> Option<&str> {
        self.common.as_ref().map(|common| common.id.as_str())
    }

    /// The other archives of which members were met, and how many of each.
    pub fn others(&self) -> Vec<(String, u64)> {
        self.others.iter().map(|(id, count)| (id.clone(), *count)).collect()
    }

    /// Whose a member is, by its headers.
    ///
    /// # Errors
    /// That of an input whose beginning is lost and that holds members of two archives: one may be stored in the other as data, and nothing says which.
    pub fn owner(&mut self, common: &Common) -> Result<Owner> {
        let named = self.named.as_ref().is_none_or(|beginning| common.id.starts_with(beginning));
        let own = self.common.as_ref().is_none_or(|own| own == common);
        if named && own {
            return Ok(Owner::This);
        }
        // Headers of this id and another time are nobody's.
        if self.id() != Some(&common.id) {
            self.count_other(&common.id);
            self.refuse_doubt()?;
        }
        Ok(Owner::Other)
    }

    /// Takes this archive for the one that is salvaged; `begins` if the input begins with its first member.
    pub fn adopt(&mut self, common: &Common, begins: bool) -> Result<()> {
        if self.common.is_none() {
            self.common = Some(common.clone());
            self.certain |= begins;
            self.others.remove(&common.id);
        }
        self.refuse_doubt()
    }

    /// Notes a member that failed before any was found sound.
    pub fn note_failed(&mut self, common: &Common) {
        self.count_other(&common.id);
    }

    fn count_other(&mut self, id: &str) {
        if self.others.len() < OTHERS_MAX || self.others.contains_key(id) {
            *self.others.entry(id.to_owned()).or_default() += 1;
        }
    }

    fn refuse_doubt(&self) -> Result<()> {
        let (Some(id), Some(other), false) = (self.id(), self.others.keys().next(), self.certain) else {
            return Ok(());
        };
        let why = format!(
            "its beginning is lost, and it holds members of the archives {id} and {other}: one may be stored in the other as data"
        );
        Err(Error::refused(
            "guess which archive to salvage",
            why,
            Some(format!("say which: `--id {id}` or `--id {other}`")),
        ))
    }
}
