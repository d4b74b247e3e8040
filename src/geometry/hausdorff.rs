//! Hausdorff distance of two boundaries: the largest distance from any point of one to the other.
//!
//! "Any point" means all points of the boundary, not only vertices, and of all rings. The distance to **one** segment is
//! convex along a segment, so where one segment of B is within the current maximum at both ends of an edge of A, it
//! is so for the whole edge, and the edge is done. Edges that no single segment covers are split where their two witnesses are
//! equally far; that point either raises the maximum or has a third witness. Nothing is sampled; the result lies
//! within `SLACK` of the extent below the exact distance and never above it but for rounding.
//!
//! Most edges need no look of their own: a walk along both boundaries at once ([`Walk`]) bounds them, the farthest vertices
//! that it meets give the maximum, and only edges that the walk leaves above it are looked at one by one. Early exit against
//! the running maximum is A. A. Taha and A. Hanbury's (IEEE TPAMI 2015), here along ordered boundaries.

use std::cmp::Ordering;

use crate::geometry::area::boxes_meet;
use crate::geometry::boundary::{Boundary, Segment};
use crate::geometry::lockstep::Walk;
use crate::polygons::Point;

/// Distances closer than this share of the extent count as equal: a few units in the last place.
const SLACK: f64 = 2e-15;
/// Vertices that are measured first, to have a high maximum early.
const SEEDS: usize = 4;
/// With one step in so many not near enough, edges are looked at one after another.
const LOST: usize = 2;
/// Least segments of a boundary that is walked around.
const SHORTEST_WALK: usize = 3;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// All points of the boundary.
    Exact,
    /// Vertices only, against the other's whole boundary: what GEOS and shapely call Hausdorff distance.
    Vertex,
}

/// A largest distance and where it is: a point on each boundary, that of the farther side and the nearest one to it.
#[derive(Clone, Copy, Debug)]
pub struct Farthest {
    /// NaN where a region has no boundary, and so are the points then.
    pub distance: f64,
    /// On the boundary of the first argument.
    pub point_a: Point,
    /// On the boundary of the second argument.
    pub point_b: Point,
    /// Whether `point_a` is the one that is so far from all of the other boundary.
    pub from_a: bool,
}

/// Larger of the two directed distances; NaN where a region has no boundary. The same bits when regions swap.
pub fn hausdorff(a: &Boundary, b: &Boundary, method: Method) -> f64 {
    farthest(a, b, method, false).distance
}

/// Largest distance from the boundary of `a` to that of `b`; NaN where a region has no boundary.
pub fn directed(a: &Boundary, b: &Boundary, method: Method) -> f64 {
    farthest(a, b, method, true).distance
}

/// As [`hausdorff`] or [`directed`], with the points.
pub fn farthest(a: &Boundary, b: &Boundary, method: Method, directed: bool) -> Farthest {
    if a.segments.is_empty() || b.segments.is_empty() {
        let (distance, nowhere) = (f64::NAN, [f64::NAN; 2]);
        return Farthest { distance, point_a: nowhere, point_b: nowhere, from_a: false };
    }
    let swapped = !directed && order(a, b) == Ordering::Greater;
    let sides = if swapped { [b, a] } else { [a, b] };
    let extent = (a.bounds[2].max(b.bounds[2]) - a.bounds[0].min(b.bounds[0]))
        .max(a.bounds[3].max(b.bounds[3]) - a.bounds[1].min(b.bounds[1]));
    let maximum = Maximum::new(SLACK * extent);
    let mut search = Search { sides, method, maximum, place: None, stretches: Vec::new() };
    let one_ring = |side: &Boundary| side.rings() == 1 && side.segments.len() >= SHORTEST_WALK;
    // Boundaries that lie apart have no places that correspond.
    if boxes_meet(&a.bounds, &b.bounds) && sides.into_iter().all(one_ring) {
        let mut walk = a.walk.take();
        search.seed(&mut walk, directed);
        let far = walk.farther(search.maximum.squared);
        search.check(FROM_FIRST, &walk, &far);
        if !directed {
            search.check(FROM_SECOND, &walk, &far);
        }
        walk.recycle(far);
        a.walk.set(walk);
    } else {
        search.all(FROM_FIRST);
        if !directed {
            search.all(FROM_SECOND);
        }
    }
    let ([first, second], of_first) = search.points();
    let (point_a, point_b) = if swapped { (second, first) } else { (first, second) };
    Farthest { distance: search.maximum.distance, point_a, point_b, from_a: of_first != swapped }
}

