//! Where an outline that is not valid goes wrong, and how: for people who have to redraw it.
//!
//! The overlay engine finds the places where the rings wind neither once nor not at all. The largest such place is what
//! is worth looking at (others may be a few units in the last place wide), and a crossing that causes it is one of its
//! corners. Everything is decided on whole numbers, so exactly. O(n log n) per region plus the crossings.

use crate::geometry::area::{Bounds, greater, lesser, ring_area};
use crate::geometry::box_tree::BoxTree;
use crate::geometry::grid::{Cell, Grid, side, twice_area, winding};
use crate::geometry::overlay::{Shape, cells, misfit};
use crate::polygons::{Point, Rings};

/// How far, in cells, an edge may pass a corner that the engine has rounded: four units in the last place of a double.
const REACH: i64 = 1 << 11;
/// Edges looked at around one corner; where more meet, the first ones tell enough.
const MOST_AROUND: usize = 64;

/// What is wrong at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Two borders cross.
    Crossing = 1,
    /// Covered more than once, though nothing crosses.
    CoveredTwice = 2,
    /// A hole where there is nothing to cut from.
    HoleOutside = 3,
    /// Two holes over one place.
    CutTwice = 4,
    /// A ring runs around some place against its role.
    Backwards = 5,
}

/// What is wrong with a region, at its worst place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Defect {
    /// How.
    pub kind: Kind,
    /// Which ring.
    pub ring: usize,
    /// Which other ring, if any.
    pub other: Option<usize>,
    /// The crossing, or a point inside the place.
    pub place: Point,
}

/// Area of a region as drawn: what its rings wind around, by the shoelace formula; opposite turns cancel.
pub fn drawn_area(rings: Rings) -> f64 {
    rings.iter().map(ring_area).sum::<f64>().abs()
}

/// What is wrong with a region that winds around some place neither once nor not at all; `None` if no such place is
/// larger than nothing.
pub fn defect(rings: Rings) -> Option<Defect> {
    let drawn: Vec<Vec<Point>> = rings.iter().map(<[Point]>::to_vec).collect();
    let alone = |number: usize| {
        let mut ring = drawn[number].clone();
        if ring_area(&ring) < 0.0 {
            ring.reverse();
        }
        defect_of(&[ring]).map(|found| Defect { ring: number, other: None, ..found })
    };
    // A hole can hide what its outline covers twice.
    defect_of(&drawn).or_else(|| if drawn.len() > 1 { (0..drawn.len()).find_map(alone) } else { None })
}

fn defect_of(rings: &[Vec<Point>]) -> Option<Defect> {
    let grid = Grid::around(rings.iter().flatten());
    let placed: Vec<Vec<Cell>> = rings.iter().map(|ring| closed_up(cells(&grid, ring))).collect();
    let worst = misfit(&grid, &placed).into_iter().max_by_key(|shape| {
        let area: i128 = shape.iter().map(|ring| twice_area(ring)).sum();
        // Of equally large ones the same one, however the engine lists them.
        (area, std::cmp::Reverse(shape.iter().flatten().min().copied()))
    })?;
    let inside = inner_place(&worst);
    let edges = Edges::new(&placed);
    if let Some((at, ring, other)) = edges.crossing_of(&worst) {
        let other = Some(other).filter(|other| *other != ring);
        return Some(Defect { kind: Kind::Crossing, ring, other, place: grid.point(at) });
    }
    let turns: Vec<i32> = placed.iter().map(|ring| winding(ring, inside)).collect();
    let is_hole = |ring: usize| twice_area(&placed[ring]) < 0;
    let around: Vec<usize> = (0..turns.len()).filter(|&ring| turns[ring] != 0).collect();
    let found = |kind, ring, other| Some(Defect { kind, ring, other, place: grid.point(inside) });
    // A ring that winds against its role must have crossed itself, along a stretch that it draws twice.
    if let Some(&ring) = around.iter().find(|&&ring| (turns[ring] < 0) != is_hole(ring)) {
        return found(Kind::Backwards, ring, None);
    }
    if let Some(&ring) = around.iter().find(|&&ring| turns[ring].abs() > 1) {
        return found(Kind::CoveredTwice, ring, None);
    }
    let adding = |hole: bool| around.iter().copied().filter(move |&ring| is_hole(ring) == hole);
    if turns.iter().sum::<i32>() < 0 {
        let mut holes = adding(true);
        let (ring, other) = (holes.next()?, holes.next());
        let kind = if other.is_some() { Kind::CutTwice } else { Kind::HoleOutside };
        return found(kind, ring, other);
    }
    let mut outlines = adding(false);
    let ring = outlines.next().or(around.first().copied()).unwrap_or(0);
    found(Kind::CoveredTwice, ring, outlines.next())
}

