//! Whether a point lies inside a region, for many points: edges are looked at in eights, and most eights only once.

use crate::geometry::area::{greater, lesser};
use crate::geometry::strips::Border;
use crate::polygons::Point;

/// Edges that share a range of y.
const SHARED: usize = 8;

/// Smallest and largest y of every eight edges of a boundary; a scratch that is reused.
#[derive(Default)]
pub struct Inside {
    ranges: Vec<[f64; 2]>,
}

impl Inside {
    /// Replace the content by that of another boundary. O(n).
    pub fn load(&mut self, border: &Border) {
        let end = |number: u32| border.edges[number as usize].start[1];
        self.ranges.clear();
        self.ranges.extend(border.edges.chunks(SHARED).map(|edges| {
            edges.iter().fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], edge| {
                let (from, to) = (edge.start[1], end(edge.next));
                [lesser(low, lesser(from, to)), greater(high, greater(from, to))]
            })
        }));
    }

    /// Whether the region covers the point `vertex + step`: its winding number, by the edges that cross the level of the
    /// point on one side of it. O(n / 8) and the edges there.
    ///
    /// Only differences of vertices enter, so the answer does not depend on where the origin lies.
    pub fn covers(&self, border: &Border, vertex: Point, step: Point) -> bool {
        let above = |y: f64| (vertex[1] - y) + step[1];
        let mut count = 0;
        for (edges, &[low, high]) in border.edges.chunks(SHARED).zip(&self.ranges) {
            // The same rounding as below, and so never another answer: it keeps the order of numbers.
            if above(low) < 0.0 || above(high) >= 0.0 {
                continue;
            }
            for edge in edges {
                let (x, y) = ((vertex[0] - edge.start[0]) + step[0], above(edge.start[1]));
                let (from, to) = (y >= 0.0, above(border.edges[edge.next as usize].start[1]) >= 0.0);
                if from != to {
                    let left = edge.along[0] * y - edge.along[1] * x;
                    count += i32::from(from && left > 0.0) - i32::from(to && left < 0.0);
                }
            }
        }
        count > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::polygons::PolygonsBuf;

    #[test]
    fn rings_and_holes() {
        let square = |low: f64, high: f64| [[low, low], [high, low], [high, high], [low, high]];
        let mut built = PolygonsBuf::default();
        built.push_ring(square(0.0, 9.0)).unwrap();
        let mut hole = square(3.0, 6.0);
        hole.reverse();
        built.push_ring(hole).unwrap();
        built.push_ring(square(10.0, 12.0)).unwrap();
        built.end_region().unwrap();
        let (mut border, mut inside) = (Border::default(), Inside::default());
        border.load(built.view().row(0));
        inside.load(&border);
        let covers = |x: f64, y: f64| inside.covers(&border, [0.0, 0.0], [x, y]);
        assert!(covers(1.0, 1.0) && covers(8.0, 4.0) && covers(2.0, 3.0) && covers(11.0, 11.0));
        assert!(
            !covers(4.0, 4.0)
                && !covers(5.0, 3.5)
                && !covers(9.5, 9.5)
                && !covers(-1.0, 3.0)
                && !covers(4.0, 20.0)
        );
    }
}
