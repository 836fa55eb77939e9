//! What lies on a tape cartridge: its label, its tape files, where the next one goes, and how one is found (format-spec, section 15).
//!
//! Every positioning takes about a minute on a real drive: they are counted here, and nothing is read through.

mod chain;
mod content;
mod deck;
mod inventory;
mod labelling;
mod pass;
mod place;
mod placement;
mod selection;
mod status;
mod tail;

pub use chain::{ChainFile, chain, chain_below};
pub use content::{Content, TapeFile};
pub use inventory::{Inventory, inventory};
pub use labelling::label;
pub use pass::{Ahead, begin_pass, look_ahead, pass_file};
pub use placement::{Appending, Placement, place};
pub use selection::{Selected, Selector, select};
pub use status::{Labelled, Status, generation, status};