fn order(a: &Boundary, b: &Boundary) -> Ordering {
    let boxes = a.bounds.iter().zip(&b.bounds).map(|(a, b)| a.total_cmp(b));
    boxes.fold(Ordering::Equal, Ordering::then).then(a.segments.len().cmp(&b.segments.len())).then_with(
        || {
            let starts = a
                .segments
                .iter()
                .zip(&b.segments)
                .flat_map(|(a, b)| [(a.start, b.start), (a.end, b.end)])
                .map(|(a, b)| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
            starts.into_iter().find(|&order| order != Ordering::Equal).unwrap_or(Ordering::Equal)
        },
    )
}

/// The running maximum.
#[derive(Clone, Copy)]
struct Maximum {
    distance: f64,
    /// Squared distance that a vertex must exceed to raise it: all that do are measured, so that the order in which
    /// vertices are met does not show in the last bits.
    squared: f64,
    /// Squared distance that a witness must keep, to cover an edge.
    enough2: f64,
    slack: f64,
}

impl Maximum {
    /// Of nothing: what is within the slack counts as 0.
    fn new(slack: f64) -> Self {
        Maximum { distance: 0.0, squared: slack * slack, enough2: slack * slack, slack }
    }

    fn raised(self, squared: f64) -> Self {
        let distance = squared.sqrt();
        Maximum { distance, squared, enough2: (distance + self.slack).powi(2), ..self }
    }
}

/// A point at share `t` of an edge of one side, and the segment of the other side that is nearest to it.
#[derive(Clone, Copy)]
struct Place {
    from: usize,
    edge: usize,
    t: f64,
    nearest: usize,
}

/// Numbers of the sides, for the direction in which is measured.
const FROM_FIRST: usize = 0;
const FROM_SECOND: usize = 1;

/// A stretch of an edge of A, with segments of B that are near enough at its ends.
struct Stretch {
    from: f64,
    to: f64,
    at_from: usize,
    at_to: usize,
}

/// The search for the largest distance from one side to the other or in both directions.
struct Search<'a> {
    sides: [&'a Boundary; 2],
    method: Method,
    maximum: Maximum,
    place: Option<Place>,
    stretches: Vec<Stretch>,
}

impl Search<'_> {
    /// Measure a point up to where it cannot raise the maximum, and raise that if it does; a segment near the point.
    ///
    /// `near` is a segment with its squared distance.
    fn measure(&mut self, from: usize, edge: usize, t: f64, near: (usize, f64)) -> usize {
        if near.1 <= self.maximum.squared {
            return near.0;
        }
        let point = self.sides[from].segments[edge].at(t);
        let found = self.sides[1 - from].nearer(point, self.maximum.squared, near);
        self.raise(from, edge, t, found)
    }

    /// Raise the maximum to the distance of a point from its nearest segment, if that is larger.
    fn raise(&mut self, from: usize, edge: usize, t: f64, (nearest, squared): (usize, f64)) -> usize {
        if squared > self.maximum.squared {
            self.place = Some(Place { from, edge, t, nearest });
            self.maximum = self.maximum.raised(squared);
        }
        nearest
    }

    /// Walk around both, and raise the maximum early by vertices that turn out far.
    fn seed(&mut self, walk: &mut Walk, directed: bool) {
        let mut tops = walk.load(self.sides[FROM_FIRST], self.sides[FROM_SECOND]);
        tops.sort_by(|&a, &b| walk.squared(b).total_cmp(&walk.squared(a)));
        for step in tops {
            let (on, next) = (walk.on(step), walk.on(walk.after(step)));
            let from = if on[FROM_FIRST] == next[FROM_FIRST] { FROM_SECOND } else { FROM_FIRST };
            if walk.squared(step) > self.maximum.squared && !(directed && from == FROM_SECOND) {
                let [edge, other] = [on[from], on[1 - from]];
                let vertex = self.sides[from].segments[edge].end;
                let nearest = self.sides[1 - from].nearest(vertex.into(), (other, walk.squared(step)));
                self.raise(from, edge, 1.0, nearest);
            }
        }
        if directed {
            self.spread(FROM_FIRST);
        }
    }

    /// Raise the maximum by a few spread vertices; a segment near the last one.
    fn spread(&mut self, from: usize) -> usize {
        let count = self.sides[from].segments.len();
        (0..SEEDS.min(count))
            .fold(0, |hint, seed| self.vertex(from, seed * count / SEEDS.min(count), 0.0, hint))
    }

    /// Raise the maximum to what it is over the edges of one side that the walk does not cover.
    fn check(&mut self, from: usize, walk: &Walk, far: &[u32]) {
        if far.len() > walk.count() / LOST {
            return self.all(from);
        }
        let mut checked = (usize::MAX, 0);
        for step in far.iter().map(|&step| step as usize) {
            if walk.squared(step) <= self.maximum.squared {
                continue;
            }
            // The step is part of the proof for the edge it was on and, if it left that edge, for the next one.
            let (on, next) = (walk.on(step), walk.on(walk.after(step)));
            for edge in [on[from], next[from]] {
                if checked.0 != edge {
                    let hint = if checked.0.wrapping_add(1) == edge { checked.1 } else { on[1 - from] };
                    let at_start = self.vertex(from, edge, 0.0, hint);
                    checked = (edge, self.edge(from, edge, at_start));
                }
            }
        }
    }

    /// Raise the maximum to what it is over all of one side.
    fn all(&mut self, from: usize) {
        // The maximum of the first direction serves the second one as it is.
        let mut hint = if self.maximum.distance > 0.0 { 0 } else { self.spread(from) };
        let (a, b) = (self.sides[from], self.sides[1 - from]);
        let mut previous = None;
        for (index, edge) in a.segments.iter().enumerate() {
            if previous != Some(edge.start) {
                hint = self.vertex(from, index, 0.0, hint);
            }
            if b.segments[hint].vertex_distance2(edge.end) > self.maximum.squared {
                hint = self.edge(from, index, hint);
            }
            previous = Some(edge.end);
        }
    }

    /// Measure an end of an edge, looking first at a segment that is likely near.
    fn vertex(&mut self, from: usize, edge: usize, t: f64, hint: usize) -> usize {
        let segment = &self.sides[from].segments[edge];
        let vertex = if t == 0.0 { segment.start } else { segment.end };
        let squared = self.sides[1 - from].segments[hint].vertex_distance2(vertex);
        self.measure(from, edge, t, (hint, squared))
    }

    /// Raise the maximum to what it is over an edge, from a segment near its start; returns one near its end.
    fn edge(&mut self, from: usize, index: usize, at_start: usize) -> usize {
        let at_end = self.vertex(from, index, 1.0, at_start);
        if at_end != at_start && self.method == Method::Exact {
            let (edge, b) = (&self.sides[from].segments[index], self.sides[1 - from]);
            if b.segments[at_end].vertex_distance2(edge.start) > self.maximum.enough2
                && !b.leads_along(edge, at_start, at_end, self.maximum.enough2)
            {
                self.stretches.push(Stretch { from: 0.0, to: 1.0, at_from: at_start, at_to: at_end });
                self.split(from, index);
            }
        }
        at_end
    }

    /// Find the largest distance along an edge whose ends are near different segments; empties `stretches`.
    fn split(&mut self, from: usize, index: usize) {
        let (edge, b) = (&self.sides[from].segments[index], self.sides[1 - from]);
        while let Some(stretch) = self.stretches.pop() {
            let (left, right) = (&b.segments[stretch.at_from], &b.segments[stretch.at_to]);
            let enough2 = self.maximum.enough2;
            let t = tie(edge, left, right, stretch.from, stretch.to, enough2);
            if t <= stretch.from || t >= stretch.to {
                // Too short to split: both ends are near enough, so nothing between them is further by more than rounding.
                continue;
            }
            let point = edge.at(t);
            let (at_left, at_right) = (left.distance2(point), right.distance2(point));
            if at_left <= enough2 && at_right <= enough2 {
                continue;
            }
            let middle = self.measure(from, index, t, (stretch.at_from, at_left));
            let enough2 = self.maximum.enough2;
            let covers = |from: f64, to: f64, witnesses: [usize; 2]| {
                witnesses.iter().any(|&witness| {
                    [from, to].iter().all(|&t| b.segments[witness].distance2(edge.at(t)) <= enough2)
                })
            };
            if !covers(stretch.from, t, [stretch.at_from, middle]) {
                self.stretches.push(Stretch {
                    from: stretch.from,
                    to: t,
                    at_from: stretch.at_from,
                    at_to: middle,
                });
            }
            if !covers(t, stretch.to, [middle, stretch.at_to]) {
                self.stretches.push(Stretch {
                    from: t,
                    to: stretch.to,
                    at_from: middle,
                    at_to: stretch.at_to,
                });
            }
        }
    }

    /// Where the maximum is: a point of each side, and whether that of the first one is the farthest.
    fn points(&self) -> ([Point; 2], bool) {
        match self.place {
            Some(Place { from, edge, t, nearest }) => {
                let probe = self.sides[from].segments[edge].at(t);
                let foot = self.sides[1 - from].segments[nearest].nearest(probe);
                let (far, near) = (probe.place(), foot.place());
                (if from == FROM_FIRST { [far, near] } else { [near, far] }, from == FROM_FIRST)
            }
            // Each lies on the other.
            None => ([self.sides[0].segments[0].start; 2], true),
        }
    }
}

