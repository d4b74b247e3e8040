//! Area of intersection of two regions, and from it IoU and Dice, without building the intersection.
//!
//! With the winding number of a region written as the sum of the signs `s` of the chains above a point, the area
//! where both regions are is
//!
//! ```text
//! ∫∫ w_A w_B = - Σ_i Σ_j s_i s_j ∫ max(0, g_j(x) - f_i(x)) dx      f_i chains of A, g_j chains of B
//! ```
//!
//! over the x-ranges that the chains share (the signs cancel at every x, which removes all terms in one chain only).
//! No intersection point is classified and no inside test is made, so there is nothing to get inconsistent: the result
//! is a continuous function of the coordinates. The idea of overlap areas from edge pairs is old: W. R. Franklin and
//! V. Sivaswami, OVERPROP (1990); N. Hardy, "Area of intersection of polygons".
//!
//! The same sum of a region with itself is `∫∫ w²`, which equals `∫∫ w` exactly for valid outlines (w in {0, 1}).

use std::cmp::Ordering;

use crate::geometry::area::{boxes_meet, greater, lesser};
use crate::geometry::chains::{BLOCK, Block, Chain, Chains, Knot};

/// Overlaps below this share of the box around both regions are rounding noise of the sum and count as none.
const NOISE: f64 = 1e-14;

/// Chains of two regions with up to this many knots together are merged without looking at blocks: borders of one lesion
/// are near each other for most of such a length. Measured: worth it for outlines of 50 vertices, equal for 200.
const MERGED_WHOLE: usize = 80;

/// Areas of two regions and of what they share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overlap {
    /// Area of the first region.
    pub area_a: f64,
    /// Area of the second region.
    pub area_b: f64,
    /// Area of the intersection, between 0 and the smaller of the two.
    pub intersection: f64,
}

impl Overlap {
    /// Jaccard index: intersection over union. NaN where a region has no area.
    pub fn iou(&self) -> f64 {
        if self.area_a > 0.0 && self.area_b > 0.0 {
            // Areas are added before anything is subtracted: the sum is the same bits when a and b swap.
            (self.intersection / (self.area_a + self.area_b - self.intersection)).min(1.0)
        } else {
            f64::NAN
        }
    }

    /// Sørensen-Dice index: twice the intersection over the sum of areas. NaN where a region has no area.
    pub fn dice(&self) -> f64 {
        if self.area_a > 0.0 && self.area_b > 0.0 {
            (2.0 * self.intersection / (self.area_a + self.area_b)).min(1.0)
        } else {
            f64::NAN
        }
    }
}

/// Areas and overlap of two valid regions. `active` is scratch.
///
/// The value is the same bits when the regions swap, and exactly the area when they are the same region.
pub fn overlap(a: &Chains, b: &Chains, active: &mut Vec<u32>) -> Overlap {
    let (area_a, area_b) = (a.area.max(0.0), b.area.max(0.0));
    let none = Overlap { area_a, area_b, intersection: 0.0 };
    if !boxes_meet(&a.bounds, &b.bounds) {
        return none;
    }
    let (first, second) = match a.canonical_order(b) {
        Ordering::Less => (a, b),
        Ordering::Greater => (b, a),
        // The same region; areas could differ in the last bit if the rings start at different vertices.
        Ordering::Equal => {
            let area = area_a.max(area_b);
            return Overlap { area_a: area, area_b: area, intersection: area };
        }
    };
    let mut parts = PositiveParts::new(MERGED_WHOLE);
    each_meeting_pair(first, second, active, |f, g| {
        parts.add(-f.sign * g.sign, (first, f), (second, g));
    });
    let sum = parts.sum();
    let width = greater(a.bounds[2], b.bounds[2]) - lesser(a.bounds[0], b.bounds[0]);
    let height = greater(a.bounds[3], b.bounds[3]) - lesser(a.bounds[1], b.bounds[1]);
    if sum <= NOISE * width * height {
        return none;
    }
    Overlap { area_a, area_b, intersection: sum.min(area_a).min(area_b) }
}

