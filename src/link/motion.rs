//! The camera's movement between two pages, from lesions with equal ids or from positions, sizes and labels.
//!
//! Every two links suggest a movement (and each link alone: a shift); the one that most lesions agree with is fitted to those
//! by least squares (M. A. Fischler and R. C. Bolles 1981, with all pairs in the place of random ones; the closed form of S. Umeyama 1991
//! in complex numbers, with a weak prior towards a camera that is held upright and at the same distance). A larger change of
//! scale than the caller allows is refused, and so is a turn by more than 45 degrees, so that lesions with exchanged ids are
//! not explained by a camera upside down; `by_ids` says where ids prove such a turn.

use std::ops::ControlFlow;

use super::by_ids::ENOUGH;
use super::model::{AGREES, Basis, CAMERA_OF_WIDTH, GATE, Model, Motion, NOISE_OF_WIDTH, TURN, variance};
use super::{Movement, Page};
use crate::polygons::Point;

/// Tangent of the largest turn of the camera, 45 degrees.
const MOST_SLOPE: f64 = 1.0;
/// Lesions per page of which all pairs suggest movements where ids do not help: the largest.
const MOST_SPOTS: usize = 16;
/// A lesion that fits nowhere under a suggested movement costs no more than this (3.5 standard deviations).
const NOWHERE: f64 = 6.0;
/// Positions have to be this much more likely under another movement to overrule the ids: odds of 400 to 1.
const OVERRULES: f64 = 6.0;
/// Rounds of fitting and choosing anew what agrees.
const ROUNDS: usize = 5;

pub(super) type Links = Vec<(u32, u32)>;

/// What is the same for all movements between two pages.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    field: f64,
    zoom_most: f64,
    /// Standard deviation of the logarithm of the scale.
    zoom_sd: f64,
    /// Whether any turn is allowed, and all are as likely.
    any_turn: bool,
}

impl Page {
    /// Find the movement that explains most.
    pub(super) fn movement(&mut self, field: f64, zoom_most: f64) -> (Motion, Movement) {
        let bounds = Bounds { field, zoom_most, zoom_sd: zoom_most.ln() / 2.5, any_turn: false };
        let n_common = self.common.len();
        let smaller = self.from.len().min(self.to.len());
        let by_ids = self.by_ids(bounds);
        let clear = by_ids.as_ref().is_some_and(|(motion, links)| {
            links.len() == n_common && (motion.model == Model::Similarity || smaller == 2)
        });
        let by_places = if clear || smaller < 2 { None } else { self.by_positions(bounds) };
        let turned = if clear { None } else { self.turned_by_ids(by_ids.as_ref(), bounds) };
        let (basis, found) = match (turned, by_ids, by_places) {
            (Some(turned), _, places) => self.turned_or_not(turned, places, bounds),
            (None, Some(ids), Some(places)) => {
                if self.total(&places.0, bounds) + OVERRULES < self.total(&ids.0, bounds) {
                    (Basis::Positions, Some(places))
                } else {
                    (Basis::Ids, Some(ids))
                }
            }
            (None, Some(ids), None) => (Basis::Ids, Some(ids)),
            // Ids that agree on nothing, and fewer links than there are ids: a movement that happens to fit some lesions.
            (None, None, Some(places)) if n_common < ENOUGH || places.1.len() >= n_common => {
                (Basis::Positions, Some(places))
            }
            (None, None, _) => (Basis::None, None),
        };
        let (motion, links) = found.unwrap_or_else(|| (Motion::unknown(self.middle(), field), Vec::new()));
        let left: f64 = links.iter().map(|&link| self.distance2(&motion, link)).sum();
        let fitted = if motion.model == Model::Similarity { 4 } else { 2 };
        let movement = Movement {
            model: motion.model,
            basis,
            matrix: motion.matrix(),
            n_common: n_common as u32,
            n_inliers: links.len() as u32,
            residual_sd: match (2 * links.len()).checked_sub(fitted) {
                Some(freedom) if freedom > 0 => (left / freedom as f64).sqrt(),
                _ => f64::NAN,
            },
        };
        (motion, movement)
    }

