//! What sysfs says of block devices: the drive, the LVM names, the parts, and who builds on them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::sys::block::DeviceNumber;

/// A block device in sysfs (`/sys/dev/block/8:1`). Nothing is read before it is asked for; what is not there is `None` or empty.
#[derive(Clone, Debug)]
pub struct BlockDevice {
    root: PathBuf,
    folder: PathBuf,
}

/// Names that LVM gave a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LvmNames {
    /// Volume group.
    pub vg: String,
    /// Logical volume.
    pub lv: String,
}

impl BlockDevice {
    /// The device of this number.
    pub fn new(number: DeviceNumber) -> Self {
        Self::at(Path::new("/sys"), number)
    }

    fn at(root: &Path, number: DeviceNumber) -> Self {
        let link = root.join(format!("dev/block/{number}"));
        // Resolved, so that a partition's parent folder is its drive.
        Self { root: root.to_owned(), folder: fs::canonicalize(&link).unwrap_or(link) }
    }

    /// The kernel's name for it: `sda1`, `dm-0`.
    pub fn name(&self) -> Option<String> {
        let name = self.folder.file_name()?.to_str()?;
        // Some drivers have a folder, which sysfs writes with exclamation marks.
        (!name.contains(':')).then(|| name.replace('!', "/"))
    }

    /// Its number.
    pub fn number(&self) -> Option<DeviceNumber> {
        number(&self.folder)
    }

    /// The drive that this is a partition of; itself, if it is none.
    pub fn drive(&self) -> Self {
        match self.folder.parent() {
            Some(parent) if self.folder.join("partition").exists() => {
                Self { root: self.root.clone(), folder: parent.to_owned() }
            }
            _ => self.clone(),
        }
    }

    /// Model of the drive.
    pub fn model(&self) -> Option<String> {
        line(&self.drive().folder.join("device/model"))
    }

    /// Serial number of the drive: NVMe and MMC have it beside the model, virtio in the device's own folder, SCSI in page 0x80 of its vital product data.
    pub fn serial(&self) -> Option<String> {
        let folder = self.drive().folder;
        line(&folder.join("device/serial")).or_else(|| line(&folder.join("serial"))).or_else(|| {
            // SPC: a header of four bytes, then the number as text.
            let page = fs::read(folder.join("device/vpd_pg80")).ok()?;
            trimmed(page.get(4..)?)
        })
    }

    /// Whether it can only be read: by its nature, or because somebody set it so (`blockdev --setro`).
    pub fn is_read_only(&self) -> bool {
        line(&self.folder.join("ro")).as_deref() == Some("1")
    }

    /// Names of the volume group and the logical volume, if it is one. LVM's inner layers (`vg-lv-real`) have none.
    pub fn lvm_names(&self) -> Option<LvmNames> {
        let uuid = line(&self.folder.join("dm/uuid"))?;
        uuid.starts_with("LVM-").then_some(())?;
        split_lvm_name(&line(&self.folder.join("dm/name"))?)
    }

    /// Name in the device mapper, if it is its device.
    pub fn mapper_name(&self) -> Option<String> {
        line(&self.folder.join("dm/name"))
    }

    /// The file that a loop device shows.
    pub fn backing_file(&self) -> Option<PathBuf> {
        line(&self.folder.join("loop/backing_file")).map(PathBuf::from)
    }

    /// Devices that are built on it: device mapper, RAID, bcache.
    pub fn holders(&self) -> Vec<Self> {
        self.below("holders")
    }

    /// Devices that it is built on.
    pub fn slaves(&self) -> Vec<Self> {
        self.below("slaves")
    }

    /// Its partitions.
    pub fn partitions(&self) -> Vec<Self> {
        self.below("").into_iter().filter(|part| part.folder.join("partition").exists()).collect()
    }

    /// The longest request in bytes that one call of readahead makes, if it is known.
    pub fn request_bytes(&self) -> Option<u64> {
        let queue = self.drive().folder.join("queue");
        let kib = |name| line(&queue.join(name)).and_then(|text| text.parse::<u64>().ok());
        kib("max_sectors_kb").max(kib("read_ahead_kb")).and_then(|kib| kib.checked_mul(1024)).filter(|&bytes| bytes > 0)
    }

    /// All block devices of the machine that are not partitions.
    pub fn all() -> Vec<Self> {
        let root = PathBuf::from("/sys");
        Self { folder: root.clone(), root }.below("block")
    }

    /// The devices that have a folder, or a link to one, in this folder; in order of their names.
    fn below(&self, folder: &str) -> Vec<Self> {
        let entries = fs::read_dir(self.folder.join(folder)).into_iter().flatten().flatten();
        let mut numbers: Vec<_> =
            entries.filter_map(|entry| number(&entry.path()).map(|number| (entry.file_name(), number))).collect();
        numbers.sort();
        numbers.into_iter().map(|(_, number)| Self::at(&self.root, number)).collect()
    }
}

