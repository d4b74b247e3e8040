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
use crate::geometry::chains::{Block, Chain, Chains};
use crate::geometry::survey::Survey;
use crate::polygons::Point;

/// Overlaps below this share of the box around both regions are rounding noise of the sum and count as none.
const NOISE: f64 = 1e-14;

/// Chains of two regions with up to this many knots together are merged without looking at blocks: borders of one lesion
/// are near each other for most of such a length. Measured: worth it for outlines of 50 vertices, equal for 200.
const MERGED_WHOLE: usize = 80;

/// The same for the chains of one region, which lie apart for most of their length.
const SELF_MERGED_WHOLE: usize = 12;

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

/// The answer for two regions whose boxes do not meet, without preparing them.
pub fn apart(a: &Survey, b: &Survey) -> Option<Overlap> {
    let none = Overlap { area_a: a.area.max(0.0), area_b: b.area.max(0.0), intersection: 0.0 };
    if boxes_meet(&a.bounds, &b.bounds) { None } else { Some(none) }
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
        parts.add(-f.sign * g.sign, Span::of(first, f), Span::of(second, g));
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
    let (mut parts, mut differences) = (PositiveParts::new(SELF_MERGED_WHOLE), 0.0);
    for (index, f) in region.chains.iter().enumerate() {
        for g in &region.chains[index + 1..] {
            if g.x_min >= f.x_max {
                break;
            }
            let weight = -f.sign * g.sign;
            let (f, g) = (Span::of(region, f), Span::of(region, g));
            parts.add(2.0 * weight, f, g);
            differences += weight * f.difference(&g);
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

/// Merges under way at a time: each step of one waits for the step before, those of others do not.
const SIDE_BY_SIDE: usize = 3;

/// Sums `weight * ∫ max(0, g - f) dx` over pairs of chains.
struct PositiveParts<'a> {
    /// Pairs of chains with at most this many knots are merged without looking at blocks.
    merged_whole: usize,
    sum: f64,
    merges: [Merge<'a>; SIDE_BY_SIDE],
    waiting: usize,
}

impl<'a> PositiveParts<'a> {
    fn new(merged_whole: usize) -> Self {
        PositiveParts { merged_whole, sum: 0.0, merges: [Merge::NONE; SIDE_BY_SIDE], waiting: 0 }
    }

    /// Add the part over the common x-range of two chains.
    #[inline(always)]
    fn add(&mut self, weight: f64, f: Span<'a>, g: Span<'a>) {
        if g.y_max <= f.y_min {
            return;
        }
        if g.y_min >= f.y_max {
            self.sum += weight * f.difference(&g);
        } else if f.knots.len() + g.knots.len() <= self.merged_whole {
            self.merge(Merge::new(weight, f.knots, g.knots));
        } else {
            each_run(&f, &g, |place, run| match place {
                Place::Above => self.sum += weight * run.difference(&f, &g),
                Place::Below => {}
                Place::Mixed => self.merge(Merge::new(weight, f.part(run.f), g.part(run.g))),
            });
        }
    }

    #[inline(always)]
    fn merge(&mut self, merge: Merge<'a>) {
        self.merges[self.waiting] = merge;
        self.waiting += 1;
        if self.waiting == SIDE_BY_SIDE {
            self.finish();
        }
    }

    #[inline(never)]
    fn finish(&mut self) {
        let mut merges = std::mem::replace(&mut self.merges, [Merge::NONE; SIDE_BY_SIDE]);
        if self.waiting == SIDE_BY_SIDE {
            let [a, b, c] = &mut merges;
            while a.step() & b.step() & c.step() {}
        }
        let [a, b, c] = &mut merges;
        while a.step() & b.step() {}
        while b.step() & c.step() {}
        while c.step() & a.step() {}
        self.sum += a.finish();
        self.sum += b.finish();
        self.sum += c.finish();
        self.waiting = 0;
    }

    fn sum(mut self) -> f64 {
        if self.waiting > 0 {
            self.finish();
        }
        self.sum
    }
}

/// A chain and what belongs to it.
#[derive(Clone, Copy)]
struct Span<'a> {
    knots: &'a [Point],
    /// One more than there are.
    blocks: &'a [Block],
    /// Edges per block.
    block: usize,
    y_min: f64,
    y_max: f64,
}

impl<'a> Span<'a> {
    #[inline(always)]
    fn of(region: &'a Chains, chain: &Chain) -> Self {
        Span {
            knots: region.knots(chain),
            blocks: region.blocks(chain),
            block: chain.block as usize,
            y_min: chain.y_min,
            y_max: chain.y_max,
        }
    }

    /// `∫ (g - self) dx` over the common x-range, from the blocks' integrals: a look-up at each end instead of a merge.
    fn difference(&self, g: &Span) -> f64 {
        let x = greater(self.knots[0][0], g.knots[0][0]);
        let x_end = lesser(self.knots[self.knots.len() - 1][0], g.knots[g.knots.len() - 1][0]);
        let blocks = |span: &Span| [span.block_at(x), span.block_at(x_end)];
        Run { x, x_end, f: blocks(self), g: blocks(g) }.difference(self, g)
    }

    /// The first block that ends at or beyond a position.
    fn block_at(&self, x: f64) -> usize {
        let count = self.blocks.len() - 1;
        if x <= self.knots[0][0] {
            0
        } else {
            self.blocks[..count].partition_point(|block| block.x_max < x).min(count - 1)
        }
    }

    /// The knots of the blocks from the first to the second of these.
    #[inline(always)]
    fn part(&self, [first, last]: [usize; 2]) -> &'a [Point] {
        &self.knots[first * self.block..self.knots.len().min((last + 1) * self.block + 1)]
    }

    /// Integral of the value less the first value, from the start to a position in this block.
    fn integral(&self, block: usize, x: f64) -> f64 {
        if x >= self.blocks[block].x_max {
            return self.blocks[block + 1].integral;
        }
        let (base, mut sum) = (self.knots[0][1], self.blocks[block].integral);
        for pair in self.knots[block * self.block..].windows(2) {
            let ([x0, y0], [x1, y1]) = (pair[0], pair[1]);
            if x1 > x {
                let share = greater((x - x0) / (x1 - x0), 0.0);
                return sum + greater(x - x0, 0.0) * ((y0 - base) + 0.5 * share * (y1 - y0));
            }
            sum += (x1 - x0) * ((y0 - base) + 0.5 * (y1 - y0));
        }
        sum
    }
}

/// Where g lies relative to f, as far as blocks tell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Above,
    Below,
    Mixed,
}

