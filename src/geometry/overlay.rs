//! The only file that knows the overlay engine: outlines in, outlines out.
//!
//! i_overlay splits edges where they meet and walks what a rule fills. It runs here on the whole numbers of a [`Grid`]:
//! crossing points are rounded to 2^-62 of the extent, so only their rounding back to doubles is left (half a unit in the
//! last place), and drawn vertices stay as they are. Collinear vertices are kept: dropping one that is collinear only
//! on the grid would move a border. No area is too small to be kept; what has none left in doubles is dropped.
//!
//! Results are the same whatever order regions and rings have: the engine sorts its edges, and [`Grid`] decides places
//! by all points together.

use std::cmp::Ordering;

use i_overlay::core::fill_rule::FillRule;
use i_overlay::core::overlay::{IntOverlayOptions, Overlay, ShapeType};
use i_overlay::core::overlay_rule::OverlayRule;
use i_overlay::core::solver::Solver;
use i_overlay::i_float::int::point::IntPoint;

use crate::geometry::area::ring_area;
use crate::geometry::grid::{Cell, Grid, order, twice_area};
use crate::polygons::{Point, Rings};

/// Simple rings: each part's outline, positive, then its holes, negative.
pub type Contours = Vec<Vec<Point>>;
/// An outline, positive, and its holes, negative, on the grid.
pub type Shape = Vec<Vec<Cell>>;

/// What becomes of two regions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// What either covers.
    Union,
    /// What both cover.
    Intersection,
    /// What the first covers and the second does not.
    Difference,
}

/// The non-zero interior of one ring as simple rings: outlines positive, holes negative.
pub fn nonzero(ring: &[Point]) -> Contours {
    let grid = Grid::around(ring.iter());
    contours(&grid, filled(&cells(&grid, ring)))
}

/// What a region means: a place belongs to it if more outlines (positive rings) than holes fill it, each ring by its
/// non-zero interior. So one outline loses its holes, parts unite, and an island in a hole stays, as in valid regions.
///
/// Each part comes as its positive ring followed by its holes.
pub fn interior(rings: Rings) -> Contours {
    let grid = Grid::around(rings.vertices().iter());
    let mut canvas = Canvas::default();
    for ring in rings.iter() {
        let simple = filled(&cells(&grid, ring));
        // A ring whose lobes cancel counts as an outline: ingest leaves no hole of that kind.
        let is_hole = ring_area(ring) < 0.0;
        if rings.len() == 1 && !is_hole {
            return contours(&grid, simple);
        }
        for mut ring in simple.into_iter().flatten() {
            if is_hole {
                ring.reverse();
            }
            canvas.add(&ring, ShapeType::Subject);
        }
    }
    contours(&grid, canvas.resolve(OverlayRule::Subject, FillRule::Positive))
}

fn filled(ring: &[Cell]) -> Vec<Shape> {
    let mut canvas = Canvas::default();
    canvas.add(ring, ShapeType::Subject);
    canvas.resolve(OverlayRule::Subject, FillRule::NonZero)
}

/// Union, intersection or difference of what regions of the first list and regions of the second cover, each list united.
pub fn combined<'a>(
    a: impl Iterator<Item = Rings<'a>> + Clone,
    b: impl Iterator<Item = Rings<'a>> + Clone,
    operation: Operation,
) -> Contours {
    let grid = Grid::around(a.clone().chain(b.clone()).flat_map(|rings| rings.vertices()));
    let mut canvas = Canvas::default();
    a.for_each(|rings| canvas.add_region(&grid, rings, ShapeType::Subject));
    b.for_each(|rings| canvas.add_region(&grid, rings, ShapeType::Clip));
    let rule = match operation {
        Operation::Union => OverlayRule::Union,
        Operation::Intersection => OverlayRule::Intersect,
        Operation::Difference => OverlayRule::Difference,
    };
    contours(&grid, canvas.resolve(rule, FillRule::Positive))
}

/// What at least `votes` of the regions cover: each winds around its interior once, so windings add up to votes, and
/// `votes - 1` frames around everything, wound the other way, lift the threshold of one pass from 1 to `votes`.
pub fn covered<'a>(regions: impl Iterator<Item = Rings<'a>> + Clone, votes: usize) -> Contours {
    let grid = Grid::around(regions.clone().flat_map(|rings| rings.vertices()));
    let mut canvas = Canvas::default();
    regions.for_each(|rings| canvas.add_region(&grid, rings, ShapeType::Subject));
    canvas.lower(&grid, votes.saturating_sub(1), ShapeType::Subject);
    contours(&grid, canvas.resolve(OverlayRule::Subject, FillRule::Positive))
}

