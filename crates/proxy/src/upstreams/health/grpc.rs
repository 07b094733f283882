//! The gRPC health checking protocol (`grpc.health.v1`): one question, one answer, a few bytes each.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, TE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;

use super::probe::Unwell;

/// How long an answer is at most: it is two bytes behind a prefix of five.
const LARGEST_ANSWER: usize = 4096;
/// `HealthCheckResponse { status: SERVING }` begins so: field 1, a number, 1.
const SERVING: [u8; 2] = [0x08, 0x01];

/// `HealthCheckRequest { service }`, sent to `Check`.
pub(super) fn question(
    scheme: &str,
    authority: &HeaderValue,
    service: &str,
) -> Result<Request<Full<Bytes>>, http::Error> {
    let authority = String::from_utf8_lossy(authority.as_bytes());
    Request::builder()
        .method("POST")
        .version(Version::HTTP_2)
        .uri(format!("{scheme}://{authority}/grpc.health.v1.Health/Check"))
        .header(CONTENT_TYPE, "application/grpc")
        .header(TE, "trailers")
        .header(USER_AGENT, "Doorward-Health-Check")
        .body(Full::new(message(service).into()))
}

/// Not compressed, its length, and the service's name as field 1 unless it is empty.
fn message(service: &str) -> Vec<u8> {
    let mut field = Vec::new();
    if !service.is_empty() {
        field.push(0x0a);
        let mut length = service.len();
        while length >= 0x80 {
            field.push(u8::try_from(length % 0x80).unwrap_or(0) | 0x80);
            length /= 0x80;
        }
        field.push(u8::try_from(length).unwrap_or(0));
        field.extend_from_slice(service.as_bytes());
    }
    let mut message = vec![0];
    message.extend_from_slice(&u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
    message.extend_from_slice(&field);
    message
}

/// Whether the answer is that it serves.
pub(super) async fn judge(answer: Response<Incoming>) -> Result<(), Unwell> {
    if answer.status() != StatusCode::OK {
        return Err(Unwell::Status(answer.status()));
    }
    let (head, body) = answer.into_parts();
    let Ok(body) = Limited::new(body, LARGEST_ANSWER).collect().await else {
        return Err(Unwell::Grpc("its answer broke off"));
    };
    let trailers = body.trailers().cloned();
    // Without a message the trailers are the head ("Trailers-Only").
    let status = trailers.as_ref().and_then(grpc_status).or_else(|| grpc_status(&head.headers));
    match status.as_ref().map(HeaderValue::as_bytes) {
        Some(b"0") => {}
        Some(b"5") => return Err(Unwell::Grpc("it knows no service of this name (NOT_FOUND)")),
        Some(b"12") => return Err(Unwell::Grpc("it has no grpc.health.v1.Health (UNIMPLEMENTED)")),
        Some(_) => return Err(Unwell::Grpc("it answered with an error (grpc-status)")),
        None => return Err(Unwell::Grpc("its answer is not gRPC: there is no grpc-status")),
    }
    let message = body.to_bytes();
    if message.get(5..).is_some_and(|message| message.starts_with(&SERVING)) {
        Ok(())
    } else {
        Err(Unwell::Grpc("it does not serve just now (its status is not SERVING)"))
    }
}

fn grpc_status(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get("grpc-status").cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_is_written_as_protocol_buffers_are() {
        assert_eq!(message(""), [0, 0, 0, 0, 0]);
        assert_eq!(message("ab"), [0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']);
        let long = message(&"x".repeat(300));
        assert_eq!(long[..8], [0, 0, 0, 1, 47, 0x0a, 0xac, 0x02]);
        assert_eq!(long.len(), 308);
    }
}
