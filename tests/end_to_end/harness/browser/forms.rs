//! The one form on a page, as our pages and a provider's write it.

use url::Url;

use super::Ask;

/// A form: where it goes, and its fields with the values they have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) action: String,
    pub(crate) method: String,
    pub(crate) fields: Vec<(String, String)>,
}

impl Form {
    /// The first form of a page.
    pub(crate) fn on_page(html: &str) -> Option<Self> {
        let start = html.find("<form")?;
        let html = &html[start..];
        let html = &html[..html.find("</form>")?];
        let tag = &html[..html.find('>')?];
        let fields = html
            .split("<input")
            .skip(1)
            .map(|rest| &rest[..rest.find('>').unwrap_or(rest.len())])
            .filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default())))
            .collect();
        let method = attribute(tag, "method").unwrap_or_else(|| "get".into());
        Some(Self { action: attribute(tag, "action").unwrap_or_default(), method, fields })
    }

    /// The value of a field.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The request that sends the form from a page, some fields set anew.
    pub(crate) fn filled(&self, page: &Url, fields: &[(&str, &str)]) -> Ask {
        assert!(self.method.eq_ignore_ascii_case("post"), "{self:?}");
        let kept = self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut all: Vec<_> = kept.filter(|(name, _)| !fields.iter().any(|(given, _)| given == name)).collect();
        all.extend(fields);
        Ask::post(page.join(&self.action).unwrap().as_str(), &all)
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let mut rest = tag;
    loop {
        let at = rest.find(&format!("{name}="))?;
        let alone = rest[..at].ends_with(char::is_whitespace);
        rest = &rest[at + name.len() + 1..];
        if alone {
            let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
            let value = rest[1..].split(quote).next()?;
            return Some(unescape(value));
        }
    }
}

/// Undoes HTML escaping: the five names that are used, and numbers.
fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain += &rest[..at];
        rest = &rest[at + 1..];
        let Some((entity, after)) = rest.split_once(';') else {
            plain.push('&');
            continue;
        };
        let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
        let character = match entity {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            "amp" => Some('&'),
            _ => entity.strip_prefix("#x").map_or_else(
                || entity.strip_prefix('#').and_then(|digits| number(digits, 10)),
                |digits| number(digits, 16),
            ),
        };
        if let Some(character) = character {
            plain.push(character);
            rest = after;
        } else {
            plain.push('&');
        }
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_found_with_its_fields() {
        let page = r#"<p><form class="narrow" method="post" action="/a?b=1&amp;c=2">
            <input type="hidden" name="csrf" value="x&#38;y"><input id="email" name="email" type="email">
            <input autocomplete="username" readonly></form>"#;
        let form = Form::on_page(page).unwrap();
        assert_eq!((form.action.as_str(), form.method.as_str()), ("/a?b=1&c=2", "post"));
        assert_eq!(form.fields, [("csrf".into(), "x&y".into()), ("email".into(), String::new())]);
    }
}