/// Without the repetition of the first place at the end.
fn closed_up(mut ring: Vec<Cell>) -> Vec<Cell> {
    while ring.len() > 1 && ring.first() == ring.last() {
        ring.pop();
    }
    ring
}

/// A place inside a shape: in the middle of its widest part at the height farthest from any vertex.
fn inner_place(shape: &Shape) -> Cell {
    let mut heights: Vec<i64> = shape.iter().flatten().map(|cell| cell[1]).collect();
    heights.sort_unstable();
    let Some(gap) = heights.windows(2).max_by_key(|pair| pair[1] - pair[0]) else { return [0; 2] };
    let y = gap[0] + (gap[1] - gap[0]) / 2;
    let mut crossed: Vec<i64> = Vec::new();
    for ring in shape {
        let Some(&last) = ring.last() else { continue };
        let mut previous = last;
        for &current in ring {
            if (previous[1] <= y) != (current[1] <= y) {
                let (dx, dy) = (current[0] - previous[0], current[1] - previous[1]);
                crossed.push(previous[0] + part(dx, (y - previous[1]).into(), dy.into()));
            }
            previous = current;
        }
    }
    crossed.sort_unstable();
    let spans = crossed.as_chunks::<2>().0;
    match spans.iter().max_by_key(|[left, right]| right - left) {
        Some([left, right]) => [left + (right - left) / 2, y],
        None => shape.first().and_then(|ring| ring.first()).copied().unwrap_or([0; 2]),
    }
}

/// `whole * share / of`, rounded, for a share between 0 and `of`: an estimate in doubles, then its remainder.
fn part(whole: i64, share: i128, of: i128) -> i64 {
    // 100 bits are kept of the fraction, so that the remainder fits; products may wrap on the way to it.
    let spare = 28_u32.saturating_sub(of.unsigned_abs().leading_zeros());
    let (share, of) = (share >> spare, of >> spare);
    let estimate = (whole as f64 * (share as f64 / of as f64)) as i128;
    let rest = i128::from(whole).wrapping_mul(share).wrapping_sub(estimate.wrapping_mul(of));
    (estimate + (rest as f64 / of as f64).round() as i128) as i64
}

/// An edge of a ring: from vertex `index` to the next.
#[derive(Clone, Copy)]
struct Edge {
    ring: usize,
    index: usize,
}

/// All edges of a region, found by place.
struct Edges<'a> {
    rings: &'a [Vec<Cell>],
    edges: Vec<Edge>,
    tree: BoxTree,
}

/// How a ring passes a place: where it comes from and where it goes on to.
#[derive(Clone, Copy)]
struct Pass {
    ring: usize,
    from: Cell,
    to: Cell,
}

impl<'a> Edges<'a> {
    fn new(rings: &'a [Vec<Cell>]) -> Self {
        let of_ring = |ring: usize| (0..rings[ring].len()).map(move |index| Edge { ring, index });
        let edges: Vec<Edge> = (0..rings.len()).flat_map(of_ring).collect();
        let mut all = Edges { rings, edges, tree: BoxTree::default() };
        let boxes: Vec<Bounds> = all.edges.iter().map(|&edge| around(all.ends(edge))).collect();
        all.tree.load(boxes);
        all
    }

    fn ends(&self, edge: Edge) -> [Cell; 2] {
        let ring = &self.rings[edge.ring];
        [ring[edge.index], ring[(edge.index + 1) % ring.len()]]
    }

