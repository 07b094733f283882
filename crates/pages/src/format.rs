//! The shape of an answer: HTML for people, JSON for programs, plain text for terminals.

/// What the client asked to get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// `text/html`: a browser showing a page.
    Html,
    /// `application/json`: a program.
    Json,
    /// `text/plain`: anything else; also the right thing when nobody said.
    #[default]
    Text,
}

impl Format {
    /// The `Content-Type` of this format.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Json => "application/json",
            Self::Text => "text/plain; charset=utf-8",
        }
    }
}
