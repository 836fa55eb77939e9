//! LVM: which volumes there are, snapshots that are taken and removed again, and what they say of used and changed blocks.

mod elements;
mod exceptions;
mod group;
mod mark;
mod pool;
mod quiesce;
mod reserved;
mod snapshot;
mod thin;
mod tool;

pub use exceptions::{changed_since, read_exceptions};
pub use group::{Group, Volume};
pub use pool::MetadataSnapshot;
pub use snapshot::{Origin, Snapshot, SnapshotRequest, SnapshotWatch};
pub use thin::{ParentAndNow, mapped, thin_changes};
