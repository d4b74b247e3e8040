//! Union, intersection, difference and votes of regions, row by row and group by group, as outlines.
//!
//! Regions are valid or have no area; those without contribute nothing. Where only one region contributes to a result,
//! it comes back as it was drawn.

use crate::batch::{self, Batch};
use crate::error::Result;
use crate::geometry::area::{area, bounds, boxes_meet};
use crate::geometry::chains::Chains;
use crate::geometry::interior::settled;
use crate::geometry::overlay::{self, Contours, Operation};
use crate::polygons::{Polygons, PolygonsBuf, Rings};

/// How much more than a kernel the engine costs per vertex, for cutting batches into chunks.
const ENGINE_WEIGHT: usize = 16;

/// What a group of regions is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// What any of them covers.
    Union,
    /// What all of them cover.
    Intersection,
    /// What the first covers and no other does.
    Difference,
    /// What at least so many of them cover; 0 for more than half.
    Votes(usize),
}

/// Rows of a batch in groups: group g holds the rows `order[starts[g]..starts[g + 1]]`.
#[derive(Clone, Copy)]
pub struct Groups<'a> {
    /// The regions.
    pub polygons: Polygons<'a>,
    /// Rows, group after group.
    pub order: &'a [i64],
    /// One more than there are groups, ascending, from 0 to the length of `order`.
    pub starts: &'a [i64],
}

impl<'a> Groups<'a> {
    fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    fn rows(&self, group: usize) -> &'a [i64] {
        &self.order[self.starts[group] as usize..self.starts[group + 1] as usize]
    }

    fn regions(&self, rows: &'a [i64]) -> impl Iterator<Item = Rings<'a>> + Clone + use<'a> {
        let polygons = self.polygons;
        rows.iter().map(move |&row| polygons.row(row as usize)).filter(|rings| area(*rings) > 0.0)
    }
}

/// The operation on pairs of rows; `rows` tells which two belong to a result.
pub fn elementwise(
    (a, b): (Polygons, Polygons),
    items: usize,
    rows: impl Fn(usize) -> (usize, usize) + Sync,
    operation: Operation,
    batch: &Batch,
) -> Result<PolygonsBuf> {
    let mean = |polygons: Polygons| polygons.n_vertices() / polygons.len().max(1) + 1;
    let weight = ENGINE_WEIGHT * items * (mean(a) + mean(b));
    let results = batch::rows(batch, items, weight, Chains::default, |chains, index| {
        let (row_a, row_b) = rows(index);
        settled(pair(a.row(row_a), b.row(row_b), operation), chains)
    })?;
    collect(results)
}

/// One result per group.
pub fn grouped(groups: Groups, question: Question, batch: &Batch) -> Result<PolygonsBuf> {
    collect(per_group(groups, batch, |chains, rows| {
        let covered = match question {
            Question::Union => votes(groups, rows, 1),
            Question::Intersection => votes(groups, rows, rows.len()),
            Question::Votes(0) => votes(groups, rows, rows.len() / 2 + 1),
            Question::Votes(least) => votes(groups, rows, least),
            Question::Difference => first_less_others(groups, rows),
        };
        settled(covered, chains)
    })?)
}

/// Area that some but not all regions of a group cover.
pub fn disputed(groups: Groups, batch: &Batch) -> Result<Vec<f64>> {
    per_group(groups, batch, |_, rows| {
        let regions = groups.regions(rows);
        match (rows.len(), regions.clone().next()) {
            (0 | 1, _) | (_, None) => 0.0,
            (count, _) => overlay::disputed_area(regions, count),
        }
    })
}

fn per_group<T: Send>(
    groups: Groups,
    batch: &Batch,
    answer: impl Fn(&mut Chains, &[i64]) -> T + Sync,
) -> Result<Vec<T>> {
    let weight = ENGINE_WEIGHT * groups.polygons.n_vertices();
    batch::rows(batch, groups.len(), weight, Chains::default, |chains, group| {
        answer(chains, groups.rows(group))
    })
}

fn pair(a: Rings, b: Rings, operation: Operation) -> Contours {
    let meet = || boxes_meet(&bounds(a.vertices()), &bounds(b.vertices()));
    match (operation, area(a) > 0.0, area(b) > 0.0) {
        (Operation::Union | Operation::Difference, true, false) => as_drawn(a),
        (Operation::Union, false, true) => as_drawn(b),
        (_, false, _) | (_, _, false) => Contours::new(),
        (Operation::Intersection, true, true) if !meet() => Contours::new(),
        (Operation::Difference, true, true) if !meet() => as_drawn(a),
        (Operation::Union | Operation::Intersection, true, true) if same(a, b) => as_drawn(a),
        _ => overlay::combined([a].into_iter(), [b].into_iter(), operation),
    }
}

fn votes(groups: Groups, rows: &[i64], least: usize) -> Contours {
    let regions = groups.regions(rows);
    match (least, regions.clone().count()) {
        (least, count) if least > count => Contours::new(),
        (_, 1) => regions.flat_map(as_drawn).collect(),
        _ => overlay::covered(regions, least),
    }
}

