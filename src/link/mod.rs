//! Lesions on two pages of one patient: how the camera moved between them, which lesion is which, and ids that do not fit.
//!
//! [`model`] says what a link of two lesions costs, `motion` finds the movement of the camera, `ids` judges the ids that
//! were given. What is the same lesion is decided by the assignment of least total cost, one to one.

mod by_ids;
mod ids;
pub mod model;
mod motion;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod turn_tests;

use std::ops::Range;

use crate::assignment::{Assignment, Edge};
use crate::batch::{self, Batch};
use crate::error::Result;
use crate::polygons::Point;

use model::{Basis, GATE, Model, Motion, Spot};

/// Lesions as they were seen, each in pixels of its page; the lesions of a page are neighbours.
#[derive(Clone, Copy)]
pub struct Sightings<'a> {
    /// Positions.
    pub xy: &'a [Point],
    /// Logarithms of areas; NaN where there is none.
    pub log_area: &'a [f64],
    /// Codes of labels, below 0 for none.
    pub label: &'a [i64],
    /// Codes of ids, below 0 for none.
    pub id: &'a [i64],
}

/// Two pages, the earlier and the later.
#[derive(Clone, Debug)]
pub struct Pair {
    /// Lesions of the earlier page.
    pub from: Range<usize>,
    /// Lesions of the later page.
    pub to: Range<usize>,
    /// How much of the unit a pixel of the earlier page is, along x and y.
    pub from_per_px: [f64; 2],
    /// The same of the later page.
    pub to_per_px: [f64; 2],
    /// Width of the image in the unit; not above 0 where it is unknown: then what the lesions cover.
    pub field: f64,
    /// Largest factor of lengths between the pages, and one over the smallest.
    pub zoom_most: f64,
}

/// The camera's movement between two pages.
#[derive(Clone, Debug)]
pub struct Movement {
    /// What is known of it.
    pub model: Model,
    /// What it was found from.
    pub basis: Basis,
    /// Two rows: factors of x and y, and what is added.
    pub matrix: [f64; 6],
    /// Ids that both pages have exactly once.
    pub n_common: u32,
    /// Lesions that agree on the movement.
    pub n_inliers: u32,
    /// Standard deviation per coordinate of what is left; NaN where as many numbers were fitted as measured.
    pub residual_sd: f64,
}

/// A lesion of the later page, and where it comes from. Lesions are counted from the start of all.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The lesion.
    pub lesion: u32,
    /// Lesion of the earlier page that it is taken to be.
    pub partner: Option<u32>,
    /// Distance to it after alignment; NaN without one, like the next two.
    pub partner_distance: f64,
    /// What the link costs.
    pub cost: f64,
    /// How much more the next best link of either lesion costs, or none at all.
    pub margin: f64,
    /// Lesion of the earlier page with the same id; the nearest of several.
    pub same_id: Option<u32>,
    /// Distance to it after alignment; NaN without one, like the next two.
    pub same_id_distance: f64,
    /// What the link costs.
    pub same_id_cost: f64,
    /// Standard deviation of the distance, per coordinate, that was allowed for.
    pub tolerance: f64,
    /// The lesion with the same id is implausibly far.
    pub jump: bool,
    /// Lesion of the same page whose id this one should have.
    pub swap: Option<u32>,
    /// By how much exchanging the ids lowers their costs; NaN without suspicion.
    pub swap_gain: f64,
    /// How many ids were exchanged in a circle; 0 without suspicion.
    pub swap_size: u32,
}

/// Compare the lesions of each pair of pages.
///
/// Cost per pair of pages with n lesions each: O(n²) for costs, O(n³) at worst for the assignment and for movements
/// that ids suggest (all pairs of up to 48 of them, each tried on all); without ids all pairs of the 16 largest lesions.
/// Entries are those of the first pair, then those of the second, and so on.
pub fn link(seen: Sightings, pairs: &[Pair], batch: &Batch) -> Result<(Vec<Movement>, Vec<Entry>)> {
    // Two lesions that are compared count like some vertices.
    let work: usize = pairs.iter().map(|pair| (pair.from.len() + 4) * (pair.to.len() + 4)).sum();
    let chunks = batch::chunks(pairs.len(), work * 4);
    let done = batch::run(batch, &chunks, work * 4, Page::default, |page, chunk| {
        let mut entries = Vec::new();
        let movements =
            chunk.clone().map(|pair| page.link(seen, &pairs[pair], &mut entries)).collect::<Vec<_>>();
        Ok((movements, entries))
    })?;
    let (movements, entries): (Vec<_>, Vec<_>) = done.into_iter().unzip();
    Ok((movements.concat(), entries.concat()))
}

/// Two pages being compared; a scratch that is reused from pair to pair.
#[derive(Default)]
struct Page {
    from: Vec<Spot>,
    to: Vec<Spot>,
    /// Lesions with the same id, where both pages have it once.
    common: Vec<(u32, u32)>,
    edges: Vec<Edge>,
    assignment: Assignment,
    by_id: Vec<(i64, u32)>,
}

