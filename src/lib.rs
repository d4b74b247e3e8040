//! Measurements of lesion outlines and agreement between the people who drew them.
//!
//! The modules below are listed in the order in which data flows: bytes of an annotation export become
//! columns ([`read`]), the columns hold outlines ([`polygons`]; from elsewhere: [`ingest`]), outlines are measured alone or in pairs
//! ([`geometry`]), pairs are found ([`pairs`]), assigned one to one ([`matching`]) and grouped ([`lesions`]), lesions are followed over visits ([`link`]), all of it over many
//! rows at once ([`batch`]); [`geoarrow`] is how outlines leave. The Python bindings sit on top and are compiled only
//! with the `python` feature.

mod assignment;
pub mod batch;
pub mod error;
pub mod geoarrow;
pub mod geometry;
pub mod ingest;
pub mod lesions;
pub mod link;
pub mod matching;
pub mod pairs;
pub mod polygons;
#[cfg(feature = "python")]
mod python;
pub mod read;
