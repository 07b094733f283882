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

/// How large a piece of an answer may be, in bytes, that counts for nothing once it is handed over.
const SMALL: usize = 4 * 1024;

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
        AnswerBody { body, place: Lasts::ThisLong(self) }
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

/// The body of an answer. Its request is under way until this is dropped, and what it gave is on its way.
#[derive(Debug)]
pub struct AnswerBody {
    body: ProxyBody,
    place: Lasts,
}

/// How long a place is taken.
#[derive(Debug)]
enum Lasts {
    /// As long as the body.
    ThisLong(Place),
    /// As long as this and every large piece that was given.
    WithPieces(Arc<Place>),
    /// Nothing is left of the body.
    Over,
}

impl Lasts {
    /// One more holds it.
    fn shared(&mut self) -> Option<Arc<Place>> {
        *self = match std::mem::replace(self, Self::Over) {
            Self::ThisLong(place) => Self::WithPieces(Arc::new(place)),
            already => already,
        };
        match self {
            Self::WithPieces(place) => Some(Arc::clone(place)),
            Self::ThisLong(_) | Self::Over => None,
        }
    }
}

/// A piece on its way to a visitor, wherever it waits for them.
struct Piece {
    bytes: Bytes,
    _place: Option<Arc<Place>>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        Pin::new(&mut this.body).poll_frame(cx).map_ok(|frame| match frame.into_data() {
            // The last of an answer may lie in a stream's queue for as long as its connection lasts, when all of this is over.
            Ok(bytes) if bytes.len() > SMALL => {
                Frame::data(Bytes::from_owner(Piece { bytes, _place: this.place.shared() }))
            }
            Ok(bytes) => Frame::data(bytes),
            Err(trailers) => trailers,
        })
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

    #[tokio::test]
    async fn what_is_still_on_its_way_keeps_its_place_unless_it_is_small() {
        use http_body_util::BodyExt as _;
        for (size, kept) in [(SMALL, 0), (SMALL + 1, 1)] {
            let under_way = Arc::<UnderWay>::default();
            let mut body = under_way.enter().until_the_end_of(ProxyBody::full(vec![b'x'; size]));
            let mut piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
            assert!(body.is_end_stream() && piece == vec![b'x'; size]);
            assert_eq!(under_way.count(), 1);
            drop(body);
            let rest = piece.split_off(size / 2);
            drop(piece);
            assert_eq!(under_way.count(), kept, "of {size} bytes");
            drop(rest);
            assert_eq!(under_way.count(), 0);
        }
    }

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
