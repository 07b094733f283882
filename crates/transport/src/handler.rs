//! Who answers requests.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;

use crate::peer::Peer;

/// Any error, as bodies report them.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Answers requests. Cloned once a request, so it should be as cheap to clone as an [`Arc`].
///
/// A panic in it ends the one request with a 500; so does nothing else, for every answer is a response.
pub trait Handler: Clone + Send + Sync + 'static {
    /// The body of its answers. It is never boxed here; dropping it tells the handler that the answer is over.
    type Body: http_body::Body<Data = Bytes, Error = BoxError> + Send + Unpin + 'static;

    /// Answers one request. The future is dropped when the client goes away.
    fn handle(&self, request: Request<Incoming>, peer: Arc<Peer>) -> impl Future<Output = Response<Self::Body>> + Send;
}