/// Part of the common x-range of two chains f and g: from where to where, and in which first and last blocks of each.
#[derive(Clone, Copy)]
struct Run {
    x: f64,
    x_end: f64,
    f: [usize; 2],
    g: [usize; 2],
}

impl Run {
    /// `∫ (g - f) dx`.
    fn difference(&self, f: &Span, g: &Span) -> f64 {
        let inside = |span: &Span, [first, last]: [usize; 2]| {
            span.integral(last, self.x_end) - span.integral(first, self.x)
        };
        (self.x_end - self.x) * (g.knots[0][1] - f.knots[0][1]) + (inside(g, self.g) - inside(f, self.f))
    }
}

/// Cut the common x-range into runs of blocks of one place: only mixed ones have to be merged edge by edge.
///
/// This is a merge of the lines along which the blocks lie; the strips around them say how far to trust it.
#[inline(always)]
fn each_run(f: &Span, g: &Span, mut run: impl FnMut(Place, Run)) {
    let mut x = greater(f.knots[0][0], g.knots[0][0]);
    let begin = |span: &Span| {
        if span.knots[0][0] >= x {
            0
        } else {
            span.blocks[..span.blocks.len() - 1].partition_point(|block| block.x_max <= x)
        }
    };
    let (f_count, g_count) = (f.blocks.len() - 1, g.blocks.len() - 1);
    let (mut i, mut j) = (begin(f), begin(g));
    if i >= f_count || j >= g_count {
        return;
    }
    let (mut p0, mut q0) = (f.knots[i * f.block], g.knots[j * g.block]);
    let mut d = {
        let value = |from: Point, block: &Block| {
            let to = [block.x_max, block.y_end];
            if from[0] < x { (to[1], rise_to_end(from, to, x)) } else { (from[1], 0.0) }
        };
        let ((p, p_rise), (q, q_rise)) = (value(p0, &f.blocks[i]), value(q0, &g.blocks[j]));
        (q - p) + (p_rise - q_rise)
    };
    let mut open = Run { x, x_end: x, f: [i, i], g: [j, j] };
    let mut place = None;
    while i < f_count && j < g_count {
        let (p, q) = (&f.blocks[i], &g.blocks[j]);
        let (p1, q1) = ([p.x_max, p.y_end], [q.x_max, q.y_end]);
        let x_next = lesser(p.x_max, q.x_max);
        let d_next = (q.y_end - p.y_end) + (rise_to_end(p0, p1, x_next) - rise_to_end(q0, q1, x_next));
        let here = if lesser(d, d_next) + (q.low - p.high) >= 0.0 {
            Place::Above
        } else if greater(d, d_next) + (q.high - p.low) <= 0.0 {
            Place::Below
        } else {
            Place::Mixed
        };
        if place != Some(here) {
            if let Some(place) = place {
                run(place, open);
            }
            (open, place) = (Run { x, x_end: x, f: [i, i], g: [j, j] }, Some(here));
        }
        (open.x_end, open.f[1], open.g[1]) = (x_next, i, j);
        if p.x_max <= q.x_max {
            i += 1;
            p0 = p1;
        }
        if q.x_max <= p.x_max {
            j += 1;
            q0 = q1;
        }
        (x, d) = (x_next, d_next);
    }
    if let Some(place) = place {
        run(place, open);
    }
}

