//! Several secrets under one key: a list, or one text that holds them all.
//!
//! Refuses: what is neither, and items with nothing in them. No message holds anything of a secret.

use super::{At, Hidden, Reading};
use crate::problem::Place;
use crate::yaml::{Content, Node};

/// Several secrets, or the file that holds them.
#[derive(Debug, Default)]
pub(crate) struct RawSecrets {
    /// As written, each perhaps several in one text. None in place of those that could not be read, which has been
    /// complained of.
    pub(crate) inline: Option<At<Vec<Option<At<Hidden>>>>>,
    pub(crate) file: Option<At<String>>,
}

impl RawSecrets {
    /// Where they are given, if they are.
    pub(crate) fn place(&self) -> Option<&Place> {
        self.inline.as_ref().map(|inline| &inline.place).or(self.file.as_ref().map(|file| &file.place))
    }
}

impl Reading<'_> {
    /// The texts of a list of secrets; a single text is a list of one, an empty one is not given.
    pub(super) fn hidden_list(&mut self, key: &str, node: &Node) -> Option<At<Vec<Option<At<Hidden>>>>> {
        match &node.content {
            Content::List(items) => {
                let items = items.iter().enumerate().map(|(index, item)| self.hidden_item(key, index, item)).collect();
                Some(At::new(items, &node.place))
            }
            Content::Scalar(_) => {
                let text = self.hidden(key, node).filter(|text| !text.value.0.is_empty())?;
                Some(At::new(vec![Some(text)], &node.place))
            }
            Content::Null => None,
            Content::Map(_) => {
                self.problems.error(
                    &node.place,
                    format!("`{key}` is one key or a list of keys, but here is {}", node.kind()),
                    format!("Write `{key}: KEY`, or `{key}: [NEWEST, OLDER]`."),
                );
                None
            }
        }
    }

    fn hidden_item(&mut self, key: &str, index: usize, item: &Node) -> Option<At<Hidden>> {
        let which = ordinal(index);
        if let Content::List(_) | Content::Map(_) = item.content {
            self.problems.error(
                &item.place,
                format!("the {which} item of `{key}` is not one key, but {}", item.kind()),
                format!("Write `{key}: [NEWEST, OLDER]`."),
            );
            return None;
        }
        if let Content::Scalar(_) = item.content {
            let text = self.hidden(key, item)?;
            if !text.value.0.trim().is_empty() {
                return Some(text);
            }
        }
        self.problems.error(&item.place, format!("the {which} item of `{key}` is empty"), "Remove it, or fill it in.");
        None
    }
}

/// `1st` for 0, and so on.
pub(crate) fn ordinal(index: usize) -> String {
    let number = index.saturating_add(1);
    let ending = match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

#[cfg(test)]
mod tests {
    use super::ordinal;

    #[test]
    fn ordinals_are_written_as_they_are_spoken() {
        for (index, written) in
            [(0, "1st"), (1, "2nd"), (2, "3rd"), (3, "4th"), (10, "11th"), (12, "13th"), (21, "22nd")]
        {
            assert_eq!(ordinal(index), written);
        }
    }
}