    /// Choose between a turn that ids agree on and what fits a camera held as before.
    ///
    /// Exchanged ids leave the places as they are, so that an upright movement fits them as well; where neither is much
    /// more likely, as for exchanges in a square, nobody knows.
    fn turned_or_not(
        &mut self,
        turned: (Motion, Links),
        places: Option<(Motion, Links)>,
        bounds: Bounds,
    ) -> (Basis, Option<(Motion, Links)>) {
        let Some(places) = places else { return (Basis::Ids, Some(turned)) };
        let upright = self.total(&places.0, bounds);
        let cost = self.total(&turned.0, bounds.with_any_turn());
        if cost + OVERRULES < upright {
            (Basis::Ids, Some(turned))
        } else if upright + OVERRULES < cost {
            (Basis::Positions, Some(places))
        } else {
            (Basis::None, None)
        }
    }

    /// The movement under which lesions of one page best fall on those of the other.
    fn by_positions(&mut self, bounds: Bounds) -> Option<(Motion, Links)> {
        let smaller = self.from.len().min(self.to.len());
        let model = if smaller >= 3 { Model::Similarity } else { Model::Shift };
        let (from, to) = (largest(&self.from), largest(&self.to));
        let middle = self.middle();
        let mut best = (f64::INFINITY, Motion::new(model, middle, middle, [1.0, 0.0], bounds.field));
        let mut offer = |motion: Motion| {
            let start = prior(&motion, middle, bounds);
            if let ControlFlow::Continue(cost) = self.nearest(&motion, &from, &to, start, best.0) {
                best = (cost, motion);
            }
        };
        offer(Motion::new(model, middle, middle, [1.0, 0.0], bounds.field));
        for &a in &from {
            for &b in &to {
                offer(self.shifted((a, b), model, bounds));
            }
        }
        if model == Model::Similarity {
            for (k, &a) in from.iter().enumerate() {
                for &c in &from[..k] {
                    for &b in &to {
                        for &d in &to {
                            if b != d
                                && let Some(motion) = self.turned((a, b), (c, d), bounds)
                            {
                                offer(motion);
                            }
                        }
                    }
                }
            }
        }
        let mut motion = best.1;
        let mut links = Links::new();
        for _ in 0..ROUNDS {
            let assigned = self.assign(&motion);
            let agreeing = self.agreeing(&motion, &assigned);
            if agreeing == links {
                break;
            }
            links = agreeing;
            let model = if links.len() >= 3 { model } else { Model::Shift };
            motion = self.fitted(&links, model, bounds)?;
        }
        let needed = smaller.div_ceil(2).max(2);
        // Two that happen to fit are not believed against an id.
        let against = links.len() == 2 && self.common.len() == 1 && !links.contains(&self.common[0]);
        (links.len() >= needed && !against).then_some((motion, links))
    }

    /// Fit what agrees, and choose anew what agrees, until nothing changes.
    pub(super) fn settle(
        &self,
        mut motion: Motion,
        all: &[(u32, u32)],
        model: Model,
        bounds: Bounds,
    ) -> Option<(Motion, Links)> {
        let mut links = Links::new();
        for _ in 0..ROUNDS {
            let agreeing = self.agreeing(&motion, all);
            if agreeing == links {
                break;
            }
            motion = self.fitted(&agreeing, model, bounds)?;
            links = agreeing;
        }
        Some((motion, links))
    }

    fn agreeing(&self, motion: &Motion, links: &[(u32, u32)]) -> Links {
        let far =
            |&(from, to): &(u32, u32)| motion.fit(&self.from[from as usize], &self.to[to as usize]).far();
        links.iter().filter(|link| far(link) <= AGREES).copied().collect()
    }

