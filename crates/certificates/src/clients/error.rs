//! Settings by which no certificate could be judged.

/// Why visitors' certificates cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum InvalidClientTrust {
    /// No authority: then nobody could ever be believed.
    #[error("no authority is named whose client certificates are believed: put its certificate into `ca`")]
    NoAuthority,
    /// An authority's certificate cannot be read.
    #[error("certificate {number} of the client certificate authorities cannot be read: {problem}")]
    Authority {
        /// Which, from 1.
        number: usize,
        /// What the parser found.
        problem: String,
    },
    /// A certificate that may sign no others.
    #[error(
        "certificate {number} of the client certificate authorities ({name}) is not an authority's (basicConstraints, \
         keyUsage): name the authority that issued it"
    )]
    NoAuthoritys {
        /// Which, from 1.
        number: usize,
        /// What it is called.
        name: String,
    },
    /// A revocation list cannot be read, or is of a kind that is not understood.
    #[error("certificate revocation list {number} cannot be used: {problem}")]
    RevocationList {
        /// Which, from 1.
        number: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A pattern that cannot be anchored at both ends.
    #[error("the pattern {number} of `match_subject_alt_names` cannot be used")]
    Pattern {
        /// Which, from 1.
        number: usize,
        /// What is wrong with it.
        #[source]
        source: regex::Error,
    },
}
