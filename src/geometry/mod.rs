//! Numbers of one or two outlines.
//!
//! A kernel sees regions that mean what they say: [`interior`] has replaced outlines that overlap themselves by
//! their non-zero interior. What is left may still be degenerate (no area), and each kernel says what it answers
//! then: areas and lengths are 0 or the length of the line, ratios of areas are NaN, distances exist where a
//! boundary does and are NaN where there is none.

pub mod area;
pub mod boundary;
pub mod box_tree;
pub mod chains;
pub mod chord;
pub mod clip;
pub mod defects;
pub mod envelope;
pub mod exact;
pub mod feret;
pub mod follow;
pub mod grid;
pub mod hausdorff;
pub mod hull;
pub mod interior;
pub mod lockstep;
pub mod merge;
pub mod overlap;
pub mod overlay;
pub mod radii;
mod route;
mod search;
pub mod shape;
pub mod spread;
pub mod strips;
pub mod surface;
pub mod survey;
pub mod tiles;
pub mod turn;
pub mod validity;
