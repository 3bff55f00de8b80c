//! Where text goes, and whether it may have colours.

use super::args::ColorChoice;
use crate::diagnostic::{Diagnostic, human};
use crate::incremental::Action;
use crate::store::MAIN;
use crate::text::SourceMap;
use std::io::Write;

/// The two streams of a command.
pub struct Streams<'a> {
    pub out: &'a mut (dyn Write + Send),
    pub err: &'a mut (dyn Write + Send),
    /// Stderr is a terminal: progress bars are fine.
    pub terminal: bool,
    pub out_terminal: bool,
    pub color: bool,
    /// The process ends with this command.
    pub last: bool,
    /// The environment that the command is about.
    pub environment: String,
}

impl Streams<'_> {
    /// Shows diagnostics to a person. The commands that they name are about the environment that this one is about.
    pub fn tell(&mut self, diagnostics: &[Diagnostic], sources: &SourceMap) -> std::io::Result<()> {
        let mut diagnostics = diagnostics.to_vec();
        for diagnostic in &mut diagnostics {
            for text in diagnostic.help.iter_mut().chain(&mut diagnostic.notes) {
                *text = within(text, &self.environment);
            }
        }
        write!(self.err, "{}", human::render(&diagnostics, sources, self.color))
    }

    /// Gives up a value. Taking a large one to pieces takes longer than ending the process.
    pub fn leave<T>(&self, value: T) {
        if self.last {
            std::mem::forget(value);
        }
    }

    /// `--color` first, then `NO_COLOR` and `CLICOLOR_FORCE`, then whether somebody is looking.
    pub fn wants_color(&self, choice: ColorChoice) -> bool {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
        match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto if set("NO_COLOR") => false,
            ColorChoice::Auto if set("CLICOLOR_FORCE") => true,
            ColorChoice::Auto => self.terminal,
        }
    }
}

/// Commands that look at no environment, or name theirs.
const ANYWHERE: [&str; 11] =
    ["check", "debug", "emit", "env", "explain", "fmt", "fsck", "gc", "init", "promote", "test"];

/// Adds `--env` to each command between backticks in a text, where it would be about another environment.
pub fn within(text: &str, environment: &str) -> String {
    if environment == MAIN {
        return text.to_owned();
    }
    let about = |part: &str| {
        let mut words = part.split(' ');
        words.next() == Some("pie")
            && words.next().is_some_and(|verb| !ANYWHERE.contains(&verb))
            && !part.contains(" --env")
    };
    let parts = text.split('`').enumerate().map(|(at, part)| {
        if at % 2 == 1 && about(part) { format!("{part} --env {environment}") } else { part.to_owned() }
    });
    parts.collect::<Vec<_>>().join("`")
}

/// Wraps a text in an ANSI style.
pub fn paint(color: bool, style: &str, text: &str) -> String {
    if color { format!("\u{1b}[{style}m{text}\u{1b}[0m") } else { text.to_owned() }
}

pub const GREEN: &str = "32";
pub const YELLOW: &str = "33";
pub const BLUE: &str = "34";
pub const RED: &str = "31";
pub const DIM: &str = "2";
pub const BOLD: &str = "1";

/// The colour of an action in a plan.
pub fn action_style(action: Action) -> &'static str {
    match action {
        Action::Build => GREEN,
        Action::Maybe => YELLOW,
        Action::Relabel => BLUE,
        Action::Reuse => DIM,
        Action::Drop | Action::Held => RED,
    }
}

/// "1 slice", "2 slices".
pub fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// A duration as people read it.
pub fn elapsed(duration: std::time::Duration) -> String {
    let millis = duration.as_millis();
    if millis < 1000 { format!("{millis} ms") } else { format!("{:.1} s", duration.as_secs_f64()) }
}
