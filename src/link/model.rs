//! What a link between lesions of two pages costs, given how the camera moved.
//!
//! Costs are negative logarithms of likelihoods under a plain model: positions scatter around where they are expected with
//! a standard deviation that grows with the size of the lesion (who draws its border also moves its centre, and growth to
//! one side does) and with the distance from the middle of what the movement was found from (skin stretches). All of it
//! is in proportion to the image or the lesion, so that neither the unit nor the size of the field matters.

use crate::polygons::Point;

/// Standard deviation of positions per coordinate, of the width of the image: the hand that draws.
pub const NOISE_OF_WIDTH: f64 = 0.006;
/// The same, of the radius of the lesion: uneven growth, and borders drawn differently.
pub const NOISE_OF_RADIUS: f64 = 0.2;
/// The same, of the distance from the middle, where rotation and scale of the camera are known: skin.
pub const STRETCH: f64 = 0.05;
/// Where only the shift is known: the camera may have turned by as much (radians) or come nearer.
pub const TURN: f64 = 0.2;
/// Standard deviation of the camera's shift, of the width of the image.
pub const CAMERA_OF_WIDTH: f64 = 0.15;
/// Standard deviation of the logarithm of the area between two visits, in which growth is included.
pub const SIZE: f64 = 0.5;
/// A difference in size costs no more than this: lesions that grow tenfold exist.
pub const SIZE_MOST: f64 = 4.0;
/// What different labels cost: people change their minds.
pub const LABEL: f64 = 1.5;
/// What it costs that a lesion has no partner: half of this for each of two. That is a distance of five standard
/// deviations.
pub const GATE: f64 = 12.5;
/// Links within three standard deviations agree with a movement.
pub const AGREES: f64 = 4.5;

/// A lesion on a page, in the unit of the pair.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub(super) at: Point,
    /// Square of the radius of a disk of the same area; 0 where there is no area.
    pub(super) radius2: f64,
    pub(super) log_area: f64,
    pub(super) label: i64,
    pub(super) id: i64,
}

/// What is known of the camera's movement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Model {
    /// Nothing.
    None = 0,
    /// Its shift.
    Shift = 1,
    /// Shift, rotation and scale.
    Similarity = 2,
}

/// What the movement was found from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Basis {
    /// From nothing.
    None = 0,
    /// Lesions with equal ids.
    Ids = 1,
    /// Positions, sizes and labels.
    Positions = 2,
}

/// A movement of the camera: `target + turn * (p - centre)`, where `turn` is a complex number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Motion {
    pub(super) model: Model,
    pub(super) centre: Point,
    pub(super) target: Point,
    pub(super) turn: [f64; 2],
    /// Logarithm of the factor of areas.
    pub(super) log_zoom: f64,
    /// Square of the relative uncertainty of the distance from the centre.
    stretch2: f64,
    /// Variance that does not depend on the lesion.
    base2: f64,
}

/// How two lesions fit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fit {
    /// Square of the distance after alignment.
    pub(super) distance2: f64,
    /// Variance per coordinate that is allowed for.
    pub(super) variance: f64,
    /// What size and label cost.
    pub(super) looks: f64,
}

impl Fit {
    /// What the distance costs.
    pub(super) fn far(&self) -> f64 {
        self.distance2 / (2.0 * self.variance)
    }

    pub(super) fn cost(&self) -> f64 {
        self.far() + self.looks
    }
}

impl Motion {
    /// Nothing is known but that images mostly show about the same.
    pub(super) fn unknown(centre: Point, field: f64) -> Self {
        let mut motion = Self::new(Model::None, centre, centre, [1.0, 0.0], field);
        motion.base2 += (CAMERA_OF_WIDTH * field).powi(2);
        motion
    }

    pub(super) fn new(model: Model, centre: Point, target: Point, turn: [f64; 2], field: f64) -> Self {
        let turned = if model == Model::Similarity { 0.0 } else { TURN * TURN };
        let stretch2 = STRETCH * STRETCH + turned;
        let log_zoom = if turn == [1.0, 0.0] { 0.0 } else { (turn[0] * turn[0] + turn[1] * turn[1]).ln() };
        let base2 = (NOISE_OF_WIDTH * field).powi(2);
        Self { model, centre, target, turn, log_zoom, stretch2, base2 }
    }

    /// The same movement, known with these variances of the place and, relative to the distance, of the turn.
    pub(super) fn known_to(mut self, place: f64, turn: f64) -> Self {
        self.base2 += place;
        self.stretch2 += turn;
        self
    }

    pub(super) fn map(&self, [x, y]: Point) -> Point {
        let (x, y) = (x - self.centre[0], y - self.centre[1]);
        let [re, im] = self.turn;
        [self.target[0] + re * x - im * y, self.target[1] + im * x + re * y]
    }

    /// The same as a matrix of two rows: factors of x and y, and what is added.
    pub(super) fn matrix(&self) -> [f64; 6] {
        let [re, im] = self.turn;
        let [x, y] = self.centre;
        [re, -im, self.target[0] - re * x + im * y, im, re, self.target[1] - im * x - re * y]
    }

    /// How a lesion of the earlier page and one of the later fit.
    pub(super) fn fit(&self, from: &Spot, to: &Spot) -> Fit {
        let [x, y] = self.map(from.at);
        let distance2 = (to.at[0] - x).powi(2) + (to.at[1] - y).powi(2);
        let off = (from.at[0] - self.centre[0]).powi(2) + (from.at[1] - self.centre[1]).powi(2);
        let variance = self.base2 + own_variance(from, to) + self.stretch2 * off;
        Fit { distance2, variance, looks: looks(from, to, self.log_zoom) }
    }
}

/// Variance per coordinate of the position of a lesion of these sizes.
fn own_variance(from: &Spot, to: &Spot) -> f64 {
    NOISE_OF_RADIUS * NOISE_OF_RADIUS * 0.5 * (from.radius2 + to.radius2)
}

/// Variance per coordinate of a position, without what depends on the place.
pub(super) fn variance(from: &Spot, to: &Spot, field: f64) -> f64 {
    (NOISE_OF_WIDTH * field).powi(2) + own_variance(from, to)
}

/// What a difference in size and label costs.
fn looks(from: &Spot, to: &Spot, log_zoom: f64) -> f64 {
    let ratio = to.log_area - from.log_area - log_zoom;
    let size = if ratio.is_nan() { 0.0 } else { (ratio * ratio / (2.0 * SIZE * SIZE)).min(SIZE_MOST) };
    let differs = from.label >= 0 && to.label >= 0 && from.label != to.label;
    size + if differs { LABEL } else { 0.0 }
}
