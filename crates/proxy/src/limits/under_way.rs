//! Requests under way, from their head to the last byte of their answer: of all, and of each address.
//!
//! Refuses to remember addresses: each has two counters among thousands that others have too, by a hash that nobody
//! outside knows, and the lower of the two is taken. So it takes two strangers, not one, to be in somebody's way, and no
//! flood of addresses takes memory.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use doorward_rates::network;
use http_body::{Body, Frame, SizeHint};

use crate::{BoxError, ProxyBody};

/// Counters in a row; each address has one in each of the two.
const ROW: usize = 4096;

/// How many there are.
pub(crate) struct UnderWay {
    all: AtomicUsize,
    rows: [Box<[AtomicU32]>; 2],
    marks: RandomState,
}

impl Default for UnderWay {
    fn default() -> Self {
        let row = || (0..ROW).map(|_| AtomicU32::new(0)).collect();
        Self { all: AtomicUsize::new(0), rows: [row(), row()], marks: RandomState::new() }
    }
}

impl fmt::Debug for UnderWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UnderWay").field(&self.count()).finish()
    }
}

impl UnderWay {
    /// One more, until what is returned is dropped.
    pub(crate) fn enter(self: &Arc<Self>) -> Place {
        let number = self.all.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        Place { under_way: Arc::clone(self), number, mark: None }
    }

    pub(crate) fn count(&self) -> usize {
        self.all.load(Ordering::Relaxed)
    }

    /// The two counters of an address.
    fn of(&self, mark: u64) -> impl Iterator<Item = &AtomicU32> {
        let places = [mark, mark >> 32].map(|half| usize::try_from(half % ROW as u64).unwrap_or(0));
        self.rows.iter().zip(places).filter_map(|(row, place)| row.get(place))
    }
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Place {
    under_way: Arc<UnderWay>,
    number: usize,
    /// Stands for the address that it is counted for.
    mark: Option<u64>,
}

impl Place {
    /// How many there were with this one when it came.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// Counts it for its address, once, and says how many of that there are with this one.
    pub(crate) fn number_of(&mut self, client: IpAddr) -> usize {
        if self.mark.is_some() {
            return 0;
        }
        let mark = self.under_way.marks.hash_one(network(client));
        self.mark = Some(mark);
        let counts = self.under_way.of(mark).map(|count| count.fetch_add(1, Ordering::Relaxed).saturating_add(1));
        counts.min().map_or(0, |count| usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// An answer's body with the place of its request: that is over when nobody reads the body any more. After a 101 it has
    /// none, and what is a tunnel from then on is no request.
    pub(crate) fn until_the_end_of(self, body: ProxyBody) -> AnswerBody {
        AnswerBody { body, _place: self }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.under_way.all.fetch_sub(1, Ordering::Relaxed);
        for count in self.mark.into_iter().flat_map(|mark| self.under_way.of(mark)) {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// The body of an answer. Its request is under way until this is dropped.
#[derive(Debug)]
pub struct AnswerBody {
    body: ProxyBody,
    _place: Place,
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_is_counted_apart_from_another_and_leaves_nothing_behind() {
        let under_way = Arc::<UnderWay>::default();
        let enter = |text: &str| {
            let mut place = under_way.enter();
            let number = place.number_of(text.parse().unwrap());
            (number, place)
        };
        let many: Vec<_> = (0..5000).map(|_| enter("192.0.2.1")).collect();
        assert_eq!(many.last().unwrap().0, 5000);
        assert_eq!(enter("::ffff:192.0.2.1").0, 5001);
        // Two strangers in the same two places there never are: one in four thousand squared.
        assert_eq!([enter("192.0.2.2").0, enter("2001:db8::1").0, enter("2001:db8:0:1::1").0], [1, 1, 1]);
        let of_network = enter("2001:db8::1");
        assert_eq!(enter("2001:db8::2").0, 2);
        drop((many, of_network));
        assert_eq!(under_way.count(), 0);
        assert!(under_way.rows.iter().flatten().all(|count| count.load(Ordering::Relaxed) == 0));
    }
}
