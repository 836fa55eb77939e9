//! What the simulated drive does at each command.

use std::io;

use super::cartridge::{Recorded, Reel};
use super::mechanism::{EarlyWarning, Met, State, failed};
use crate::drive::DriveStatus;
use crate::sys::errno;

/// Writing.
impl State {
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let cartridge = self.ready()?;
        let mut reel = cartridge.reel();
        match self.block_bytes {
            0 if bytes.len() > self.behaviour.largest_record_bytes => return Err(failed(errno::EINVAL)),
            0 => {}
            block_bytes if !bytes.len().is_multiple_of(block_bytes) => return Err(failed(errno::EINVAL)),
            _ => {}
        }
        if reel.write_protected {
            return Err(failed(errno::EACCES));
        }
        if self.refuses_next {
            self.refuses_next = false;
            return Err(failed(errno::ENOSPC));
        }
        let record_bytes = if self.block_bytes == 0 { bytes.len().max(1) } else { self.block_bytes };
        bytes.chunks(record_bytes).try_for_each(|record| self.write_one(&mut reel, record))
    }

    fn write_one(&mut self, reel: &mut Reel, record: &[u8]) -> io::Result<()> {
        self.feed_motion(record.len());
        self.writing = true;
        self.met = Met::Nothing;
        reel.cut(self.position);
        if self.behaviour.write_error_at == Some(self.position) {
            self.lose_buffer_of(reel);
            self.record_known = false;
            return Err(failed(errno::EIO));
        }
        // What is lost leaves no room: the tape itself is at its end.
        if self.at_hard_end || record.len() as u64 > reel.room_bytes() {
            self.lose_buffer_of(reel);
            reel.end();
            self.at_hard_end = true;
            return Err(failed(self.behaviour.hard_end));
        }
        reel.push(Recorded::Record(record.to_vec()));
        self.position += 1;
        self.unconfirmed = (self.unconfirmed + 1).min(self.behaviour.buffered_records);
        if !reel.warns() {
            return Ok(());
        }
        let met_just_now = !std::mem::replace(&mut self.warned, true);
        let manner = self.behaviour.early_warning;
        self.refuses_next = manner != EarlyWarning::RecordedYetRefusedOnce;
        let refuses = manner != EarlyWarning::Documented && met_just_now;
        if refuses { Err(failed(errno::ENOSPC)) } else { Ok(()) }
    }

    /// What the drive had taken but not written is gone.
    fn lose_buffer_of(&mut self, reel: &mut Reel) {
        if self.unconfirmed > 0 {
            self.position -= std::mem::take(&mut self.unconfirmed);
            reel.cut(self.position);
        }
    }

    pub(super) fn lose_buffer(&mut self) {
        if let Some(cartridge) = self.cartridge.clone() {
            self.lose_buffer_of(&mut cartridge.reel());
        }
    }

    pub(super) fn write_filemarks(&mut self, count: u32) -> io::Result<()> {
        let cartridge = self.ready()?;
        let mut reel = cartridge.reel();
        if reel.write_protected {
            return Err(failed(errno::EACCES));
        }
        self.flush_motion();
        // An own filemark, even one that fails, relieves the driver of the one that it owes.
        self.writing = false;
        if std::mem::take(&mut self.behaviour.filemark_error) {
            self.lose_buffer_of(&mut reel);
            return Err(failed(errno::EIO));
        }
        if count > 0 {
            reel.cut(self.position);
            if self.at_hard_end || reel.room_bytes() == 0 {
                self.lose_buffer_of(&mut reel);
                return Err(failed(errno::EIO));
            }
            (0..count).for_each(|_| reel.push(Recorded::Filemark));
            self.position += count as usize;
            (self.met, self.record_known) = (Met::Filemark, true);
        }
        self.unconfirmed = 0;
        Ok(())
    }

    /// Writes the filemark that the driver owes, before it moves elsewhere; whether it did.
    pub(super) fn settle(&mut self) -> io::Result<bool> {
        if !self.writing || self.lost {
            return Ok(false);
        }
        let settled = self.write_filemarks(1);
        self.writing = settled.is_err();
        settled.map(|()| true)
    }
}

