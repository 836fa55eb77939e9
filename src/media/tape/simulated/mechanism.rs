//! The drive itself, with what the driver remembers of it: it stays when its device is closed.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use super::cartridge::Cartridge;
use super::drive::SimulatedDrive;
use super::pace::{Motion, Pace};
use crate::drive::DriveTransforms;
use crate::media::tape::Access;
use crate::sys::errno;

/// How a drive answers in the zone of early warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EarlyWarning {
    /// As st documents it: the record that meets the zone is written; the next is refused and nothing of it written; the one after it is let through, and so on in turn.
    Documented,
    /// As `scsi_debug` does it: the record that meets the zone is written and refused all the same; the next is refused and not written; then as documented.
    RecordedYetRefused,
    /// The record that meets the zone is written and refused all the same; all that follow are written.
    RecordedYetRefusedOnce,
}

/// What a drive is like, and which faults it has. All fields can be changed at any time with [`Mechanism::change`].
#[derive(Clone, Debug)]
pub struct Behaviour {
    /// What happens in the zone of early warning, if the cartridge has one.
    pub early_warning: EarlyWarning,
    /// What a write at the hard end says: `ENOSPC`, or `EIO`.
    pub hard_end: i32,
    /// How many of the records that were taken last are lost when a write fails or the hard end comes: the drive's buffer. A filemark empties it.
    pub buffered_records: usize,
    /// The write that would get this address fails with `EIO`.
    pub write_error_at: Option<usize>,
    /// The next filemark fails with `EIO`, and with it what the buffer held.
    pub filemark_error: bool,
    /// Whether it tells and finds addresses; one that does not answers `EIO`.
    pub addresses: bool,
    /// Whether spacing over records stops at a filemark with `EIO`; some emulations pass over it as over a record.
    pub stops_at_filemarks: bool,
    /// Whether going back over filemarks ends a record too far, as with tgtd's drives.
    pub overshoots_filemarks: bool,
    /// Whether spacing reads, so that it fails with `EIO` before a record that cannot be read.
    pub spaces_by_reading: bool,
    /// Whether its state says so when spacing met the end of data; with tgtd's drives it does not.
    pub tells_end_of_spacing: bool,
    /// The longest record; longer reads and writes are `EINVAL`.
    pub largest_record_bytes: usize,
    /// The most records or files that one command spaces over: its count has 24 bits, with sign.
    pub largest_space: i32,
    /// What it says of compression and encryption.
    pub transforms: DriveTransforms,
    /// Its speed, where time counts.
    pub pace: Option<Pace>,
}

impl Default for Behaviour {
    /// A drive without faults that has addresses, as LTO drives are.
    fn default() -> Self {
        Self {
            early_warning: EarlyWarning::Documented,
            hard_end: errno::ENOSPC,
            buffered_records: 0,
            write_error_at: None,
            filemark_error: false,
            addresses: true,
            stops_at_filemarks: true,
            overshoots_filemarks: false,
            spaces_by_reading: false,
            tells_end_of_spacing: true,
            largest_record_bytes: (16 << 20) - 1,
            largest_space: (1 << 23) - 1,
            transforms: DriveTransforms::default(),
            pace: None,
        }
    }
}

/// What the last command met, as far as reading goes on from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Met {
    /// A record, or nothing.
    #[default]
    Nothing,
    /// A filemark, behind which it stands.
    Filemark,
    /// The end of what is recorded.
    EndOfData,
}

/// Everything that changes.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) behaviour: Behaviour,
    pub(super) cartridge: Option<Cartridge>,
    /// Cartridges that `load` takes in, one after the other; without one, that which was unloaded.
    magazine: VecDeque<Cartridge>,
    unloaded: Option<Cartridge>,
    pub(super) open: bool,
    pub(super) position: usize,
    pub(super) met: Met,
    pub(super) block_bytes: usize,
    /// Bytes of a fixed block of which a smaller read took only some.
    pub(super) read_ahead: VecDeque<u8>,
    pub(super) lost: bool,
    /// The last command was a write, so that the driver still owes a filemark.
    pub(super) writing: bool,
    /// The driver refuses the next write, because of early warning.
    pub(super) refuses_next: bool,
    /// The zone of early warning was met.
    pub(super) warned: bool,
    pub(super) at_hard_end: bool,
    /// How many records the drive may hold in its buffer.
    pub(super) unconfirmed: usize,
    pub(super) file_known: bool,
    /// How many filemarks more were passed forward than backward without a word: the driver, which counts files by what it is told, is wrong by them.
    pub(super) unnoticed_filemarks: i64,
    pub(super) record_known: bool,
    positionings: u64,
    motion: Option<Motion>,
    seconds: f64,
}

impl State {
    /// What the driver asks before each command.
    pub(super) fn ready(&self) -> io::Result<Cartridge> {
        if self.lost {
            return Err(failed(errno::EIO));
        }
        self.cartridge.clone().ok_or_else(|| failed(errno::ENOMEDIUM))
    }

    /// Begins a movement that is neither read nor write.
    pub(super) fn positioning(&mut self) {
        self.positionings += 1;
        self.flush_motion();
        if let Some(pace) = self.behaviour.pace {
            self.seconds += pace.positioning_seconds;
        }
        self.forget_zone();
        self.read_ahead.clear();
        (self.met, self.writing, self.unconfirmed) = (Met::Nothing, false, 0);
    }

