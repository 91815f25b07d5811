//! Lays the layers over each other and reads the typed settings.

use super::Config;
use super::check::contradictions;
use super::layer::{Layer, Leaf};
use super::problem::{ConfigError, Problem, Source};
use super::reference::{Reference, show};
use super::value::without_password;
use std::ops::Range;
use std::path::Path;
use url::Url;

/// One value in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// The key, such as `tokens.code_seconds`.
    pub key: String,
    /// The value as one would write it; passwords inside addresses are hidden.
    pub value: String,
    /// Where it came from.
    pub source: Source,
}

/// Settings with the source of each value.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// Every value in force, in the order of the reference.
    pub values: Vec<Effective>,
}

impl Loaded {
    /// Where a value came from; `None` for a key that does not exist.
    pub fn source(&self, key: &str) -> Option<&Source> {
        self.values.iter().find(|value| value.key == key).map(|value| &value.source)
    }
}

impl Config {
    /// Reads the defaults, the file over them, and the environment (`DINHDANH_SECTION__KEY`) over both.
    ///
    /// # Errors
    /// Everything that is wrong, each with its place, its key and what would be accepted.
    pub fn load(
        path: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Loaded, ConfigError> {
        Self::load_over(path, environment, &[])
    }

    /// As [`Config::load`], with a command's own arguments on top: pairs of key and value. Lists and numbers are
    /// written as in the file.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_over(
        path: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        arguments: &[(&str, String)],
    ) -> Result<Loaded, ConfigError> {
        let reference = Reference::shipped()?;
        let mut layers = Vec::new();
        if let Some(path) = path {
            layers.push(Layer::of_file(&reference, path));
        }
        layers.push(Layer::of_environment(&reference, environment));
        layers.push(Layer::of_arguments(&reference, arguments));
        merge(&reference, layers)
    }

    /// The defaults alone: a place to start from in tests.
    ///
    /// # Errors
    /// Never, as a test proves; the type keeps callers honest.
    pub fn defaults() -> Result<Self, ConfigError> {
        Self::load(None, std::iter::empty()).map(|loaded| loaded.config)
    }
}

pub(super) fn merge(reference: &Reference, layers: Vec<Layer>) -> Result<Loaded, ConfigError> {
    let mut leaves: Vec<Leaf> = reference
        .settable()
        .map(|entry| Leaf { key: entry.key.clone(), value: entry.default.clone(), source: Source::Default })
        .collect();
    let mut problems = Vec::new();
    for layer in layers {
        problems.extend(layer.problems);
        for over in layer.leaves {
            if let Some(leaf) = leaves.iter_mut().find(|leaf| leaf.key == over.key) {
                *leaf = over;
            }
        }
    }
    let config = typed(reference, &mut leaves, &mut problems);
    if let Some(config) = &config
        && problems.is_empty()
    {
        for mut problem in contradictions(config) {
            problem.source = leaves.iter().find(|leaf| leaf.key == problem.key).map(|leaf| leaf.source.clone());
            problem.allowed = reference.entry(&problem.key).and_then(|entry| entry.allowed_text.clone());
            problems.push(problem);
        }
    }
    match config {
        Some(config) if problems.is_empty() => Ok(Loaded { config, values: leaves.iter().map(effective).collect() }),
        _ => {
            problems.sort_by_key(|problem| match &problem.source {
                Some(Source::File { line, column, .. }) => (*line, *column),
                _ => (usize::MAX, 0),
            });
            Err(ConfigError { problems })
        }
    }
}

/// Reads the typed settings. A value its type refuses is noted and replaced by its default, so that one run names
/// every mistake.
fn typed(reference: &Reference, leaves: &mut [Leaf], problems: &mut Vec<Problem>) -> Option<Config> {
    for _ in 0..=leaves.len() {
        let (text, places) = render(leaves);
        let error = match toml::from_str::<Config>(&text) {
            Ok(config) => return Some(config),
            Err(error) => error,
        };
        let at = error.span().map(|span| span.start);
        let place = at.and_then(|at| places.iter().position(|range| range.contains(&at)));
        let found = place.and_then(|place| leaves.get_mut(place));
        let Some((leaf, entry)) = found.and_then(|leaf| reference.entry(&leaf.key).map(|entry| (leaf, entry))) else {
            problems.push(Problem::new(None, "", error.message().to_owned()));
            return None;
        };
        if leaf.source == Source::Default {
            problems.push(Problem::new(None, &*leaf.key, error.message().to_owned()));
            return None;
        }
        // The message of a refused address would repeat the address, which may hold a password.
        let what = match leaf.value.as_str().filter(|_| entry.name().ends_with("url")).map(Url::parse) {
            Some(Err(error)) => format!("this is not a URL: {error}"),
            Some(Ok(_)) => "this address is not accepted".to_owned(),
            None => error.message().trim().to_owned(),
        };
        problems.push(Problem::new(Some(leaf.source.clone()), &*leaf.key, what).allowed(Some(entry.allowed_or_kind())));
        leaf.value = entry.default.clone();
        leaf.source = Source::Default;
    }
    None
}

/// One line a key, and the bytes each line takes.
fn render(leaves: &[Leaf]) -> (String, Vec<Range<usize>>) {
    let mut text = String::new();
    let mut places = Vec::with_capacity(leaves.len());
    for leaf in leaves {
        let start = text.len();
        text.push_str(&leaf.key);
        text.push_str(" = ");
        text.push_str(&show(&leaf.value));
        places.push(start..text.len());
        text.push('\n');
    }
    (text, places)
}

fn effective(leaf: &Leaf) -> Effective {
    let value = match leaf.value.as_str() {
        Some(text) => toml_edit::Value::from(without_password(text)),
        None => leaf.value.clone(),
    };
    Effective { key: leaf.key.clone(), value: show(&value), source: leaf.source.clone() }
}
