//! Distances along the whole boundary: means, percentiles, shares within a tolerance and a signed offset of two outlines.
//!
//! Each edge is cut where the nearest feature of the other boundary changes ([`crate::geometry::envelope`]); on a piece the distance is
//! straight or that to a point, so that all numbers are sums of closed forms ([`crate::geometry::spread`]). Nothing is sampled.

use std::cmp::Ordering;

use crate::geometry::area::lesser;
use crate::geometry::envelope::Piece;
use crate::geometry::follow::Follower;
use crate::geometry::spread::{Part, percentile};
use crate::geometry::strips::{Border, Edge};
use crate::polygons::Point;

/// Distances count as within a tolerance that they exceed by this share of the extent: borders that run a tolerance
/// apart are within it whatever their rounding.
const ROUNDING: f64 = 1e-14;
/// Distances above this share of the extent are far enough from the border for the side of a point to be beyond doubt.
const CLEAR: f64 = 1e-10;

/// What is wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// A percentile, from 0 to 100.
    pub percentile: Option<f64>,
    /// Of both boundaries together, not the larger of the two.
    pub pooled: bool,
    /// Share of the boundaries within this distance.
    pub tolerance: Option<f64>,
    /// The signed offset.
    pub offset: bool,
}

/// Distances of a pair in its unit of length; NaN where a region has no boundary or a number is not wanted.
#[derive(Clone, Copy, Debug)]
pub struct Surface {
    /// Mean distance from A to B.
    pub mean_a_to_b: f64,
    /// Mean distance from B to A.
    pub mean_b_to_a: f64,
    /// Mean of the two.
    pub masd: f64,
    /// Total integral over total length.
    pub assd: f64,
    /// Larger of the two directed percentiles, or that of both boundaries together.
    pub percentile: f64,
    /// Share of both boundaries within the tolerance.
    pub nsd: f64,
    /// Mean signed distance, above 0 where A lies outside B.
    pub offset: f64,
}

/// Scratch, reused from pair to pair.
#[derive(Default)]
pub struct Workspace {
    follower: Follower,
    parts: [Vec<Part>; 2],
}

/// All wanted numbers of a pair in one pass. The same bits when the regions swap (the offset: with its sign turned).
pub fn surface(a: &Border, b: &Border, wanted: &Wanted, work: &mut Workspace) -> Surface {
    const NAN: f64 = f64::NAN;
    if a.edges.is_empty() || b.edges.is_empty() {
        let (mean_a_to_b, mean_b_to_a) = (NAN, NAN);
        return Surface {
            mean_a_to_b,
            mean_b_to_a,
            masd: NAN,
            assd: NAN,
            percentile: NAN,
            nsd: NAN,
            offset: NAN,
        };
    }
    let Workspace { follower, parts: [parts_a, parts_b] } = work;
    let p = directed(a, b, wanted, follower, parts_a);
    let q = directed(b, a, wanted, follower, parts_b);
    let (mean_a_to_b, mean_b_to_a) = (p.integral / p.length, q.integral / q.length);
    // A region that is a single point has a mean, but no length by which to count beside a region with one.
    let pooled = |p_sum: f64, q_sum: f64, p_length: f64, q_length: f64| match (a.length > 0.0, b.length > 0.0)
    {
        (true, false) => p_sum / p_length,
        (false, true) => q_sum / q_length,
        _ => (p_sum + q_sum) / (p_length + q_length),
    };
    let percentile = wanted.percentile.map_or(NAN, |percent| {
        if !wanted.pooled {
            return larger(percent, (mean_a_to_b, parts_a), (mean_b_to_a, parts_b));
        }
        match (a.length > 0.0, b.length > 0.0) {
            (true, false) => percentile(parts_a, percent),
            (false, true) => percentile(parts_b, percent),
            _ => {
                let (all, rest) =
                    if a.order(b) == Ordering::Greater { (parts_b, parts_a) } else { (parts_a, parts_b) };
                all.extend_from_slice(rest);
                percentile(all, percent)
            }
        }
    });
    Surface {
        mean_a_to_b,
        mean_b_to_a,
        masd: 0.5 * (mean_a_to_b + mean_b_to_a),
        assd: pooled(p.integral, q.integral, p.length, q.length),
        percentile,
        nsd: if wanted.tolerance.is_some() { pooled(p.within, q.within, p.covered, q.covered) } else { NAN },
        offset: if wanted.offset { 0.5 * (p.signed / p.length - q.signed / q.length) } else { NAN },
    }
}

/// The larger of two percentiles. The direction with the larger mean comes first; the other is mostly seen to be smaller at once.
fn larger(percent: f64, one: (f64, &mut Vec<Part>), other: (f64, &mut Vec<Part>)) -> f64 {
    let (first, second) = if one.0 < other.0 { (other, one) } else { (one, other) };
    let value = percentile(first.1, percent);
    if first.0 > second.0 {
        let (mut within, mut total) = (0.0, 0.0);
        for part in second.1.iter() {
            total += part.length;
            within += part.within(value);
        }
        if within >= total * (percent / 100.0) {
            return value;
        }
    }
    value.max(percentile(second.1, percent))
}