/// A sum of `weight * ∫ max(0, g - f) dx` over the cells between neighbouring knots of either chain, where d = g - f is
/// linear.
///
/// Values are differences of knots plus the rises along the two edges, so the sum does not depend on where the origin
/// lies, and an edge that both chains share has difference 0 to the bit. Edges are evaluated from their right ends: so a
/// vertical edge, whose cell has no width, carries its end on to the next cell, and no branch depends on the data.
#[derive(Clone, Copy)]
struct Merge<'a> {
    weight: f64,
    /// Knots from the left ends of the edges at `x` on.
    f: &'a [Point],
    g: &'a [Point],
    /// How far the sum goes.
    x: f64,
    /// Difference there.
    d: f64,
    /// Twice the integral so far.
    twice: f64,
}

impl<'a> Merge<'a> {
    const NONE: Merge<'static> = Merge { weight: 0.0, f: &[], g: &[], x: 0.0, d: 0.0, twice: 0.0 };

    #[inline(always)]
    fn new(weight: f64, f: &'a [Point], g: &'a [Point]) -> Self {
        let x = greater(f[0][0], g[0][0]);
        let from = |knots: &'a [Point]| {
            if knots[0][0] < x {
                &knots[knots.partition_point(|knot| knot[0] <= x).clamp(1, knots.len() - 1) - 1..]
            } else {
                knots
            }
        };
        let (f, g) = (from(f), from(g));
        // Where one chain starts here, its value is that of its knot; the other is evaluated as in the steps.
        let value = |knots: &[Point]| {
            if knots[0][0] < x {
                (knots[1][1], rise_to_end(knots[0], knots[1], x))
            } else {
                (knots[0][1], 0.0)
            }
        };
        let ((p, p_rise), (q, q_rise)) = (value(f), value(g));
        Merge { weight, f, g, x, d: (q - p) + (p_rise - q_rise), twice: 0.0 }
    }

    /// Add a cell; `false` at the end.
    #[inline(always)]
    fn step(&mut self) -> bool {
        let ([p0, p, ..], [q0, q, ..]) = (self.f, self.g) else { return false };
        let x = lesser(p[0], q[0]);
        let d = (q[1] - p[1]) + (rise_to_end(*p0, *p, x) - rise_to_end(*q0, *q, x));
        let positive = greater(self.d, 0.0) + greater(d, 0.0);
        // Only where the edges cross is the trapezoid cut to a triangle: rare, so the division stays out of the way.
        let share = if self.d * d < 0.0 { positive / (self.d.abs() + d.abs()) } else { 1.0 };
        self.twice += (x - self.x) * positive * share;
        (self.x, self.d) = (x, d);
        self.f = &self.f[usize::from(p[0] <= q[0])..];
        self.g = &self.g[usize::from(q[0] <= p[0])..];
        true
    }

    #[inline(always)]
    fn finish(&mut self) -> f64 {
        while self.step() {}
        0.5 * self.weight * self.twice
    }
}

/// How much an edge rises from a position to its right end; 0 for a vertical edge.
#[inline(always)]
fn rise_to_end(from: Point, to: Point, x: f64) -> f64 {
    // 0 / 0 gives 0: the comparison with NaN fails.
    greater((to[0] - x) / (to[0] - from[0]), 0.0) * (to[1] - from[1])
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
