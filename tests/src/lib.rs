//! Nothing but tests live in this package: `end_to_end/` drives the built binary, `architecture.rs` holds the
//! crates to their levels, `documents.rs` holds the documents to what the program understands.
