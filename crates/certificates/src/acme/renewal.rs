//! When a certificate is renewed: in the window the authority suggests (RFC 9773), else at two thirds of its life.

use std::time::{Duration, SystemTime};

/// How often the authority is asked about a window at most and at least (RFC 9773 §4.3.2).
const SHORTEST_CHECK: Duration = Duration::from_secs(60);
const LONGEST_CHECK: Duration = Duration::from_secs(24 * 60 * 60);
/// A window this far away was written by a clock gone wrong.
const ABSURD: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

/// At two thirds of its life, up to a twentieth of it earlier, so that certificates made together are not renewed
/// together. Six-day certificates are renewed two days before their end, ninety-day ones thirty.
pub(crate) fn at_two_thirds(not_before: SystemTime, not_after: SystemTime, random: u64) -> SystemTime {
    let life = not_after.duration_since(not_before).unwrap_or_default();
    let earlier = share(life / 20, random);
    not_before.checked_add(life / 3 * 2).and_then(|at| at.checked_sub(earlier)).unwrap_or(not_after)
}

/// A random time in the window; the one chosen before is kept as long as it is in the window still.
pub(crate) fn in_window(
    (start, end): (SystemTime, SystemTime),
    chosen: Option<SystemTime>,
    random: u64,
) -> Option<SystemTime> {
    let length = end.duration_since(start).ok().filter(|length| !length.is_zero() && *length < ABSURD)?;
    match chosen {
        Some(chosen) if start <= chosen && chosen <= end => Some(chosen),
        _ => start.checked_add(share(length, random)),
    }
}

/// When the window is asked for again.
pub(crate) fn next_check(now: SystemTime, retry_after: Duration) -> SystemTime {
    now.checked_add(retry_after.clamp(SHORTEST_CHECK, LONGEST_CHECK)).unwrap_or(now)
}

/// Between nothing and all of it.
fn share(whole: Duration, random: u64) -> Duration {
    const STEPS: u32 = 1 << 16;
    let step = u32::try_from(random % u64::from(STEPS)).unwrap_or_default();
    // Divided first where it is long, so that nothing overflows; multiplied first where it is short.
    whole.checked_mul(step).map_or_else(|| whole / STEPS * step, |product| product / STEPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn day(number: u32) -> SystemTime {
        SystemTime::UNIX_EPOCH + DAY * 20_000 + DAY * number
    }

    #[test]
    fn two_thirds_of_any_life() {
        for life in [90, 45, 6] {
            let latest = at_two_thirds(day(0), day(life), 0);
            assert_eq!(latest, day(0) + DAY * life / 3 * 2, "{life} days");
            let earliest = at_two_thirds(day(0), day(life), u64::from(u16::MAX));
            assert!(earliest < latest && latest.duration_since(earliest).unwrap() <= DAY * life / 20, "{life} days");
        }
        let minute = Duration::from_secs(60);
        assert_eq!(at_two_thirds(day(0), day(0) + 3 * minute, 0), day(0) + 2 * minute);
        assert_eq!(at_two_thirds(day(1), day(0), 7), day(1), "a life that never was is over at once");
    }

    #[test]
    fn a_time_in_the_window_is_chosen_once() {
        let window = (day(10), day(12));
        for random in [0, 1, 77_777, u64::MAX] {
            let at = in_window(window, None, random).unwrap();
            assert!(day(10) <= at && at < day(12));
            assert_eq!(in_window(window, Some(at), random.wrapping_add(99)), Some(at));
        }
        let moved = in_window((day(1), day(2)), Some(day(11)), 5).unwrap();
        assert!(day(1) <= moved && moved < day(2), "a revocation moves the window forward");
        assert_eq!(in_window((day(2), day(1)), None, 0), None, "an end before its start is no window (RFC 9773 §4.2)");
    }

    #[test]
    fn the_authority_is_asked_neither_all_the_time_nor_never() {
        assert_eq!(next_check(day(0), Duration::ZERO), day(0) + SHORTEST_CHECK);
        assert_eq!(next_check(day(0), 6 * 60 * SHORTEST_CHECK), day(0) + 6 * 60 * SHORTEST_CHECK);
        assert_eq!(next_check(day(0), Duration::MAX), day(1));
    }
}