impl Page {
    fn link(&mut self, seen: Sightings, pair: &Pair, all: &mut Vec<Entry>) -> Movement {
        load(&mut self.from, seen, pair.from.clone(), pair.from_per_px);
        load(&mut self.to, seen, pair.to.clone(), pair.to_per_px);
        self.find_common();
        let field = if pair.field > 0.0 { pair.field } else { extent(&self.from, &self.to) };
        let (motion, movement) = self.movement(field, pair.zoom_most);
        let links = self.assign(&motion);
        let mut entries = self.entries(&motion, &links);
        self.judge_ids(&motion, field, &mut entries);
        for entry in &mut entries {
            entry.lesion += pair.to.start as u32;
            for other in [&mut entry.partner, &mut entry.same_id].into_iter().flatten() {
                *other += pair.from.start as u32;
            }
            if let Some(other) = &mut entry.swap {
                *other += pair.to.start as u32;
            }
        }
        all.append(&mut entries);
        movement
    }

    /// Pair what has the same id, where each page has it once.
    fn find_common(&mut self) {
        self.common.clear();
        let once = |list: &mut Vec<(i64, u32)>, spots: &[Spot]| {
            list.clear();
            list.extend((0..).zip(spots).filter(|(_, spot)| spot.id >= 0).map(|(at, spot)| (spot.id, at)));
            list.sort_unstable();
        };
        let single = |list: &[(i64, u32)], at: usize| {
            let same = |other: Option<&(i64, u32)>| other.is_some_and(|other| other.0 == list[at].0);
            !same(at.checked_sub(1).and_then(|before| list.get(before))) && !same(list.get(at + 1))
        };
        once(&mut self.by_id, &self.from);
        let mut later = Vec::new();
        once(&mut later, &self.to);
        let mut at = 0;
        for (place, &(id, to)) in later.iter().enumerate() {
            while self.by_id.get(at).is_some_and(|other| other.0 < id) {
                at += 1;
            }
            if let Some(&(other, from)) = self.by_id.get(at)
                && other == id
                && single(&self.by_id, at)
                && single(&later, place)
            {
                self.common.push((from, to));
            }
        }
        // In the order of the earlier page, so that codes of ids do not matter.
        self.common.sort_unstable();
    }

    /// The one-to-one assignment of least total cost: pairs of positions on the pages.
    fn assign(&mut self, motion: &Motion) -> Vec<(u32, u32)> {
        self.edges.clear();
        for (left, from) in (0..).zip(&self.from) {
            for (right, to) in (0..).zip(&self.to) {
                let cost = motion.fit(from, to).cost();
                if cost < GATE {
                    self.edges.push(Edge { left, right, weight: GATE - cost });
                }
            }
        }
        let chosen = self.assignment.solve(self.from.len(), self.to.len(), &self.edges);
        chosen.into_iter().map(|(edge, _)| (self.edges[edge].left, self.edges[edge].right)).collect()
    }

    /// Lesions of the later page with their partners. `self.edges` are those of the assignment.
    fn entries(&self, motion: &Motion, links: &[(u32, u32)]) -> Vec<Entry> {
        let alone = |lesion: u32| Entry {
            lesion,
            partner: None,
            partner_distance: f64::NAN,
            cost: f64::NAN,
            margin: f64::NAN,
            same_id: None,
            same_id_distance: f64::NAN,
            same_id_cost: f64::NAN,
            tolerance: f64::NAN,
            jump: false,
            swap: None,
            swap_gain: f64::NAN,
            swap_size: 0,
        };
        let mut entries: Vec<Entry> = (0..self.to.len() as u32).map(alone).collect();
        // What the best other link saves of each lesion's cost of having none.
        let mut partner_of = vec![u32::MAX; self.from.len()];
        for &(from, to) in links {
            partner_of[from as usize] = to;
            entries[to as usize].partner = Some(from);
        }
        let (mut other_from, mut other_to) = (vec![0.0_f64; self.from.len()], vec![0.0_f64; self.to.len()]);
        for &Edge { left, right, weight } in &self.edges {
            let (left, right_at) = (left as usize, right as usize);
            if partner_of[left] != right {
                other_from[left] = other_from[left].max(weight);
                other_to[right_at] = other_to[right_at].max(weight);
            }
        }
        for &(from, to) in links {
            let fit = motion.fit(&self.from[from as usize], &self.to[to as usize]);
            let entry = &mut entries[to as usize];
            entry.partner_distance = fit.distance2.sqrt();
            entry.cost = fit.cost();
            entry.margin = GATE - other_from[from as usize].max(other_to[to as usize]) - entry.cost;
        }
        entries
    }
}

fn load(spots: &mut Vec<Spot>, seen: Sightings, rows: Range<usize>, per_px: [f64; 2]) {
    let log_factor = (per_px[0] * per_px[1]).ln();
    spots.clear();
    spots.extend(rows.map(|row| {
        let log_area = seen.log_area[row] + log_factor;
        let radius2 = if log_area.is_nan() { 0.0 } else { log_area.exp() / std::f64::consts::PI };
        Spot {
            at: [seen.xy[row][0] * per_px[0], seen.xy[row][1] * per_px[1]],
            radius2,
            log_area,
            label: seen.label[row],
            id: seen.id[row],
        }
    }));
}

/// The larger side of the box around all lesions; 1 for a single place.
fn extent(from: &[Spot], to: &[Spot]) -> f64 {
    let side = |axis: usize| {
        let values = from.iter().chain(to).map(|spot| spot.at[axis]);
        let (low, high) = values
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        high - low
    };
    let side = side(0).max(side(1));
    if side > 0.0 && side.is_finite() { side } else { 1.0 }
}
