//! Ids that do not fit: exchanged ones, and lesions that would have jumped.

use super::model::{GATE, Model, Motion, STRETCH, TURN, variance};
use super::{Entry, Page};

/// Exchanging ids has to lower the costs by as much: odds of 400 to 1.
const SWAP: f64 = 6.0;
/// Where nothing is known of the camera: lesions that moved at least this share of the farthest one may be the one that is wrong.
const SHARE_OF_FARTHEST: f64 = 0.5;

impl Page {
    /// Compare links by id with what fits.
    pub(super) fn judge_ids(&self, motion: &Motion, field: f64, entries: &mut [Entry]) {
        self.same_ids(motion, entries);
        self.circles(entries);
        self.exchanges(motion, entries);
        self.jumps(motion, field, entries);
    }

    /// The lesion of the earlier page with the same id; the nearest, if the id is there more than once.
    fn same_ids(&self, motion: &Motion, entries: &mut [Entry]) {
        // `by_id` has the ids of the earlier page in order.
        for (entry, to) in entries.iter_mut().zip(&self.to) {
            if to.id < 0 {
                continue;
            }
            let first = self.by_id.partition_point(|&(id, _)| id < to.id);
            let same = self.by_id[first..].iter().take_while(|&&(id, _)| id == to.id);
            let fits = same.map(|&(_, from)| (from, motion.fit(&self.from[from as usize], to)));
            if let Some((from, fit)) = fits.min_by(|one, other| one.1.distance2.total_cmp(&other.1.distance2))
            {
                entry.same_id = Some(from);
                entry.same_id_distance = fit.distance2.sqrt();
                entry.same_id_cost = fit.cost();
                entry.tolerance = fit.variance.sqrt();
            }
        }
    }

    /// Circles of lesions each of which is where the id of the next one was.
    fn circles(&self, entries: &mut [Entry]) {
        let mut to_of = vec![None; self.from.len()];
        for &(from, to) in &self.common {
            to_of[from as usize] = Some(to);
        }
        let next = |entries: &[Entry], to: u32| -> Option<u32> {
            let entry = &entries[to as usize];
            let unique = entry.same_id.is_some_and(|from| to_of[from as usize] == Some(to));
            entry.partner.filter(|_| unique).and_then(|from| to_of[from as usize])
        };
        for start in 0..entries.len() as u32 {
            if entries[start as usize].swap.is_some() {
                continue;
            }
            // Partners are one to one, so a walk that does not end comes back to its start.
            let mut circle = vec![start];
            let mut at = next(entries, start);
            while let Some(to) = at
                && to != start
            {
                circle.push(to);
                at = next(entries, to);
            }
            if at != Some(start) || circle.len() < 2 {
                continue;
            }
            let gain: f64 = circle
                .iter()
                .map(|&to| {
                    let entry = &entries[to as usize];
                    entry.same_id_cost - entry.cost
                })
                .sum();
            if gain >= SWAP {
                for &to in &circle {
                    let should = next(entries, to);
                    let entry = &mut entries[to as usize];
                    (entry.swap, entry.swap_gain, entry.swap_size) = (should, gain, circle.len() as u32);
                }
            }
        }
    }

    /// Two lesions that fit better with each other's id, although a third one fits one of them better still.
    fn exchanges(&self, motion: &Motion, entries: &mut [Entry]) {
        let odd: Vec<(u32, u32)> = self
            .common
            .iter()
            .filter(|&&(from, to)| {
                let entry = &entries[to as usize];
                entry.swap.is_none() && entry.partner != Some(from)
            })
            .copied()
            .collect();
        let mut found: Vec<(f64, u32, u32)> = Vec::new();
        for (k, &(a, b)) in odd.iter().enumerate() {
            for &(c, d) in &odd[..k] {
                let cost =
                    |from: u32, to: u32| motion.fit(&self.from[from as usize], &self.to[to as usize]).cost();
                let (first, second) = (cost(a, d), cost(c, b));
                let gain =
                    entries[b as usize].same_id_cost + entries[d as usize].same_id_cost - first - second;
                if first < GATE && second < GATE && gain >= SWAP {
                    found.push((gain, b, d));
                }
            }
        }
        found.sort_by(|one, other| other.0.total_cmp(&one.0));
        for (gain, b, d) in found {
            if entries[b as usize].swap.is_none() && entries[d as usize].swap.is_none() {
                for (to, other) in [(b, d), (d, b)] {
                    let entry = &mut entries[to as usize];
                    (entry.swap, entry.swap_gain, entry.swap_size) = (Some(other), gain, 2);
                }
            }
        }
    }

    /// Lesions that are farther from where their id was than skin, pen and growth explain.
    fn jumps(&self, motion: &Motion, field: f64, entries: &mut [Entry]) {
        for entry in entries.iter_mut() {
            let far = entry.same_id_distance.powi(2) / (2.0 * entry.tolerance.powi(2));
            entry.jump = entry.swap.is_none() && far >= GATE;
        }
        if motion.model != Model::None || self.common.len() < 2 {
            return;
        }
        // Ids that contradict each other, and nothing says which of them is right.
        let moved = |&(from, to): &(u32, u32)| {
            let (from, to) = (self.from[from as usize].at, self.to[to as usize].at);
            [to[0] - from[0], to[1] - from[1]]
        };
        let farthest = self.common.iter().map(moved).map(|[x, y]| x.hypot(y)).fold(0.0, f64::max);
        for link in &self.common {
            let [x, y] = moved(link);
            let entry = &mut entries[link.1 as usize];
            if entry.swap.is_none()
                && x.hypot(y) >= SHARE_OF_FARTHEST * farthest
                && self.against_all(*link, field)
            {
                entry.jump = true;
            }
        }
    }
    /// Whether the movement of a lesion cannot be that of any other with an id that both pages have.
    fn against_all(&self, link: (u32, u32), field: f64) -> bool {
        let spots = |(from, to): (u32, u32)| (&self.from[from as usize], &self.to[to as usize]);
        let (a, b) = spots(link);
        self.common.iter().filter(|&&other| other != link).all(|&other| {
            let (c, d) = spots(other);
            let (x, y) = (a.at[0] - c.at[0], a.at[1] - c.at[1]);
            let (u, v) = (b.at[0] - d.at[0], b.at[1] - d.at[1]);
            let turned = (STRETCH * STRETCH + TURN * TURN) * (x * x + y * y);
            let variance = variance(a, b, field) + variance(c, d, field) + turned;
            (u - x).powi(2) + (v - y).powi(2) >= 2.0 * GATE * variance
        })
    }
}
