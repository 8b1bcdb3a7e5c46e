//! What a wrong name may have meant.

/// Names that may have been meant, or all if none is near.
pub fn hint<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let wanted = name.to_lowercase();
    let likeness = |known: &str| strsim::jaro_winkler(&wanted, &known.to_lowercase());
    let mut ranked: Vec<_> = known.map(|known| (likeness(known), known)).collect();
    ranked.sort_by(|one, two| two.0.total_cmp(&one.0).then(one.1.cmp(two.1)));
    ranked.dedup();
    let near: Vec<_> = ranked.iter().filter(|(like, _)| *like > 0.8).take(3).collect();
    if near.is_empty() {
        let listed: Vec<_> = ranked.iter().take(20).map(|(_, name)| *name).collect();
        return if listed.is_empty() {
            "there are none".to_owned()
        } else {
            format!("there are {}", listed.join(", "))
        };
    }
    let near: Vec<_> = near.iter().map(|(_, name)| *name).collect();
    format!("did you mean {}?", near.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::hint;

    #[test]
    fn a_name_that_is_known_twice_is_named_once() {
        assert_eq!(
            hint("trade", ["trades", "quotes", "trades"].into_iter()),
            "did you mean trades?"
        );
        assert_eq!(hint("x", ["a", "b", "a"].into_iter()), "there are a, b");
    }
}
