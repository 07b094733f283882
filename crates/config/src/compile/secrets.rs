//! Secrets: given in place or in a file, never both; keys are 32 bytes in base64, and there may be
//! several of them, the newest first.
//!
//! No message here holds anything of a secret but its length.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::Compiler;
use crate::Secret;
use crate::problem::Place;
use crate::raw::secrets::{RawSecrets, ordinal};
use crate::raw::{At, Hidden, RawSecret};

const KEY_BYTES: usize = 32;

/// How many keys there may be under one name: every one may be tried for every cookie that comes.
const MOST_KEYS: usize = 8;

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
                self.both_given(key, file_key, &inline.place, &file.place);
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
            self.nothing_in_it(key, file_key, raw.file.as_ref(), &place);
            return None;
        }
        Some((bytes, place))
    }

    /// Secrets that are keys, 32 bytes in base64 each, the newest first and none twice.
    pub(super) fn secret_keys(&mut self, raw: &RawSecrets, key: &str, file_key: &str) -> Vec<Secret> {
        let texts: Vec<Option<(Zeroizing<Vec<u8>>, Place)>> = match (&raw.inline, &raw.file) {
            (Some(inline), Some(file)) => {
                self.both_given(key, file_key, &inline.place, &file.place);
                return Vec::new();
            }
            (Some(inline), None) => {
                let bytes = |hidden: &At<Hidden>| Zeroizing::new(hidden.value.0.clone().into_bytes());
                inline.value.iter().map(|text| text.as_ref().map(|text| (bytes(text), text.place.clone()))).collect()
            }
            (None, Some(file)) => match self.file(file_key, file) {
                Some(bytes) => vec![Some((Zeroizing::new(bytes), file.place.clone()))],
                None => return Vec::new(),
            },
            (None, None) => return Vec::new(),
        };
        let mut written: Vec<Option<(&[u8], &Place)>> = Vec::new();
        for text in &texts {
            match text {
                Some((bytes, place)) => written.extend(split(bytes).map(|bytes| Some((bytes, place)))),
                None => written.push(None),
            }
        }
        let Some(place) = raw.place() else { return Vec::new() };
        if written.is_empty() {
            self.nothing_in_it(key, file_key, raw.file.as_ref(), place);
            return Vec::new();
        }
        if written.len() > MOST_KEYS {
            self.problems.error(
                place,
                format!("`{key}` holds {} keys, but may hold {MOST_KEYS}", written.len()),
                "Keep the newest. An older one is needed only until the sessions that were sealed with it have ended.",
            );
            return Vec::new();
        }
        let several = written.len() > 1;
        let mut secrets: Vec<(usize, Secret)> = Vec::new();
        for (index, (text, place)) in
            written.iter().enumerate().filter_map(|(index, part)| part.map(|part| (index, part)))
        {
            let name = if several { format!("the {} key of `{key}`", ordinal(index)) } else { format!("`{key}`") };
            let Some(secret) = self.secret_key(text, &name, place) else { continue };
            if let Some((first, _)) = secrets.iter().find(|(_, other)| *other == secret) {
                let first = ordinal(*first);
                self.problems.warning(
                    place,
                    format!("{name} is the same as the {first}"),
                    "Remove one of the two. The newest stands first.",
                );
            } else {
                secrets.push((index, secret));
            }
        }
        secrets.into_iter().map(|(_, secret)| secret).collect()
    }

    /// The key that this text is; `name` is what to call it.
    fn secret_key(&mut self, text: &[u8], name: &str, place: &Place) -> Option<Secret> {
        let Ok(bytes) = STANDARD.decode(text).map(Zeroizing::new) else {
            let mend = format!("It is {KEY_BYTES} random bytes in base64. {HOW_TO_MAKE_ONE}");
            self.problems.error(place, format!("{name} is not base64"), mend);
            return None;
        };
        if bytes.len() != KEY_BYTES {
            self.problems.error(
                place,
                format!("{name} holds {} bytes, but must hold {KEY_BYTES}", bytes.len()),
                HOW_TO_MAKE_ONE,
            );
            return None;
        }
        if bytes.iter().all(|byte| Some(byte) == bytes.first()) {
            self.problems.warning(place, format!("{name} is the same byte over and over"), HOW_TO_MAKE_ONE);
        }
        Some(Secret::new(bytes.as_slice()))
    }

    fn both_given(&mut self, key: &str, file_key: &str, inline: &Place, file: &Place) {
        self.problems.error(
            file,
            format!("`{key}` and `{file_key}` are both given (`{key}` at {inline})"),
            "Keep one of them. The file is better: it can have its own permissions.",
        );
    }

    fn nothing_in_it(&mut self, key: &str, file_key: &str, file: Option<&At<String>>, place: &Place) {
        let what = match file {
            Some(file) => format!("`{file_key}` names the file `{}`, which is empty", file.value),
            None => format!("`{key}` is empty"),
        };
        self.problems.error(place, what, "Fill it in, or remove the key.");
    }
}

/// The keys in a text, between commas, spaces and line breaks.
fn split(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b',' || byte.is_ascii_whitespace()).filter(|part| !part.is_empty())
}