    /// A crossing at a corner of a shape, and which rings cross there.
    fn crossing_of(&self, shape: &Shape) -> Option<(Cell, usize, usize)> {
        let (mut stack, mut near) = (Vec::new(), Vec::new());
        for &[x, y] in shape.iter().flatten() {
            near.clear();
            let query = [x - REACH, y - REACH, x + REACH, y + REACH].map(|value| value as f64);
            self.tree.meeting(&query, &mut stack, |edge| near.push(edge));
            if near.len() > 2 || !self.is_vertex(&near, [x, y]) {
                near.sort_unstable();
                near.truncate(MOST_AROUND);
                if let Some(found) = self.proper(&near, [x, y]).or_else(|| self.touching(&near, [x, y])) {
                    return Some(found);
                }
            }
        }
        None
    }

    fn is_vertex(&self, near: &[usize], place: Cell) -> bool {
        near.iter().any(|&edge| self.ends(self.edges[edge]).contains(&place))
    }

    /// Two edges that cross inside of both, near a place.
    fn proper(&self, near: &[usize], place: Cell) -> Option<(Cell, usize, usize)> {
        for (position, &first) in near.iter().enumerate() {
            for &second in &near[position + 1..] {
                let (e, f) = (self.edges[first], self.edges[second]);
                let ([a, b], [c, d]) = (self.ends(e), self.ends(f));
                let (of_a, of_b) = (side(c, d, a), side(c, d, b));
                let apart = |p: i128, q: i128| p.signum() * q.signum() < 0;
                if apart(of_a, of_b) && apart(side(a, b, c), side(a, b, d)) {
                    let (share, of) = (of_a.abs(), of_a.abs() + of_b.abs());
                    let at = [0, 1].map(|axis| a[axis] + part(b[axis] - a[axis], share, of));
                    if (0..2).all(|axis| (at[axis] - place[axis]).abs() <= REACH) {
                        return Some((at, e.ring, f.ring));
                    }
                }
            }
        }
        None
    }

    /// Two passes through a place, at a vertex of at least one, that change sides there.
    fn touching(&self, near: &[usize], place: Cell) -> Option<(Cell, usize, usize)> {
        let passes: Vec<Pass> = near.iter().filter_map(|&edge| self.pass(self.edges[edge], place)).collect();
        for (position, p) in passes.iter().enumerate() {
            for q in &passes[position + 1..] {
                let of = |to: Cell| between(place, p.from, p.to, to);
                if let (Some(from), Some(to)) = (of(q.from), of(q.to))
                    && from != to
                {
                    return Some((place, p.ring, q.ring));
                }
            }
        }
        None
    }

    fn pass(&self, edge: Edge, place: Cell) -> Option<Pass> {
        let [a, b] = self.ends(edge);
        let ring = &self.rings[edge.ring];
        if b == place && a != place {
            let to = ring[(edge.index + 2) % ring.len()];
            return Some(Pass { ring: edge.ring, from: a, to });
        }
        let inside = a != place && side(a, b, place) == 0 && {
            (0..2).all(|axis| (a[axis].min(b[axis])..=a[axis].max(b[axis])).contains(&place[axis]))
        };
        inside.then_some(Pass { ring: edge.ring, from: a, to: b })
    }
}

/// Whether the direction to `place` lies strictly between those to `from` and `to`, turning as positive rings do;
/// `None` where it runs along one of them.
fn between(centre: Cell, from: Cell, to: Cell, place: Cell) -> Option<bool> {
    let turn = |a: Cell, b: Cell| side(centre, a, b).signum();
    let along = |a: Cell, b: Cell| {
        let dot: i128 =
            (0..2).map(|axis| i128::from(a[axis] - centre[axis]) * i128::from(b[axis] - centre[axis])).sum();
        turn(a, b) == 0 && dot > 0
    };
    if along(from, place) || along(to, place) || along(from, to) {
        return None;
    }
    let (after_from, before_to) = (turn(from, place) > 0, turn(place, to) > 0);
    // From one to the other less than half a turn: both sides count; more: either does.
    Some(if turn(from, to) > 0 { after_from && before_to } else { after_from || before_to })
}

