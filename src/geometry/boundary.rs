//! The boundary of a region as an index of segments: how far is a point, and which segment is near enough.

use std::cell::Cell;

use crate::geometry::area::{Bounds, NO_BOUNDS, bounds, greater, lesser};
use crate::geometry::box_tree::BoxTree;
use crate::polygons::{Point, Rings};

/// Segments to a box of the tree: as many as a look at one box saves.
const BOXED: usize = 8;

/// A point, as a vertex and a step from it.
///
/// Only differences of vertices enter a distance, and these are exact or nearly so wherever the outlines lie; the sum of vertex
/// and step would be rounded to the size of the coordinates.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    vertex: Point,
    step: Point,
}

impl Probe {
    /// Coordinates relative to another vertex.
    #[inline(always)]
    fn less(self, other: Point) -> (f64, f64) {
        ((self.vertex[0] - other[0]) + self.step[0], (self.vertex[1] - other[1]) + self.step[1])
    }
}

impl Probe {
    /// The coordinates, rounded.
    pub fn place(self) -> Point {
        [self.vertex[0] + self.step[0], self.vertex[1] + self.step[1]]
    }
}

impl From<Point> for Probe {
    #[inline(always)]
    fn from(vertex: Point) -> Self {
        Probe { vertex, step: [0.0; 2] }
    }
}

/// A piece of boundary between two neighbouring vertices.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// Where it starts.
    pub start: Point,
    /// Where it ends.
    pub end: Point,
    along: Point,
    /// 1 / length², or 0 for a single point.
    inverse: f64,
}

impl Segment {
    fn new(start: Point, end: Point) -> Self {
        let along = [end[0] - start[0], end[1] - start[1]];
        let squared = along[0] * along[0] + along[1] * along[1];
        let inverse = 1.0 / squared;
        Segment { start, end, along, inverse: if inverse.is_finite() { inverse } else { 0.0 } }
    }

    /// The point at share `t` of the way.
    pub fn at(&self, t: f64) -> Probe {
        // From the nearer end, so that both ends are exact.
        let (vertex, t) = if t > 0.5 { (self.end, t - 1.0) } else { (self.start, t) };
        Probe { vertex, step: [t * self.along[0], t * self.along[1]] }
    }

    /// The point of the segment that is nearest to a point.
    pub fn nearest(&self, point: Probe) -> Probe {
        let (x, y) = point.less(self.start);
        self.at(lesser(greater((x * self.along[0] + y * self.along[1]) * self.inverse, 0.0), 1.0))
    }

    /// Squared distance of a point to the nearest point of the segment.
    #[inline]
    pub fn distance2(&self, point: Probe) -> f64 {
        let (x, y) = point.less(self.start);
        let t = lesser(greater((x * self.along[0] + y * self.along[1]) * self.inverse, 0.0), 1.0);
        let (dx, dy) = (x - t * self.along[0], y - t * self.along[1]);
        dx * dx + dy * dy
    }
}

/// Segments of all rings in drawing order, under a tree of boxes; a scratch that is reused from row to row.
#[derive(Default)]
pub struct Boundary {
    /// Edges of non-zero length; a ring that is a single point is one segment of length 0.
    pub segments: Vec<Segment>,
    tree: BoxTree,
    /// Box around all of it.
    pub bounds: Bounds,
    stack: Cell<Vec<(u32, u32)>>,
}

impl Boundary {
    /// Replace the content by the boundary of another region. O(n).
    pub fn load(&mut self, rings: Rings) {
        self.segments.clear();
        for ring in rings.iter() {
            let before = self.segments.len();
            let Some(mut from) = ring.last().copied() else { continue };
            for &to in ring {
                if from != to {
                    self.segments.push(Segment::new(from, to));
                }
                from = to;
            }
            if self.segments.len() == before {
                self.segments.push(Segment::new(from, from));
            }
        }
        self.bounds = bounds(rings.vertices());
        self.tree.load(self.segments.chunks(BOXED).map(|segments| {
            segments.iter().fold(NO_BOUNDS, |[x0, y0, x1, y1], segment| {
                let ([a, b], [c, d]) = (segment.start, segment.end);
                [
                    lesser(x0, lesser(a, c)),
                    lesser(y0, lesser(b, d)),
                    greater(x1, greater(a, c)),
                    greater(y1, greater(b, d)),
                ]
            })
        }));
    }

