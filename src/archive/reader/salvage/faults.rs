//! What was wrong with an archive that was salvaged: the first thousand sentences, all of them counted.

/// How many sentences are kept.
const KEPT_MAX: usize = 1000;

/// What was wrong, in the order in which it was met.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    kept: Vec<String>,
    left_out: u64,
}

impl Faults {
    /// Adds a sentence.
    pub fn push(&mut self, why: String) {
        if self.kept.len() < KEPT_MAX {
            self.kept.push(why);
        } else {
            self.left_out += 1;
        }
    }

    /// The first thousand of them.
    pub fn kept(&self) -> &[String] {
        &self.kept
    }

    /// How many more there are.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}
