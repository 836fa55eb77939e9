//! The vectors of `format-spec/vectors`, each with its expected outcome.
#![allow(dead_code)] // No test program uses all of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

/// One vector.
pub struct Vector {
    /// Its name, without `.tar`.
    pub name: String,
    /// The archive.
    pub bytes: Arc<Vec<u8>>,
    /// Whether it lies there as a plain tar, for stock tools to be tried on.
    pub plain: Option<PathBuf>,
    /// Its entry in `outcomes.json`.
    pub outcome: Value,
}

/// All of them; fails if one has no outcome, or an outcome no vector.
pub fn all() -> Vec<Vector> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("format-spec/vectors");
    let text = std::fs::read(folder.join("outcomes.json")).unwrap();
    let mut outcomes: BTreeMap<String, Value> = serde_json::from_slice(&text).unwrap();
    let mut vectors = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap();
        let (name, packed) = match (file.strip_suffix(".tar"), file.strip_suffix(".tar.zst")) {
            (Some(name), _) => (name, false),
            (_, Some(name)) => (name, true),
            _ => continue,
        };
        let outcome = outcomes.remove(name).unwrap_or_else(|| panic!("{file} has no outcome"));
        let stored = std::fs::read(&path).unwrap();
        let bytes = if packed { zstd::decode_all(&stored[..]).unwrap() } else { stored };
        let plain = (!packed).then(|| path.clone());
        vectors.push(Vector { name: name.to_owned(), bytes: Arc::new(bytes), plain, outcome });
    }
    assert!(outcomes.is_empty(), "outcomes without a vector: {:?}", outcomes.keys());
    vectors.sort_by(|one, other| one.name.cmp(&other.name));
    vectors
}

impl Vector {
    /// The codes that a reader may end with; none where it needs a device too large to be made here.
    pub fn codes(&self, what: &str) -> Vec<i64> {
        match &self.outcome[what] {
            Value::Array(codes) => codes.iter().map(|code| code.as_i64().unwrap()).collect(),
            Value::Null => Vec::new(),
            code => vec![code.as_i64().unwrap()],
        }
    }

    /// Whether a restore of it, alone or behind another, leaves an image; or, of a part, what it holds.
    pub fn is_sound(&self) -> bool {
        ["verify", "part"].iter().any(|what| self.codes(what).iter().any(|code| [0, 8].contains(code)))
    }

    /// Whether a restore of it alone leaves an image.
    pub fn restores(&self) -> bool {
        self.codes("restore").iter().any(|code| [0, 8].contains(code))
    }

    /// The image's size.
    pub fn size(&self) -> usize {
        self.outcome["size"].as_u64().unwrap_or(1 << 20) as usize
    }

    /// Fails unless these bytes are the image; in bad ranges, which a restore leaves alone, must be `untouched`.
    pub fn check_image(&self, way: &str, image: &[u8], untouched: u8) {
        let mut image = image.to_vec();
        for range in self.outcome["bad"].as_array().into_iter().flatten() {
            let (start, length) = (range[0].as_u64().unwrap() as usize, range[1].as_u64().unwrap() as usize);
            let bad = &mut image[start..start + length];
            assert!(bad.iter().all(|byte| *byte == untouched), "{}, {way}: a bad range was written", self.name);
            bad.fill(0);
        }
        assert_eq!(image.len(), self.size(), "{}, {way}", self.name);
        let digest = blocktar::archive::DigestKind::Sha256.of(&image).to_string();
        assert_eq!(Some(digest.as_str()), self.outcome["sha256"].as_str(), "{}, {way}: another image", self.name);
    }

    /// What a message about it must say.
    pub fn says(&self) -> &str {
        self.outcome["says"].as_str().unwrap_or("")
    }
}

/// Parts that lie beside each other, of `format-spec/vectors/parts`.
pub struct PartSet {
    /// What comes of them together, under their common name; it has no bytes of its own.
    pub whole: Vector,
    /// The parts, in the order in which they are given; one may be there twice.
    pub parts: Vec<Vector>,
}

/// All of them; fails if an outcome names a part that is not there, or a part is in none.
pub fn sets() -> Vec<PartSet> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("format-spec/vectors/parts");
    let outcomes = std::fs::read(folder.join("outcomes.json")).unwrap();
    let outcomes: BTreeMap<String, Value> = serde_json::from_slice(&outcomes).unwrap();
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut unused: Vec<_> = files.filter_map(|file| Some(file.strip_suffix(".tar.zst")?.to_owned())).collect();
    let vector = |name: &str, bytes, outcome: &Value| Vector {
        name: name.to_owned(),
        bytes: Arc::new(bytes),
        plain: None,
        outcome: outcome.clone(),
    };
    let mut found = Vec::new();
    for (name, outcome) in &outcomes {
        let mut parts = Vec::new();
        for part in outcome["parts"].as_array().unwrap() {
            let part = part.as_str().unwrap();
            unused.retain(|name| name != part);
            let packed = std::fs::read(folder.join(format!("{part}.tar.zst"))).unwrap();
            parts.push(vector(part, zstd::decode_all(&packed[..]).unwrap(), &Value::Null));
        }
        found.push(PartSet { whole: vector(name, Vec::new(), outcome), parts });
    }
    assert!(unused.is_empty(), "parts without an outcome: {unused:?}");
    assert!(found.len() > 20, "{}", found.len());
    found
}

impl PartSet {
    /// Writes the parts into a folder, each under a name of its own, and gives these in order.
    pub fn write(&self, folder: &Path) -> Vec<String> {
        let names = self.parts.iter().enumerate().map(|(place, part)| format!("{place}-{}.tar", part.name));
        let names: Vec<_> = names.collect();
        names
            .iter()
            .zip(&self.parts)
            .for_each(|(name, part)| std::fs::write(folder.join(name), &part.bytes[..]).unwrap());
        names
    }
}
