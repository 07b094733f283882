//! Figures of several rounds: medians, their ratios within a round, the bars, and the verdict.

use std::collections::BTreeMap;

/// What noise may add to a bar before it counts as missed by more than noise: a tenth.
const MARGIN: f64 = 1.10;

/// All that was measured: for each thing and peer, a figure of each round.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    of: BTreeMap<(&'static str, &'static str), Vec<f64>>,
    /// In the order in which they were first seen.
    peers: Vec<&'static str>,
    pub(crate) failed: Vec<String>,
    verdicts: Vec<String>,
}

impl Figures {
    pub(crate) fn note(&mut self, what: &'static str, peer: &'static str, figure: f64) {
        if !self.peers.contains(&peer) {
            self.peers.push(peer);
        }
        self.of.entry((what, peer)).or_default().push(figure);
    }

    /// The median over the rounds; None for what was not measured.
    pub(crate) fn median(&self, what: &'static str, peer: &'static str) -> Option<f64> {
        self.of.get(&(what, peer)).map(|rounds| median(rounds.clone()))
    }

    /// The median of the rounds' ratios: within one round the machine was the same, across rounds it need not have been.
    pub(crate) fn ratio(&self, what: &'static str, peer: &'static str, to: &'static str) -> Option<f64> {
        let (of, to) = (self.of.get(&(what, peer))?, self.of.get(&(what, to))?);
        Some(median(of.iter().zip(to).map(|(of, to)| of / to).collect()))
    }

    /// A table of one thing: every peer, its median and its ratio to nginx and to HAProxy.
    pub(crate) fn table(&self, title: &str, columns: &[(&'static str, &str)]) {
        let (first, _) = columns.first().unwrap();
        println!("\n{title}");
        let row = |of: &str, cells: &[String]| {
            print!("{of:<28}");
            for cell in cells {
                print!("{cell:>16}");
            }
            println!();
        };
        let mut names: Vec<_> = columns.iter().map(|(_, name)| (*name).to_owned()).collect();
        names.extend(["to nginx", "to HAProxy"].map(str::to_owned));
        row("", &names);
        let written = |figure: Option<f64>| figure.map_or_else(String::new, |figure| format!("{figure:.2}"));
        for peer in self.peers.iter().filter(|peer| self.median(first, peer).is_some()) {
            let mut cells: Vec<_> = columns.iter().map(|(what, _)| written(self.median(what, peer))).collect();
            cells.extend(["nginx", "HAProxy"].map(|other| written(self.ratio(first, peer, other))));
            row(peer, &cells);
        }
    }

    /// A bar on Doorward's ratio to somebody; nothing where that was not measured.
    pub(crate) fn hold_ratio(&mut self, what: &'static str, to: &'static str, most: f64) {
        if let Some(ratio) = self.ratio(what, "Doorward", to) {
            self.hold(&format!("{what}, to {to}"), ratio, most);
        }
    }

    /// A bar on a figure.
    pub(crate) fn hold(&mut self, what: &str, figure: f64, most: f64) {
        let verdict = match figure {
            within if within <= most => "met",
            within if within <= most * MARGIN => "missed, within noise",
            _ => "MISSED",
        };
        if verdict == "MISSED" {
            self.failed.push(format!("{what}: {figure:.2}, at most {most:.2}"));
        }
        self.verdicts.push(format!("{what:<68}{figure:>10.2}  at most {most:>8.2}  {verdict}"));
    }

    pub(crate) fn verdicts(&self) {
        println!("\nThe bars");
        for verdict in &self.verdicts {
            println!("{verdict}");
        }
    }
}

pub(crate) fn median(mut of: Vec<f64>) -> f64 {
    of.sort_unstable_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap()
}