/// `∫∫ w²` of one region: each unordered pair of chains once, by `∫ |g - f| = ∫ 2 max(0, g - f) - (g - f)`.
pub fn squared_winding(region: &Chains) -> f64 {
    // The chains of one outline lie apart for most of their length, so blocks pay from the start.
    let (mut parts, mut differences) = (PositiveParts::new(2 * BLOCK), 0.0);
    for (index, f) in region.chains.iter().enumerate() {
        for g in &region.chains[index + 1..] {
            if g.x_min >= f.x_max {
                break;
            }
            let weight = -f.sign * g.sign;
            parts.add(2.0 * weight, (region, f), (region, g));
            let (f, g) = (region.knots(f), region.knots(g));
            differences += weight * difference(f, g, f[0].y, g[0].y);
        }
    }
    parts.sum() - differences
}

/// Call `meet` for each pair of chains that share an x-range. Both lists are sorted by left end.
fn each_meeting_pair(a: &Chains, b: &Chains, active: &mut Vec<u32>, mut meet: impl FnMut(&Chain, &Chain)) {
    active.clear();
    let mut next = 0;
    for f in &a.chains {
        active.retain(|&index| b.chains[index as usize].x_max > f.x_min);
        while let Some(g) = b.chains.get(next)
            && g.x_min < f.x_max
        {
            if g.x_max > f.x_min {
                active.push(next as u32);
            }
            next += 1;
        }
        for &index in active.iter() {
            let g = &b.chains[index as usize];
            if g.x_min < f.x_max {
                meet(f, g);
            }
        }
    }
}

/// Sums `weight * ∫ max(0, g - f) dx` over pairs of chains.
struct PositiveParts<'a> {
    /// Pairs of chains with at most this many knots are merged without looking at blocks.
    merged_whole: usize,
    sum: f64,
    /// Each step of a merge waits for the one before, so two are walked side by side: this is one without a partner yet.
    waiting: Option<Merge<'a>>,
}

impl<'a> PositiveParts<'a> {
    fn new(merged_whole: usize) -> Self {
        PositiveParts { merged_whole, sum: 0.0, waiting: None }
    }

    /// Add the part over the common x-range of two chains.
    #[inline(always)]
    fn add(&mut self, weight: f64, (a, f): (&'a Chains, &Chain), (b, g): (&'a Chains, &Chain)) {
        if g.y_max <= f.y_min {
            return;
        }
        let (f_knots, g_knots) = (a.knots(f), b.knots(g));
        let (f_base, g_base) = (f_knots[0].y, g_knots[0].y);
        if g.y_min >= f.y_max {
            self.sum += weight * difference(f_knots, g_knots, f_base, g_base);
        } else if f_knots.len() + g_knots.len() <= self.merged_whole {
            self.merge(Merge::new(weight, f_knots, g_knots));
        } else {
            each_run((f_knots, a.blocks(f)), (g_knots, b.blocks(g)), |place, f, g| match place {
                Place::Above => self.sum += weight * difference(f, g, f_base, g_base),
                Place::Below => {}
                Place::Mixed => self.merge(Merge::new(weight, f, g)),
            });
        }
    }

    #[inline(always)]
    fn merge(&mut self, mut merge: Merge<'a>) {
        match self.waiting.take() {
            None => self.waiting = Some(merge),
            Some(mut other) => {
                while merge.step() & other.step() {}
                self.sum += merge.finish();
                self.sum += other.finish();
            }
        }
    }

    fn sum(self) -> f64 {
        self.sum + self.waiting.map_or(0.0, Merge::finish)
    }
}

/// Where g lies relative to f, as far as blocks tell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Above,
    Below,
    Mixed,
}

/// Cut the common x-range into runs of blocks of one place: only mixed ones have to be merged edge by edge.
///
/// `run` gets the knots of the blocks of the run; their common x-range is the run.
#[inline(always)]
fn each_run<'a>(
    (f, f_blocks): (&'a [Knot], &[Block]),
    (g, g_blocks): (&'a [Knot], &[Block]),
    mut run: impl FnMut(Place, &'a [Knot], &'a [Knot]),
) {
    let x = greater(f[0].x, g[0].x);
    let mut i = f_blocks.partition_point(|block| block.x_max <= x);
    let mut j = g_blocks.partition_point(|block| block.x_max <= x);
    let place_of = |i: usize, j: usize| {
        let (p, q) = (f_blocks.get(i)?, g_blocks.get(j)?);
        Some(if q.y_min >= p.y_max {
            Place::Above
        } else if q.y_max <= p.y_min {
            Place::Below
        } else {
            Place::Mixed
        })
    };
    let mut next = place_of(i, j);
    while let Some(place) = next {
        let (i_first, j_first) = (i, j);
        let (mut i_last, mut j_last) = (i, j);
        while next == Some(place) {
            (i_last, j_last) = (i, j);
            let (p, q) = (&f_blocks[i], &g_blocks[j]);
            i += usize::from(p.x_max <= q.x_max);
            j += usize::from(q.x_max <= p.x_max);
            next = place_of(i, j);
        }
        let knots = |first: usize, last: usize, knots: &'a [Knot]| {
            &knots[first * BLOCK..knots.len().min((last + 1) * BLOCK + 1)]
        };
        run(place, knots(i_first, i_last, f), knots(j_first, j_last, g));
    }
}

