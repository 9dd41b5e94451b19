//! The nearest name to one that is not known.

/// The advice for a name that is not one of `known`: the nearest of them, or all of them.
pub(super) fn instead(written: &str, known: &[&str], what: &str) -> String {
    if let Some(nearest) = nearest(written, known) {
        return format!("did you mean `{nearest}`?");
    }
    let known: Vec<_> = known.iter().map(|known| format!("`{known}`")).collect();
    match known.as_slice() {
        [] => format!("there is no {what} to choose from"),
        [only] => format!("the only {what} here is {only}"),
        [most @ .., last] => format!("the {what}s here are {} and {last}", most.join(", ")),
    }
}

/// The known name that was probably meant.
fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let written = normal(written);
    let distance = |known: &str| strsim::damerau_levenshtein(&written, &normal(known));
    let nearest = known.iter().copied().min_by_key(|known| distance(known))?;
    // About a third of the letters may be wrong: `drane` is `drain`, `colour` is nothing here.
    let bound = (nearest.chars().count().max(written.chars().count()) + 1) / 3;
    (distance(nearest) <= bound).then_some(nearest)
}

/// Case and the choice between `-` and `_` are the slips that say least about what was meant.
fn normal(name: &str) -> String {
    name.to_lowercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 3] = ["depends_on", "drain", "bind"];

    #[test]
    fn a_slip_finds_its_name() {
        for (written, meant) in [("drane", "drain"), ("depends-on", "depends_on"), ("Bind", "bind"), ("bidn", "bind")] {
            assert_eq!(nearest(written, &KNOWN), Some(meant), "{written}");
        }
    }

    #[test]
    fn another_word_finds_nothing() {
        assert_eq!(nearest("colour", &KNOWN), None);
        assert_eq!(instead("colour", &KNOWN, "key"), "the keys here are `depends_on`, `drain` and `bind`");
    }
}
