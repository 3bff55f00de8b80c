//! A difference for people: a line for each change.

use super::{Difference, Run, What};
use crate::incremental::few;

/// ```text
/// changed   payments.daily_volume  `volume` is computed differently         runs
/// affected  finance.revenue        `volume` of `payments.daily_volume` may differ  may run
/// ```
/// `style` colours the first word of a line.
pub fn to_text(difference: &Difference, style: &dyn Fn(What, &str) -> String) -> String {
    let name = |change: &super::Change| change.name.to_string();
    let width = difference.changes.iter().map(|change| name(change).chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    for change in &difference.changes {
        let word = style(change.what, &format!("{:<8}", change.what.as_str()));
        let why = match change.what {
            What::Unknown => "it has errors, or had before: `pie check` tells".to_owned(),
            _ => few(&change.told),
        };
        let run = match change.run {
            Run::Nothing => "",
            Run::Maybe => "; may run",
            Run::Build => "; runs",
        };
        text.push_str(&format!("{word}  {:<width$}  {why}{run}\n", name(change)));
    }
    text
}