/// Reading.
impl State {
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let cartridge = self.ready()?;
        // The drive writes what it holds before it reads.
        (self.writing, self.unconfirmed) = (false, 0);
        if self.block_bytes == 0 && buffer.len() > self.behaviour.largest_record_bytes {
            return Err(failed(errno::EINVAL));
        }
        let mut reel = cartridge.reel();
        if self.block_bytes == 0 {
            let record = self.read_one(&mut reel)?;
            if record.len() > buffer.len() {
                return Err(failed(errno::ENOMEM));
            }
            buffer[..record.len()].copy_from_slice(&record);
            return Ok(record.len());
        }
        self.read_fixed(&mut reel, buffer)
    }

    /// Reads whole blocks, and keeps what the buffer does not take.
    fn read_fixed(&mut self, reel: &mut Reel, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read_ahead.len() < buffer.len() {
            let behind_data = !self.read_ahead.is_empty();
            match reel.blocks.get(self.position).map(|block| &block.recorded) {
                Some(Recorded::Record(record)) if record.len() != self.block_bytes => return Err(failed(errno::EIO)),
                Some(Recorded::Record(_)) => {}
                _ if behind_data => break,
                _ => {}
            }
            let record = self.read_one(reel)?;
            if record.is_empty() {
                break;
            }
            self.read_ahead.extend(record);
        }
        let length = buffer.len().min(self.read_ahead.len());
        buffer.iter_mut().zip(self.read_ahead.drain(..length)).for_each(|(place, byte)| *place = byte);
        Ok(length)
    }

    /// The next record, or an empty one at a filemark and at the end of data; passes it.
    fn read_one(&mut self, reel: &mut Reel) -> io::Result<Vec<u8>> {
        if self.met == Met::EndOfData {
            return Err(failed(errno::EIO));
        }
        let Some(block) = reel.blocks.get_mut(self.position) else {
            let behind_filemark = self.met == Met::Filemark;
            self.met = Met::EndOfData;
            // The first read at the end gives 0, if it comes from a filemark.
            return if behind_filemark { Ok(Vec::new()) } else { Err(failed(errno::EIO)) };
        };
        if let Some(unreadable) = &mut block.unreadable
            && unreadable.failures > 0
        {
            if unreadable.failures < u32::MAX {
                unreadable.failures -= 1;
            }
            self.position += usize::from(unreadable.passes);
            (self.record_known, self.met) = (false, Met::Nothing);
            return Err(failed(errno::EIO));
        }
        self.position += 1;
        match &block.recorded {
            Recorded::Filemark => {
                (self.met, self.record_known) = (Met::Filemark, true);
                Ok(Vec::new())
            }
            Recorded::Record(record) => {
                self.met = Met::Nothing;
                Ok(record.clone())
            }
        }
    }
}

/// Moving.
impl State {
    pub(super) fn rewind(&mut self) -> io::Result<()> {
        self.settle()?;
        self.lost = false;
        self.ready()?;
        self.positioning();
        self.position = 0;
        self.count_from_beginning();
        Ok(())
    }

    pub(super) fn go_to_end_of_data(&mut self) -> io::Result<()> {
        self.lost = false;
        let cartridge = self.ready()?;
        self.positioning();
        self.position = cartridge.reel().blocks.len();
        (self.met, self.record_known) = (Met::EndOfData, true);
        Ok(())
    }

    pub(super) fn seek(&mut self, address: u32) -> io::Result<()> {
        self.settle()?;
        if !self.behaviour.addresses {
            return Err(failed(errno::EIO));
        }
        self.lost = false;
        let cartridge = self.ready()?;
        self.positioning();
        (self.file_known, self.record_known) = (false, false);
        let end = cartridge.reel().blocks.len();
        self.position = (address as usize).min(end);
        if address as usize > end {
            self.met = Met::EndOfData;
            return Err(failed(errno::EIO));
        }
        Ok(())
    }

