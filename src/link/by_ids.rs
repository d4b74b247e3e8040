//! The camera's movement that lesions with equal ids agree on.
//!
//! Within 45 degrees at least half of them have to agree. A camera turned farther (a phone held sideways, an image stored
//! upside down) is believed where at least [`ENOUGH`] agree, two of three, and clearly more than within 45 degrees. If two
//! lesions had exchanged their ids, all others would be where they were; a turn that takes the two for each other leaves only one
//! point in its place, so that no more than three agree with it. An exchange is thus never taken for a turn.

use super::Page;
use super::model::{Model, Motion};
use super::motion::{Bounds, Links};

/// Ids of which all pairs suggest movements; of more, this many spread over them do.
const MOST_IDS: usize = 48;
/// A pair of lesions has to be this much more likely than the next to be believed against a third one: odds of 7 to 1.
const DECIDES: f64 = 2.0;
/// Ids that have to agree on a turn by more than 45 degrees: one more than can where two were exchanged.
pub(super) const ENOUGH: usize = 4;
/// One of so many may disagree with such a turn: so that of six two may have been exchanged.
const ONE_OF: usize = 3;
/// Ids by which such a turn has to be better than any movement within 45 degrees.
const CLEARLY: usize = 2;

impl Page {
    /// The movement within 45 degrees that lesions with equal ids agree on, and which they are; at least half of them have to.
    pub(super) fn by_ids(&self, bounds: Bounds) -> Option<(Motion, Links)> {
        let links = &self.common;
        let n = links.len();
        if n < 2 {
            return None;
        }
        let needed = n.div_ceil(2);
        if n >= 3 {
            let motion = match self.most_votes(bounds) {
                Some((count, _, motion)) if count >= needed.max(3) => Some(motion),
                _ => self.two_of_three(bounds),
            };
            if let Some(motion) = motion
                && let Some(found) = self.settle(motion, links, Model::Similarity, bounds)
                && found.1.len() >= needed
            {
                return Some(found);
            }
        }
        let mut best = Best::default();
        for one in self.some() {
            best.offer(self.votes(&self.shifted(one, Model::Shift, bounds), links, bounds));
        }
        let (count, _, motion) = best.best?;
        if count < needed.max(2) {
            return None;
        }
        self.settle(motion, links, Model::Shift, bounds).filter(|found| found.1.len() >= needed.max(2))
    }

    /// The movement with any turn that most lesions with equal ids agree on, and which they are.
    pub(super) fn turned_by_ids(
        &self,
        upright: Option<&(Motion, Links)>,
        bounds: Bounds,
    ) -> Option<(Motion, Links)> {
        let n = self.common.len();
        // Where only a shift is known so much is allowed for that turns agree with it: no rival.
        let rival =
            upright.filter(|found| found.0.model == Model::Similarity).map_or(0, |found| found.1.len());
        let needed = ENOUGH.max(n - n / ONE_OF).max(rival + CLEARLY);
        if n < needed {
            return None;
        }
        let bounds = bounds.with_any_turn();
        let (count, _, motion) = self.most_votes(bounds)?;
        if count < needed {
            return None;
        }
        let found = self.settle(motion, &self.common, Model::Similarity, bounds)?;
        (found.1.len() >= needed).then_some(found)
    }

    /// Of the movements that every two ids suggest, and of the shifts that every one does, the one that most agree with.
    fn most_votes(&self, bounds: Bounds) -> Option<(usize, f64, Motion)> {
        let some = self.some();
        let mut best = Best::default();
        for (k, &one) in some.iter().enumerate() {
            best.offer(self.votes(&self.shifted(one, Model::Similarity, bounds), &self.common, bounds));
            for &other in &some[..k] {
                if let Some(motion) = self.turned(one, other, bounds) {
                    best.offer(self.votes(&motion, &self.common, bounds));
                }
            }
        }
        best.best
    }

    /// Links by id that suggest movements.
    fn some(&self) -> Links {
        let n = self.common.len();
        let few = n.min(MOST_IDS);
        (0..few).map(|k| self.common[k * n / few]).collect()
    }

    /// Of three lesions that do not agree, the two whose movement is much more likely than that of any other two.
    fn two_of_three(&self, bounds: Bounds) -> Option<Motion> {
        let &[a, b, c] = self.common.as_slice() else { return None };
        let fitted = |pair: [(u32, u32); 2]| {
            let motion = self.fitted(&pair, Model::Similarity, bounds)?;
            let (count, cost, motion) = self.votes(&motion, &pair, bounds);
            (count == 2).then_some((cost, motion))
        };
        let mut found: Vec<_> = [[a, b], [a, c], [b, c]].into_iter().filter_map(fitted).collect();
        found.sort_by(|one, other| one.0.total_cmp(&other.0));
        match found.as_slice() {
            [(_, motion)] => Some(*motion),
            [(cost, motion), (next, _), ..] if cost + DECIDES < *next => Some(*motion),
            _ => None,
        }
    }
}

/// The movement with the most votes, of equal ones the cheapest.
#[derive(Default)]
struct Best {
    best: Option<(usize, f64, Motion)>,
}

impl Best {
    fn offer(&mut self, new: (usize, f64, Motion)) {
        if self.best.is_none_or(|old| new.0 > old.0 || new.0 == old.0 && new.1 < old.1) {
            self.best = Some(new);
        }
    }
}
