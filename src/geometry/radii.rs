//! How far a region reaches from a point in each of several directions.

use std::f64::consts::{PI, TAU};

use crate::geometry::feret::bounding_rings;
use crate::polygons::{Point, Rings};

/// Where and how a region is seen: coordinates relative to `origin` are scaled, then turned by an angle.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// The point that distances are from, in pixels.
    pub origin: Point,
    /// Length of a pixel along x and y.
    pub scale: [f64; 2],
    /// Angle in radians from +x towards +y, clockwise on the screen, by which the region is turned.
    pub turn: f64,
}

/// Unit vectors at equal angles, from +x towards +y.
///
/// Those along the axes and diagonals are exact mirror images of each other, so that a symmetric outline has symmetric
/// radii.
pub fn directions(count: usize) -> Vec<Point> {
    (0..count)
        .map(|at| {
            // The eighth of the circle that 8 * at / count falls into, and what is left of the angle in it.
            let (eighth, rest) = (8 * at / count, 8 * at % count);
            let angle = |part: usize| part as f64 / count as f64 * (PI / 4.0);
            let (s, c) = if eighth % 2 == 0 { angle(rest).sin_cos() } else { angle(count - rest).sin_cos() };
            match eighth {
                0 => [c, s],
                1 => [s, c],
                2 => [-s, c],
                3 => [-c, s],
                4 => [-c, -s],
                5 => [-s, -c],
                6 => [s, -c],
                _ => [c, -s],
            }
        })
        .collect()
}

/// Scratch that is reused from row to row.
#[derive(Default)]
pub struct Workspace {
    points: Vec<Point>,
    angles: Vec<f64>,
}

impl Workspace {
    /// Fill `radii` with the distance from the origin to the farthest point of the boundary on the ray in each of the
    /// `directions` (as [`directions`] makes them); NaN where the ray does not meet the boundary, as it may where the
    /// origin is outside, and where a number of the frame is not finite. O(n) plus what the rays meet.
    pub fn measure(&mut self, rings: Rings, frame: Frame, directions: &[Point], radii: &mut [f64]) {
        radii.fill(f64::NAN);
        let numbers = [frame.origin[0], frame.origin[1], frame.scale[0], frame.scale[1], frame.turn];
        if !numbers.iter().all(|number| number.is_finite()) {
            return;
        }
        let (s, c) = frame.turn.sin_cos();
        for ring in bounding_rings(rings) {
            self.points.clear();
            self.points.extend(ring.iter().map(|point| {
                let [x, y] = [0, 1].map(|axis| (point[axis] - frame.origin[axis]) * frame.scale[axis]);
                [c * x - s * y, s * x + c * y]
            }));
            self.angles.clear();
            self.angles.extend(self.points.iter().map(|[x, y]| y.atan2(*x)));
            let mut before = self.points.len() - usize::from(!self.points.is_empty());
            for at in 0..self.points.len() {
                let edge = [self.points[before], self.points[at]];
                meet(edge, [self.angles[before], self.angles[at]], directions, radii);
                before = at;
            }
        }
    }
}

