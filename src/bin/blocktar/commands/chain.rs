//! Opens the archives of a chain: those that were named, or what an archive on a tape builds on.

use std::sync::Arc;

use blocktar::archive::{Inputs, OpenArchive, OpenOptions};
use blocktar::drive::{Drive, LentDrive};
use blocktar::error::{Error, Result};
use blocktar::media::further_media::TapeReading;
use blocktar::plan::chain::Base;
use blocktar::progress::Progress;
use blocktar::restore::{Chain, ChainArchive};

use super::parts::with_further;
use super::{Wanted, chain_on_tape};
use crate::arguments::RestoreArguments;
use crate::tape_device;
use crate::values::Stream;

impl Wanted<'_> {
    /// Opens all that was named as one chain, and what it is called.
    pub fn open_chain(
        &self,
        named: &[Stream],
        arguments: &RestoreArguments,
        base: Base,
        progress: &Arc<Progress>,
    ) -> Result<(Chain, String)> {
        let archives = match named.len() {
            0 | 1 => self.open_alone(named, arguments, base, progress)?,
            _ => self.open_several(named, arguments, progress)?,
        };
        let (is_alone, name) = (archives.len() == 1, archives.last().map(|(name, _)| name.clone()));
        let archives = archives.into_iter().map(|(_, archive)| archive).collect();
        let chain = Chain::of::<ChainArchive>(archives, base, arguments.until.as_ref())?;
        let name = if is_alone { name } else { chain.names().pop() };
        Ok((chain, name.unwrap_or_default()))
    }

    fn open_several(
        &self,
        named: &[Stream],
        arguments: &RestoreArguments,
        progress: &Arc<Progress>,
    ) -> Result<Vec<(String, ChainArchive)>> {
        if named.iter().filter(|archive| archive.path().is_none()).count() > 1 {
            let remedy = "name each archive once; what a pipe brings is one archive".to_owned();
            return Err(Error::refused("read archives", "standard input was named twice", Some(remedy)));
        }
        let open = |archive: &Stream| Wanted { archive: Some(archive), ..*self }.open();
        let given = named.iter().map(open).collect::<Result<Vec<_>>>()?;
        let archives = Inputs::by_archive(given)?.into_iter().map(|inputs| {
            let (name, first) = (inputs.name(), inputs.first_name().to_owned());
            let next_medium = arguments.further.whom_to_ask(progress);
            let inputs = with_further(inputs, None, first, next_medium, TapeReading::Forward);
            Ok((name, OpenArchive::open(inputs, &OpenOptions::default())?.into()))
        });
        archives.collect()
    }

    /// One archive; of an increment on a tape also what it builds on, on this cartridge and others.
    fn open_alone(
        &self,
        named: &[Stream],
        arguments: &RestoreArguments,
        base: Base,
        progress: &Arc<Progress>,
    ) -> Result<Vec<(String, ChainArchive)>> {
        let only = Wanted { archive: named.first().or(self.archive), ..*self };
        let path = only.path()?;
        only.refuse_selection(path.as_deref())?;
        let Some(drive) = tape_device::open_to_read(path.as_deref())? else {
            let inputs = self.open_parts(named, arguments.further.whom_to_ask(progress), TapeReading::Forward)?;
            return Ok(vec![(inputs.name(), OpenArchive::open(inputs, &OpenOptions::default())?.into())]);
        };
        let mut drive = LentDrive::new(Box::new(drive));
        only.position(&mut drive)?;
        let (name, lent) = (drive.name().to_owned(), Some(drive.clone()));
        let input = TapeReading::Forward.input(drive.clone())?;
        let next_medium = arguments.further.whom_to_ask(progress);
        let inputs = with_further(input.into(), lent, name.clone(), next_medium, TapeReading::Forward);
        let archive = OpenArchive::open(inputs, &OpenOptions::default())?;
        if archive.info().parent.is_none() || base == Base::Target {
            return Ok(vec![(name, archive.into())]);
        }
        let id = archive.info().id.clone();
        drop(archive);
        chain_on_tape::open(drive, &id, &arguments.further.whom_to_ask(progress))
    }
}
