//! Values of request headers: variables, templates, and `$$` for a `$`, as Pomerium has it.

use super::expand::{self, Cut};
use super::{At, Hidden, Named, Reading, nearest};
use crate::domain::route::HeaderPart;
use crate::yaml::{Content, Node};

/// Request headers, each with the parts of its value.
pub(crate) type HeaderPairs = Named<Vec<HeaderPart>>;

/// The templates there are.
const TEMPLATES: [&str; 3] = ["client_cert_fingerprint", "client_cert_san_dns", "client_cert_san_email"];
/// What those begin with that Pomerium has besides.
const LATER: [&str; 4] = ["access_token", "id_token", "jwt", "request.headers"];

impl Reading<'_> {
    pub(crate) fn header_pairs(&mut self, key: &str, node: &Node) -> Option<At<HeaderPairs>> {
        self.named(key, node, Self::header_value)
    }

    fn header_value(&mut self, key: &str, node: &Node) -> Option<At<Vec<HeaderPart>>> {
        let Content::Scalar(scalar) = &node.content else {
            return self.hidden(key, node).map(|hidden| hidden.map(|Hidden(text)| vec![HeaderPart::Text(text)]));
        };
        let cuts = if scalar.expands { expand::cut(&scalar.text) } else { vec![Cut::Text(&scalar.text)] };
        let mut parts = Some(Vec::with_capacity(cuts.len()));
        for cut in cuts {
            let part = match cut {
                Cut::Text(text) => self.header_text(key, node, text, scalar.expands),
                Cut::Template(name) => self.template(key, node, name),
            };
            // The rest is still looked at, for its problems.
            parts = parts.zip(part).map(|(mut parts, part)| {
                parts.push(part);
                parts
            });
        }
        parts.map(|parts| At::new(parts, &node.place))
    }

    fn header_text(&mut self, key: &str, node: &Node, text: &str, expands: bool) -> Option<HeaderPart> {
        let expanded = if expands { expand::expand(text, self.env) } else { Ok(text.to_owned()) };
        match expanded {
            Ok(text) => Some(HeaderPart::Text(text.replace("$$", "$"))),
            Err(reason) => {
                let (what, mend) = reason.in_words_for_secret(text);
                self.problems.error(&node.place, format!("in `{key}`, {what}"), mend);
                None
            }
        }
    }

    fn template(&mut self, key: &str, node: &Node, name: &str) -> Option<HeaderPart> {
        match name {
            "client_cert_fingerprint" => return Some(HeaderPart::CertificateFingerprint),
            "client_cert_san_dns" => return Some(HeaderPart::CertificateSanDns),
            "client_cert_san_email" => return Some(HeaderPart::CertificateSanEmail),
            _ => {}
        }
        // What was written is not repeated: it may be a piece of a secret.
        let (what, mend) = if LATER.iter().any(|later| name.starts_with(later)) {
            (
                format!("Pomerium's templates for tokens and headers are not supported yet in `{key}`"),
                "Remove the header. `pass_identity_headers: true` tells the upstream who asks, in signed form."
                    .to_owned(),
            )
        } else {
            let mend = nearest(name, &TEMPLATES).map_or_else(
                || {
                    format!(
                        "There are: {}. To mean the characters `${{` themselves, write `$${{`.",
                        TEMPLATES.join(", ")
                    )
                },
                |meant| format!("Did you mean `${{pomerium.{meant}}}`?"),
            );
            (format!("`{key}` holds a template that does not exist"), mend)
        };
        self.problems.error(&node.place, what, mend);
        None
    }
}
