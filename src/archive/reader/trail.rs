//! How a forward reader goes back: behind a part that lost its end, to where the next part goes on (format-spec, section 10).

use std::collections::VecDeque;

use super::super::index::Landed;
use super::super::ledger::Mark;
use super::super::limit;

/// Where the account stood behind each of the last members of the part that is read.
///
/// It takes about 300 bytes for each, of at most [`limit::TAKEN_BACK`] members.
#[derive(Default)]
pub struct Trail {
    steps: VecDeque<Step>,
}

struct Step {
    /// The number of the member behind this place.
    next_seq: u64,
    mark: Mark,
    /// The `extent/` member before this place.
    landed: Option<Landed>,
}

/// A place to which a reader goes back.
pub struct Place {
    /// Where the account stood there.
    pub mark: Mark,
    /// What was read behind it, in order.
    pub behind: VecDeque<Landed>,
}

impl Trail {
    /// Begins anew, behind the head of a part.
    pub fn begin(&mut self, next_seq: u64, mark: Mark) {
        self.steps.clear();
        self.steps.push_back(Step { next_seq, mark, landed: None });
    }

    /// Notes where the account stands behind an `extent/` member, or an index.
    pub fn push(&mut self, next_seq: u64, mark: Mark, landed: Option<Landed>) {
        if self.steps.len() as u64 > limit::TAKEN_BACK {
            self.steps.pop_front();
        }
        self.steps.push_back(Step { next_seq, mark, landed });
    }

    /// Where the part began, if no member behind its head was read whole; and the trail is used up.
    pub fn beginning(&mut self) -> Option<Mark> {
        if self.steps.len() == 1 {
            self.steps.pop_back().filter(|step| step.landed.is_none()).map(|step| step.mark)
        } else {
            None
        }
    }

    /// The place behind which a member of this number comes, if the trail reaches so far; and the trail is used up.
    pub fn back_to(&mut self, seq: u64) -> Option<Place> {
        let mut behind = VecDeque::new();
        while let Some(step) = self.steps.pop_back() {
            if step.next_seq <= seq {
                self.steps.clear();
                return Some(Place { mark: step.mark, behind });
            }
            step.landed.into_iter().for_each(|landed| behind.push_front(landed));
        }
        None
    }
}