/// Area of what some but not all of `count` regions cover, exact on the grid.
pub fn disputed_area<'a>(regions: impl Iterator<Item = Rings<'a>> + Clone, count: usize) -> f64 {
    let grid = Grid::around(regions.clone().flat_map(|rings| rings.vertices()));
    let mut canvas = Canvas::default();
    for side in [ShapeType::Subject, ShapeType::Clip] {
        regions.clone().for_each(|rings| canvas.add_region(&grid, rings, side));
    }
    canvas.lower(&grid, count.saturating_sub(1), ShapeType::Clip);
    let shapes = canvas.resolve(OverlayRule::Difference, FillRule::Positive);
    grid.area(shapes.iter().flatten().map(|ring| twice_area(ring)).sum())
}

/// Where the rings of a region wind neither once nor not at all.
pub fn misfit(grid: &Grid, rings: &[Vec<Cell>]) -> Vec<Shape> {
    let mut canvas = Canvas::default();
    for side in [ShapeType::Subject, ShapeType::Clip] {
        rings.iter().for_each(|ring| canvas.add(ring, side));
    }
    canvas.lower(grid, 1, ShapeType::Clip);
    // Not 0 by the subject, not 1 by the clip, which a frame has lowered by 1.
    canvas.resolve(OverlayRule::Intersect, FillRule::NonZero)
}

/// A ring on the grid.
pub fn cells(grid: &Grid, ring: &[Point]) -> Vec<Cell> {
    let mut placed: Vec<Cell> = ring.iter().map(|&point| grid.cell(point)).collect();
    placed.dedup();
    placed
}

/// Edges that wait for the engine.
struct Canvas(Overlay<i64>);

impl Default for Canvas {
    fn default() -> Self {
        let options = IntOverlayOptions {
            preserve_input_collinear: true,
            preserve_output_collinear: true,
            ..IntOverlayOptions::default()
        };
        // Lists below 2,000 edges, trees above, fragments above 32,000: fastest of the strategies at each size (measured).
        Canvas(Overlay::new_custom(0, options, Solver::AUTO))
    }
}

impl Canvas {
    fn add(&mut self, ring: &[Cell], side: ShapeType) {
        self.0.add_path_iter(ring.iter().map(|&[x, y]| IntPoint::new(x, y)), side);
    }

    fn add_region(&mut self, grid: &Grid, rings: Rings, side: ShapeType) {
        for ring in rings.iter() {
            self.0.add_path_iter(
                ring.iter().map(|&point| grid.cell(point)).map(|[x, y]| IntPoint::new(x, y)),
                side,
            );
        }
    }

    /// Subtract `by` from every winding number.
    fn lower(&mut self, grid: &Grid, by: usize, side: ShapeType) {
        let mut frame = grid.frame();
        frame.reverse();
        (0..by).for_each(|_| self.add(&frame, side));
    }

    fn resolve(mut self, rule: OverlayRule, fill: FillRule) -> Vec<Shape> {
        let shapes = self.0.overlay(rule, fill);
        let oriented = |(index, ring): (usize, Vec<IntPoint<i64>>)| {
            let mut ring: Vec<Cell> = ring.into_iter().map(|point| [point.x, point.y]).collect();
            if (twice_area(&ring) > 0) != (index == 0) {
                ring.reverse();
            }
            ring
        };
        shapes.into_iter().map(|shape| shape.into_iter().enumerate().map(oriented).collect()).collect()
    }
}

/// Back to doubles, in an order that depends on the geometry only: rings start at their smallest vertex, parts and holes
/// are sorted. Rings that rounding has closed up or turned around enclose less than it can tell, and are dropped.
fn contours(grid: &Grid, shapes: Vec<Shape>) -> Contours {
    let rounded = |ring: Vec<Cell>| {
        let mut points: Vec<Point> = ring.into_iter().map(|cell| grid.point(cell)).collect();
        points.dedup();
        while points.len() > 1 && points.first() == points.last() {
            points.pop();
        }
        points
    };
    let mut parts: Vec<Contours> = Vec::with_capacity(shapes.len());
    for shape in shapes {
        let mut rings = shape.into_iter().map(rounded).map(from_smallest);
        let Some(outline) = rings.next().filter(|ring| ring_area(ring) > 0.0) else { continue };
        let mut part = vec![outline];
        part.extend(rings.filter(|ring| ring_area(ring) < 0.0));
        part[1..].sort_unstable_by(|a, b| ring_order(a, b));
        parts.push(part);
    }
    parts.sort_unstable_by(|a, b| {
        let rings = a.iter().zip(b).map(|(a, b)| ring_order(a, b));
        rings.fold(Ordering::Equal, Ordering::then).then(a.len().cmp(&b.len()))
    });
    parts.into_iter().flatten().collect()
}

