//! Hausdorff distance of two boundaries: the largest distance from any point of one to the other.
//!
//! "Any point" means all points of the boundary, not only vertices, and of all rings. The distance to **one** segment is
//! convex along a segment, so where one segment of B is within the current maximum at both ends of an edge of A, it
//! is so for the whole edge, and the edge is done. Edges that no single segment covers are split where their two witnesses are
//! equally far; that point either raises the maximum or has a third witness. Nothing is sampled; the result lies
//! within `SLACK` of the extent below the exact distance and never above it but for rounding.
//!
//! Early exit against the running maximum is A. A. Taha and A. Hanbury's (IEEE TPAMI 2015), here along ordered boundaries.

use std::cmp::Ordering;

use crate::geometry::boundary::{Boundary, Segment};
use crate::polygons::Point;

/// Distances closer than this share of the extent count as equal: a few units in the last place.
const SLACK: f64 = 2e-15;
/// Vertices that are measured first, to have a high maximum early.
const SEEDS: usize = 6;

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
    larger(a, b, method).map_or(f64::NAN, |(maximum, _)| maximum.distance)
}

/// Largest distance from the boundary of `a` to that of `b`; NaN where a region has no boundary.
pub fn directed(a: &Boundary, b: &Boundary, method: Method) -> f64 {
    one_way(a, b, method).map_or(f64::NAN, |(maximum, _)| maximum.distance)
}

/// As [`hausdorff`] or [`directed`], with the points.
pub fn farthest(a: &Boundary, b: &Boundary, method: Method, directed: bool) -> Farthest {
    match if directed { one_way(a, b, method) } else { larger(a, b, method) } {
        Some((maximum, true)) => {
            let [point_a, point_b] = maximum.points(a, b);
            Farthest { distance: maximum.distance, point_a, point_b, from_a: true }
        }
        Some((maximum, false)) => {
            let [point_b, point_a] = maximum.points(b, a);
            Farthest { distance: maximum.distance, point_a, point_b, from_a: false }
        }
        None => {
            let (distance, nowhere) = (f64::NAN, [f64::NAN; 2]);
            Farthest { distance, point_a: nowhere, point_b: nowhere, from_a: false }
        }
    }
}

/// The larger of the two directed maxima, and whether it is the one from `a`.
fn larger(a: &Boundary, b: &Boundary, method: Method) -> Option<(Maximum, bool)> {
    let swapped = order(a, b) == Ordering::Greater;
    let (first, second) = if swapped { (b, a) } else { (a, b) };
    let (forth, _) = one_way(first, second, method)?;
    // The second direction only matters where it exceeds the first, so it starts from there.
    let back = raise(second, first, method, forth.unplaced());
    Some(if back.place.is_some() { (back, swapped) } else { (forth, !swapped) })
}

