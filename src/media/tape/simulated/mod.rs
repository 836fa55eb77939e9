//! A tape drive in memory, with cartridges that outlive it and with faults: for tests and for measuring, where no tape drive is.
//!
//! It answers as Linux `st` does, so that whatever holds with it holds with a real drive, as far as that does what the driver documents:
//!
//! ```
//! use blocktar::drive::Drive;
//! use blocktar::media::tape::simulated::{Access, Cartridge, Mechanism};
//!
//! let cartridge = Cartridge::new(10 << 20, 1 << 20);
//! let mechanism = Mechanism::holding(&cartridge);
//! let mut drive = mechanism.open(Access::Both)?;
//! drive.write_record(&[7; 4096])?;
//! drive.write_filemarks(1)?;
//! assert_eq!(cartridge.files(), [[[7; 4096]]]);
//! # Ok::<(), std::io::Error>(())
//! ```

mod cartridge;
mod commands;
mod drive;
mod mechanism;
mod pace;

pub use super::Access;
pub use cartridge::{Cartridge, Recorded, Unreadable};
pub use drive::SimulatedDrive;
pub use mechanism::{Behaviour, EarlyWarning, Mechanism};
pub use pace::{Motion, Pace};

#[cfg(test)]
mod tests;
