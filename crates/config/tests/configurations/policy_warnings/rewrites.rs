//! Takes the YAML out of what is said to be mended.

use crate::world::{World, route_with};

/// Everything in it that looks like YAML is taken, if not without a word.
pub(super) fn can_be_read(mend: &str) {
    for block in blocks(mend) {
        let text = if block.starts_with("- from:") {
            format!("routes:\n{block}\n")
        } else if block.starts_with("- allow:") || block.starts_with("- deny:") {
            with_policy(&block)
        } else {
            with_policy(&format!("- allow:\n    or:\n{}", indented(&block, "      ")))
        };
        taken(&text, mend);
    }
    for inline in mend.split('`').skip(1).step_by(2).filter(|text| text.contains(": {") || text.contains(": [")) {
        if inline.contains("ONE")
            || inline.contains('…')
            || inline.contains("in: [you@") && inline.starts_with("allowed")
        {
            continue;
        }
        if inline.starts_with("allowed_users") {
            taken(&route_with(&format!("to: http://app:3000\n{inline}")), mend);
        } else {
            taken(&with_policy(&format!("- allow:\n    or:\n      - {inline}")), mend);
        }
    }
}

/// The rules that are to be pasted, each run of lines for itself.
pub(super) fn blocks(mend: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    let mut open = false;
    for line in mend.lines() {
        let within = line.starts_with("- ") || line.starts_with("  ");
        match blocks.last_mut() {
            Some(block) if within && open => {
                block.push('\n');
                block.push_str(line);
            }
            _ if within => blocks.push(line.to_owned()),
            _ => {}
        }
        open = within;
    }
    blocks
}

pub(super) fn with_policy(block: &str) -> String {
    route_with(&format!("to: http://app:3000\npolicy:\n{}", indented(block, "  ")))
}

fn indented(block: &str, by: &str) -> String {
    block.lines().map(|line| format!("{by}{line}")).collect::<Vec<_>>().join("\n")
}

fn taken(text: &str, mend: &str) {
    if let Err(problems) = World::default().load(text) {
        panic!("{problems}\nin\n{text}\nof\n{mend}");
    }
}