    fn forget_zone(&mut self) {
        (self.refuses_next, self.warned, self.at_hard_end) = (false, false, false);
    }

    /// Counts the time that bytes take.
    pub(super) fn feed_motion(&mut self, bytes: usize) {
        if let Some(pace) = self.behaviour.pace {
            let motion = self.motion.get_or_insert_with(|| Motion::new(pace));
            self.seconds = motion.feed(bytes as u64, self.seconds);
        }
    }

    /// Counts the time until everything is on the medium.
    pub(super) fn flush_motion(&mut self) {
        if let Some(motion) = &mut self.motion {
            self.seconds = motion.flush(self.seconds);
        }
    }

    /// Takes a cartridge in, at its beginning.
    fn take_in(&mut self, cartridge: Option<Cartridge>) {
        self.forget_zone();
        self.read_ahead.clear();
        (self.met, self.writing, self.unconfirmed) = (Met::Nothing, false, 0);
        (self.position, self.lost) = (0, false);
        self.count_from_beginning();
        self.cartridge = cartridge;
    }

    /// The driver knows again which file and record this is.
    pub(super) fn count_from_beginning(&mut self) {
        (self.file_known, self.record_known, self.unnoticed_filemarks) = (true, true, 0);
    }

    pub(super) fn unload(&mut self) {
        if let Some(cartridge) = self.cartridge.take() {
            self.unloaded = Some(cartridge);
        }
        self.take_in(None);
    }

    pub(super) fn load(&mut self) -> io::Result<()> {
        let next = if self.cartridge.is_some() { None } else { self.magazine.pop_front() };
        let loaded = next.or_else(|| self.cartridge.take()).or_else(|| self.unloaded.take());
        if loaded.is_none() {
            return Err(failed(errno::ENOMEDIUM));
        }
        self.take_in(loaded);
        Ok(())
    }
}

/// An error with this number.
pub(super) fn failed(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}

/// A simulated drive: a handle that all share who hold a copy of it. What a program sees of it is a [`SimulatedDrive`].
#[derive(Clone, Debug)]
pub struct Mechanism(Arc<Mutex<State>>);

impl Mechanism {
    /// An empty drive, in variable mode.
    pub fn new(behaviour: Behaviour) -> Self {
        Self(Arc::new(Mutex::new(State { behaviour, ..State::default() })))
    }

    /// A drive without faults that holds this cartridge.
    pub fn holding(cartridge: &Cartridge) -> Self {
        let mechanism = Self::new(Behaviour::default());
        mechanism.insert(cartridge);
        mechanism
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Opens its device, whose name is `/dev/nst9`; `EBUSY` while somebody has it open.
    pub fn open(&self, access: Access) -> io::Result<SimulatedDrive> {
        let mut state = self.state();
        if state.open {
            return Err(failed(errno::EBUSY));
        }
        state.open = true;
        Ok(SimulatedDrive::new(self.clone(), access))
    }

    /// Changes what it is like.
    pub fn change(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.state().behaviour);
    }

    /// Puts a cartridge in by hand, in place of the one that is there.
    pub fn insert(&self, cartridge: &Cartridge) {
        self.state().take_in(Some(cartridge.clone()));
    }

    /// Takes the cartridge out by hand.
    pub fn eject(&self) -> Option<Cartridge> {
        let mut state = self.state();
        let cartridge = state.cartridge.take();
        state.take_in(None);
        cartridge
    }

    /// Lays a cartridge ready that a later `load` takes in.
    pub fn lay_ready(&self, cartridge: &Cartridge) {
        self.state().magazine.push_back(cartridge.clone());
    }

    /// Somebody leaves it in fixed block mode; 0 for variable mode.
    pub fn set_block_bytes(&self, block_bytes: usize) {
        self.state().block_bytes = block_bytes;
    }

    /// A reset: the tape goes to its beginning, and the driver refuses everything until it is told where to go. What the buffer held is lost.
    pub fn reset(&self) {
        let mut state = self.state();
        state.lose_buffer();
        state.forget_zone();
        (state.lost, state.position, state.writing, state.met) = (true, 0, false, Met::Nothing);
    }

    /// The machine stops: no filemark is written at close, and what the buffer held is lost.
    pub fn lose_power(&self) {
        let mut state = self.state();
        state.lose_buffer();
        let cartridge = state.cartridge.take();
        state.take_in(cartridge);
    }

    /// How often the tape was sent somewhere: rewinds, searches, spacing.
    pub fn positionings(&self) -> u64 {
        self.state().positionings
    }

    /// Lets simulated time go by, as a source does that keeps the drive waiting.
    pub fn pass_seconds(&self, seconds: f64) {
        self.state().seconds += seconds;
    }

    /// The simulated time that has gone by.
    pub fn seconds(&self) -> f64 {
        self.state().seconds
    }

    /// How often the tape had to stop and go back because nothing came.
    pub fn back_hitches(&self) -> u64 {
        self.state().motion.as_ref().map_or(0, Motion::back_hitches)
    }
}
