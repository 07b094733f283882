//! Secrets: given in place or in a file, never both; keys are 32 bytes in base64.
//!
//! No message here holds anything of a secret but its length.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::Compiler;
use crate::Secret;
use crate::problem::Place;
use crate::raw::RawSecret;

const KEY_BYTES: usize = 32;
const HOW_TO_MAKE_ONE: &str = "Make one with `head -c32 /dev/urandom | base64`.";

impl Compiler<'_> {
    /// The text of a secret and the place of what gave it. A line break at the end is not part of it.
    pub(super) fn secret_text(
        &mut self,
        raw: &RawSecret,
        key: &str,
        file_key: &str,
    ) -> Option<(Zeroizing<Vec<u8>>, Place)> {
        let (mut bytes, place) = match (&raw.inline, &raw.file) {
            (Some(inline), Some(file)) => {
                self.problems.error(
                    &file.place,
                    format!("`{key}` and `{file_key}` are both given (`{key}` at {})", inline.place),
                    "Keep one of them. The file is better: it can have its own permissions.",
                );
                return None;
            }
            (Some(inline), None) => (Zeroizing::new(inline.value.0.clone().into_bytes()), inline.place.clone()),
            (None, Some(file)) => (Zeroizing::new(self.file(file_key, file)?), file.place.clone()),
            (None, None) => return None,
        };
        while matches!(bytes.last(), Some(b'\n' | b'\r')) {
            bytes.pop();
        }
        if bytes.is_empty() {
            let what = match &raw.file {
                Some(file) => format!("`{file_key}` names the file `{}`, which is empty", file.value),
                None => format!("`{key}` is empty"),
            };
            self.problems.error(&place, what, "Fill it in, or remove the key.");
            return None;
        }
        Some((bytes, place))
    }

    /// A secret that is a key: 32 bytes in base64.
    pub(super) fn secret_key(&mut self, raw: &RawSecret, key: &str, file_key: &str) -> Option<Secret> {
        let (text, place) = self.secret_text(raw, key, file_key)?;
        let Ok(bytes) = STANDARD.decode(text.as_slice()).map(Zeroizing::new) else {
            self.problems.error(
                &place,
                format!("`{key}` is not base64, or has white space around it"),
                format!("It is {KEY_BYTES} random bytes in base64. {HOW_TO_MAKE_ONE}"),
            );
            return None;
        };
        if bytes.len() != KEY_BYTES {
            self.problems.error(
                &place,
                format!("`{key}` holds {} bytes, but must hold {KEY_BYTES}", bytes.len()),
                HOW_TO_MAKE_ONE,
            );
            return None;
        }
        if bytes.iter().all(|byte| Some(byte) == bytes.first()) {
            self.problems.warning(&place, format!("`{key}` is the same byte over and over"), HOW_TO_MAKE_ONE);
        }
        Some(Secret::new(bytes.as_slice()))
    }
}