/// Sums over one boundary.
#[derive(Default)]
struct Sums {
    length: f64,
    integral: f64,
    /// Of the parts: what lies within is summed alike, so that all of it is exactly all of it.
    covered: f64,
    signed: f64,
    within: f64,
}

fn directed(a: &Border, b: &Border, wanted: &Wanted, follower: &mut Follower, parts: &mut Vec<Part>) -> Sums {
    parts.clear();
    let keep = wanted.percentile.is_some();
    let extent = (0..2)
        .map(|k| a.bounds[k + 2].max(b.bounds[k + 2]) - a.bounds[k].min(b.bounds[k]))
        .fold(0.0, f64::max);
    let reach = wanted.tolerance.map_or(-1.0, |tolerance| tolerance + ROUNDING * (tolerance + extent));
    let mut sums = Sums { length: a.length, ..Sums::default() };
    let mut side = Side { along: a, border: b, known: 0.0, number: 0, clear: CLEAR * extent };
    let mut take = |part: Part, side: f64| {
        let integral = part.integral();
        sums.integral += integral;
        sums.covered += part.length;
        sums.signed += side * integral;
        if reach >= part.low {
            sums.within += part.within(reach);
        }
        if keep {
            parts.push(part);
        }
    };
    if a.length > 0.0 {
        follower.follow(a, b, wanted.offset, &mut |number, piece| side.split(number, piece, &mut take));
        return sums;
    }
    // Nothing but points: each weighs the same.
    for point in &a.edges {
        let distance = nearest(point.start, b);
        take(Part::line(distance, distance, 1.0), side.of(point, 0.0));
    }
    sums.length = sums.covered;
    sums
}

/// Distance of a point. O(n): regions that are points are too rare for a search.
fn nearest(point: Point, border: &Border) -> f64 {
    border.edges.iter().map(|edge| edge.distance2(point, [0.0; 2])).fold(f64::INFINITY, lesser).sqrt()
}

/// Inside or outside the other region, along a boundary.
struct Side<'a> {
    /// The boundary that is followed.
    along: &'a Border,
    /// That of the other region.
    border: &'a Border,
    /// Side of the last point that was not on the border, or 0.
    known: f64,
    /// The edge it belongs to.
    number: usize,
    clear: f64,
}

impl Side<'_> {
    /// Cut a piece where its distance turns, and hand on the parts with the side on which they lie.
    #[inline]
    fn split(&mut self, number: usize, piece: &Piece, take: &mut impl FnMut(Part, f64)) {
        if number != self.number {
            if self.along.edges[number].before as usize != self.number {
                self.known = 0.0;
            }
            self.number = number;
        }
        let ([from, to], [start, end]) = (piece.span, piece.at);
        let length = to - from;
        if piece.height2 < 0.0 {
            if start * end < 0.0 {
                let first = length * (start / (start - end));
                self.hand(piece, from, start, [start.abs(), 0.0], Part::line(start.abs(), 0.0, first), take);
                let (from, length) = (from + first, length - first);
                self.hand(piece, from, end, [0.0, end.abs()], Part::line(0.0, end.abs(), length), take);
            } else {
                let ends = [start.abs(), end.abs()];
                self.hand(piece, from, start + end, ends, Part::line(ends[0], ends[1], length), take);
            }
        } else if start * end < 0.0 {
            let (fall, rise) =
                (Part::point(0.0, -start, piece.height2), Part::point(0.0, end, piece.height2));
            self.hand(piece, from, 1.0, [fall.high, fall.low], fall, take);
            self.hand(piece, from - start, 1.0, [rise.low, rise.high], rise, take);
        } else {
            let falls = start < 0.0;
            let part = Part::point(if falls { -end } else { start }, length, piece.height2);
            let ends = if falls { [part.high, part.low] } else { [part.low, part.high] };
            self.hand(piece, from, 1.0, ends, part, take);
        }
    }

    /// `ends` are the distances at start and end of the part.
    #[inline]
    fn hand(
        &mut self,
        piece: &Piece,
        from: f64,
        sign: f64,
        ends: [f64; 2],
        part: Part,
        take: &mut impl FnMut(Part, f64),
    ) {
        let side = if piece.side != 0.0 {
            piece.side * 1.0_f64.copysign(sign)
        } else if self.known != 0.0 && ends[0] > self.clear {
            self.known
        } else {
            let edge = &self.along.edges[self.number];
            self.of(edge, from + 0.5 * part.length)
        };
        // A side holds until the border is met again.
        self.known = if ends[1] > self.clear { side } else { 0.0 };
        take(part, side);
    }

    /// The side of a place on an edge whose nearest features do not tell it.
    fn of(&self, edge: &Edge, at: f64) -> f64 {
        let share = if edge.length > 0.0 { at / edge.length } else { 0.0 };
        let step = edge.along.map(|along| share * along);
        if self.border.winding(edge.start, step) > 0 { -1.0 } else { 1.0 }
    }
}