/// Where along the edge two segments are equally far, or any place where both are near enough.
///
/// The difference of the squared distances changes sign between `from` and `to`; false position with the Illinois
/// modification (M. Dowell and P. Jarratt 1971), bisection where it stalls.
fn tie(edge: &Segment, left: &Segment, right: &Segment, from: f64, to: f64, enough2: f64) -> f64 {
    let difference = |t: f64| {
        let point = edge.at(t);
        let (p, q) = (left.distance2(point), right.distance2(point));
        (p - q, p.max(q))
    };
    let (mut low, mut high) = (from, to);
    let (mut f_low, mut f_high) = (difference(low).0, difference(high).0);
    if f_low >= 0.0 || f_high <= 0.0 {
        return 0.5 * (low + high);
    }
    let mut side = 0;
    for round in 0..100 {
        let mut t = (low * f_high - high * f_low) / (f_high - f_low);
        if !(t > low && t < high) || round % 8 == 7 {
            t = 0.5 * (low + high);
        }
        if t <= low || t >= high {
            return t;
        }
        let (f, worst) = difference(t);
        if worst <= enough2 || f.abs() <= 1e-16 * worst {
            return t;
        }
        if f < 0.0 {
            (low, f_low) = (t, f);
            if side == -1 {
                f_high *= 0.5;
            }
            side = -1;
        } else {
            (high, f_high) = (t, f);
            if side == 1 {
                f_low *= 0.5;
            }
            side = 1;
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::polygons::PolygonsBuf;

    fn boundary(rings: &[&[Point]]) -> Boundary {
        let mut built = PolygonsBuf::default();
        rings.iter().for_each(|ring| built.push_ring(ring.iter().copied()).unwrap());
        built.end_region().unwrap();
        let mut boundary = Boundary::default();
        boundary.load(built.view().row(0));
        boundary
    }

    fn both(a: &[&[Point]], b: &[&[Point]]) -> f64 {
        let (a, b) = (boundary(a), boundary(b));
        let value = hausdorff(&a, &b, Method::Exact);
        assert_eq!(value, hausdorff(&b, &a, Method::Exact));
        value
    }

    const SQUARE: [Point; 4] = [[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]];

    #[test]
    fn shifted_squares() {
        assert_eq!(both(&[&SQUARE], &[&SQUARE.map(|[x, y]| [x + 0.5, y])]), 0.5);
        assert_eq!(both(&[&SQUARE], &[&SQUARE.map(|[x, y]| [x + 5.0, y])]), 5.0);
        assert_eq!(both(&[&SQUARE], &[&SQUARE]), 0.0);
    }

    #[test]
    fn the_middle_of_an_edge_can_be_farthest() {
        // From the square to its midpoint diamond, corners are sqrt(2) / 2 away from the diamond's sides.
        let diamond = [[1.0, 0.0], [2.0, 1.0], [1.0, 2.0], [0.0, 1.0]];
        assert!((both(&[&SQUARE], &[&diamond]) - 0.5_f64.sqrt()).abs() < 1e-15);
        // From the flat triangle to the notched one: the notch is 3 deep below the middle of a straight edge, whose own
        // middle is nearest to the flanks of the notch.
        let flat = boundary(&[&[[0.0, 0.0], [8.0, 0.0], [4.0, 9.0]]]);
        let notched = boundary(&[&[[0.0, 0.0], [4.0, 3.0], [8.0, 0.0], [4.0, 9.0]]]);
        assert!((directed(&flat, &notched, Method::Exact) - 2.4).abs() < 1e-14);
        assert_eq!(directed(&flat, &notched, Method::Vertex), 0.0);
        // The tip of the notch is nearer to the flanks of the flat triangle than to its base.
        assert!((directed(&notched, &flat, Method::Exact) - 24.0 / 97.0_f64.sqrt()).abs() < 1e-14);
    }

    #[test]
    fn all_rings_count() {
        let hole: Vec<Point> = SQUARE.iter().rev().map(|[x, y]| [x / 2.0 + 0.5, y / 2.0 + 0.5]).collect();
        // The middle of each side of the hole is 0.5 from the outline, each corner too (along x or y).
        assert_eq!(both(&[&SQUARE, &hole], &[&SQUARE]), 0.5);
    }

    #[test]
    fn points_and_nothing() {
        assert_eq!(both(&[&[[5.0, 2.0]]], &[&SQUARE]), 29.0_f64.sqrt());
        assert!(hausdorff(&boundary(&[]), &boundary(&[&SQUARE]), Method::Exact).is_nan());
    }
}
