//! The search of the envelope on one stretch, given its few candidates: cut where two features tie, then prove each piece.

use crate::geometry::area::{greater, lesser};
use crate::geometry::envelope::{Frame, Near, Piece, Span};
use crate::geometry::strips::LANES;

/// A feature of a candidate. `key` tells features apart: twice the number of a vertex, or that of an edge and 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Feature {
    lane: u32,
    part: Part,
    key: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Start,
    Inside,
    End,
}

/// The end of an interval: what is nearest on either side of it. Its distances are kept beside it.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    s: f64,
    left: Feature,
    right: Feature,
}

/// The search on a stretch with its candidates.
pub(super) struct Search<'a> {
    pub(super) near: &'a [Near],
    pub(super) squared: &'a mut Vec<[f64; LANES]>,
    pub(super) marks: &'a mut Vec<Mark>,
    pub(super) frame: &'a Frame<'a>,
    /// Another feature is as near as the one just looked at, at both ends.
    pub(super) tied: bool,
}

/// An edge of the other boundary as the signed distance to its line, above 0 outside.
#[derive(Clone, Copy)]
struct Line {
    /// Distance = `at0 + slope * (s - s0)`.
    s0: f64,
    at0: f64,
    slope: f64,
    /// Cosine of the angle to the edge.
    cosine: f64,
    /// Where its ends are nearest.
    slab: [f64; 2],
    /// The features there.
    ends: [Part; 2],
}

impl Line {
    fn at(&self, s: f64) -> f64 {
        self.at0 + self.slope * (s - self.s0)
    }
}

