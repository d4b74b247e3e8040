//! The boundary of a region as an index of segments: how far is a point, and which segment is near enough.

use std::cell::{Cell, OnceCell};

use crate::geometry::area::{Bounds, NO_BOUNDS, greater, lesser};
use crate::geometry::box_tree::BoxTree;
use crate::geometry::lockstep::Walk;
use crate::polygons::{Point, Rings};

/// Segments to a box of the tree: as many as a look at one box saves.
const BOXED: usize = 8;

/// Up to so many segments are looked through one by one.
const FEW: usize = 16;
/// Up to so many where the tree would be made for one point.
const MANY: usize = 64;

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
#[repr(align(64))]
pub struct Segment {
    /// Where it starts.
    pub start: Point,
    /// Where it ends.
    pub end: Point,
    /// Unit vector from start to end; some unit vector where there is no length.
    pub direction: Point,
    /// From start to end.
    pub length: f64,
}

/// Squared lengths below this have lost digits to underflow: such a segment counts as a point.
const POINT2: f64 = 1e-300;

impl Segment {
    #[inline(always)]
    fn new(start: Point, end: Point) -> Self {
        let along = [end[0] - start[0], end[1] - start[1]];
        let squared = along[0] * along[0] + along[1] * along[1];
        if squared < POINT2 {
            return Segment { start, end, direction: [1.0, 0.0], length: 0.0 };
        }
        let length = squared.sqrt();
        let inverse = 1.0 / length;
        Segment { start, end, direction: [along[0] * inverse, along[1] * inverse], length }
    }

    /// The two segments of three vertices.
    #[inline(always)]
    fn two(a: Point, b: Point, c: Point) -> [Self; 2] {
        let (dx, dy) = ([b[0] - a[0], c[0] - b[0]], [b[1] - a[1], c[1] - b[1]]);
        let squared = [dx[0] * dx[0] + dy[0] * dy[0], dx[1] * dx[1] + dy[1] * dy[1]];
        if squared[0] < POINT2 || squared[1] < POINT2 {
            return [Segment::new(a, b), Segment::new(b, c)];
        }
        let length = squared.map(f64::sqrt);
        let inverse = length.map(|length| 1.0 / length);
        [
            Segment {
                start: a,
                end: b,
                direction: [dx[0] * inverse[0], dy[0] * inverse[0]],
                length: length[0],
            },
            Segment {
                start: b,
                end: c,
                direction: [dx[1] * inverse[1], dy[1] * inverse[1]],
                length: length[1],
            },
        ]
    }

    /// The point at share `t` of the way.
    pub fn at(&self, t: f64) -> Probe {
        let along = [self.end[0] - self.start[0], self.end[1] - self.start[1]];
        // From the nearer end, so that both ends are exact.
        let (vertex, t) = if t > 0.5 { (self.end, t - 1.0) } else { (self.start, t) };
        Probe { vertex, step: [t * along[0], t * along[1]] }
    }

    /// The point of the segment that is nearest to a point.
    pub fn nearest(&self, point: Probe) -> Probe {
        let (x, y) = point.less(self.start);
        let along = x * self.direction[0] + y * self.direction[1];
        self.at(if along > 0.0 { lesser(along / self.length, 1.0) } else { 0.0 })
    }

    /// Squared distance of a point to the nearest point of the segment.
    #[inline]
    pub fn distance2(&self, point: Probe) -> f64 {
        self.reach2(point.less(self.start))
    }

    /// As [`Segment::distance2`], of a vertex.
    #[inline(always)]
    pub fn vertex_distance2(&self, vertex: Point) -> f64 {
        self.reach2((vertex[0] - self.start[0], vertex[1] - self.start[1]))
    }

    #[inline(always)]
    fn reach2(&self, (x, y): (f64, f64)) -> f64 {
        let [cos, sin] = self.direction;
        // In the frame of the segment. Only the part of the way along that lies outside counts.
        let (along, across) = (x * cos + y * sin, y * cos - x * sin);
        let outside = greater(greater(-along, along - self.length), 0.0);
        across * across + outside * outside
    }
}

/// Segments of all rings in drawing order, under a tree of boxes; a scratch that is reused from row to row.
#[derive(Default)]
pub struct Boundary {
    /// Edges of non-zero length; a ring that is a single point is one segment of length 0.
    pub segments: Vec<Segment>,
    /// Box around all of it.
    pub bounds: Bounds,
    rings: usize,
    /// Made when it pays, from the buffers of the last one.
    tree: OnceCell<BoxTree>,
    spare: Cell<BoxTree>,
    stack: Cell<Vec<(u32, u32)>>,
    /// Scratch of what walks along two boundaries.
    pub(super) walk: Cell<Walk>,
}