    pub(super) fn space_files(&mut self, count: i32) -> io::Result<()> {
        self.ready()?;
        // The filemark that the driver writes first does not count as one of those that were asked for.
        let owed = count < 0 && self.settle()?;
        let cartridge = self.spaceable(count)?;
        let (reel, mut left) = (cartridge.reel(), count.unsigned_abs() + u32::from(owed));
        while left > 0 {
            let at_end = count > 0 && self.position >= reel.blocks.len();
            let passed = self.step(&reel, count > 0);
            if at_end && !self.behaviour.tells_end_of_spacing {
                self.met = Met::Nothing;
            }
            left -= u32::from(passed? == Recorded::Filemark);
        }
        if count < 0 && self.behaviour.overshoots_filemarks {
            self.position = self.position.saturating_sub(1);
            let passed = reel.blocks.get(self.position).map(|block| &block.recorded);
            self.unnoticed_filemarks -= i64::from(passed == Some(&Recorded::Filemark));
        }
        self.record_known = count > 0;
        Ok(())
    }

    pub(super) fn space_records(&mut self, count: i32) -> io::Result<()> {
        let cartridge = self.spaceable(count)?;
        let reel = cartridge.reel();
        for _ in 0..count.unsigned_abs() {
            let next = if count > 0 { Some(self.position) } else { self.position.checked_sub(1) };
            let next = next.and_then(|at| reel.blocks.get(at));
            if self.behaviour.spaces_by_reading && next.is_some_and(|block| block.unreadable.is_some()) {
                self.record_known = false;
                return Err(failed(errno::EIO));
            }
            if next.is_none() && !self.behaviour.tells_end_of_spacing {
                return Err(failed(errno::EIO));
            }
            if self.step(&reel, count > 0)? != Recorded::Filemark {
                continue;
            }
            if self.behaviour.stops_at_filemarks {
                self.record_known = count > 0;
                return Err(failed(errno::EIO));
            }
            self.unnoticed_filemarks += if count > 0 { 1 } else { -1 };
        }
        Ok(())
    }

    fn spaceable(&mut self, count: i32) -> io::Result<super::cartridge::Cartridge> {
        let cartridge = self.ready()?;
        if count > self.behaviour.largest_space || count < -self.behaviour.largest_space - 1 {
            return Err(failed(errno::EINVAL));
        }
        self.positioning();
        Ok(cartridge)
    }

    /// Passes one block forward or backward; which. At either end of the tape it fails.
    fn step(&mut self, reel: &Reel, forward: bool) -> io::Result<Recorded> {
        self.met = Met::Nothing;
        let next = if forward { Some(self.position) } else { self.position.checked_sub(1) };
        let Some(block) = next.and_then(|at| reel.blocks.get(at)) else {
            self.met = if forward { Met::EndOfData } else { Met::Nothing };
            return Err(failed(errno::EIO));
        };
        self.position = if forward { self.position + 1 } else { self.position - 1 };
        if block.recorded == Recorded::Filemark {
            self.met = if forward { Met::Filemark } else { Met::Nothing };
            return Ok(Recorded::Filemark);
        }
        Ok(Recorded::Record(Vec::new()))
    }
}

/// Telling.
impl State {
    pub(super) fn address(&self) -> io::Result<u32> {
        self.ready()?;
        if !self.behaviour.addresses {
            return Err(failed(errno::EIO));
        }
        Ok(u32::try_from(self.position).unwrap_or(u32::MAX))
    }

    pub(super) fn status(&self) -> io::Result<DriveStatus> {
        if self.lost {
            return Err(failed(errno::EIO));
        }
        let block_bytes = self.block_bytes as u32;
        let Some(cartridge) = &self.cartridge else { return Ok(DriveStatus { block_bytes, ..DriveStatus::default() }) };
        let reel = cartridge.reel();
        let before = &reel.blocks[..self.position.min(reel.blocks.len())];
        let file = before.iter().filter(|block| block.recorded == Recorded::Filemark).count();
        let file = u32::try_from(file as i64 - self.unnoticed_filemarks).unwrap_or(0);
        let record = before.iter().rev().take_while(|block| block.recorded != Recorded::Filemark).count();
        Ok(DriveStatus {
            online: true,
            write_protected: reel.write_protected,
            // The driver knows the beginning by its own count.
            at_beginning: self.position == 0 && self.unnoticed_filemarks == 0,
            at_end_of_data: self.met == Met::EndOfData,
            behind_filemark: self.met == Met::Filemark,
            near_end: self.refuses_next || self.at_hard_end,
            block_bytes,
            file: self.file_known.then_some(file),
            record: (self.file_known && self.record_known).then_some(record as u32),
            density: 0x60,
            // As older drivers do: they refuse the status itself.
            position_lost: false,
        })
    }
}