fn one_way(a: &Boundary, b: &Boundary, method: Method) -> Option<(Maximum, bool)> {
    if a.segments.is_empty() || b.segments.is_empty() {
        return None;
    }
    let extent = (a.bounds[2].max(b.bounds[2]) - a.bounds[0].min(b.bounds[0]))
        .max(a.bounds[3].max(b.bounds[3]) - a.bounds[1].min(b.bounds[1]));
    Some((raise(a, b, method, Maximum::new(0.0, SLACK * extent)), true))
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

/// The running maximum, with the squared bound that a witness must keep.
#[derive(Clone, Copy)]
struct Maximum {
    distance: f64,
    enough2: f64,
    slack: f64,
    place: Option<Place>,
}

/// A point at share `t` of an edge of A, and the segment of B that is nearest to it.
#[derive(Clone, Copy)]
struct Place {
    edge: usize,
    t: f64,
    nearest: usize,
}

impl Maximum {
    fn new(distance: f64, slack: f64) -> Self {
        Maximum { distance, enough2: (distance + slack).powi(2), slack, place: None }
    }

    /// The same bound for the other direction.
    fn unplaced(self) -> Self {
        Maximum { place: None, ..self }
    }

    /// Take a squared distance that the point at share `t` of an edge really has.
    fn raise(&mut self, edge: usize, t: f64, (nearest, squared): (usize, f64)) {
        if squared > self.enough2 {
            let place = Some(Place { edge, t, nearest });
            *self = Maximum { place, ..Maximum::new(squared.sqrt(), self.slack) };
        }
    }

    /// Where it is: a point of A and its nearest point of B.
    fn points(&self, a: &Boundary, b: &Boundary) -> [Point; 2] {
        match self.place {
            Some(Place { edge, t, nearest }) => {
                let probe = a.segments[edge].at(t);
                [probe.place(), b.segments[nearest].nearest(probe).place()]
            }
            // All of A lies on B.
            None => [a.segments[0].start; 2],
        }
    }
}

/// Raise the maximum to what it is over all of `a`.
fn raise(a: &Boundary, b: &Boundary, method: Method, mut maximum: Maximum) -> Maximum {
    let mut hint = 0;
    // The maximum of the first direction serves the second one as it is.
    let seeds = if maximum.distance > 0.0 { 0 } else { SEEDS.min(a.segments.len()) };
    for seed in 0..seeds {
        let edge = seed * a.segments.len() / seeds;
        let found = b.near(a.segments[edge].start.into(), maximum.enough2, hint);
        maximum.raise(edge, 0.0, found);
        hint = found.0;
    }
    let mut previous: Option<Point> = None;
    let mut stretches = Vec::new();
    for (index, edge) in a.segments.iter().enumerate() {
        if previous != Some(edge.start) {
            let found = b.near(edge.start.into(), maximum.enough2, hint);
            maximum.raise(index, 0.0, found);
            hint = found.0;
        }
        let at_start = hint;
        let still = b.segments[at_start].distance2(edge.end.into());
        if still > maximum.enough2 {
            let found = b.nearer(edge.end.into(), maximum.enough2, (at_start, still));
            let at_end = found.0;
            maximum.raise(index, 1.0, found);
            hint = at_end;
            let covered =
                |witness: usize, point: Point| b.segments[witness].distance2(point.into()) <= maximum.enough2;
            if method == Method::Exact
                && !covered(at_end, edge.start)
                && !b.leads_along(edge, at_start, at_end, maximum.enough2)
            {
                stretches.push(Stretch { from: 0.0, to: 1.0, at_from: at_start, at_to: at_end });
                split(index, edge, b, &mut stretches, &mut maximum);
            }
        }
        previous = Some(edge.end);
    }
    maximum
}

/// A stretch of an edge of A, with segments of B that are near enough at its ends.
struct Stretch {
    from: f64,
    to: f64,
    at_from: usize,
    at_to: usize,
}

/// Find the largest distance along an edge whose ends are near different segments; empties `stretches`.
fn split(index: usize, edge: &Segment, b: &Boundary, stretches: &mut Vec<Stretch>, maximum: &mut Maximum) {
    while let Some(stretch) = stretches.pop() {
        let (left, right) = (&b.segments[stretch.at_from], &b.segments[stretch.at_to]);
        let t = tie(edge, left, right, stretch.from, stretch.to, maximum.enough2);
        if t <= stretch.from || t >= stretch.to {
            // Too short to split: both ends are near enough, so nothing between them is further by more than rounding.
            continue;
        }
        let point = edge.at(t);
        let near = |segment: &Segment, maximum: &Maximum| segment.distance2(point) <= maximum.enough2;
        if near(left, maximum) && near(right, maximum) {
            continue;
        }
        let found = b.near(point, maximum.enough2, stretch.at_from);
        let middle = found.0;
        maximum.raise(index, t, found);
        let covers = |from: f64, to: f64, p: usize, q: usize, maximum: &Maximum| {
            let both = |segment: &Segment| {
                segment.distance2(edge.at(from)) <= maximum.enough2
                    && segment.distance2(edge.at(to)) <= maximum.enough2
            };
            both(&b.segments[p]) || both(&b.segments[q])
        };
        if !covers(stretch.from, t, stretch.at_from, middle, maximum) {
            stretches.push(Stretch { from: stretch.from, to: t, at_from: stretch.at_from, at_to: middle });
        }
        if !covers(t, stretch.to, middle, stretch.at_to, maximum) {
            stretches.push(Stretch { from: t, to: stretch.to, at_from: middle, at_to: stretch.at_to });
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
