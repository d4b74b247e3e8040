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
use crate::geometry::chains::{Chain, Chains};
use crate::geometry::merge::{MERGED_WHOLE, PositiveParts, SELF_MERGED_WHOLE, Span};
use crate::geometry::survey::Survey;
use crate::geometry::tiles;

/// Overlaps below this share of the box around both regions are rounding noise of the sum and count as none.
const NOISE: f64 = 1e-14;

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
    let sum = if tiles::are_crowded(first, second) {
        tiles::product(first, second)
    } else {
        direct(first, second, active)
    };
    let width = greater(a.bounds[2], b.bounds[2]) - lesser(a.bounds[0], b.bounds[0]);
    let height = greater(a.bounds[3], b.bounds[3]) - lesser(a.bounds[1], b.bounds[1]);
    if sum <= NOISE * width * height {
        return none;
    }
    Overlap { area_a, area_b, intersection: sum.min(area_a).min(area_b) }
}

/// `∫∫ w_A w_B` from all pairs of chains that share an x-range.
pub(crate) fn direct(a: &Chains, b: &Chains, active: &mut Vec<u32>) -> f64 {
    let mut parts = PositiveParts::new(MERGED_WHOLE);
    each_meeting_pair(a, b, active, |f, g| {
        parts.add(-f.sign * g.sign, Span::of(a, f), Span::of(b, g));
    });
    parts.sum()
}

/// `∫∫ w²` of one region: each unordered pair of chains once, by `∫ |g - f| = ∫ 2 max(0, g - f) - (g - f)`.
pub fn squared_winding(region: &Chains) -> f64 {
    if tiles::are_crowded(region, region) {
        return tiles::square(region);
    }
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
