//! The mutations: read from a file, so that to add one is to add data.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

/// Where they are, in the workspace.
pub(super) const FILE: &str = "xtask/mutations.toml";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    mutation: Vec<Mutation>,
}

/// One way to break the code.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mutation {
    pub(super) name: String,
    /// In one sentence.
    pub(super) breaks: String,
    /// The package of which the tests notice.
    #[serde(default = "the_store")]
    pub(super) package: String,
    pub(super) file: PathBuf,
    /// What is replaced; once in the file, or the mutation is stale.
    find: String,
    replace: String,
    /// Any of which has to fail.
    pub(super) caught_by: Vec<Catcher>,
    /// Whether a test that does not end counts as one that failed.
    #[serde(default)]
    pub(super) may_hang: bool,
}

fn the_store() -> String {
    "aether-store-jetstream".to_owned()
}

/// A test that is there to notice.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Catcher {
    /// The suite that it belongs to; without one, it is a unit test.
    pub(super) suite: Option<String>,
    /// Its name, or a part that only it has.
    pub(super) test: String,
}

impl fmt::Display for Catcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.suite {
            Some(suite) => write!(f, "{suite}: {}", self.test),
            None => f.write_str(&self.test),
        }
    }
}

impl Mutation {
    /// The text with the mutation, unless what it replaces is not there exactly once.
    pub(super) fn apply(&self, text: &str) -> Option<String> {
        let mut places = text.match_indices(&self.find);
        let (at, found) = places.next()?;
        if places.next().is_some() {
            return None;
        }
        let (before, after) = (&text[..at], &text[at + found.len()..]);
        Some([before, &self.replace, after].concat())
    }
}

pub(super) fn read(file: &Path) -> Result<Vec<Mutation>> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let list: List = toml::from_str(&text).with_context(|| file.display().to_string())?;
    for (index, mutation) in list.mutation.iter().enumerate() {
        let name = &mutation.name;
        ensure!(!mutation.find.is_empty(), "{name}: `find` is empty");
        ensure!(mutation.find != mutation.replace, "{name} changes nothing");
        ensure!(!mutation.caught_by.is_empty(), "{name}: no test is named");
        let before = &list.mutation[..index];
        ensure!(
            before.iter().all(|other| other.name != *name),
            "{name} is there twice"
        );
        // It is the name of a file, too.
        ensure!(
            name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'),
            "{name}: a name has letters, digits and hyphens"
        );
    }
    Ok(list.mutation)
}

/// Those of these names; all where there are none.
pub(super) fn chosen(mutations: Vec<Mutation>, names: &[String]) -> Result<Vec<Mutation>> {
    for name in names {
        ensure!(
            mutations.iter().any(|mutation| mutation.name == *name),
            "there is no mutation `{name}`; there are: {}",
            mutations
                .iter()
                .map(|mutation| mutation.name.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        );
    }
    let wanted = |mutation: &Mutation| names.is_empty() || names.contains(&mutation.name);
    let chosen: Vec<_> = mutations.into_iter().filter(wanted).collect();
    ensure!(!chosen.is_empty(), "the list of mutations is empty");
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fewer would prove little about the save algorithm.
    const MUTATIONS_MIN: usize = 20;

    fn root() -> &'static Path {
        let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
        xtask.parent().expect("xtask is in the repository")
    }

    fn mutation(find: &str) -> Mutation {
        Mutation {
            name: "one".to_owned(),
            breaks: "something".to_owned(),
            package: the_store(),
            file: PathBuf::from("file.rs"),
            find: find.to_owned(),
            replace: "x".to_owned(),
            caught_by: Vec::new(),
            may_hang: false,
        }
    }

    #[test]
    fn what_is_not_there_exactly_once_is_stale() {
        assert_eq!(mutation("b").apply("abc").as_deref(), Some("axc"));
        assert_eq!(mutation("d").apply("abc"), None);
        assert_eq!(mutation("b").apply("abcb"), None);
    }

    #[test]
    fn a_name_that_is_not_in_the_list_is_refused_with_those_that_are() {
        let names = |name: &str| chosen(vec![mutation("b")], &[name.to_owned()]);
        assert_eq!(names("one").expect("there").len(), 1);
        let refused = names("two").expect_err("not there").to_string();
        assert!(refused.ends_with("there are: one"), "{refused}");
    }

    #[test]
    fn no_mutation_of_ours_is_stale() {
        let mutations = read(&root().join(FILE)).expect("readable");
        assert!(mutations.len() >= MUTATIONS_MIN, "{}", mutations.len());
        for mutation in mutations {
            let text = fs::read_to_string(root().join(&mutation.file)).expect("its file is there");
            assert!(
                mutation.apply(&text).is_some(),
                "{} is stale",
                mutation.name
            );
        }
    }
}