impl Search<'_> {
    /// Emit the pieces of a span; the answer is an edge that is nearest at its end.
    pub(super) fn run(mut self, span: Span, emit: &mut impl FnMut(&Piece)) -> usize {
        let blocks = self.near.len();
        self.marks.clear();
        self.squared.resize(2 * blocks, [0.0; LANES]);
        let mut from = span.from;
        let (mut feature, _) = self.measure(from, 0);
        let (last, _) = self.measure(span.to, 1);
        self.marks.push(Mark { s: span.to, left: last, right: last });
        // Far more than there are ever pieces: an end to the search whatever the numbers.
        let mut budget = 64 * LANES * blocks + 64;
        while let Some(&mark) = self.marks.last() {
            budget = budget.saturating_sub(1);
            let (to, other) = (mark.s, mark.left);
            let tiny = 4.0 * f64::EPSILON * (from.abs() + to.abs());
            let over = to - from <= tiny || budget == 0;
            if over || feature.key == other.key {
                // What is too short for a look leaves its side open.
                self.tied = over;
                if !over && let Some(s) = self.intruder(feature, from, to, tiny) {
                    let (nearest, _) = self.measure(s, self.marks.len() + 1);
                    self.marks.push(Mark { s, left: nearest, right: nearest });
                    continue;
                }
                self.emit(feature, from, to, emit);
                self.marks.pop();
                let slot = (self.marks.len() + 1) * blocks;
                self.squared.copy_within(slot..slot + blocks, 0);
                (from, feature) = (to, mark.right);
                continue;
            }
            match self.cut(feature, other, from, to, tiny) {
                Cut::Start(feature_from_start) => feature = feature_from_start,
                Cut::End(until_end) => {
                    if let Some(mark) = self.marks.last_mut() {
                        mark.left = until_end;
                    }
                }
                Cut::At(s, tie) => {
                    let (nearest, squared) = self.measure(s, self.marks.len() + 1);
                    let mark = match tie {
                        Some(tie) if squared.sqrt() >= tie - self.frame.slack => {
                            Mark { s, left: feature, right: other }
                        }
                        _ => Mark { s, left: nearest, right: nearest },
                    };
                    self.marks.push(mark);
                }
            }
        }
        self.near[last.lane as usize / LANES].number[last.lane as usize % LANES] as usize
    }

    /// Squared distances of all candidates into a slot; the nearest feature.
    fn measure(&mut self, s: f64, slot: usize) -> (Feature, f64) {
        let blocks = self.near.len();
        let start = slot * blocks;
        if self.squared.len() < start + blocks {
            self.squared.resize(start + blocks, [0.0; LANES]);
        }
        let mut best = (0, f64::INFINITY);
        for (index, near) in self.near.iter().enumerate() {
            let squared = &mut self.squared[start + index];
            near.distances(s, squared);
            for (lane, &squared) in squared.iter().enumerate() {
                if squared < best.1 {
                    best = (index * LANES + lane, squared);
                }
            }
        }
        let near = &self.near[best.0 / LANES];
        let k = best.0 % LANES;
        let t = ((s - near.s[k]) * near.ds[k] - near.h[k] * near.dh[k]) * near.inverse[k];
        let part = if t <= 0.0 {
            Part::Start
        } else if t >= 1.0 {
            Part::End
        } else {
            Part::Inside
        };
        (self.feature(best.0 as u32, part), best.1)
    }

    fn feature(&self, lane: u32, part: Part) -> Feature {
        let number = self.near[lane as usize / LANES].number[lane as usize % LANES];
        let key = match part {
            Part::Start => 2 * number,
            Part::Inside => 2 * number + 1,
            Part::End => 2 * self.frame.border.edges[number as usize].next,
        };
        Feature { lane, part, key }
    }

    /// Position of a vertex.
    fn vertex(&self, lane: u32, part: Part) -> (f64, f64) {
        let (near, k) = (&self.near[lane as usize / LANES], lane as usize % LANES);
        if part == Part::End {
            (near.s[k] + near.ds[k], near.h[k] + near.dh[k])
        } else {
            (near.s[k], near.h[k])
        }
    }

    fn line(&self, lane: u32) -> Line {
        let (near, k) = (&self.near[lane as usize / LANES], lane as usize % LANES);
        let (s0, h0, ds, dh, inverse) = (near.s[k], near.h[k], near.ds[k], near.dh[k], near.inverse[k]);
        let scale = inverse.sqrt();
        let (cosine, slope) = (ds * scale, dh * scale);
        let (mut slab, mut ends) = ([f64::NEG_INFINITY, f64::INFINITY], [Part::Start, Part::End]);
        if ds != 0.0 {
            let start = s0 + h0 * dh / ds;
            slab = [start, start + 1.0 / (inverse * ds)];
            if ds < 0.0 {
                (slab, ends) = ([slab[1], slab[0]], [Part::End, Part::Start]);
            }
        }
        Line { s0, at0: cosine * h0, slope, cosine, slab, ends }
    }

    fn emit(&self, feature: Feature, from: f64, to: f64, emit: &mut impl FnMut(&Piece)) {
        if to <= from {
            return;
        }
        let span = [from, to];
        emit(&if feature.part == Part::Inside {
            let line = self.line(feature.lane);
            Piece {
                span,
                at: [line.at(from), line.at(to)],
                height2: -1.0,
                side: if self.tied { 0.0 } else { 1.0 },
            }
        } else {
            let (s, h) = self.vertex(feature.lane, feature.part);
            let side = if self.tied { 0.0 } else { self.frame.border.edges[feature.key as usize / 2].side };
            Piece { span, at: [from - s, to - s], height2: h * h, side }
        });
    }

    /// Where between two places the nearest feature changes from `f` to `g`, or a place that helps to find out.
    fn cut(&self, f: Feature, g: Feature, from: f64, to: f64, tiny: f64) -> Cut {
        let (mut low, mut high) = (from, to);
        let f_line = if f.part == Part::Inside { Some(self.line(f.lane)) } else { None };
        let g_line = if g.part == Part::Inside { Some(self.line(g.lane)) } else { None };
        if let Some(line) = &f_line {
            if line.slab[1] <= from + tiny {
                // Already beyond its end: it is the vertex there that is nearest.
                return Cut::Start(self.feature(f.lane, line.ends[1]));
            }
            if line.slab[1] < to - tiny {
                high = line.slab[1];
                if self.feature(f.lane, line.ends[1]).key == g.key {
                    return Cut::At(high, Some(line.at(high).abs()));
                }
            }
        }
        if let Some(line) = &g_line {
            if line.slab[0] >= to - tiny {
                return Cut::End(self.feature(g.lane, line.ends[0]));
            }
            if line.slab[0] > from + tiny {
                low = line.slab[0];
                if self.feature(g.lane, line.ends[0]).key == f.key {
                    return Cut::At(low, Some(line.at(low).abs()));
                }
            }
        }
        if low >= high {
            return Cut::At(if high < to { high } else { low }, None);
        }
        let difference = |s: f64| self.squared(f, &f_line, s) - self.squared(g, &g_line, s);
        let (at_low, at_high) = (difference(low), difference(high));
        if at_low > 0.0 {
            return if low > from { Cut::At(low, None) } else { Cut::Start(g) };
        }
        if at_high < 0.0 {
            return if high < to { Cut::At(high, None) } else { Cut::End(f) };
        }
        if let (Some(p), Some(q)) = (&f_line, &g_line) {
            let tie = |s: f64| (p.at(s).abs() - q.at(s).abs()).abs() <= self.frame.slack;
            if low == from && high == to && tie(low) && tie(high) && tie(0.5 * (low + high)) {
                return Cut::End(f); // The same line, drawn twice.
            }
        }
        let root = match (&f_line, &g_line) {
            (Some(p), Some(q)) => meeting(p, q, low, high),
            (None, None) => {
                let ((s, h), (t, k)) = (self.vertex(f.lane, f.part), self.vertex(g.lane, g.part));
                0.5 * (s + t) + 0.5 * (k - h) * (k + h) / (t - s)
            }
            (Some(line), None) => equidistant(line, self.vertex(g.lane, g.part), low, high),
            (None, Some(line)) => equidistant(line, self.vertex(f.lane, f.part), low, high),
        };
        // Where the two hardly part, the closed form is a ratio of roundings; the change of sign is certain.
        let room = 1e-13 * (self.squared(f, &f_line, root) + (to - from).powi(2));
        let root = if root >= low && root <= high && difference(root).abs() <= room {
            root
        } else {
            halved(difference, low, high)
        };
        if root > from + tiny && root < to - tiny {
            return Cut::At(root, Some(self.squared(f, &f_line, root).sqrt()));
        }
        if root <= from + tiny {
            Cut::Start(g)
        } else if root >= to - tiny {
            Cut::End(f)
        } else if high < to {
            // The two are the same line, or nearly: what matters is where one of them ends.
            Cut::At(high, None)
        } else if low > from {
            Cut::At(low, None)
        } else {
            Cut::At(0.5 * (from + to), None)
        }
    }

    fn squared(&self, feature: Feature, line: &Option<Line>, s: f64) -> f64 {
        match line {
            Some(line) => line.at(s).powi(2),
            None => {
                let (at, height) = self.vertex(feature.lane, feature.part);
                (s - at).powi(2) + height * height
            }
        }
    }

    /// A place between two others where some candidate is nearer than a feature that is nearest at both.
    fn intruder(&mut self, feature: Feature, from: f64, to: f64, tiny: f64) -> Option<f64> {
        if feature.part != Part::Inside {
            self.tied = self.frame.sides && self.coincides(feature, from, to);
            return None;
        }
        let line = self.line(feature.lane);
        let (at_from, at_to) = (line.at(from).powi(2), line.at(to).powi(2));
        // Room for rounding, so that ties are noticed.
        let room = 1e-13 * (greater(at_from, at_to) + (to - from).powi(2));
        let bulge = (line.cosine * (to - from)).powi(2) + room;
        let blocks = self.near.len();
        let slot = self.marks.len() * blocks;
        for block in 0..blocks {
            let (start, end) = (&self.squared[block], &self.squared[slot + block]);
            let mut excess = [0.0; LANES];
            for k in 0..LANES {
                let (p, q) = (greater(start[k] - at_from, 0.0), greater(end[k] - at_to, 0.0));
                excess[k] = p + q + 2.0 * lesser(p, q) - bulge;
            }
            for (k, &excess) in excess.iter().enumerate() {
                let lane = (block * LANES + k) as u32;
                if excess > 0.0 || lane == feature.lane {
                    continue;
                }
                if let Some(s) = self.deepest(&line, lane, from, to)
                    && s > from + tiny
                    && s < to - tiny
                {
                    return Some(s);
                }
                // An edge on the same line that runs the other way sees the other side.
                let other = self.line(lane);
                let against = other.cosine * line.cosine + other.slope * line.slope < 0.0;
                let along = |s: f64| (other.at(s).abs() - line.at(s).abs()).abs() <= self.frame.slack;
                self.tied |= against && along(from) && along(to);
            }
        }
        None
    }

    /// Whether another vertex is as near as one at both ends of an interval: then it is at the same place.
    fn coincides(&self, feature: Feature, from: f64, to: f64) -> bool {
        let blocks = self.near.len();
        let slot = self.marks.len() * blocks;
        let (s, h) = self.vertex(feature.lane, feature.part);
        let reach = [from, to].map(|end| {
            let distance = ((end - s).powi(2) + h * h).sqrt() + self.frame.slack;
            distance * distance
        });
        // The two edges that meet at the vertex are always as near as it is.
        (0..blocks * LANES)
            .filter(|&lane| {
                let (block, k) = (lane / LANES, lane % LANES);
                self.squared[block][k] <= reach[0] && self.squared[slot + block][k] <= reach[1]
            })
            .any(|lane| {
                [Part::Start, Part::End].iter().all(|&end| self.feature(lane as u32, end).key != feature.key)
            })
    }

    /// Where a candidate is nearer than a line, if it is so by more than rounding.
    fn deepest(&self, line: &Line, lane: u32, from: f64, to: f64) -> Option<f64> {
        let other = self.line(lane);
        let near = &self.near[lane as usize / LANES];
        let k = lane as usize % LANES;
        let [mut enter, mut leave] = other.slab;
        if near.ds[k] == 0.0 {
            // The foot on it stays where it is.
            let foot = -near.h[k] * near.dh[k] * near.inverse[k];
            if foot <= 0.0 {
                enter = f64::INFINITY;
            } else if foot >= 1.0 {
                leave = f64::NEG_INFINITY;
            }
        }
        let (enter, leave) = (enter.clamp(from, to), leave.clamp(from, to));
        let ahead = |part: Part, from: f64, to: f64| {
            let (s, h) = self.vertex(lane, part);
            // (s' - s)² + h² - line(s')² is a parabola that opens upwards.
            let lowest = s + line.at(s) * line.slope / (line.cosine * line.cosine);
            let place = if lowest.is_finite() { lowest.clamp(from, to) } else { from };
            let reach = line.at(place).abs() - self.frame.slack;
            (reach > 0.0 && (place - s).powi(2) + h * h < reach * reach).then_some(place)
        };
        if enter > from
            && let Some(place) = ahead(other.ends[0], from, enter.min(to))
        {
            return Some(place);
        }
        if leave < to
            && let Some(place) = ahead(other.ends[1], leave.max(from), to)
        {
            return Some(place);
        }
        if enter < leave {
            let closer = |s: f64| other.at(s).abs() < line.at(s).abs() - self.frame.slack;
            let sum = [other.at(enter) + line.at(enter), other.at(leave) + line.at(leave)];
            let difference = [other.at(enter) - line.at(enter), other.at(leave) - line.at(leave)];
            let zero = |[p, q]: [f64; 2]| enter + (leave - enter) * (p / (p - q));
            if sum[0] * sum[1] < 0.0 && difference[0] * difference[1] < 0.0 {
                let place = 0.5 * (zero(sum) + zero(difference));
                return closer(place).then_some(place);
            }
            return [enter, leave].into_iter().find(|&place| place > from && place < to && closer(place));
        }
        None
    }
}

