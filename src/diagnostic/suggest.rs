//! "Did you mean `orders`?"

/// The candidates close enough to `name` to be what its author meant, nearest first, at most three.
///
/// Close is a Damerau–Levenshtein distance of at most a third of the longer name (at least one), or the same letters in
/// another case. Ties go in alphabetical order, so that messages never depend on the order of a map.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let lowered = name.to_lowercase();
    let mut close: Vec<(usize, &str)> = candidates
        .into_iter()
        .filter(|candidate| *candidate != name)
        // Lengths that differ too much spare the comparison.
        .filter(|candidate| {
            let (a, b) = (candidate.chars().count(), name.chars().count());
            a.abs_diff(b) <= (a.max(b) / 3).max(1)
        })
        .filter_map(|candidate| {
            let distance = strsim::damerau_levenshtein(&lowered, &candidate.to_lowercase());
            let longest = name.chars().count().max(candidate.chars().count());
            (distance <= (longest / 3).max(1)).then_some((distance, candidate))
        })
        .collect();
    close.sort_unstable();
    close.dedup();
    close.into_iter().map(|(_, candidate)| candidate).take(3).collect()
}

/// A help sentence that names the nearest candidates, or all of them where there are few, or nothing.
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    let quote = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
    match nearest(name, candidates.clone()).as_slice() {
        [] => {
            let mut all: Vec<&str> = candidates.into_iter().collect();
            all.sort_unstable();
            all.dedup();
            match all.len() {
                0 => None,
                1..=12 => {
                    Some(format!("there {} {}", if all.len() == 1 { "is" } else { "are" }, quote(&all).join(", ")))
                }
                more => Some(format!("there are {} and {} more", quote(&all[..8]).join(", "), more - 8)),
            }
        }
        [one] => Some(format!("did you mean `{one}`?")),
        several => Some(format!("did you mean {}?", quote(several).join(" or "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_come_nearest_first() {
        assert_eq!(nearest("ordes", ["order", "orders", "customers"]), ["order", "orders"]);
        assert_eq!(nearest("Volume", ["volume"]), ["volume"]);
        assert!(nearest("zzz", ["orders"]).is_empty());
    }

    #[test]
    fn without_a_near_name_few_are_listed() {
        assert_eq!(did_you_mean("zzz", ["b_col", "a_col"]).as_deref(), Some("there are `a_col`, `b_col`"));
        assert_eq!(did_you_mean("zzz", []), None);
    }
}
