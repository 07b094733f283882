//! Routes to a shell that more people than a few can pass.

use super::{RouteFacts, broad, lets_in, shown};
use crate::compile::ppl::PlacedRule;
use crate::problem::Problems;

/// Words that only such applications are called by.
const CERTAIN: [(&str, &str); 20] = [
    ("code-server", "code-server"),
    ("codeserver", "code-server"),
    ("openvscode", "OpenVSCode Server"),
    ("vscode", "VS Code"),
    ("vs-code", "VS Code"),
    ("visual-studio-code", "VS Code"),
    ("theia", "Theia"),
    ("jupyter", "Jupyter"),
    ("jupyterhub", "Jupyter"),
    ("jupyterlab", "Jupyter"),
    ("rstudio", "RStudio"),
    ("ttyd", "ttyd"),
    ("gotty", "GoTTY"),
    ("wetty", "WeTTY"),
    ("shellinabox", "Shell In A Box"),
    ("guacamole", "Guacamole"),
    ("guacd", "Guacamole"),
    ("webterm", "a terminal"),
    ("webterminal", "a terminal"),
    ("web-terminal", "a terminal"),
];

/// Words that a host may be called by for it; in a description they may mean something else.
const OF_HOSTS: [&str; 3] = ["terminal", "shell", "webshell"];

/// Words that a host may be called by where it has all that code-server needs; much else needs that, too.
const OF_EDITORS: [&str; 5] = ["code", "coder", "ide", "editor", "vs"];

pub(super) fn rules(problems: &mut Problems, rules: &[&PlacedRule], route: &RouteFacts) {
    let Some(application) = application(route) else { return };
    for placed in rules.iter().filter(|placed| lets_in(placed)) {
        let Some((criterion, place)) = broad::in_rule(placed) else { continue };
        problems.warning(
            place,
            format!(
                "whoever passes here has a shell ({application}), and `{}` lets in more people than anybody has listed",
                shown(criterion)
            ),
            format!("Scope it tightly, to single addresses: {}.", broad::rewrite(placed, criterion)),
        );
    }
}

/// What the route leads to, if that is a shell.
fn application(route: &RouteFacts) -> Option<&'static str> {
    let hosts = || route.first_label().into_iter().chain(route.hosts());
    let certain = hosts().chain(route.called.iter().cloned()).find_map(|text| {
        let words = words(&text);
        CERTAIN.iter().find(|(word, _)| has(&words, word)).map(|(_, name)| *name)
    });
    let first = |host: String| host.split('.').next().map(words).unwrap_or_default();
    certain
        .or_else(|| {
            hosts().map(first).any(|label| OF_HOSTS.iter().any(|word| has(&label, word))).then_some("a terminal")
        })
        .or_else(|| {
            let editor = || hosts().map(first).any(|label| OF_EDITORS.iter().any(|word| has(&label, word)));
            (route.fits_code_server && editor()).then_some("code-server, as it seems")
        })
}

/// The words of a text with one `-` between each two and around them.
fn words(text: &str) -> String {
    let lower = text.to_lowercase();
    let words: Vec<_> =
        lower.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    format!("-{}-", words.join("-"))
}

fn has(words: &str, word: &str) -> bool {
    words.contains(&format!("-{word}-"))
}
