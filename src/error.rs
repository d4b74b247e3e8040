//! Every way a caller can be wrong, with the place and what to do about it.

/// What went wrong, where, and what to do. Each variant becomes one Python exception in `src/python/errors.rs`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The first offset of a level is not zero.
    #[error("{level}[0] is {value}; offsets start at 0: pass the arrays of one whole batch, not of a slice")]
    OffsetsStart {
        /// Name of the offsets array.
        level: &'static str,
        /// The value found.
        value: i64,
    },
    /// Two neighbouring offsets run backwards.
    #[error(
        "{level}[{index}] is {after}, below the {before} before it; offsets never decrease: sort or rebuild them"
    )]
    OffsetsOrder {
        /// Name of the offsets array.
        level: &'static str,
        /// Index of the smaller, later offset.
        index: usize,
        /// The offset before it.
        before: i64,
        /// The offset found.
        after: i64,
        /// The row that the offset closes, where it is known.
        row: Option<usize>,
        /// The ring that the offset closes, where it is known.
        ring: Option<usize>,
    },
    /// The last offset does not equal the length of the level below.
    #[error(
        "the last of {level} is {last}, but {below} has {len} entries; both must agree: rebuild the offsets"
    )]
    OffsetsEnd {
        /// Name of the offsets array.
        level: &'static str,
        /// The last offset.
        last: i64,
        /// What the offsets point into.
        below: &'static str,
        /// Its length.
        len: usize,
    },
    /// An offsets array without its leading zero.
    #[error("{level} is empty; n rows need n + 1 offsets, the first of them 0")]
    OffsetsMissing {
        /// Name of the offsets array.
        level: &'static str,
    },
    /// A coordinate is NaN, infinite or so large that areas would overflow.
    #[error(
        "region {row}, ring {ring}, vertex {vertex}: coordinate ({x}, {y}) is not usable; coordinates are finite and \
         below 1e150 in size: drop the region or correct it"
    )]
    Coordinate {
        /// Region.
        row: usize,
        /// Ring within the region.
        ring: usize,
        /// Vertex within the ring.
        vertex: usize,
        /// The x found.
        x: f64,
        /// The y found.
        y: f64,
    },
    /// More vertices or rings than 32-bit offsets can address.
    #[error("{count} {what} do not fit 32-bit offsets; split the batch into parts below 2147483648")]
    Overflow {
        /// Vertices, rings or regions.
        what: &'static str,
        /// How many there are.
        count: usize,
    },
    /// Two inputs of different length.
    #[error("{what} has {found} entries where {expected} are needed; {remedy}")]
    Length {
        /// The input.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length it should have.
        expected: usize,
        /// What to do.
        remedy: &'static str,
    },
    /// An index outside its table.
    #[error("{what}[{position}] is {value}, outside 0..{len}")]
    Index {
        /// The input.
        what: &'static str,
        /// Where in it.
        position: usize,
        /// The value found.
        value: i64,
        /// The length of what it points into.
        len: usize,
    },
    /// An option with a value outside its range.
    #[error("{name} is {value}; {allowed}")]
    Option {
        /// Name of the option.
        name: &'static str,
        /// The value found.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A file that cannot be read as an export.
    #[error("{message} (byte {position})")]
    Export {
        /// What is wrong and what to do.
        message: String,
        /// Where, counted in bytes from the start of the file.
        position: usize,
    },
    /// The caller asked to stop (Ctrl-C, or an exception in a progress callback).
    #[error("interrupted")]
    Interrupted,
    /// A defect of this library, caught at the edge.
    #[error("internal error, please report it: {0}")]
    Internal(String),
}

/// Shorthand of the crate.
pub type Result<T> = std::result::Result<T, Error>;
