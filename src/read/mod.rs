//! Bytes of annotation exports become columns.
//!
//! [`json`] walks the text, [`label_studio`] knows tasks and annotations, [`results`] joins the entries of one annotation into
//! regions, [`shapes`] turns percent of an image into pixels (the only place that does), [`columns`] hold what was read.

pub mod columns;
pub mod json;
pub mod label_studio;
pub mod results;
pub mod shapes;
pub mod time;
