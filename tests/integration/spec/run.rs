//! Runs the fences of a page and compares.

use super::page::{Fence, Kind, Page};
use super::project::Project;
use super::{cold, commands, compare, observe, parquet};
use crate::pie::Output;
use std::ops::Range;

/// Something that isn't as the page says.
pub struct Failure {
    pub page: String,
    pub line: usize,
    pub what: String,
    pub detail: String,
}

/// What running a page gave.
#[derive(Default)]
pub struct PageRun {
    pub failures: Vec<Failure>,
    /// New bodies for fences whose expectation wasn't met; only when updating.
    pub edits: Vec<(Range<usize>, String)>,
}

/// Runs a page from its first project to its last. When updating, unmet expectations become edits instead of failures.
pub fn run(page: &Page, update: bool) -> PageRun {
    let mut runner = Runner { page, update, result: PageRun::default() };
    for (line, error) in &page.errors {
        runner.fail(*line, error.clone(), String::new());
    }
    for section in &page.projects {
        // README's tour begins with `pie init`.
        let project = if page.name == "README.md" { Project::empty() } else { Project::new() };
        let mut built = false;
        for fence in &section.fences {
            built |= runner.fence(&project, fence);
        }
        let last = section.fences.last().filter(|_| built);
        if let (Some(fence), Err(detail)) = (last, cold::check(&project)) {
            runner.fail(fence.line, "a build from nothing gives something else".to_owned(), detail);
        }
    }
    runner.result
}

struct Runner<'p> {
    page: &'p Page,
    update: bool,
    result: PageRun,
}

impl Runner<'_> {
    /// Runs one fence; gives whether it built.
    fn fence(&mut self, project: &Project, fence: &Fence) -> bool {
        let body = self.page.body(fence);
        let json = |verb: &str, args: &[String]| {
            let mut words = vec![verb.to_owned(), "--format".to_owned(), "json".to_owned()];
            words.extend_from_slice(args);
            project.run(&words)
        };
        match &fence.kind {
            Kind::Write(path) => self.done(fence, project.write(path, body.as_bytes())),
            Kind::Parquet(path) => match parquet::write(body) {
                Ok(bytes) => self.done(fence, project.write(path, &bytes)),
                Err(error) => self.fail(fence.line, format!("{}: {error}", fence.info), String::new()),
            },
            Kind::Delete(path) => self.done(fence, project.delete(path)),
            Kind::Console => return self.console(project, fence, body),
            Kind::Diagnostics => self.lines(project, fence, body, &observe::diagnostics(&json("check", &[]))),
            Kind::Plan(args) => self.lines(project, fence, body, &observe::plan(&json("plan", args))),
            Kind::Build(args) => {
                self.lines(project, fence, body, &observe::build(&json("build", args)));
                return true;
            }
            Kind::Table(of) => self.table(project, fence, body, of),
        }
        false
    }

    fn console(&mut self, project: &Project, fence: &Fence, body: &str) -> bool {
        let commands = match commands::parse(body) {
            Ok(commands) => commands,
            Err(error) => {
                self.fail(fence.line, error, String::new());
                return false;
            }
        };
        let (mut built, mut differs) = (false, false);
        let mut new_body = String::new();
        for command in &commands {
            let line = fence.line + command.line;
            let output = match commands::arguments(command.text) {
                Ok((commands::Program::Pie, words)) => {
                    built |= words.first().is_some_and(|verb| verb == "build");
                    project.run(&words)
                }
                Ok((commands::Program::Git, words)) => project.git(&words),
                Err(error) => {
                    self.fail(line, error, String::new());
                    return built;
                }
            };
            let transcript = project.normalize(&output.transcript());
            let actual: Vec<&str> = transcript.lines().map(str::trim_end).collect();
            let same = compare::matches(&command.expected, &actual);
            if !same && !self.update {
                let what = format!("the output of `{}`", command.text);
                self.fail(line, what, compare::diff(&command.expected, &actual));
            }
            differs |= !same;
            let kept = if same { command.expected.join("\n") } else { actual.join("\n") };
            if new_body.lines().last().is_some_and(|last| !last.starts_with("$ ")) {
                new_body.push('\n');
            }
            new_body.push_str(&format!("$ {}\n", command.text));
            new_body.push_str(kept.trim_end());
            new_body.push_str(if kept.trim_end().is_empty() { "" } else { "\n" });
        }
        if differs && self.update {
            self.edit(fence, new_body);
        }
        built
    }

    fn table(&mut self, project: &Project, fence: &Fence, body: &str, of: &str) {
        let verb = if of.contains(' ') { "query" } else { "show" };
        let output: Output = project.run(&[verb, "--format", "csv", of]);
        let actual = observe::table(&output);
        let cells = |lines: Vec<&str>| lines.into_iter().map(observe::cells).collect::<Vec<_>>();
        let wanted = cells(body.lines().collect());
        let got = cells(actual.iter().map(String::as_str).collect());
        // Tables are compared cell by cell, so a page may align them as it likes.
        if !compare::matches(&borrowed(&wanted), &borrowed(&got)) {
            self.differs(fence, body, &actual);
        }
    }

    fn lines(&mut self, project: &Project, fence: &Fence, body: &str, actual: &[String]) {
        let actual: Vec<String> = actual.iter().map(|line| project.normalize(line)).collect();
        if !compare::matches(&body.lines().collect::<Vec<_>>(), &borrowed(&actual)) {
            self.differs(fence, body, &actual);
        }
    }

    fn differs(&mut self, fence: &Fence, body: &str, actual: &[String]) {
        if self.update {
            let lines: String = actual.iter().map(|line| format!("{}\n", line.trim_end())).collect();
            self.edit(fence, lines);
        } else {
            let expected: Vec<&str> = body.lines().collect();
            self.fail(fence.line, format!("`{}`", fence.info), compare::diff(&expected, &borrowed(actual)));
        }
    }

    fn edit(&mut self, fence: &Fence, body: String) {
        let fences = "`".repeat(fence.ticks);
        if body.lines().any(|line| line.starts_with(&fences)) {
            let what = "the output holds a fence: open this one with more backticks".to_owned();
            self.fail(fence.line, what, body);
        } else {
            self.result.edits.push((fence.body.clone(), body));
        }
    }

    fn done(&mut self, fence: &Fence, result: std::io::Result<()>) {
        if let Err(cause) = result {
            self.fail(fence.line, format!("{}: {cause}", fence.info), String::new());
        }
    }

    fn fail(&mut self, line: usize, what: String, detail: String) {
        self.result.failures.push(Failure { page: self.page.name.clone(), line, what, detail });
    }
}

fn borrowed(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).collect()
}