    /// The least squares of some links; `None` if the camera would have moved more than it may.
    pub(super) fn fitted(&self, links: &[(u32, u32)], model: Model, bounds: Bounds) -> Option<Motion> {
        let (mut weights, mut centre, mut target) = (0.0, [0.0; 2], [0.0; 2]);
        let weigh = |&(from, to): &(u32, u32)| {
            let (from, to) = (&self.from[from as usize], &self.to[to as usize]);
            (1.0 / variance(from, to, bounds.field), from.at, to.at)
        };
        for (weight, from, to) in links.iter().map(weigh) {
            weights += weight;
            for axis in 0..2 {
                centre[axis] += weight * from[axis];
                target[axis] += weight * to[axis];
            }
        }
        if weights <= 0.0 {
            return None;
        }
        centre = centre.map(|value| value / weights);
        target = target.map(|value| value / weights);
        if model != Model::Similarity {
            return Some(
                Motion::new(model, centre, target, [1.0, 0.0], bounds.field).known_to(1.0 / weights, 0.0),
            );
        }
        let (mut spread, mut along, mut across) = (0.0, 0.0, 0.0);
        for (weight, from, to) in links.iter().map(weigh) {
            let (x, y) = (from[0] - centre[0], from[1] - centre[1]);
            let (u, v) = (to[0] - target[0], to[1] - target[1]);
            spread += weight * (x * x + y * y);
            along += weight * (x * u + y * v);
            across += weight * (x * v - y * u);
        }
        let (zoom, mut turn) = (1.0 / bounds.zoom_sd.powi(2), 1.0 / (TURN * TURN));
        let mut turned = [(along + zoom) / (spread + zoom), across / (spread + turn)];
        if bounds.any_turn {
            // The prior is about the scale alone: it draws along the direction that was found.
            let length = along.hypot(across);
            let scale = (length + zoom) / ((spread + zoom) * length);
            (turned, turn) = ([along * scale, across * scale], 0.0);
        }
        bounds.allow(turned).then(|| {
            let motion = Motion::new(model, centre, target, turned, bounds.field);
            motion.known_to(1.0 / weights, 1.0 / (spread + turn))
        })
    }

    /// The shift that one link suggests.
    pub(super) fn shifted(&self, (from, to): (u32, u32), model: Model, bounds: Bounds) -> Motion {
        let (from, to) = (self.from[from as usize].at, self.to[to as usize].at);
        Motion::new(model, from, to, [1.0, 0.0], bounds.field)
    }

    /// The movement that two links suggest, if they are far enough apart to tell a turn and it is one that is allowed.
    pub(super) fn turned(&self, one: (u32, u32), other: (u32, u32), bounds: Bounds) -> Option<Motion> {
        let (a, b) = (&self.from[one.0 as usize], &self.to[one.1 as usize]);
        let (c, d) = (&self.from[other.0 as usize], &self.to[other.1 as usize]);
        let (x, y) = (c.at[0] - a.at[0], c.at[1] - a.at[1]);
        let (u, v) = (d.at[0] - b.at[0], d.at[1] - b.at[1]);
        let apart = x * x + y * y;
        // Four standard deviations of the difference of two positions.
        if apart <= 16.0 * (variance(a, b, bounds.field) + variance(c, d, bounds.field)) {
            return None;
        }
        let turn = [(x * u + y * v) / apart, (x * v - y * u) / apart];
        let half = |p: Point, q: Point| [0.5 * (p[0] + q[0]), 0.5 * (p[1] + q[1])];
        bounds
            .allow(turn)
            .then(|| Motion::new(Model::Similarity, half(a.at, c.at), half(b.at, d.at), turn, bounds.field))
    }

    /// How many links agree with a movement, and what it and they cost.
    pub(super) fn votes(
        &self,
        motion: &Motion,
        links: &[(u32, u32)],
        bounds: Bounds,
    ) -> (usize, f64, Motion) {
        let (mut count, mut cost) = (0, turn_prior(motion, bounds));
        for &(from, to) in links {
            let far = motion.fit(&self.from[from as usize], &self.to[to as usize]).far();
            if far <= AGREES {
                count += 1;
                cost += far;
            }
        }
        (count, cost, *motion)
    }

