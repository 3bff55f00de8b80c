//! What a build is doing: a bar for each running slice and a total on a terminal, plain lines elsewhere.

use super::output::{DIM, GREEN, RED, Streams, YELLOW, elapsed, paint};
use crate::build::{Outcome, Progress, SliceReport};
use crate::name::RelationName;
use crate::plan::bytes;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

/// Something that happened to a slice.
pub enum Event {
    /// How many slices may run.
    Planned(usize),
    Started(RelationName),
    Advanced {
        slice: RelationName,
        rows_read: u64,
        rows_total: u64,
        rows_written: u64,
        bytes_written: u64,
    },
    Finished(Box<SliceReport>),
    /// Somebody else builds the slice already.
    Waiting {
        slice: RelationName,
        by: String,
    },
    /// A slice that another verb than `build` is done with, and what is said of it.
    Told {
        slice: RelationName,
        line: String,
    },
}

/// Sends what happens to whoever shows it.
pub struct Sender(pub UnboundedSender<Event>);

impl Progress for Sender {
    fn started(&self, slice: &RelationName) {
        let _ = self.0.send(Event::Started(slice.clone()));
    }

    fn waiting(&self, slice: &RelationName, by: &str) {
        let _ = self.0.send(Event::Waiting { slice: slice.clone(), by: by.to_owned() });
    }

    fn advance(&self, slice: &RelationName, rows_read: u64, rows_total: u64, rows_written: u64, bytes_written: u64) {
        let _ =
            self.0.send(Event::Advanced { slice: slice.clone(), rows_read, rows_total, rows_written, bytes_written });
    }

    fn finished(&self, report: &SliceReport) {
        let _ = self.0.send(Event::Finished(Box::new(report.clone())));
    }
}

/// Shows events until the last sender is gone.
pub async fn show(mut events: UnboundedReceiver<Event>, quiet: bool, streams: &mut Streams<'_>) -> std::io::Result<()> {
    let color = streams.color;
    let mut bars = (streams.terminal && !quiet).then(Bars::new);
    while let Some(event) = events.recv().await {
        if let Some(bars) = &mut bars {
            bars.event(&event);
        }
        let told = match &event {
            Event::Finished(report) => line(report, color),
            Event::Told { line, .. } => Some(line.clone()),
            Event::Waiting { slice, by } => {
                let word = paint(color, YELLOW, &format!("{:<10}", "waiting"));
                Some(format!("{word} {slice}  {by} builds it already"))
            }
            Event::Planned(_) | Event::Started(_) | Event::Advanced { .. } => None,
        };
        if let Some(line) = told.filter(|_| !quiet) {
            match &bars {
                Some(bars) => {
                    let _ = bars.all.println(line);
                }
                None => writeln!(streams.err, "{line}")?,
            }
        }
    }
    if let Some(bars) = bars {
        let _ = bars.all.clear();
    }
    Ok(())
}

/// One finished slice; nothing for those that needn't run.
fn line(report: &SliceReport, color: bool) -> Option<String> {
    let word = |style: &str, text: &str| paint(color, style, &format!("{text:<10}"));
    let name = report.plan.name();
    let took = elapsed(report.elapsed);
    let rows = report.rows.map(|rows| format!("{rows} row{}", if rows == 1 { "" } else { "s" })).unwrap_or_default();
    let stale = match report.stale_inputs.as_slice() {
        [] => String::new(),
        inputs => {
            let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
            format!(" (reads the last good version of {})", names.join(", "))
        }
    };
    Some(match report.outcome {
        Outcome::Built => {
            format!("{} {name}  {rows}, {} in {took}{stale}", word(GREEN, "built"), bytes(report.bytes.unwrap_or(0)))
        }
        Outcome::Relabelled => format!("{} {name}  {rows}, nothing ran{stale}", word(GREEN, "relabelled")),
        Outcome::CutOff if stale.is_empty() && !report.behind => {
            format!("{} {name}  its inputs turned out the same", word(DIM, "cut off"))
        }
        Outcome::CutOff => format!("{} {name}  it stays as it is{stale}", word(DIM, "cut off")),
        Outcome::Dropped => format!("{} {name}", word(YELLOW, "dropped")),
        Outcome::Held => format!("{} {name}", word(YELLOW, "held")),
        Outcome::Failed => format!("{} {name}", word(RED, "failed")),
        Outcome::Skipped => format!("{} {name}", word(YELLOW, "skipped")),
        Outcome::Reused => return None,
    })
}

struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    running: BTreeMap<RelationName, ProgressBar>,
    /// Rows read and to read, and bytes written, of all slices so far.
    seen: BTreeMap<RelationName, (u64, u64)>,
}

impl Bars {
    fn new() -> Bars {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{prefix:>12} [{bar:30}] {pos}/{len} slices, {msg}, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("━╸ ");
        let total = all.add(ProgressBar::new(0).with_style(style).with_prefix("total"));
        total.set_message("0 rows, 0 B");
        Bars { all, total, running: BTreeMap::new(), seen: BTreeMap::new() }
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Waiting { .. } => {}
            Event::Planned(to_do) => self.total.set_length(*to_do as u64),
            Event::Started(slice) => {
                let style = ProgressStyle::with_template("{spinner} {prefix} [{bar:20}] {msg}, {eta} left")
                    .unwrap_or_else(|_| ProgressStyle::default_bar())
                    .progress_chars("━╸ ");
                let bar = self
                    .all
                    .insert_before(&self.total, ProgressBar::new(0).with_style(style).with_prefix(slice.to_string()));
                self.running.insert(slice.clone(), bar);
            }
            Event::Advanced { slice, rows_read, rows_total, rows_written, bytes_written } => {
                if let Some(bar) = self.running.get(slice) {
                    bar.set_length((*rows_total).max(*rows_read));
                    bar.set_position(*rows_read);
                    bar.set_message(format!("{rows_written} rows, {}", bytes(*bytes_written)));
                }
                self.seen.insert(slice.clone(), (*rows_written, *bytes_written));
                self.tell_total();
            }
            Event::Told { slice, .. } => {
                if let Some(bar) = self.running.remove(slice) {
                    bar.finish_and_clear();
                }
                self.total.inc(1);
                self.tell_total();
            }
            Event::Finished(report) => {
                if let Some(bar) = self.running.remove(report.plan.name()) {
                    bar.finish_and_clear();
                }
                if report.outcome == Outcome::Built {
                    self.seen.insert(report.plan.name().clone(), (report.rows.unwrap_or(0), report.bytes.unwrap_or(0)));
                }
                self.total.inc(1);
                self.tell_total();
            }
        }
    }

    fn tell_total(&self) {
        let rows: u64 = self.seen.values().map(|(rows, _)| rows).sum();
        let written: u64 = self.seen.values().map(|(_, bytes)| bytes).sum();
        self.total.set_message(format!("{rows} rows, {}", bytes(written)));
    }
}
