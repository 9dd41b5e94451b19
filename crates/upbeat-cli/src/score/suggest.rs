//! Suggestions for unknown names.

/// Suggests the known name nearest to `written`, or lists all known names, each of them a `what`.
pub(super) fn suggest(written: &str, known: &[&str], what: &str) -> String {
    if let Some(nearest) = nearest(written, known) {
        return format!("did you mean `{nearest}`?");
    }
    let known: Vec<_> = known.iter().map(|known| format!("`{known}`")).collect();
    match known.as_slice() {
        [] => format!("there is no {what} to choose from"),
        [only] => format!("the only {what} here is {only}"),
        [others @ .., last] => format!("the {what}s here are {} and {last}", others.join(", ")),
    }
}

/// Returns the known name that was probably intended.
fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let written = normalize(written);
    let distance = |known: &str| strsim::damerau_levenshtein(&written, &normalize(known));
    let nearest = known.iter().copied().min_by_key(|known| distance(known))?;
    // About a third of the letters may be wrong: `drane` matches `drain`, `color` matches nothing.
    let bound = (nearest.chars().count().max(written.chars().count()) + 1) / 3;
    (distance(nearest) <= bound).then_some(nearest)
}

/// Returns a name without the differences that are most probably typos: case, and `-` for `_`.
fn normalize(name: &str) -> String {
    name.to_lowercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 3] = ["depends_on", "drain", "bind"];

    #[test]
    fn a_typo_matches_the_intended_name() {
        let typos = [("drane", "drain"), ("depends-on", "depends_on"), ("Bind", "bind"), ("bidn", "bind")];
        for (written, intended) in typos {
            assert_eq!(nearest(written, &KNOWN), Some(intended), "{written}");
        }
    }

    #[test]
    fn another_word_matches_nothing() {
        assert_eq!(nearest("color", &KNOWN), None);
        assert_eq!(suggest("color", &KNOWN, "key"), "the keys here are `depends_on`, `drain` and `bind`");
    }
}
