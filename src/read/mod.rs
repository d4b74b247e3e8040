//! Bytes of annotation exports become columns.