/// Raise the radii in the directions whose rays meet an edge; `angles` are those of its ends.
fn meet([a, b]: [Point; 2], angles: [f64; 2], directions: &[Point], radii: &mut [f64]) {
    let count = directions.len();
    let per_radian = count as f64 / TAU;
    let apart = angles[1] - angles[0];
    // Edges are seen under less than half a circle, the short way around.
    let apart = if apart > PI {
        apart - TAU
    } else if apart < -PI {
        apart + TAU
    } else {
        apart
    };
    // One direction more on either side, for the rounding of angles; which rays meet the edge is told by its ends alone.
    let low = ((angles[0] + apart.min(0.0)) * per_radian).floor() as i64 - 1;
    let high = ((angles[0] + apart.max(0.0)) * per_radian).ceil() as i64 + 1;
    // An edge through the origin, or nearly so, is seen from both sides.
    let all = apart.abs() > PI - 1e-6 || high - low >= count as i64 || a == [0.0; 2] || b == [0.0; 2];
    let (low, high) = if all { (0, count as i64 - 1) } else { (low, high) };
    for step in low..=high {
        let at = step.rem_euclid(count as i64) as usize;
        let [dx, dy] = directions[at];
        // Signed distances of the ends from the line of the ray. Those of a shared corner are the same for both edges,
        // so a ray cannot slip through between them.
        let (left, right) = (dx * a[1] - dy * a[0], dx * b[1] - dy * b[0]);
        let (ahead_a, ahead_b) = (dx * a[0] + dy * a[1], dx * b[0] + dy * b[1]);
        let mut raise = |radius: f64| {
            if radius >= 0.0 && (radii[at].is_nan() || radius > radii[at]) {
                radii[at] = radius;
            }
        };
        if left == 0.0 {
            raise(ahead_a);
        }
        if right == 0.0 {
            raise(ahead_b);
        }
        if (left < 0.0) != (right < 0.0) {
            let share = left / (left - right);
            raise(ahead_a + share * (ahead_b - ahead_a));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::polygons::PolygonsBuf;

    const PLAIN: Frame = Frame { origin: [0.0; 2], scale: [1.0; 2], turn: 0.0 };

    fn radii(rings: &[&[Point]], frame: Frame, count: usize) -> Vec<f64> {
        let mut built = PolygonsBuf::default();
        rings.iter().for_each(|ring| built.push_ring(ring.iter().copied()).unwrap());
        built.end_region().unwrap();
        let mut found = vec![0.0; count];
        Workspace::default().measure(built.view().row(0), frame, &directions(count), &mut found);
        found
    }

    fn near(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() <= 1e-12 * b.abs().max(1.0), "{found:?} {expected:?}");
        }
    }

    #[test]
    fn directions_are_at_equal_angles_and_exact_on_the_axes() {
        for count in [1, 2, 3, 4, 7, 8, 12, 36, 360] {
            for (at, [x, y]) in directions(count).into_iter().enumerate() {
                let angle = at as f64 / count as f64 * TAU;
                assert!(
                    (x - angle.cos()).abs() < 1e-15 && (y - angle.sin()).abs() < 1e-15,
                    "{at} of {count}"
                );
            }
        }
        assert_eq!(directions(4), [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]);
    }

    #[test]
    fn a_square() {
        let square = [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]];
        let root = 2.0_f64.sqrt();
        near(&radii(&[&square], PLAIN, 8), &[1.0, root, 1.0, root, 1.0, root, 1.0, root]);
        // From another point, with the axes scaled: a 4 x 1 rectangle, seen from a quarter of its length.
        let frame = Frame { origin: [-0.5, 0.0], scale: [2.0, 0.5], turn: 0.0 };
        near(&radii(&[&square], frame, 4), &[3.0, 0.5, 1.0, 0.5]);
        // What lay along +x lies along +y after a quarter turn clockwise.
        near(&radii(&[&square], Frame { turn: PI / 2.0, ..frame }, 4), &[0.5, 3.0, 0.5, 1.0]);
    }

    #[test]
    fn the_farthest_of_several_and_no_hole() {
        let outer = [[-4.0, -4.0], [4.0, -4.0], [4.0, 4.0], [-4.0, 4.0]];
        let hole = [[-1.0, -1.0], [-1.0, 1.0], [1.0, 1.0], [1.0, -1.0]];
        let apart = [[7.0, -1.0], [9.0, -1.0], [9.0, 1.0], [7.0, 1.0]];
        near(&radii(&[&outer, &hole, &apart], PLAIN, 4), &[9.0, 4.0, 4.0, 4.0]);
    }

    #[test]
    fn outside_a_ray_may_meet_nothing() {
        let square = [[2.0, -1.0], [4.0, -1.0], [4.0, 1.0], [2.0, 1.0]];
        let found = radii(&[&square], PLAIN, 4);
        assert_eq!(found[0], 4.0);
        assert!(found[1..].iter().all(|radius| radius.is_nan()));
        assert!(radii(&[&square], Frame { origin: [f64::NAN; 2], ..PLAIN }, 4)[0].is_nan());
        assert!(radii(&[], PLAIN, 3).iter().all(|radius| radius.is_nan()));
    }

    #[test]
    fn corners_on_rays_are_met() {
        // A spike whose tip touches the ray along +x from one side only, and an edge that lies on it.
        let touching = [[-1.0, -2.0], [3.0, -2.0], [5.0, 0.0], [2.0, -1.0], [-1.0, -1.0]];
        assert_eq!(radii(&[&touching], PLAIN, 4)[0], 5.0);
        let along = [[1.0, 0.0], [6.0, 0.0], [6.0, 2.0], [1.0, 2.0]];
        assert_eq!(radii(&[&along], PLAIN, 4)[0], 6.0);
        // An origin on the boundary is met itself.
        let beside = [[0.0, -1.0], [2.0, -1.0], [2.0, 1.0], [0.0, 1.0]];
        near(&radii(&[&beside], PLAIN, 4), &[2.0, 1.0, 0.0, 1.0]);
    }

    #[test]
    fn an_ellipse() {
        let (long, short, turn) = (7.0, 3.0, 0.4);
        let ring: Vec<Point> = (0..20_000)
            .map(|k| (k as f64 / 20_000.0 * TAU).sin_cos())
            .map(|(s, c)| [100.0 + long * c, 50.0 + short * s])
            .collect();
        let frame = Frame { origin: [100.0, 50.0], scale: [1.0; 2], turn };
        for (at, found) in radii(&[&ring], frame, 36).into_iter().enumerate() {
            let (s, c) = (at as f64 / 36.0 * TAU - turn).sin_cos();
            let expected = long * short / (short * c).hypot(long * s);
            assert!((found - expected).abs() < 1e-6, "{at}: {found} {expected}");
        }
    }

    #[test]
    fn every_edge_against_every_ray() {
        let mut state = 3_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        for case in 0..400 {
            let count = 3 + case % 30;
            // Corners on a coarse grid around the origin hit rays exactly and often.
            let coarse = case % 2 == 0;
            let ring: Vec<Point> = (0..count)
                .map(|_| [random() * 8.0 - 4.0, random() * 8.0 - 4.0])
                .map(|point| if coarse { point.map(f64::round) } else { point })
                .collect();
            let rays = 1 + case % 40;
            let mut built = PolygonsBuf::default();
            built.push_ring(ring.iter().copied()).unwrap();
            built.end_region().unwrap();
            if crate::geometry::area::ring_area(&ring) <= 0.0 {
                continue; // drawn the other way around it is a hole
            }
            let ways = directions(rays);
            let mut found = vec![0.0; rays];
            Workspace::default().measure(built.view().row(0), PLAIN, &ways, &mut found);
            for (at, [dx, dy]) in ways.into_iter().enumerate() {
                let mut farthest = f64::NAN;
                for (index, b) in ring.iter().enumerate() {
                    let a = ring[(index + count - 1) % count];
                    let across = |p: &Point| dx * p[1] - dy * p[0];
                    let ahead = |p: &Point| dx * p[0] + dy * p[1];
                    let (left, right) = (across(&a), across(b));
                    let mut met = Vec::new();
                    if left * right < 0.0 {
                        met.push((ahead(&a) * right - ahead(b) * left) / (right - left));
                    }
                    met.extend(
                        [(left, ahead(&a)), (right, ahead(b))]
                            .iter()
                            .filter(|(off, _)| *off == 0.0)
                            .map(|met| met.1),
                    );
                    farthest = met.into_iter().filter(|radius| *radius >= 0.0).fold(farthest, f64::max);
                }
                let same = found[at].is_nan() && farthest.is_nan() || (found[at] - farthest).abs() < 1e-12;
                // A crossing within rounding of the origin may be on either side of it.
                let at_origin = found[at].max(farthest) < 1e-12;
                assert!(
                    same || at_origin,
                    "case {case}, ray {at} of {rays}: {} {farthest} {ring:?}",
                    found[at]
                );
            }
        }
    }
}
