//! Where the end is looked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::super::input::tests::{Fake, input};
use super::*;
use crate::archive::tests::sound_info;

fn common() -> Common {
    let info = sound_info();
    Common { id: info.id.clone(), mtime: info.mtime() }
}

#[test]
fn the_end_is_looked_for_in_the_last_mib_before_the_zeros() {
    for (content, zeros) in [(9 << 20, 0), ((9 << 20) - 100, 3 << 20), (700, 0), (0, 5000)] {
        let sought = Arc::new(AtomicUsize::new(0));
        let bytes = [vec![7; content], vec![0; zeros]].concat();
        let fake = Fake { bytes, can_seek: true, sought: sought.clone(), ..Fake::default() };
        assert!(matches!(find_end(&mut input(fake), &common(), DigestKind::Sha256), Ok(Err(None))));
        let from = content.saturating_sub(1 << 20);
        assert_eq!(sought.load(Relaxed), from / BLOCK * BLOCK, "{content}, {zeros}");
    }
}
