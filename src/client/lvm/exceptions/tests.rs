use super::*;
use crate::extent::Extent;
use proptest::prelude::*;
use std::collections::BTreeSet;

const MIB: u64 = 1 << 20;

/// A store, byte by byte: header, and the exceptions in the order in which they happened.
fn store(chunk_bytes: u64, exceptions: &[u64]) -> Vec<u8> {
    let per_table = (chunk_bytes / 16) as usize;
    let mut bytes = Vec::new();
    for word in [MAGIC, 1, 1, (chunk_bytes / 512) as u32] {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    bytes.resize(chunk_bytes as usize, 0);
    let mut store_chunk = 1;
    // Behind a full table there is an empty one.
    for table in exceptions.chunks(per_table).chain(exceptions.len().is_multiple_of(per_table).then_some(&[][..])) {
        let start = bytes.len();
        for origin_chunk in table {
            store_chunk += 1;
            bytes.extend_from_slice(&origin_chunk.to_le_bytes());
            bytes.extend_from_slice(&u64::to_le_bytes(store_chunk));
        }
        bytes.resize(start + chunk_bytes as usize, 0);
        // What was there before it was written to is of no matter here.
        bytes.resize(bytes.len() + table.len() * chunk_bytes as usize, 0x5a);
        store_chunk += 1;
    }
    bytes
}

fn read(store: &[u8], parent: u64, now: u64) -> io::Result<ExtentMap> {
    read_exceptions(store.len() as u64, ParentAndNow { parent, now }, |buffer, offset, length| {
        let bytes = store.get(offset as usize..offset as usize + length).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.bytes_mut()[..length].copy_from_slice(bytes);
        Ok(())
    })
}

fn extents(store: &[u8], parent: u64, now: u64) -> Vec<Extent> {
    read(store, parent, now).unwrap().iter().collect()
}

#[test]
fn the_table_that_a_kernel_wrote_is_understood() {
    // As seen on Linux 6.1: chunks of 8 KiB, written to in this order.
    let found = extents(&store(8192, &[100, 101, 900, 5000, 3000]), 64 * MIB, 64 * MIB);
    let data = |chunk: u64, chunks: u64| Extent::data(chunk * 8192, chunks * 8192);
    assert_eq!(found, [data(100, 2), data(900, 1), data(3000, 1), data(5000, 1)]);
}

#[test]
fn chunks_of_every_size_and_tables_that_are_full_to_the_last_entry() {
    for chunk_bytes in (12..=19).map(|power| 1u64 << power) {
        let per_table = chunk_bytes / 16;
        for count in [0, 1, per_table - 1, per_table, per_table + 1, 2 * per_table] {
            if chunk_bytes > 64 << 10 && count > 5 {
                continue;
            }
            // Every tenth chunk, so that they are not joined.
            let apart = JOINED_BYTES / chunk_bytes + 2;
            let exceptions: Vec<_> = (0..count).rev().map(|number| number * apart).collect();
            let size = (count * apart + 1) * chunk_bytes;
            let expected: Vec<_> =
                (0..count).map(|number| Extent::data(number * apart * chunk_bytes, chunk_bytes)).collect();
            assert_eq!(
                extents(&store(chunk_bytes, &exceptions), size, size),
                expected,
                "{count} chunks of {chunk_bytes}"
            );
        }
    }
}

const JOINED_BYTES: u64 = crate::extent::JOIN_BYTES;

#[test]
fn the_map_is_cut_to_the_volume_and_what_grew_is_data() {
    let size = 10 * MIB + 512;
    let last = size / 4096;
    assert_eq!(extents(&store(4096, &[last]), size, size), [Extent::data(10 * MIB, 512)]);
    assert_eq!(extents(&store(4096, &[0]), size, size + MIB), [Extent::data(0, 4096), Extent::data(size, MIB)]);
    assert_eq!(extents(&store(4096, &[0, last]), size, MIB), [Extent::data(0, 4096)]);
    assert_eq!(extents(&store(4096, &[]), 0, 0), []);
}

#[test]
fn a_store_that_says_what_cannot_be_is_refused() {
    let good = store(4096, &[1, 2, 3]);
    let with = |offset: usize, value: u64, length: usize| {
        let mut bytes = good.clone();
        bytes[offset..offset + length].copy_from_slice(&value.to_le_bytes()[..length]);
        read(&bytes, MIB, MIB).unwrap_err().to_string()
    };
    assert!(with(0, 0, 4).contains("does not begin"));
    assert!(with(4, 0, 4).contains("overflowed"));
    assert!(with(8, 2, 4).contains("version is 2"));
    for sectors in [0, 1, 7, 12, 1 << 16, u32::MAX.into()] {
        assert!(with(12, sectors, 4).contains("chunks have"), "{sectors}");
    }
    assert!(with(4096, 256, 8).contains("behind the end"));
    assert!(with(4096, u64::MAX, 8).contains("behind the end"));
    for store_chunk in [1, 258, 5, u64::MAX] {
        assert!(with(4104, store_chunk, 8).contains("cannot lie"), "{store_chunk}");
    }
    // The last table is full, and there is none behind it.
    let full = store(4096, &(0..256).collect::<Vec<_>>());
    assert!(read(&full[..full.len() - 4096], MIB, MIB).unwrap_err().to_string().contains("no end"));
    assert!(read(&good[..4096], MIB, MIB).is_err() && read(&[], MIB, MIB).is_err());
}

#[test]
fn an_overflow_while_the_tables_are_read_is_noticed() {
    let bytes = store(4096, &[1]);
    let headers = std::cell::Cell::new(0);
    let outcome =
        read_exceptions(bytes.len() as u64, ParentAndNow { parent: MIB, now: MIB }, |buffer, offset, length| {
            buffer.bytes_mut()[..length].copy_from_slice(&bytes[offset as usize..][..length]);
            if offset == 0 {
                headers.set(headers.get() + 1);
                buffer.bytes_mut()[4] = u8::from(headers.get() == 1);
            }
            Ok(())
        });
    assert!(outcome.unwrap_err().to_string().contains("overflowed"));
}

#[test]
fn a_very_large_volume_takes_little_memory() {
    let mut bits = Bits::new(u64::MAX >> 11, 4096);
    assert!(bits.words.len() as u64 <= BITS_MAX / 64 + 1);
    assert!(bits.set((u64::MAX >> 11) / 4096) && !bits.set(u64::MAX));
    let map = bits.into_map(ParentAndNow { parent: u64::MAX >> 11, now: u64::MAX >> 11 });
    assert_eq!((map.len(), map.end()), (1, u64::MAX >> 11));
}

proptest! {
    #[test]
    fn every_chunk_that_changed_is_in_the_map(
        chunks in proptest::collection::vec(0u64..2000, 0..600),
        parent in 1u64..2000 * 4096,
        now in 1u64..2000 * 4096,
    ) {
        let chunks: Vec<_> = chunks.into_iter().filter(|chunk| chunk * 4096 < parent.max(now)).collect();
        let map = read(&store(4096, &chunks), parent, now).unwrap();
        prop_assert!(map.end() <= now);
        let covered = |byte: u64| map.iter().any(|extent| extent.start <= byte && byte < extent.end());
        for chunk in chunks.iter().collect::<BTreeSet<_>>() {
            let byte = chunk * 4096;
            prop_assert!(byte >= now || covered(byte), "chunk {chunk}");
        }
        prop_assert!(now <= parent || (covered(parent) && covered(now - 1)));
    }

    #[test]
    fn no_store_makes_it_panic(mut bytes in proptest::collection::vec(any::<u8>(), 4096 * 4), words in proptest::collection::vec(any::<u16>(), 0..64)) {
        bytes[..16].copy_from_slice(&store(4096, &[])[..16]);
        for (place, word) in words.iter().enumerate() {
            bytes[4096 + place * 8..][..8].copy_from_slice(&u64::from(*word % 5).to_le_bytes());
        }
        let _ = read(&bytes, MIB, MIB);
    }
}