/// `∫ (g - f) dx` over the common x-range of parts of two chains, from the prefix integrals: two look-ups instead of a
/// merge. `f_base` and `g_base` are the values from which the integrals count.
fn difference(f: &[Knot], g: &[Knot], f_base: f64, g_base: f64) -> f64 {
    let (from, to) = (greater(f[0].x, g[0].x), lesser(f[f.len() - 1].x, g[g.len() - 1].x));
    (to - from) * (g_base - f_base) + (area_under(g, g_base, from, to) - area_under(f, f_base, from, to))
}

/// Integral of a chain's value less `base`, between two positions inside these knots.
fn area_under(knots: &[Knot], base: f64, from: f64, to: f64) -> f64 {
    let up_to = |x: f64| {
        let last = &knots[knots.len() - 1];
        if x >= last.x {
            return last.integral;
        }
        let edge = edge_at(knots, x);
        let knot = &knots[edge - 1];
        let dx = x - knot.x;
        knot.integral + dx * ((knot.y - base) + 0.5 * dx * knots[edge].slope)
    };
    if from <= knots[0].x { up_to(to) - knots[0].integral } else { up_to(to) - up_to(from) }
}

/// Index of the knot at the right end of the edge that contains x, for x inside the chain.
fn edge_at(knots: &[Knot], x: f64) -> usize {
    knots.partition_point(|knot| knot.x <= x).clamp(1, knots.len() - 1)
}

/// A sum of `weight * ∫ max(0, g - f) dx` over the cells between neighbouring knots of either chain, where d = g - f is
/// linear.
///
/// Values are differences of knots plus the rises along the two edges, so the sum does not depend on where the origin
/// lies, and an edge that both chains share has difference 0 to the bit. Edges are evaluated from their right ends: so a
/// vertical edge, whose cell has no width, carries its end on to the next cell, and no branch depends on the data.
struct Merge<'a> {
    weight: f64,
    f: &'a [Knot],
    g: &'a [Knot],
    /// Knots at the right ends of the edges at `x`.
    i: usize,
    j: usize,
    /// How far the sum goes.
    x: f64,
    /// Difference there.
    d: f64,
    /// Twice the integral so far.
    twice: f64,
}

impl<'a> Merge<'a> {
    #[inline(always)]
    fn new(weight: f64, f: &'a [Knot], g: &'a [Knot]) -> Self {
        let x = greater(f[0].x, g[0].x);
        let i = if f[0].x < x { edge_at(f, x) } else { 1 };
        let j = if g[0].x < x { edge_at(g, x) } else { 1 };
        let (p, q) = (&f[i - 1], &g[j - 1]);
        let d = (q.y - p.y) + ((x - q.x) * g[j].slope - (x - p.x) * f[i].slope);
        Merge { weight, f, g, i, j, x, d, twice: 0.0 }
    }

    /// Add a cell; `false` at the end.
    #[inline(always)]
    fn step(&mut self) -> bool {
        let (Some(p), Some(q)) = (self.f.get(self.i), self.g.get(self.j)) else { return false };
        let x = lesser(p.x, q.x);
        let d = (q.y - p.y) + ((p.x - x) * p.slope - (q.x - x) * q.slope);
        let positive = greater(self.d, 0.0) + greater(d, 0.0);
        // Only where the edges cross is the trapezoid cut to a triangle: rare, so the division stays out of the way.
        let share = if self.d * d < 0.0 { positive / (self.d.abs() + d.abs()) } else { 1.0 };
        self.twice += (x - self.x) * positive * share;
        (self.x, self.d) = (x, d);
        self.i += usize::from(p.x <= q.x);
        self.j += usize::from(q.x <= p.x);
        true
    }

