//! Which regions meet: all overlapping pairs within groups, without trying every pair.

use std::collections::HashMap;
use std::ops::Range;

use crate::batch::{self, Batch};
use crate::error::{Error, Result};
use crate::geometry::area::{Bounds, bounds, boxes_meet};
use crate::geometry::box_tree::{BoxTree, spatial_order};
use crate::geometry::chains::Chains;
use crate::geometry::overlap::{Overlap, overlap};
use crate::polygons::Polygons;

/// Groups with fewer regions on the right than this are scanned; a tree costs more than it saves.
const TREE_FROM: usize = 48;
/// Prepared outlines kept per thread: 2 million knots are 64 MB.
const CACHED_KNOTS: usize = 2_000_000;
/// Prepared outlines kept from one group to the next: pages are compared with several others in turn, but memory that is
/// still in the processor's cache is worth more than that.
const KEPT_KNOTS: usize = 8192;
/// Rows of A per part, at most.
const PART_ROWS: usize = 256;
/// Pairs of boxes per part, at most: a row of a crowded page may meet thousands, and Ctrl-C waits for a part to end.
const PART_PAIRS: usize = 200_000;

/// Rows of A and rows of B that may meet, as ranges into two lists of rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Positions in the list of rows of A.
    pub a: Range<usize>,
    /// Positions in the list of rows of B.
    pub b: Range<usize>,
}

/// Two regions that share area.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// Which group they are in.
    pub group: u32,
    /// Row of A.
    pub a: u32,
    /// Row of B.
    pub b: u32,
    /// Intersection over union.
    pub iou: f64,
}

/// Outlines and the order in which groups refer to their rows.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// The outlines, valid or degenerate.
    pub polygons: Polygons<'a>,
    /// Rows in the order that group ranges point into.
    pub order: &'a [u32],
}

/// All pairs within groups with IoU above 0 and at least `min_iou`, by group, then in the order of rows.
///
/// Cost: O(n log n) for the boxes plus one kernel call per pair of meeting boxes.
pub fn overlaps(a: Side, b: Side, groups: &[Group], min_iou: f64, batch: &Batch) -> Result<Vec<Hit>> {
    let boxes = batch::rows(
        batch,
        b.polygons.len(),
        b.polygons.n_vertices(),
        || (),
        |(), row| bounds(b.polygons.row(row).vertices()),
    )?;
    let large: Vec<usize> = (0..groups.len()).filter(|&index| groups[index].b.len() >= TREE_FROM).collect();
    let trees = batch::run(
        batch,
        &large,
        large.iter().map(|&index| groups[index].b.len()).sum(),
        || (),
        |(), &index| Ok((index, Finder::new(&groups[index], b.order, &boxes))),
    )?;
    let trees: HashMap<usize, Finder> = trees.into_iter().collect();
    let parts = cut(groups, a);
    let weight = parts.iter().map(|part| part.weight).sum();
    let hits = batch::run(batch, &parts, weight, Scratch::default, |scratch, part| {
        let mut hits = Vec::new();
        for index in part.groups.clone() {
            let group = &groups[index];
            scratch.begin(index);
            let rows = match &part.rows {
                Some(rows) => rows.clone(),
                None => group.a.clone(),
            };
            for &row in &a.order[rows] {
                scratch.row(a.polygons, row, b, group, trees.get(&index), &boxes, |b, shared| {
                    let iou = shared.iou();
                    if iou > 0.0 && iou >= min_iou {
                        hits.push(Hit { group: index as u32, a: row, b, iou });
                    }
                });
            }
        }
        Ok(hits)
    })?;
    Ok(hits.concat())
}

