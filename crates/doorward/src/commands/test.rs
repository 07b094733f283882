//! `doorward test`: what is expected of policies, and whether they do it.
//!
//! Refuses to call it a success when there is nothing to test.

use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use doorward_config::{
    Config, DiskFiles, Expectation, Overrides, Place, ProcessEnv, Source, is_configuration, load_expectations,
};
use serde_json::{Value, json};

use super::{Failure, configuration_file, explain, load_file, tree};
use crate::cli::TestArguments;
use crate::judge::{Judge, Ruling};
use crate::terminal::{complain, say};

/// How far what is told of a test that failed is indented.
const INDENT: &str = "        ";

pub(crate) fn run(arguments: &TestArguments) -> Result<ExitCode, Failure> {
    let mut report = Report { json: arguments.json, now: SystemTime::now(), passed: 0, failed: 0, told: Vec::new() };
    let named = arguments.config.clone();
    if arguments.files.is_empty() {
        let file = configuration_file(named.clone())?;
        let config = load_file(&file, &Overrides::default())?.config;
        report.suite(&file, &config.tests, &file, &config)?;
    }
    let mut is_bad = false;
    for file in &arguments.files {
        if let Err(failure) = report.file(file, named.as_deref()) {
            complain(failure);
            is_bad = true;
        }
    }
    report.close();
    Ok(if is_bad || report.failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What came of the tests so far.
struct Report {
    json: bool,
    now: SystemTime,
    passed: usize,
    failed: usize,
    told: Vec<Value>,
}

impl Report {
    /// The tests of one file: a file of tests, or a configuration with tests of its own.
    fn file(&mut self, file: &Path, config: Option<&Path>) -> Result<(), Failure> {
        let bytes = DiskFiles::read_configuration(file)
            .map_err(|source| Failure::Unreadable { file: file.to_owned(), source })?;
        let name = file.display().to_string();
        let source = Source::from_bytes(&name, &bytes).map_err(Failure::Configuration)?;
        if is_configuration(&source) {
            let own = load_file(file, &Overrides::default())?.config;
            return match config {
                None => self.suite(file, &own.tests, file, &own),
                Some(other) => {
                    let config = load_file(other, &Overrides::default())?.config;
                    self.suite(file, &own.tests, other, &config)
                }
            };
        }
        let expectations = load_expectations(&source, &ProcessEnv, &DiskFiles).map_err(Failure::Configuration)?;
        let against = configuration_file(config.map(Path::to_owned).or(expectations.config))?;
        let config = load_file(&against, &Overrides::default())?.config;
        self.suite(file, &expectations.tests, &against, &config)
    }

    /// Tests against a configuration.
    fn suite(
        &mut self,
        file: &Path,
        tests: &[Expectation],
        config_file: &Path,
        config: &Config,
    ) -> Result<(), Failure> {
        if tests.is_empty() {
            return Err(Failure::Said(format!(
                "there are no tests in {}\n    Write some below `tests:`, as in\n    \
                 tests:\n      - {{as: you@example.com, url: https://code.example.com/, expect: allow}}",
                file.display()
            )));
        }
        let judge = Judge::new(config).map_err(|error| Failure::of(&error))?;
        let config_file = config_file.display().to_string();
        for test in tests {
            let ruling = judge.rule(&test.question, self.now);
            if ruling.meets(test) {
                self.passed += 1;
                self.tell_passed(test, &ruling);
            } else {
                self.failed += 1;
                self.tell_failed(test, &ruling, &judge, &config_file);
            }
        }
        Ok(())
    }

    fn tell_passed(&mut self, test: &Expectation, ruling: &Ruling) {
        if self.json {
            self.told.push(in_json(test, ruling, true, &Value::Null));
        } else {
            say(format_args!("ok      {}", name(test)));
        }
    }

    fn tell_failed(&mut self, test: &Expectation, ruling: &Ruling, judge: &Judge<'_>, config_file: &str) {
        let answer = judge.answer(&test.question, self.now);
        if self.json {
            let explanation = explain::in_json(&test.question, &answer, config_file);
            self.told.push(in_json(test, ruling, false, &explanation));
            return;
        }
        say(format_args!("FAILED  {}", name(test)));
        say(format_args!("{INDENT}at        {}", test.place));
        if test.name.is_some() {
            say(format_args!("{INDENT}asked     {}", tree::described(&test.question)));
        }
        say(format_args!("{INDENT}expected  {}", expected(test)));
        say(format_args!("{INDENT}got       {ruling}"));
        match &answer.found {
            Some(found) => {
                say(format_args!("{INDENT}route     {}  ({config_file}:{})", found.route.id, found.route.line));
            }
            None => say(format_args!("{INDENT}route     none: {}", tree::harmless(&answer.why))),
        }
        for line in tree::lines(&answer, config_file) {
            say(format_args!("{INDENT}{line}"));
        }
    }

    fn close(&self) {
        if self.json {
            say(json!({ "passed": self.passed, "failed": self.failed, "tests": self.told }));
        } else if self.passed + self.failed > 0 {
            say(format_args!("\n{} passed, {} failed", self.passed, self.failed));
        }
    }
}

/// The shape that `docs/testing-policies.md` documents.
fn in_json(test: &Expectation, ruling: &Ruling, passed: bool, explanation: &Value) -> Value {
    let (file, line, column) = match &test.place {
        Place::Text { name, line, column } => (name.to_string(), *line, *column),
        other => (other.to_string(), 0, 0),
    };
    json!({
        "name": test.name,
        "file": file,
        "line": line,
        "column": column,
        "as": test.question.who.as_ref().map(|person| person.email.as_str()),
        "method": test.question.method.as_str(),
        "url": test.question.url.text,
        "passed": passed,
        "expected": { "decision": test.expect.as_str(), "reason": test.reason },
        "got": { "decision": ruling.verdict.as_str(), "reasons": ruling.reasons },
        "explanation": explanation,
    })
}

fn name(test: &Expectation) -> String {
    match &test.name {
        Some(name) => tree::harmless(name),
        None => format!("{} → {}", tree::described(&test.question), test.expect.as_str()),
    }
}

/// `deny (email-unauthorized)`
pub(super) fn expected(test: &Expectation) -> String {
    let reason = test.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!("{}{reason}", test.expect.as_str())
}

/// The tests of a configuration that fail, said like any other problem of it; none when they all pass.
pub(super) fn failures(file: &Path, config: &Config) -> Result<Option<String>, Failure> {
    /// Nobody mends more at a time.
    const MOST_TOLD: usize = 50;
    if config.tests.is_empty() {
        return Ok(None);
    }
    let judge = Judge::new(config).map_err(|error| Failure::of(&error))?;
    let (now, file) = (SystemTime::now(), file.display().to_string());
    let (mut told, mut untold) = (Vec::new(), 0_usize);
    for (test, ruling) in judge.failing(&config.tests, now) {
        if told.len() == MOST_TOLD {
            untold += 1;
            continue;
        }
        let answer = judge.answer(&test.question, now);
        let why = match &answer.found {
            Some(found) => match found.refused {
                Some(why) => why.to_owned(),
                None => format!("decided by: {}", tree::decided_by(&found.explanation, &file)),
            },
            None => answer.why,
        };
        let name = test.name.as_deref().map(|name| format!(" \"{}\"", tree::harmless(name))).unwrap_or_default();
        told.push(format!(
            "{}: error: the test{name} fails: expected {}, got {ruling}\n    {}\n    \
             Correct the policy, or the test. `doorward test {file}` shows every rule.",
            test.place,
            expected(test),
            tree::harmless(&why),
        ));
    }
    if untold > 0 {
        told.push(format!("… and {untold} more tests fail"));
    }
    Ok((!told.is_empty()).then(|| told.join("\n")))
}