    /// What the lesions of the smaller of two lists cost, each with the best of the other, added to `start`; breaks at a
    /// limit.
    fn nearest(
        &self,
        motion: &Motion,
        from: &[u32],
        to: &[u32],
        start: f64,
        limit: f64,
    ) -> ControlFlow<(), f64> {
        let mut total = start;
        let cost = |a: u32, b: u32| motion.fit(&self.from[a as usize], &self.to[b as usize]).cost();
        let mut add = |best: f64| {
            total += best;
            if total < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        if from.len() <= to.len() {
            for &a in from {
                add(to.iter().map(|&b| cost(a, b)).fold(NOWHERE, f64::min))?;
            }
        } else {
            for &b in to {
                add(from.iter().map(|&a| cost(a, b)).fold(NOWHERE, f64::min))?;
            }
        }
        ControlFlow::Continue(total)
    }

    /// What everything costs under a movement, comparable between movements that are known to different precision.
    fn total(&mut self, motion: &Motion, bounds: Bounds) -> f64 {
        let links = self.assign(motion);
        let unit = (NOISE_OF_WIDTH * bounds.field).powi(2);
        let smaller = self.from.len().min(self.to.len());
        let linked = links.iter().map(|&(from, to)| {
            let fit = motion.fit(&self.from[from as usize], &self.to[to as usize]);
            fit.cost() + (fit.variance / unit).ln()
        });
        linked.sum::<f64>() + GATE * (smaller - links.len()) as f64 + prior(motion, self.middle(), bounds)
    }

    /// The middle of the earlier page's lesions.
    fn middle(&self) -> Point {
        let mean =
            |axis: usize| self.from.iter().map(|spot| spot.at[axis]).sum::<f64>() / self.from.len() as f64;
        if self.from.is_empty() { [0.0; 2] } else { [mean(0), mean(1)] }
    }

    fn distance2(&self, motion: &Motion, (from, to): (u32, u32)) -> f64 {
        motion.fit(&self.from[from as usize], &self.to[to as usize]).distance2
    }
}

impl Bounds {
    pub(super) fn with_any_turn(self) -> Self {
        Self { any_turn: true, ..self }
    }

    fn allow(&self, [re, im]: [f64; 2]) -> bool {
        let (scale2, most2) = (re * re + im * im, self.zoom_most * self.zoom_most);
        (self.any_turn || im.abs() <= MOST_SLOPE * re) && scale2 <= most2 && scale2 * most2 >= 1.0
    }
}

/// What a turn and a change of scale cost.
fn turn_prior(motion: &Motion, bounds: Bounds) -> f64 {
    let [re, im] = motion.turn;
    // Within 45 degrees the sine does for the angle.
    let sine = if bounds.any_turn { 0.0 } else { im / (re * re + im * im).sqrt() };
    let (turn, zoom) = (sine / TURN, 0.5 * motion.log_zoom / bounds.zoom_sd);
    0.5 * (turn * turn + zoom * zoom)
}

/// What the movement of a camera costs, of which `middle` is the middle of the image.
fn prior(motion: &Motion, middle: Point, bounds: Bounds) -> f64 {
    if bounds.any_turn {
        // An image that was turned has its lesions elsewhere.
        return turn_prior(motion, bounds);
    }
    let [x, y] = motion.map(middle);
    let shift2 = (x - middle[0]).powi(2) + (y - middle[1]).powi(2);
    turn_prior(motion, bounds) + shift2 / (2.0 * (CAMERA_OF_WIDTH * bounds.field).powi(2))
}

/// Positions of the largest lesions, in their order.
fn largest(spots: &[super::Spot]) -> Vec<u32> {
    let mut places: Vec<u32> = (0..spots.len() as u32).collect();
    if spots.len() > MOST_SPOTS {
        let size = |place: u32| spots[place as usize].radius2;
        places.sort_unstable_by(|&a, &b| size(b).total_cmp(&size(a)).then(a.cmp(&b)));
        places.truncate(MOST_SPOTS);
        places.sort_unstable();
    }
    places
}