/// Groups of equal keys, and the rows of each side in the order that the groups refer to.
pub fn group_by_key(a: &[i64], b: &[i64]) -> Result<(Vec<Group>, Vec<u32>, Vec<u32>)> {
    let (order_a, order_b) = (sorted_rows(a)?, sorted_rows(b)?);
    let mut groups = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < order_a.len() && j < order_b.len() {
        let (key_a, key_b) = (a[order_a[i] as usize], b[order_b[j] as usize]);
        let end_a = i + order_a[i..].partition_point(|&row| a[row as usize] == key_a);
        let end_b = j + order_b[j..].partition_point(|&row| b[row as usize] == key_b);
        match key_a.cmp(&key_b) {
            std::cmp::Ordering::Less => i = end_a,
            std::cmp::Ordering::Greater => j = end_b,
            std::cmp::Ordering::Equal => {
                groups.push(Group { a: i..end_a, b: j..end_b });
                (i, j) = (end_a, end_b);
            }
        }
    }
    Ok((groups, order_a, order_b))
}

fn sorted_rows(keys: &[i64]) -> Result<Vec<u32>> {
    let rows =
        u32::try_from(keys.len()).map_err(|_| Error::Overflow { what: "regions", count: keys.len() })?;
    let mut order: Vec<u32> = (0..rows).collect();
    order.sort_by_key(|&row| keys[row as usize]);
    Ok(order)
}

/// A piece of work: several small groups, or some rows of one large group.
struct Part {
    groups: Range<usize>,
    rows: Option<Range<usize>>,
    weight: usize,
}

fn cut(groups: &[Group], a: Side) -> Vec<Part> {
    let mean = a.polygons.n_vertices() / a.polygons.len().max(1) + 4;
    let mut parts: Vec<Part> = Vec::new();
    let mut open: Option<Part> = None;
    for (index, group) in groups.iter().enumerate() {
        let weight = group.a.len() * mean * 2;
        let most = (PART_PAIRS / group.b.len().max(1)).clamp(1, PART_ROWS);
        if group.a.len() > most {
            parts.extend(open.take());
            for start in group.a.clone().step_by(most) {
                let rows = start..(start + most).min(group.a.end);
                let weight = rows.len() * mean * 2;
                parts.push(Part { groups: index..index + 1, rows: Some(rows), weight });
            }
            continue;
        }
        let part = open.get_or_insert(Part { groups: index..index, rows: None, weight: 0 });
        part.groups.end = index + 1;
        part.weight += weight;
        if part.weight > 32_768 {
            parts.extend(open.take());
        }
    }
    parts.extend(open);
    parts
}

/// The boxes of one large group under a tree.
struct Finder {
    tree: BoxTree,
    rows: Vec<u32>,
}

impl Finder {
    fn new(group: &Group, order: &[u32], boxes: &[Bounds]) -> Self {
        let rows = &order[group.b.clone()];
        let own: Vec<Bounds> = rows.iter().map(|&row| boxes[row as usize]).collect();
        let spatial = spatial_order(&own);
        let mut tree = BoxTree::default();
        tree.load(spatial.iter().map(|&index| own[index as usize]));
        Finder { tree, rows: spatial.iter().map(|&index| rows[index as usize]).collect() }
    }
}

/// Buffers of one thread: the row of A, and prepared rows of B, each prepared once while they fit.
#[derive(Default)]
struct Scratch {
    a: Chains,
    prepared: Vec<Chains>,
    slots: HashMap<u32, usize>,
    knots: usize,
    group: usize,
    active: Vec<u32>,
    stack: Vec<(u32, u32)>,
    found: Vec<u32>,
}

impl Scratch {
    /// Make room, at the start of another group.
    fn begin(&mut self, group: usize) {
        if self.group != group && self.knots > KEPT_KNOTS {
            self.slots.clear();
            self.knots = 0;
        }
        self.group = group;
    }