/// The box of an edge, in doubles: rounded by less than [`REACH`].
fn around([a, b]: [Cell; 2]) -> Bounds {
    let [ax, ay, bx, by] = [a[0], a[1], b[0], b[1]].map(|value| value as f64);
    [lesser(ax, bx), lesser(ay, by), greater(ax, bx), greater(ay, by)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::polygons::PolygonsBuf;

    fn found(rings: &[&[Point]]) -> Option<Defect> {
        let mut built = PolygonsBuf::default();
        rings.iter().for_each(|ring| built.push_ring(ring.iter().copied()).unwrap());
        built.end_region().unwrap();
        defect(built.view().row(0))
    }

    fn crossing(ring: usize, other: Option<usize>, place: Point) -> Option<Defect> {
        Some(Defect { kind: Kind::Crossing, ring, other, place })
    }

    fn square(x: f64, y: f64, side: f64) -> [Point; 4] {
        [[x, y], [x + side, y], [x + side, y + side], [x, y + side]]
    }

    fn hole(x: f64, y: f64, side: f64) -> [Point; 4] {
        let mut ring = square(x, y, side);
        ring.reverse();
        ring
    }

    #[test]
    fn crossings_are_found_where_they_are() {
        assert_eq!(
            found(&[&[[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0]]]),
            crossing(0, None, [1.0, 1.0])
        );
        // y = x / 3 and y = 1 - x meet at (3/4, 1/4).
        let unequal = [[0.0, 0.0], [3.0, 1.0], [1.0, 0.0], [0.0, 1.0]];
        assert_eq!(found(&[&unequal]), crossing(0, None, [0.75, 0.25]));
        let parts = [square(0.0, 0.0, 2.0), square(1.0, 1.0, 3.0)];
        let at = found(&[&parts[0], &parts[1]]).unwrap();
        assert_eq!((at.kind, at.ring, at.other), (Kind::Crossing, 0, Some(1)));
        assert!([[1.0, 2.0], [2.0, 1.0]].contains(&at.place));
        // Through a vertex: the ring passes (1, 1) twice, from corner to corner.
        let pinched = [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [2.0, 0.0], [1.0, 1.0], [0.0, 2.0]];
        assert_eq!(found(&[&pinched]), crossing(0, None, [1.0, 1.0]));
    }

    #[test]
    fn what_does_not_cross_is_named() {
        let outer = square(0.0, 0.0, 9.0);
        let kind = |rings: &[&[Point]]| found(rings).map(|d| (d.kind, d.ring, d.other));
        assert_eq!(kind(&[&outer, &square(1.0, 1.0, 2.0)]), Some((Kind::CoveredTwice, 0, Some(1))));
        assert_eq!(kind(&[&outer, &outer]), Some((Kind::CoveredTwice, 0, Some(1))));
        assert_eq!(kind(&[&[outer, outer].concat()]), Some((Kind::CoveredTwice, 0, None)));
        assert_eq!(kind(&[&outer, &hole(20.0, 1.0, 2.0)]), Some((Kind::HoleOutside, 1, None)));
        assert_eq!(
            kind(&[&outer, &hole(1.0, 1.0, 5.0), &hole(2.0, 2.0, 2.0)]),
            Some((Kind::CutTwice, 1, Some(2)))
        );
        assert_eq!(kind(&[&outer]), None);
        assert_eq!(kind(&[&outer, &hole(0.0, 0.0, 3.0), &square(1.0, 1.0, 1.0)]), None);
    }

    #[test]
    fn the_place_lies_inside() {
        let at = found(&[&square(0.0, 0.0, 9.0), &square(1.0, 1.0, 2.0)]).unwrap().place;
        assert!(at.iter().all(|value| (1.0..=3.0).contains(value)), "{at:?}");
    }

    #[test]
    fn shares_are_rounded_correctly() {
        assert_eq!(part(10, 1, 3), 3);
        assert_eq!(part(-10, 2, 3), -7);
        let (whole, of) = ((1_i64 << 62) - 1, (1_i128 << 125) + 12345);
        assert_eq!(part(whole, of, of), whole);
        assert_eq!(part(whole, of / 2, of), whole / 2);
    }
}
