//! Bytes of annotation exports become columns.
//!
//! [`json`] walks the text, [`label_studio`] knows tasks and annotations, [`results`] joins the entries of one
//! annotation (`entry`) into regions with their `answers`, `privacy` keeps back what identifies people, [`shapes`] turns
//! percent of an image into pixels (the only place that does), [`columns`] hold what was read.

mod answers;
pub mod bitmask;
pub mod brush;
pub mod columns;
mod entry;
pub mod json;
pub mod label_studio;
pub mod mask;
pub mod names;
mod number;
mod painted;
mod privacy;
pub mod results;
pub mod shapes;
pub mod time;
pub mod trace;
mod value;
mod vector;
mod words;