/// What to do about an interval with different features at its ends.
enum Cut {
    /// Look at a place; the distance there if the two tie.
    At(f64, Option<f64>),
    /// The feature at the start is really this one.
    Start(Feature),
    /// The feature at the end is really this one.
    End(Feature),
}

/// Where a function that is not above 0 at `low` nor below it at `high` passes 0.
#[cold]
fn halved(function: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return middle;
        }
        if function(middle) <= 0.0 { low = middle } else { high = middle }
    }
}

/// Where two lines are equally far: |p| = |q| where p - q or p + q changes its sign.
fn meeting(p: &Line, q: &Line, low: f64, high: f64) -> f64 {
    let ((p0, p1), (q0, q1)) = ((p.at(low), p.at(high)), (q.at(low), q.at(high)));
    let zero = |at_low: f64, at_high: f64| {
        if (at_low <= 0.0) == (at_high <= 0.0) {
            f64::NAN
        } else {
            low + (high - low) * (at_low / (at_low - at_high))
        }
    };
    let (same, mirrored) = (zero(p0 - q0, p1 - q1), zero(p0 + q0, p1 + q1));
    if same.is_nan() { mirrored } else { same }
}

/// Where a line and a point are equally far.
fn equidistant(line: &Line, (s, h): (f64, f64), low: f64, high: f64) -> f64 {
    // With x = s' - s and the line's distance l + slope x: cosine² x² - 2 l slope x - (l² - h²) = 0.
    let l = line.at(s);
    let square = line.cosine * line.cosine;
    let half = l * line.slope;
    let rest = (l - h) * (l + h);
    let root = greater(l * l - square * h * h, 0.0).sqrt();
    let sum = half + root.copysign(half);
    let (x1, x2) = (sum / square, -rest / sum);
    let middle = 0.5 * (low + high) - s;
    // NaN and infinity lose.
    let x = if (x1 - middle).abs() <= (x2 - middle).abs() || x2.is_nan() { x1 } else { x2 };
    s + x
}
