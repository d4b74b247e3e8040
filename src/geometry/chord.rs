//! The longest straight line through a region in a given direction.

use crate::polygons::{Point, Rings};

/// An edge as a function v(u), from left to right; vertical edges have none.
#[derive(Clone, Copy, Debug)]
struct Line {
    from: Point,
    to: Point,
    /// +1 where the boundary runs against u (the interior lies at smaller v), -1 along u.
    sign: i32,
}

impl Line {
    fn at(&self, u: f64) -> f64 {
        // Ends are met exactly, so that edges that share a vertex meet there.
        if u <= self.from[0] {
            self.from[1]
        } else if u >= self.to[0] {
            self.to[1]
        } else {
            let share = (u - self.from[0]) / (self.to[0] - self.from[0]);
            self.from[1] + share * (self.to[1] - self.from[1])
        }
    }
}

/// Scratch that is reused from row to row.
#[derive(Debug, Default)]
pub struct Chords {
    lines: Vec<Line>,
    cuts: Vec<f64>,
    /// Edges over the current strip: index, v at its left and its right end.
    active: Vec<(usize, f64, f64)>,
}

impl Chords {
    /// Length of the longest segment that runs in direction v and stays inside the region; `turned` maps a vertex to (u, v).
    ///
    /// Between two neighbouring vertices (in u) the length of each such segment is linear, so only the ends of these strips are
    /// looked at. O(n log n) plus the edges over each strip: two or four for most outlines.
    pub fn longest(&mut self, rings: Rings, turned: impl Fn(Point) -> Point) -> f64 {
        let Chords { lines, cuts, active } = self;
        lines.clear();
        cuts.clear();
        active.clear();
        for ring in rings.iter() {
            let Some(mut from) = ring.last().copied().map(&turned) else { continue };
            for to in ring.iter().copied().map(&turned) {
                cuts.push(to[0]);
                if from[0] < to[0] {
                    lines.push(Line { from, to, sign: -1 });
                } else if from[0] > to[0] {
                    lines.push(Line { from: to, to: from, sign: 1 });
                }
                from = to;
            }
        }
        lines.sort_unstable_by(|a, b| a.from[0].total_cmp(&b.from[0]));
        cuts.sort_unstable_by(f64::total_cmp);
        cuts.dedup();
        let (mut longest, mut next) = (0.0_f64, 0);
        for strip in cuts.windows(2) {
            let (left, right) = (strip[0], strip[1]);
            active.retain(|&(line, ..)| lines[line].to[0] > left);
            while next < lines.len() && lines[next].from[0] <= left {
                active.push((next, 0.0, 0.0));
                next += 1;
            }
            for (line, at_left, at_right) in active.iter_mut() {
                (*at_left, *at_right) = (lines[*line].at(left), lines[*line].at(right));
            }
            let reach = |value: fn(&(usize, f64, f64)) -> f64| {
                let each = active.iter().map(value);
                each.clone().fold(f64::NEG_INFINITY, f64::max) - each.fold(f64::INFINITY, f64::min)
            };
            if reach(|edge| edge.1).max(reach(|edge| edge.2)) <= longest {
                continue;
            }
            active.sort_unstable_by(|a, b| (a.1 + a.2).total_cmp(&(b.1 + b.2)).then(a.0.cmp(&b.0)));
            let (mut winding, mut start, mut end) = (0, None, None);
            for &(line, at_left, at_right) in active.iter() {
                let outside = winding == 0;
                // From the outside at small v one enters through an edge that runs along u.
                winding -= lines[line].sign;
                if outside && winding < 0 {
                    start = None;
                } else if outside && end != Some((at_left, at_right)) {
                    start = Some((at_left, at_right));
                }
                if winding == 0
                    && let Some((from_left, from_right)) = start
                {
                    end = Some((at_left, at_right));
                    longest = longest.max(at_left - from_left).max(at_right - from_right);
                }
            }
        }
        longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::polygons::PolygonsBuf;

    fn upright(rings: &[&[Point]]) -> f64 {
        let mut built = PolygonsBuf::default();
        rings.iter().for_each(|ring| built.push_ring(ring.iter().copied()).unwrap());
        built.end_region().unwrap();
        Chords::default().longest(built.view().row(0), |point| point)
    }

    #[test]
    fn inside_only() {
        assert_eq!(upright(&[&[[0.0, 0.0], [4.0, 0.0], [4.0, 3.0], [0.0, 3.0]]]), 3.0);
        // A diamond is longest at its corners' height.
        assert_eq!(upright(&[&[[0.0, 0.0], [2.0, -1.0], [4.0, 0.0], [2.0, 1.0]]]), 2.0);
        // A U: its arms are 5 high and 1 thick, its bottom is 1 high.
        let u =
            [[0.0, 0.0], [1.0, 0.0], [1.0, 4.0], [3.0, 4.0], [3.0, 0.0], [4.0, 0.0], [4.0, 5.0], [0.0, 5.0]];
        assert_eq!(upright(&[&u]), 5.0);
        // The same on its side: no upright line stays inside for longer than an arm is thick, but at its closed end.
        let c: Vec<Point> = u.iter().rev().map(|[x, y]| [*y, *x]).collect();
        assert_eq!(upright(&[&c]), 4.0);
    }

    #[test]
    fn holes_break_a_line_and_touching_parts_join_it() {
        let outline = [[0.0, 0.0], [4.0, 0.0], [4.0, 6.0], [0.0, 6.0]];
        let hole = [[-0.0, 2.0], [0.0, 3.0], [4.0, 3.0], [4.0, 2.0]];
        assert_eq!(upright(&[&outline, &hole]), 3.0);
        let below = outline.map(|[x, y]| [x, y + 6.0]);
        assert_eq!(upright(&[&outline, &below]), 12.0);
        assert_eq!(upright(&[]), 0.0);
    }
}