    /// Whether every vertex between two segments is within a squared distance of `edge`, on a short way along the boundary.
    ///
    /// Then the edge is covered: at the foot of each such vertex on the edge both segments that meet there are near enough, and
    /// the distance to one segment is convex along the edge, so each segment covers what lies between its two feet.
    pub fn leads_along(&self, edge: &Segment, from: usize, to: usize, enough2: f64) -> bool {
        const LONGEST_WAY: usize = 12;
        let count = self.segments.len();
        let forward = if to >= from { to - from } else { to + count - from };
        let (mut at, end, steps) =
            if forward <= count - forward { (from, to, forward) } else { (to, from, count - forward) };
        if steps > LONGEST_WAY {
            return false;
        }
        while at != end {
            let next = if at + 1 == count { 0 } else { at + 1 };
            let vertex = self.segments[at].end;
            if self.segments[next].start != vertex || edge.distance2(vertex.into()) > enough2 {
                return false;
            }
            at = next;
        }
        true
    }

    /// A segment within `enough2` (squared) of the point if there is one, else the nearest segment;
    /// with its squared distance. `hint` is a segment that is likely near: the answer for a neighbouring point.
    pub fn near(&self, point: Probe, enough2: f64, hint: usize) -> (usize, f64) {
        let best = (hint, self.segments[hint].distance2(point));
        if best.1 <= enough2 { best } else { self.nearer(point, enough2, best) }
    }

    /// As [`Boundary::near`], from a segment whose squared distance is known and not within `enough2`.
    pub fn nearer(&self, point: Probe, enough2: f64, from: (usize, f64)) -> (usize, f64) {
        let count = self.segments.len();
        let measure = |at: usize| (at, self.segments[at].distance2(point));
        let mut best = from;
        // Walk along the boundary while that comes nearer, forward, then backward: the answer is rarely far from the last one.
        for by in [1, count - 1] {
            loop {
                let next = best.0 + by;
                let next = measure(if next < count { next } else { next - count });
                if next.1 >= best.1 {
                    break;
                }
                best = next;
                if best.1 <= enough2 {
                    return best;
                }
            }
        }
        let best = Cell::new(best);
        let mut stack = self.stack.take();
        self.tree.walk(
            &mut stack,
            |node| box_distance2(node, point) < best.get().1,
            |index| {
                let first = index * BOXED;
                let boxed = (first..count.min(first + BOXED)).map(measure);
                let nearest = boxed.fold(best.get(), |a, b| if b.1 < a.1 { b } else { a });
                best.set(nearest);
                nearest.1 > enough2
            },
        );
        self.stack.set(stack);
        best.get()
    }
}

fn box_distance2(node: &Bounds, point: Probe) -> f64 {
    let (right, below) = point.less([node[0], node[1]]);
    let (beyond, under) = point.less([node[2], node[3]]);
    let dx = greater(greater(-right, beyond), 0.0);
    let dy = greater(greater(-below, under), 0.0);
    dx * dx + dy * dy
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::polygons::PolygonsBuf;

    #[test]
    fn the_nearest_segment_is_found_from_any_hint() {
        // A star with 60 vertices.
        let ring: Vec<Point> = (0..60)
            .map(|k| {
                let (sin, cos) = (f64::from(k) * std::f64::consts::TAU / 60.0).sin_cos();
                let radius = if k % 2 == 0 { 10.0 } else { 4.0 };
                [radius * cos, radius * sin]
            })
            .collect();
        let mut built = PolygonsBuf::default();
        built.push_ring(ring).unwrap();
        built.end_region().unwrap();
        let mut boundary = Boundary::default();
        boundary.load(built.view().row(0));
        for point in [[0.0, 0.0], [7.0, 1.0], [-3.0, 9.5], [20.0, -20.0], [10.0, 0.0]] {
            let brute =
                boundary.segments.iter().map(|s| s.distance2(point.into())).fold(f64::INFINITY, f64::min);
            for hint in 0..60 {
                // Two segments may tie but for the last bits.
                assert!((boundary.near(point.into(), 0.0, hint).1 - brute).abs() <= 1e-15 * brute);
                assert!(boundary.near(point.into(), brute + 1.0, hint).1 <= brute + 1.0);
            }
        }
    }

    #[test]
    fn repeated_vertices_make_no_segments() {
        let mut built = PolygonsBuf::default();
        built.push_ring([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]).unwrap();
        built.push_ring([[5.0, 5.0], [5.0, 5.0]]).unwrap();
        built.end_region().unwrap();
        let mut boundary = Boundary::default();
        boundary.load(built.view().row(0));
        assert_eq!(boundary.segments.len(), 4);
        assert_eq!(boundary.segments[3].distance2([8.0, 9.0].into()), 25.0);
    }
}