    #[inline(always)]
    fn finish(mut self) -> f64 {
        while self.step() {}
        0.5 * self.weight * self.twice
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::polygons::{Point, PolygonsBuf};

    fn chains(rings: &[&[Point]]) -> Chains {
        let mut built = PolygonsBuf::default();
        rings.iter().for_each(|ring| built.push_ring(ring.iter().copied()).unwrap());
        built.end_region().unwrap();
        let mut chains = Chains::default();
        chains.load(built.view().row(0));
        chains
    }

    fn shared(a: &[&[Point]], b: &[&[Point]]) -> f64 {
        let (a, b) = (chains(a), chains(b));
        let both = overlap(&a, &b, &mut Vec::new());
        assert_eq!(both.intersection, overlap(&b, &a, &mut Vec::new()).intersection);
        both.intersection
    }

    const SQUARE: [Point; 4] = [[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]];

    #[test]
    fn shifted_squares() {
        let shifted = SQUARE.map(|[x, y]| [x + 1.0, y + 0.5]);
        assert_eq!(shared(&[&SQUARE], &[&shifted]), 1.5);
        let both = overlap(&chains(&[&SQUARE]), &chains(&[&shifted]), &mut Vec::new());
        assert_eq!((both.iou(), both.dice()), (1.5 / 6.5, 3.0 / 8.0));
    }

    #[test]
    fn square_and_its_midpoint_diamond() {
        assert_eq!(shared(&[&SQUARE], &[&[[1.0, 0.0], [2.0, 1.0], [1.0, 2.0], [0.0, 1.0]]]), 2.0);
    }

    #[test]
    fn crossing_bars() {
        let (flat, tall) = (
            [[0.0, 2.0], [5.0, 2.0], [5.0, 3.0], [0.0, 3.0]],
            [[2.0, 0.0], [3.0, 0.0], [3.0, 5.0], [2.0, 5.0]],
        );
        assert_eq!(shared(&[&flat], &[&tall]), 1.0);
    }

    #[test]
    fn holes_and_parts() {
        let hole: Vec<Point> = SQUARE.iter().rev().map(|[x, y]| [x / 2.0 + 0.5, y / 2.0 + 0.5]).collect();
        let far = SQUARE.map(|[x, y]| [x + 3.0, y]);
        // The square with a unit hole in its middle, and a second part to the right.
        let region: [&[Point]; 3] = [&SQUARE, &hole, &far];
        assert_eq!(shared(&region, &[&SQUARE]), 3.0);
        let wide = [[-1.0, 0.5], [9.0, 0.5], [9.0, 1.5], [-1.0, 1.5]];
        assert_eq!(shared(&region, &[&wide]), 3.0);
        assert_eq!(shared(&region, &region), 7.0);
    }

    #[test]
    fn touching_shares_nothing_and_identical_shares_all() {
        let beside = SQUARE.map(|[x, y]| [x + 2.0, y]);
        assert_eq!(shared(&[&SQUARE], &[&beside]), 0.0);
        let ring = [[0.1, 0.7], [3.3, -1.9], [2.6, 1.1], [4.7, 3.2], [1.3, 2.8]];
        let mut turned = ring;
        turned.rotate_left(3);
        let both = overlap(&chains(&[&ring]), &chains(&[&turned]), &mut Vec::new());
        assert_eq!((both.iou(), both.dice()), (1.0, 1.0));
    }

    #[test]
    fn winding_squared_counts_double_cover() {
        assert_eq!(squared_winding(&chains(&[&SQUARE])), 4.0);
        // Wound twice: w = 2 on 4 square units.
        let twice = [SQUARE, SQUARE].concat();
        assert_eq!(squared_winding(&chains(&[&twice])), 16.0);
        // A bow tie: its lobes have w = +1 and -1, each 1 square unit.
        assert_eq!(squared_winding(&chains(&[&[[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0]]])), 2.0);
    }

    #[test]
    fn no_area_no_ratio() {
        let line = chains(&[&[[0.0, 0.0], [1.0, 1.0]]]);
        let both = overlap(&line, &chains(&[&SQUARE]), &mut Vec::new());
        assert!(both.iou().is_nan() && both.dice().is_nan());
        assert_eq!(both.intersection, 0.0);
    }
}
