//! Tells of each further cartridge of an archive, when its part begins there.

use crate::drive::{Drive, Place, Placed};
use crate::error::Result;
use crate::stream::Medium;

/// Takes the drive's name, what a further part's backup-info says of its cartridge and drive, and what the user should know of what lies there already, in sentences.
pub type Tell = Box<dyn FnMut(&str, &Medium, Vec<String>) + Send>;

/// The same place, whose further cartridges are told of.
pub fn told_of(place: Box<dyn Place>, tell: Option<Tell>) -> Box<dyn Place> {
    match tell {
        Some(tell) => Box::new(Told { place, tell }),
        None => place,
    }
}

struct Told {
    place: Box<dyn Place>,
    tell: Tell,
}

impl Place for Told {
    fn first(&mut self, drive: &mut dyn Drive) -> Result<Placed> {
        self.place.first(drive)
    }

    fn next(&mut self, drive: &mut dyn Drive) -> Result<Placed> {
        Ok(match self.place.next(drive)? {
            Placed::There { medium, notes } => {
                (self.tell)(drive.name(), &medium, notes);
                Placed::There { medium, notes: Vec::new() }
            }
            wrong => wrong,
        })
    }

    fn may_overwrite(&self) -> bool {
        self.place.may_overwrite()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::super::AsItStands;
    use super::super::simulated::{Access, Behaviour, Cartridge, Mechanism};
    use super::*;
    use crate::drive::DriveTransforms;

    #[test]
    fn further_cartridges_are_told_of_and_the_first_is_not() {
        let mechanism = Mechanism::holding(&Cartridge::large());
        let mut drive = mechanism.open(Access::Both).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let tell = Arc::clone(&heard);
        let tell: Tell = Box::new(move |_, medium, _| tell.lock().unwrap().push(medium.drive_compression));
        let mut place = told_of(Box::new(AsItStands { overwrite: true }), Some(tell));
        assert!(place.may_overwrite() && !told_of(Box::new(AsItStands { overwrite: false }), None).may_overwrite());
        place.first(&mut drive).unwrap();
        assert!(heard.lock().unwrap().is_empty());
        let transforms = DriveTransforms { compression: Some(true), ..DriveTransforms::default() };
        mechanism.change(|behaviour: &mut Behaviour| behaviour.transforms = transforms.clone());
        place.next(&mut drive).unwrap();
        assert_eq!(*heard.lock().unwrap(), [Some(true)]);
    }
}