/// The ring from its smallest vertex on; where it passes that several times, the smallest such ring.
fn from_smallest(mut ring: Vec<Point>) -> Vec<Point> {
    let Some(smallest) = ring.iter().copied().min_by(order) else { return ring };
    let from = |start: usize| ring[start..].iter().chain(&ring[..start]);
    let starts = (0..ring.len()).filter(|&start| ring[start] == smallest);
    let first = starts.min_by(|&a, &b| {
        let pairs = from(a).zip(from(b)).map(|(p, q)| order(p, q));
        pairs.into_iter().find(|&order| order != Ordering::Equal).unwrap_or(Ordering::Equal)
    });
    if let Some(start) = first {
        ring.rotate_left(start);
    }
    ring
}

fn ring_order(a: &[Point], b: &[Point]) -> Ordering {
    let pairs = a.iter().zip(b).map(|(p, q)| order(p, q));
    pairs.into_iter().find(|&order| order != Ordering::Equal).unwrap_or(a.len().cmp(&b.len()))
}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::polygons::PolygonsBuf;

    fn area_of(rings: &[&[Point]]) -> f64 {
        let mut built = PolygonsBuf::default();
        rings.iter().for_each(|ring| built.push_ring(ring.iter().copied()).unwrap());
        built.end_region().unwrap();
        interior(built.view().row(0)).iter().map(|ring| ring_area(ring)).sum()
    }

    const SQUARE: [Point; 4] = [[0.0, 0.0], [3.0, 0.0], [3.0, 3.0], [0.0, 3.0]];

    #[test]
    fn self_crossing_rings_are_filled() {
        assert_eq!(area_of(&[&[[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0]]]), 2.0);
        assert_eq!(area_of(&[&[SQUARE, SQUARE].concat()]), 9.0);
        // Pentagram of radius 1: its non-zero area is 1.1225699414489634.
        let star: Vec<Point> = (0..5)
            .map(|k| (f64::from(k) * 0.8 * std::f64::consts::PI).sin_cos())
            .map(|(s, c)| [c, s])
            .collect();
        assert!((area_of(&[&star]) - 1.122_569_941_448_963_4).abs() < 1e-14);
    }

    #[test]
    fn size_does_not_matter() {
        for exponent in [-400, -60, 0, 300, 490] {
            let scale = 2.0_f64.powi(exponent);
            let tie = [[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0]].map(|[x, y]| [x * scale, y * scale]);
            assert_eq!(area_of(&[&tie]), 2.0 * scale * scale, "2^{exponent}");
        }
    }

    #[test]
    fn parts_unite_and_holes_subtract() {
        let shifted = SQUARE.map(|[x, y]| [x + 2.0, y]);
        assert_eq!(area_of(&[&SQUARE, &shifted]), 15.0);
        let hole = [[2.0, 1.0], [2.0, 2.0], [4.0, 2.0], [4.0, 1.0]];
        assert_eq!(area_of(&[&SQUARE, &hole]), 8.0);
        // Where both parts cover it the hole leaves one of them.
        assert_eq!(area_of(&[&SQUARE, &shifted, &hole]), 14.0);
        assert_eq!(area_of(&[&hole]), 0.0);
    }

    #[test]
    fn an_island_in_a_hole_stays() {
        let scaled = |by: f64| SQUARE.map(|[x, y]| [(x - 1.5) * by, (y - 1.5) * by]);
        let (outer, mut hole, island) = (scaled(5.0), scaled(3.0), scaled(1.0));
        hole.reverse();
        assert_eq!(area_of(&[&outer, &hole, &island]), 225.0 - 81.0 + 9.0);
        // The same beside a part that covers a corner twice.
        let corner = SQUARE.map(|[x, y]| [x + 6.0, y + 6.0]);
        assert_eq!(area_of(&[&outer, &hole, &island, &corner]), 225.0 - 81.0 + 9.0 + 9.0 - 2.25);
    }
}
