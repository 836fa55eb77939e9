//! Asks LVM for the volumes of a group.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use crate::error::{Error, Result};
use crate::location::VolumeName;

use super::tool;

const COLUMNS: &str = "lv_name,lv_uuid,lv_dm_path,lv_size,lv_layout,lv_role,lv_active,origin,pool_lv,thin_id,lv_tags,vg_free,vg_extent_size";

/// A volume group as LVM describes it.
#[derive(Clone, Debug)]
pub struct Group {
    name: String,
    volumes: Vec<Volume>,
    /// What is not given to any volume.
    pub free_bytes: u64,
    /// The unit in which it is given.
    pub extent_bytes: u64,
}

/// A logical volume. What LVM has nothing to say about is empty or `None`.
#[derive(Clone, Debug, Deserialize)]
pub struct Volume {
    /// Its name within the group.
    #[serde(rename = "lv_name")]
    pub name: String,
    /// LVM's own identifier of it.
    #[serde(rename = "lv_uuid")]
    pub uuid: String,
    /// Its node.
    #[serde(rename = "lv_dm_path")]
    pub device: PathBuf,
    /// Its size; of a classic snapshot, that of its store.
    #[serde(rename = "lv_size", deserialize_with = "number")]
    pub size_bytes: u64,
    #[serde(rename = "lv_layout")]
    layout: String,
    #[serde(rename = "lv_role")]
    role: String,
    #[serde(rename = "lv_active")]
    active: String,
    /// The volume that it is a snapshot of.
    pub origin: String,
    /// The thin pool that it lies in.
    #[serde(rename = "pool_lv")]
    pub pool: String,
    /// Its number in that pool.
    #[serde(deserialize_with = "number_or_none")]
    pub thin_id: Option<u64>,
    #[serde(rename = "lv_tags", deserialize_with = "words")]
    pub(super) tags: Vec<String>,
    #[serde(deserialize_with = "number")]
    vg_free: u64,
    #[serde(rename = "vg_extent_size", deserialize_with = "number")]
    vg_extent: u64,
}

impl Group {
    /// Asks for the group in which this volume should lie.
    ///
    /// # Errors
    /// What lvs fails with, such as a group that is not there; an answer that is not understood.
    pub fn of(name: &VolumeName) -> Result<Self> {
        let group = name.group();
        let arguments = ["--reportformat", "json", "--units", "b", "--nosuffix", "--options", COLUMNS, "--", group];
        Self::read(group, &tool::run("lvs", &arguments)?)
    }

    /// Reads LVM's answer.
    fn read(name: &str, answer: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Answer {
            report: Vec<Report>,
        }
        #[derive(Deserialize)]
        struct Report {
            lv: Vec<Volume>,
        }
        let failed = |cause| Error::io("understanding", "the answer of lvs", io::Error::other(cause));
        let answer: Answer = serde_json::from_slice(answer).map_err(|cause| failed(cause.to_string()))?;
        let mut volumes: Vec<_> = answer.report.into_iter().flat_map(|report| report.lv).collect();
        // Some columns have LVM give a line for each segment of a volume.
        volumes.dedup_by(|next, last| next.uuid == last.uuid);
        let (free_bytes, extent_bytes) = volumes.first().map_or((0, 0), |volume| (volume.vg_free, volume.vg_extent));
        Ok(Self { name: name.to_owned(), volumes, free_bytes, extent_bytes })
    }

    /// The volume of this name.
    pub fn volume(&self, name: &str) -> Result<&Volume> {
        self.volumes.iter().find(|volume| volume.name == name).ok_or_else(|| {
            let group = &self.name;
            let why = format!("there is no volume {name} in the group {group}");
            Error::refused(format!("use {group}/{name}"), why, Some(format!("`lvs {group}` lists what there is")))
        })
    }

    /// The snapshots of a volume.
    pub fn snapshots_of<'a>(&'a self, origin: &'a Volume) -> impl Iterator<Item = &'a Volume> {
        self.volumes.iter().filter(|volume| volume.origin == origin.name)
    }
}

impl Volume {
    /// Whether it is thin, so that a snapshot of it takes no room.
    pub fn is_thin(&self) -> bool {
        self.thin_id.is_some()
    }

    /// Whether its device is there.
    pub fn is_active(&self) -> bool {
        self.active.starts_with("active")
    }

    /// Whether it is a snapshot with a store of its own, which cannot have a snapshot itself.
    pub fn is_classic_snapshot(&self) -> bool {
        self.role.split(',').any(|role| role == "thicksnapshot")
    }

    /// Whether it holds other volumes, or belongs to one, and is nobody's disk.
    pub fn is_private(&self) -> bool {
        self.role.split(',').any(|role| role == "private") || self.layout.split(',').any(|layout| layout == "pool")
    }