    #[allow(clippy::too_many_arguments, reason = "one call site; a struct would only rename the arguments")]
    fn row(
        &mut self,
        a: Polygons,
        row: u32,
        b: Side,
        group: &Group,
        finder: Option<&Finder>,
        boxes: &[Bounds],
        mut meet: impl FnMut(u32, Overlap),
    ) {
        let rings = a.row(row as usize);
        let query = bounds(rings.vertices());
        self.found.clear();
        match finder {
            Some(finder) => {
                let found = &mut self.found;
                finder.tree.meeting(&query, &mut self.stack, |item| found.push(finder.rows[item]));
                found.sort_unstable();
            }
            None => {
                let candidates = b.order[group.b.clone()].iter().copied();
                self.found.extend(candidates.filter(|&row| boxes_meet(&boxes[row as usize], &query)));
            }
        }
        if self.found.is_empty() {
            return;
        }
        self.a.load(rings);
        for index in 0..self.found.len() {
            let other = self.found[index];
            let slot = self.prepare(b.polygons, other);
            meet(other, overlap(&self.a, &self.prepared[slot], &mut self.active));
        }
    }

    fn prepare(&mut self, polygons: Polygons, row: u32) -> usize {
        if let Some(&slot) = self.slots.get(&row) {
            return slot;
        }
        if self.knots > CACHED_KNOTS {
            self.slots.clear();
            self.knots = 0;
        }
        let slot = self.slots.len();
        if slot == self.prepared.len() {
            self.prepared.push(Chains::default());
        }
        let rings = polygons.row(row as usize);
        self.prepared[slot].load(rings);
        self.slots.insert(row, slot);
        self.knots += rings.vertices().len();
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::polygons::PolygonsBuf;

    fn squares(places: &[(f64, f64)]) -> PolygonsBuf {
        let mut built = PolygonsBuf::default();
        for &(x, y) in places {
            built.push_ring([[x, y], [x + 2.0, y], [x + 2.0, y + 2.0], [x, y + 2.0]]).unwrap();
            built.end_region().unwrap();
        }
        built
    }

    fn pairs(
        a: &PolygonsBuf,
        b: &PolygonsBuf,
        keys_a: &[i64],
        keys_b: &[i64],
        min_iou: f64,
    ) -> Vec<(u32, u32, f64)> {
        let (groups, order_a, order_b) = group_by_key(keys_a, keys_b).unwrap();
        let a = Side { polygons: a.view(), order: &order_a };
        let b = Side { polygons: b.view(), order: &order_b };
        let hits = overlaps(a, b, &groups, min_iou, &Batch::unwatched(2)).unwrap();
        hits.into_iter().map(|hit| (hit.a, hit.b, hit.iou)).collect()
    }

    #[test]
    fn only_within_groups_and_above_the_gate() {
        let a = squares(&[(0.0, 0.0), (0.0, 0.0), (9.0, 9.0)]);
        let b = squares(&[(1.0, 0.0), (0.0, 0.0), (1.0, 1.0), (2.0, 0.0)]);
        let found = pairs(&a, &b, &[7, 3, 7], &[7, 3, 7, 7], 0.0);
        assert_eq!(found, [(1, 1, 1.0), (0, 0, 1.0 / 3.0), (0, 2, 1.0 / 7.0)]);
        assert_eq!(pairs(&a, &b, &[7, 3, 7], &[7, 3, 7, 7], 0.2).len(), 2);
        assert_eq!(pairs(&a, &b, &[7, 3, 7], &[8; 4], 0.0), []);
    }

    #[test]
    fn a_crowded_group_gives_the_same_as_a_scan() {
        let grid = |shift: f64| -> Vec<(f64, f64)> {
            (0..900).map(|k| (f64::from(k % 30) * 3.0 + shift, f64::from(k / 30) * 3.0)).collect()
        };
        let (a, b) = (squares(&grid(0.0)), squares(&grid(1.5)));
        let found = pairs(&a, &b, &[0; 900], &[0; 900], 0.0);
        // Each square meets the one half a step to its right and the one to its left, but for the first column.
        assert_eq!(found.len(), 900 + 870);
        assert!(found.iter().all(|&(_, _, iou)| iou == 1.0 / 7.0));
    }
}