fn first_less_others(groups: Groups, rows: &[i64]) -> Contours {
    let Some((first, others)) = rows.split_at_checked(1) else { return Contours::new() };
    let (first, others) = (groups.regions(first), groups.regions(others));
    let Some(outline) = first.clone().next() else { return Contours::new() };
    let around = bounds(outline.vertices());
    let others = others.filter(move |rings| boxes_meet(&around, &bounds(rings.vertices())));
    match others.clone().next() {
        None => as_drawn(outline),
        Some(_) => overlay::combined(first, others, Operation::Difference),
    }
}

fn same(a: Rings, b: Rings) -> bool {
    a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a == b)
}

fn as_drawn(rings: Rings) -> Contours {
    rings.iter().map(<[_]>::to_vec).collect()
}

fn collect(results: Vec<Result<Contours>>) -> Result<PolygonsBuf> {
    let mut built = PolygonsBuf::default();
    for rings in results {
        rings?.into_iter().try_for_each(|ring| built.push_ring(ring))?;
        built.end_region()?;
    }
    Ok(built)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::polygons::Point;

    fn squares(places: &[(Point, f64)]) -> PolygonsBuf {
        let mut built = PolygonsBuf::default();
        for &([x, y], side) in places {
            built.push_ring([[x, y], [x + side, y], [x + side, y + side], [x, y + side]]).unwrap();
            built.end_region().unwrap();
        }
        built
    }

    fn areas(polygons: &PolygonsBuf) -> Vec<f64> {
        polygons.view().rows().map(area).collect()
    }

    #[test]
    fn two_squares() {
        let (a, b) = (squares(&[([0.0, 0.0], 2.0)]), squares(&[([1.0, 1.0], 2.0)]));
        let batch = Batch::unwatched(1);
        let of = |operation| {
            let both =
                elementwise((a.view(), b.view()), 1, |index| (index, index), operation, &batch).unwrap();
            let swapped =
                elementwise((b.view(), a.view()), 1, |index| (index, index), operation, &batch).unwrap();
            assert!(operation == Operation::Difference || both == swapped);
            areas(&both)
        };
        assert_eq!(of(Operation::Union), [7.0]);
        assert_eq!(of(Operation::Intersection), [1.0]);
        assert_eq!(of(Operation::Difference), [3.0]);
    }

    #[test]
    fn votes_of_five_steps() {
        // Squares of side 5 at 0, 1, .. 4: k of them share (5 - (k - 1))^2 around k - 1.
        let steps = squares(&[0.0, 1.0, 2.0, 3.0, 4.0].map(|at| ([at, at], 5.0)));
        let order = [3, 0, 4, 1, 2];
        let groups = Groups { polygons: steps.view(), order: &order, starts: &[0, 5] };
        let batch = Batch::unwatched(1);
        let of = |question| areas(&grouped(groups, question, &batch).unwrap());
        // The chain of five: each step adds 25 - 16.
        assert_eq!(of(Question::Union), [61.0]);
        assert_eq!(of(Question::Votes(1)), [61.0]);
        // Pairs: five squares of side 4 less what neighbours share, 9 each.
        assert_eq!(of(Question::Votes(2)), [4.0 * 16.0 - 3.0 * 9.0]);
        assert_eq!(of(Question::Votes(3)), [3.0 * 9.0 - 2.0 * 4.0]);
        assert_eq!(of(Question::Votes(0)), of(Question::Votes(3)));
        assert_eq!(of(Question::Intersection), [1.0]);
        assert_eq!(of(Question::Votes(6)), [0.0]);
        // The square at 3 less those at 2 and 4: its two free corners.
        assert_eq!(of(Question::Difference), [2.0]);
        assert_eq!(disputed(groups, &batch).unwrap(), [60.0]);
    }

    #[test]
    fn nothing_is_nothing() {
        let some = squares(&[([0.0, 0.0], 2.0), ([5.0, 5.0], 0.0), ([9.0, 9.0], 1.0)]);
        let batch = Batch::unwatched(1);
        let of = |operation, pair: (usize, usize)| {
            let view = some.view();
            elementwise((view, view), 1, |_| pair, operation, &batch).unwrap()
        };
        assert_eq!(of(Operation::Union, (0, 1)).xy, some.view().row(0).vertices());
        assert_eq!(of(Operation::Union, (1, 2)).xy, some.view().row(2).vertices());
        assert_eq!(of(Operation::Difference, (0, 2)).xy, some.view().row(0).vertices());
        assert!(of(Operation::Intersection, (0, 1)).xy.is_empty());
        assert!(of(Operation::Difference, (1, 0)).xy.is_empty());
        assert!(of(Operation::Union, (1, 1)).xy.is_empty());
        let groups = Groups { polygons: some.view(), order: &[0, 1], starts: &[0, 0, 2] };
        assert_eq!(areas(&grouped(groups, Question::Votes(0), &batch).unwrap()), [0.0, 0.0]);
        assert_eq!(disputed(groups, &batch).unwrap(), [0.0, 4.0]);
    }
}