    /// The device mapper's name of it, which has no other dashes than those that LVM doubled, and one.
    pub(super) fn mapper_name(&self) -> Result<&str> {
        let name = self.device.strip_prefix("/dev/mapper").ok().and_then(Path::to_str);
        name.filter(|name| !name.is_empty() && !name.starts_with('-')).ok_or_else(|| {
            let why = format!("it gives {} as the node of {}", self.device.display(), self.name);
            Error::io("understanding", "the answer of lvs", io::Error::other(why))
        })
    }
}

/// LVM gives all values as text.
fn number<'d, D: Deserializer<'d>>(value: D) -> std::result::Result<u64, D::Error> {
    let text = String::deserialize(value)?;
    text.parse().map_err(|_| D::Error::custom(format!("'{text}' is no number")))
}

fn number_or_none<'d, D: Deserializer<'d>>(value: D) -> std::result::Result<Option<u64>, D::Error> {
    let text = String::deserialize(value)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| D::Error::custom(format!("'{text}' is no number")))
}

fn words<'d, D: Deserializer<'d>>(value: D) -> std::result::Result<Vec<String>, D::Error> {
    let text = String::deserialize(value)?;
    Ok(text.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A group with a thick volume of two segments, its snapshot, a pool, a thin volume and its snapshot, as LVM 2.03.16 describes it.
    pub(in super::super) fn example() -> Group {
        tagged("blocktar,blocktar:process:x")
    }

    /// The same; the thick volume's snapshot has these tags.
    pub(in super::super) fn tagged(tags: &str) -> Group {
        let volume = |name: &str, dm: &str, size: &str, layout: &str, role: &str, more: [&str; 4]| {
            let [origin, pool, thin, tags] = more;
            format!(
                r#"{{"lv_name":"{name}","lv_uuid":"id-{name}","lv_dm_path":"/dev/mapper/{dm}","lv_size":"{size}","lv_layout":"{layout}","lv_role":"{role}","lv_active":"active","origin":"{origin}","pool_lv":"{pool}","thin_id":"{thin}","lv_tags":"{tags}","vg_free":"373293056","vg_extent_size":"4194304"}}"#
            )
        };
        let thick =
            volume("o-1.a+", "v--g.1+-o--1.a+", "67108864", "linear", "public,origin,thickorigin", ["", "", "", ""]);
        let volumes = [
            thick.clone(),
            thick,
            volume(
                "old",
                "v--g.1+-old",
                "16777216",
                "linear",
                "public,snapshot,thicksnapshot",
                ["o-1.a+", "", "", tags],
            ),
            volume("pool", "v--g.1+-pool", "67108864", "thin,pool", "private", ["", "", "", ""]),
            volume("tv", "v--g.1+-tv", "104857600", "thin,sparse", "public,origin,thinorigin", ["", "pool", "1", ""]),
            volume(
                "ts",
                "v--g.1+-ts",
                "104857600",
                "thin,sparse",
                "public,snapshot,thinsnapshot",
                ["tv", "pool", "2", "a"],
            ),
        ];
        let answer = format!(r#"{{"report":[{{"lv":[{}]}}]}}"#, volumes.join(","));
        Group::read("v-g.1+", answer.as_bytes()).unwrap()
    }

    #[test]
    fn lvms_answer_is_understood() {
        let group = example();
        assert_eq!((group.free_bytes, group.extent_bytes, group.volumes.len()), (373_293_056, 4_194_304, 5));
        let thick = group.volume("o-1.a+").unwrap();
        assert_eq!((thick.size_bytes, thick.mapper_name().unwrap()), (64 << 20, "v--g.1+-o--1.a+"));
        assert!(!thick.is_thin() && !thick.is_private() && thick.is_active() && !thick.is_classic_snapshot());
        let of_thick: Vec<_> = group.snapshots_of(thick).map(|volume| (&volume.name[..], volume.tags.len())).collect();
        assert_eq!(of_thick, [("old", 2)]);
        assert!(group.volume("old").unwrap().is_classic_snapshot());
        assert!(group.volume("pool").unwrap().is_private());
        let thin = group.volume("ts").unwrap();
        assert_eq!((thin.thin_id, &thin.pool[..], &thin.origin[..]), (Some(2), "pool", "tv"));
        assert!(thin.is_thin() && !thin.is_private());
    }

    #[test]
    fn a_volume_that_is_not_there_is_refused() {
        let error = example().volume("none").unwrap_err();
        assert!(matches!(error, Error::Refused(_)) && error.remedy().unwrap().contains("lvs v-g.1+"), "{error}");
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for answer in ["", "{}", "[]", r#"{"report":[{"lv":[{}]}]}"#, r#"{"report":[{"lv":[{"lv_name":1}]}]}"#] {
            assert!(matches!(Group::read("vg", answer.as_bytes()), Err(Error::Io(_))), "{answer}");
        }
        let odd = example().volumes[0].clone();
        let odd = Volume { device: "/dev/vg/../x".into(), ..odd };
        assert!(odd.mapper_name().is_err());
    }
}
