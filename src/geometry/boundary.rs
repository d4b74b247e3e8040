//! The boundary of a region as an index of segments: how far is a point, and which segment is near enough.

use std::cell::Cell;

use crate::geometry::area::{Bounds, bounds, greater, lesser};
use crate::geometry::box_tree::BoxTree;
use crate::polygons::{Point, Rings};

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
    pub fn at(&self, t: f64) -> Point {
        [self.start[0] + t * self.along[0], self.start[1] + t * self.along[1]]
    }

    /// Squared distance of a point to the nearest point of the segment.
    #[inline]
    pub fn distance2(&self, point: Point) -> f64 {
        let (x, y) = (point[0] - self.start[0], point[1] - self.start[1]);
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
        self.tree.load(self.segments.iter().map(|segment| {
            let ([x0, y0], [x1, y1]) = (segment.start, segment.end);
            [lesser(x0, x1), lesser(y0, y1), greater(x0, x1), greater(y0, y1)]
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
            if self.segments[next].start != vertex || edge.distance2(vertex) > enough2 {
                return false;
            }
            at = next;
        }
        true
    }

    /// A segment within `enough2` (squared) of the point if there is one, else the nearest segment;
    /// with its squared distance. `hint` is a segment that is likely near: the answer for a neighbouring point.
    pub fn near(&self, point: Point, enough2: f64, hint: usize) -> (usize, f64) {
        let mut best = (hint, self.segments[hint].distance2(point));
        if best.1 <= enough2 {
            return best;
        }
        // Walk along the boundary while that comes nearer: the answer is rarely far from the last one.
        let last = self.segments.len() - 1;
        let forward = |at: usize| if at == last { 0 } else { at + 1 };
        let backward = |at: usize| if at == 0 { last } else { at - 1 };
        for step in [&forward as &dyn Fn(usize) -> usize, &backward] {
            loop {
                let next = step(best.0);
                let distance2 = self.segments[next].distance2(point);
                if distance2 >= best.1 {
                    break;
                }
                best = (next, distance2);
                if distance2 <= enough2 {
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
                let distance2 = self.segments[index].distance2(point);
                if distance2 < best.get().1 {
                    best.set((index, distance2));
                }
                best.get().1 > enough2
            },
        );
        self.stack.set(stack);
        best.get()
    }
}

fn box_distance2(node: &Bounds, [x, y]: Point) -> f64 {
    let dx = greater(greater(node[0] - x, x - node[2]), 0.0);
    let dy = greater(greater(node[1] - y, y - node[3]), 0.0);
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
            let brute = boundary.segments.iter().map(|s| s.distance2(point)).fold(f64::INFINITY, f64::min);
            for hint in 0..60 {
                // Two segments may tie but for the last bits.
                assert!((boundary.near(point, 0.0, hint).1 - brute).abs() <= 1e-15 * brute);
                assert!(boundary.near(point, brute + 1.0, hint).1 <= brute + 1.0);
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
        assert_eq!(boundary.segments[3].distance2([8.0, 9.0]), 25.0);
    }
}
