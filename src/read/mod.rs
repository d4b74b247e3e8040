//! Bytes of annotation exports become columns.
//!
//! [`window`] lets any [`source`] flow through bounded memory (`text`), `cut` finds whole values in it (`blocks` looks at
//! 64 bytes at once, `words` at eight), `container` names what a file is, [`reader`] parses the values in parallel. [`json`]
//! walks the text (`number` and `strings` know digits and escapes), [`label_studio`] knows tasks and annotations
//! ([`time`] their timestamps), [`results`] joins the entries of one annotation (`entry`, its `value`) into regions with
//! their `answers`, `relations`, `remarks` and [`names`], [`privacy`] keeps back what identifies people. [`shapes`] turns
//! percent of an image into pixels (the only place that does; `vector` knows paths), `painted` finds masks, [`brush`] and
//! [`bitmask`] decode them, [`mask`] holds their runs, [`trace`] outlines them. [`columns`] hold what was read.

mod answers;
pub mod bitmask;
mod blocks;
pub mod brush;
pub mod columns;
mod container;
mod cut;
mod entry;
pub mod json;
pub mod label_studio;
pub mod mask;
pub mod names;
mod number;
mod painted;
pub mod privacy;
pub mod reader;
mod relations;
mod remarks;
pub mod results;
pub mod shapes;
pub mod source;
mod strings;
mod text;
pub mod time;
pub mod trace;
mod value;
mod vector;
pub mod window;
mod words;
