//! Whether a request that failed may be sent again.
//!
//! Refuses whatever an application might do twice: only what never reached it goes elsewhere, and of the rest only
//! requests that ask for nothing to be done, once.

/// How far a request came before it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reached {
    /// Nothing of it was sent, or what was sent was refused unprocessed.
    Nobody,
    /// It was sent, and its connection broke before a byte of the answer came: most likely the application had closed it, or
    /// ended.
    Connection,
    /// The answer did not come in time.
    TimeRanOut,
    /// Part of an answer came, or something that is none.
    Answer,
}

/// A request that failed.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own, and the table asks them all")]
pub(super) struct Attempt {
    pub(super) reached: Reached,
    /// Whether its method asks for nothing to be done (RFC 9110 §9.2.1).
    pub(super) safe: bool,
    pub(super) has_body: bool,
    /// Whether it asks for a tunnel.
    pub(super) upgrade: bool,
    /// Whether it was sent a second time already.
    pub(super) second: bool,
    /// Whether as many requests as may be are being sent a second time just now.
    pub(super) budget_spent: bool,
}

/// Whether it may be sent again.
pub(super) fn may(attempt: Attempt) -> bool {
    match attempt.reached {
        // Nobody has seen it: sending it elsewhere is sending it once.
        Reached::Nobody => true,
        Reached::Connection => {
            attempt.safe && !attempt.has_body && !attempt.upgrade && !attempt.second && !attempt.budget_spent
        }
        Reached::TimeRanOut | Reached::Answer => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Reached; 4] = [Reached::Nobody, Reached::Connection, Reached::TimeRanOut, Reached::Answer];

    /// Every combination there is, against the sentence in the documentation.
    #[test]
    fn a_request_is_sent_again_only_where_nothing_is_done_twice() {
        let mut again = 0;
        for reached in ALL {
            for bits in 0..32_u8 {
                let flag = |bit: u8| bits & (1 << bit) != 0;
                let attempt = Attempt {
                    reached,
                    safe: flag(0),
                    has_body: flag(1),
                    upgrade: flag(2),
                    second: flag(3),
                    budget_spent: flag(4),
                };
                let expected = match reached {
                    Reached::Nobody => true,
                    // Safe, and nothing else.
                    Reached::Connection => bits == 1,
                    _ => false,
                };
                assert_eq!(may(attempt), expected, "{attempt:?}");
                again += usize::from(may(attempt));
            }
        }
        assert_eq!(again, 33);
    }
}