fn number(folder: &Path) -> Option<DeviceNumber> {
    let text = line(&folder.join("dev"))?;
    let (major, minor) = text.split_once(':')?;
    Some(DeviceNumber { major: major.parse().ok()?, minor: minor.parse().ok()? })
}

fn line(path: &Path) -> Option<String> {
    trimmed(&fs::read(path).ok()?)
}

/// Drives pad their names with blanks, some with zero bytes, and some have bytes that are no text: those are left out.
fn trimmed(bytes: &[u8]) -> Option<String> {
    let text: String = String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control() && *c != '\u{fffd}').collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The device mapper's name of a logical volume is `vg-lv`, a dash within a name being doubled (`dm_split_lvm_name` of libdevmapper).
fn split_lvm_name(name: &str) -> Option<LvmNames> {
    let mut names = vec![String::new()];
    let mut rest = name.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '-' && rest.next_if_eq(&'-').is_none() {
            names.push(String::new());
        } else {
            names.last_mut()?.push(c);
        }
    }
    let [vg, lv] = <[String; 2]>::try_from(names).ok()?;
    (!vg.is_empty() && !lv.is_empty()).then_some(LvmNames { vg, lv })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A small sysfs: drive sda with partition sda1, held by dm-0.
    fn tree() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let file = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        file("devices/pci/sda/dev", "8:0\n");
        file("devices/pci/sda/device/model", "DISK 9000        \n");
        file("devices/pci/sda/device/vpd_pg80", "\0\u{1}\0\u{4}S123");
        file("devices/pci/sda/queue/max_sectors_kb", "1280\n");
        file("devices/pci/sda/queue/read_ahead_kb", "128\n");
        file("devices/pci/sda/sda1/dev", "8:1\n");
        file("devices/pci/sda/sda1/partition", "1\n");
        file("devices/virtual/dm-0/dev", "253:0\n");
        file("devices/virtual/dm-0/dm/uuid", "LVM-abcdef\n");
        file("devices/virtual/dm-0/dm/name", "my--vg-lv\n");
        fs::create_dir_all(root.join("dev/block")).unwrap();
        fs::create_dir_all(root.join("devices/pci/sda/sda1/holders")).unwrap();
        symlink("../../../../virtual/dm-0", root.join("devices/pci/sda/sda1/holders/dm-0")).unwrap();
        symlink("../../devices/pci/sda", root.join("dev/block/8:0")).unwrap();
        symlink("../../devices/pci/sda/sda1", root.join("dev/block/8:1")).unwrap();
        symlink("../../devices/virtual/dm-0", root.join("dev/block/253:0")).unwrap();
        folder
    }

    fn device(tree: &tempfile::TempDir, major: u64, minor: u64) -> BlockDevice {
        BlockDevice::at(tree.path(), DeviceNumber { major, minor })
    }

    #[test]
    fn a_partition_has_the_facts_of_its_drive() {
        let tree = tree();
        let partition = device(&tree, 8, 1);
        assert_eq!(partition.name().as_deref(), Some("sda1"));
        assert_eq!(partition.model().as_deref(), Some("DISK 9000"));
        assert_eq!(partition.serial().as_deref(), Some("S123"));
        assert_eq!(partition.request_bytes(), Some(1280 << 10));
        assert_eq!(partition.lvm_names(), None);
    }

    #[test]
    fn partitions_and_holders_are_followed() {
        let tree = tree();
        let partitions = device(&tree, 8, 0).partitions();
        assert_eq!(
            partitions.iter().map(BlockDevice::number).collect::<Vec<_>>(),
            [Some(DeviceNumber { major: 8, minor: 1 })]
        );
        let holders = partitions[0].holders();
        assert_eq!(holders.len(), 1);
        assert_eq!(holders[0].lvm_names(), Some(LvmNames { vg: "my-vg".into(), lv: "lv".into() }));
    }

    #[test]
    fn a_device_that_sysfs_does_not_know_has_no_facts() {
        let tree = tree();
        let unknown = device(&tree, 9, 9);
        assert_eq!((unknown.name(), unknown.model(), unknown.serial()), (None, None, None));
        assert!(unknown.holders().is_empty() && unknown.partitions().is_empty());
    }

    #[test]
    fn dashes_within_lvm_names_are_doubled() {
        let names = |name| split_lvm_name(name).map(|names| (names.vg, names.lv));
        let pair = |vg: &str, lv: &str| Some((vg.to_owned(), lv.to_owned()));
        assert_eq!(names("vg-lv"), pair("vg", "lv"));
        assert_eq!(names("a--b-c----d"), pair("a-b", "c--d"));
        assert_eq!(names("a---b"), pair("a-", "b"));
        assert_eq!(names("vg-lv-real"), None);
        assert_eq!(names("vg"), None);
        assert_eq!(names("-"), None);
    }
}