impl Boundary {
    /// Replace the content by the boundary of another region. O(n).
    pub fn load(&mut self, rings: Rings) {
        self.segments.clear();
        self.rings = 0;
        self.bounds = NO_BOUNDS;
        if let Some(tree) = self.tree.take() {
            self.spare.set(tree);
        }
        for ring in rings.iter() {
            self.load_ring(ring);
        }
    }

    fn load_ring(&mut self, ring: &[Point]) {
        let Some(&last) = ring.last() else { return };
        self.rings += 1;
        let before = self.segments.len();
        self.segments.reserve(ring.len());
        let (pairs, rest) = ring.as_chunks::<2>();
        let mut from = last;
        // Two at a time, in one register each: roots and quotients are most of the cost.
        let (mut low, mut high) = ([last, last], [last, last]);
        let mut points = false;
        for &[middle, to] in pairs {
            let two = Segment::two(from, middle, to);
            points |= !(two[0].length > 0.0 && two[1].length > 0.0);
            self.segments.extend_from_slice(&two);
            for (k, vertex) in [middle, to].into_iter().enumerate() {
                low[k] = [lesser(low[k][0], vertex[0]), lesser(low[k][1], vertex[1])];
                high[k] = [greater(high[k][0], vertex[0]), greater(high[k][1], vertex[1])];
            }
            from = to;
        }
        if let &[to] = rest {
            let segment = Segment::new(from, to);
            points |= segment.length == 0.0;
            self.segments.push(segment);
        }
        if points {
            self.segments.truncate(before);
            self.load_slowly(ring, last);
        }
        let ([a, b], [c, d]) = (low, high);
        let [x0, y0, x1, y1] = self.bounds;
        self.bounds = [
            lesser(x0, lesser(a[0], b[0])),
            lesser(y0, lesser(a[1], b[1])),
            greater(x1, greater(c[0], d[0])),
            greater(y1, greater(c[1], d[1])),
        ];
    }

    /// As it is done where vertices repeat, or nearly.
    #[cold]
    fn load_slowly(&mut self, ring: &[Point], mut from: Point) {
        let before = self.segments.len();
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

    fn tree(&self) -> &BoxTree {
        self.tree.get_or_init(|| {
            let mut tree = self.spare.take();
            tree.load(self.segments.chunks(BOXED).map(|segments| {
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
            tree
        })
    }

    /// Number of rings that have a vertex.
    pub fn rings(&self) -> usize {
        self.rings
    }

    /// A segment near a vertex, if not the nearest one: where to start looking. O(sqrt(n)).
    pub fn about(&self, vertex: Point) -> usize {
        let count = self.segments.len();
        let stride = (count / 8).isqrt() + 1;
        // The distance with the number in its last bits: the smallest of these is found without a branch.
        let key = |squared: f64, index: usize| (squared.to_bits() & !0xf_ffff) | index as u64;
        let coarse =
            self.segments.iter().step_by(stride).take(1 << 20).enumerate().map(|(index, segment)| {
                let (x, y) = (vertex[0] - segment.start[0], vertex[1] - segment.start[1]);
                key(x * x + y * y, index)
            });
        let middle = (coarse.min().unwrap_or(0) & 0xf_ffff) as usize * stride;
        let window = 2 * stride;
        let first = if middle >= stride { middle - stride } else { (middle + count).saturating_sub(stride) };
        let fine = (0..window).map(|by| {
            let index = first + by;
            key(self.segments[if index < count { index } else { index - count }].vertex_distance2(vertex), by)
        });
        let found = first + (fine.min().unwrap_or(0) & 0xf_ffff) as usize;
        if found < count { found } else { found - count }
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

    /// The nearest segment, with its squared distance; `from` is one whose squared distance is known.
    pub fn nearest(&self, point: Probe, from: (usize, f64)) -> (usize, f64) {
        if self.segments.len() <= MANY {
            self.nearest_of_all(point, from)
        } else {
            self.nearer(point, 0.0, from)
        }
    }

    fn nearest_of_all(&self, point: Probe, from: (usize, f64)) -> (usize, f64) {
        // The minimum first, then who has it: so the search itself does not branch.
        let squares = self.segments.iter().map(|segment| segment.distance2(point));
        let least = squares.clone().fold(f64::INFINITY, lesser);
        if least >= from.1 {
            return from;
        }
        squares.enumerate().find(|(_, squared)| *squared <= least).unwrap_or(from)
    }

    /// As [`Boundary::near`], from a segment whose squared distance is known and not within `enough2`.
    pub fn nearer(&self, point: Probe, enough2: f64, from: (usize, f64)) -> (usize, f64) {
        let count = self.segments.len();
        if count <= FEW {
            return self.nearest_of_all(point, from);
        }
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
        self.tree().walk(
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
