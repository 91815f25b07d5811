//! The reference of all keys, read from the shipped defaults: comment, kind, default and what is allowed.

use super::problem::{ConfigError, Problem};
use toml_edit::{Array, Document, InlineTable, Item, TableLike, Value};

/// What kind of value a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Integer,
    Boolean,
    TextList,
    IntegerList,
    /// A list of tables, such as `[[acr]]`.
    Rows,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Text => "a text in quotes",
            Self::Integer => "a whole number",
            Self::Boolean => "true or false",
            Self::TextList => "a list of texts",
            Self::IntegerList => "a list of whole numbers",
            Self::Rows => "a list of tables",
        }
    }

    fn of(item: &Item) -> Option<Self> {
        match item {
            Item::ArrayOfTables(_) => Some(Self::Rows),
            Item::Value(Value::String(_)) => Some(Self::Text),
            Item::Value(Value::Integer(_)) => Some(Self::Integer),
            Item::Value(Value::Boolean(_)) => Some(Self::Boolean),
            Item::Value(Value::Array(list)) => match list.get(0)? {
                Value::String(_) => Some(Self::TextList),
                Value::Integer(_) => Some(Self::IntegerList),
                _ => None,
            },
            _ => None,
        }
    }
}

/// What an `Allowed:` line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Allowed {
    /// Only these words.
    Choice(Vec<String>),
    /// Numbers from the first to the second, both included.
    Range(i64, i64),
    /// A description; the type checks it.
    Described,
}

impl Allowed {
    fn parse(text: &str) -> Self {
        if let Some((low, high)) = text.split_once(" to ")
            && let (Ok(low), Ok(high)) = (low.trim().parse(), high.trim().parse())
        {
            return Self::Range(low, high);
        }
        let words: Option<Vec<String>> =
            text.split(',').map(|word| word.trim().strip_prefix('"')?.strip_suffix('"').map(str::to_owned)).collect();
        words.map_or(Self::Described, Self::Choice)
    }
}

/// One key.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// With its section: `tokens.code_seconds`. Keys of a row stand under the list: `acr.name`.
    pub key: String,
    pub kind: Kind,
    /// Lines of the comment, without the `Allowed:` line.
    pub comment: Vec<String>,
    pub allowed: Allowed,
    pub allowed_text: Option<String>,
    pub default: Value,
    /// Belongs to the rows of a list.
    pub in_row: bool,
}

impl Entry {
    pub(super) fn section(&self) -> &str {
        self.key.rsplit_once('.').map_or("", |(section, _)| section)
    }

    pub(super) fn name(&self) -> &str {
        self.key.rsplit_once('.').map_or(self.key.as_str(), |(_, name)| name)
    }

    /// What is allowed, as told to people: the line, or the kind.
    pub(super) fn allowed_or_kind(&self) -> String {
        self.allowed_text.clone().unwrap_or_else(|| self.kind.name().to_owned())
    }

    /// A row must have it.
    pub(super) fn is_required(&self) -> bool {
        self.in_row && self.comment.iter().any(|line| line.ends_with("Required."))
    }

    /// The environment variable that sets it.
    pub(super) fn environment(&self) -> String {
        format!("DINHDANH_{}", self.key.replace('.', "__").to_uppercase())
    }
}

/// A section and its comment.
#[derive(Debug, Clone)]
pub(super) struct Section {
    pub name: String,
    pub comment: Vec<String>,
}

/// All sections and keys, in the order of the file.
#[derive(Debug, Clone, Default)]
pub(super) struct Reference {
    pub sections: Vec<Section>,
    pub entries: Vec<Entry>,
}

impl Reference {
    /// The reference of the shipped defaults. A test keeps them readable.
    pub(super) fn shipped() -> Result<Self, ConfigError> {
        Self::parse(super::DEFAULT_TOML)
    }

    pub(super) fn parse(text: &str) -> Result<Self, ConfigError> {
        let document = Document::parse(text.to_owned())
            .map_err(|e| Problem::new(None, "", format!("the shipped defaults are broken: {e}")))?;
        let mut reference = Self::default();
        reference.add(document.as_table(), "", text, false)?;
        Ok(reference)
    }

    fn add(&mut self, table: &dyn TableLike, prefix: &str, text: &str, in_row: bool) -> Result<(), ConfigError> {
        for (name, item) in table.iter() {
            let key = join(prefix, name);
            match item {
                Item::Table(inner) => {
                    let comment = comment_of(inner.decor().prefix().and_then(|p| raw(p, text)));
                    if !inner.is_implicit() {
                        self.sections.push(Section { name: key.clone(), comment: comment.0 });
                    }
                    self.add(inner, &key, text, in_row)?;
                }
                Item::ArrayOfTables(rows) => {
                    let first = rows.get(0).ok_or_else(|| broken(&key))?;
                    let comment = comment_of(first.decor().prefix().and_then(|p| raw(p, text)));
                    let list: Array = rows.iter().map(|row| Value::InlineTable(plain_table(row))).collect();
                    self.entries.push(Entry {
                        key: key.clone(),
                        kind: Kind::Rows,
                        comment: comment.0,
                        allowed: Allowed::Described,
                        allowed_text: None,
                        default: Value::Array(list),
                        in_row: false,
                    });
                    self.add(first, &key, text, true)?;
                }
                Item::Value(value) => {
                    let decor = table.key(name).map(toml_edit::Key::leaf_decor);
                    let (comment, allowed) = comment_of(decor.and_then(|d| d.prefix()).and_then(|p| raw(p, text)));
                    self.entries.push(Entry {
                        kind: Kind::of(item).ok_or_else(|| broken(&key))?,
                        key,
                        comment,
                        allowed: allowed.as_deref().map_or(Allowed::Described, Allowed::parse),
                        allowed_text: allowed,
                        default: plain(value),
                        in_row,
                    });
                }
                Item::None => {}
            }
        }
        Ok(())
    }

    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// Settable keys: rows are set as a whole.
    pub(super) fn settable(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| !entry.in_row)
    }

    /// The keys of the rows of one list.
    pub(super) fn row_entries<'a>(&'a self, list: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().filter(move |entry| entry.in_row && entry.section() == list)
    }

    /// Whether keys or sections stand below this name.
    pub(super) fn is_section(&self, name: &str) -> bool {
        self.sections.iter().any(|s| s.name == name || is_below(&s.name, name))
            || self.settable().any(|e| is_below(&e.key, name))
    }

    /// The names directly below a section; the top for an empty name.
    pub(super) fn names_in(&self, section: &str) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for entry in self.settable() {
            let rest = if section.is_empty() {
                entry.key.as_str()
            } else if is_below(&entry.key, section) {
                entry.key.get(section.len() + 1..).unwrap_or_default()
            } else {
                continue;
            };
            let name = rest.split('.').next().unwrap_or_default().to_owned();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The key or section a person probably meant: first a like name in the same section, then the same or a like name
    /// elsewhere (then with its section).
    pub(super) fn nearest_key(&self, section: &str, name: &str) -> Option<String> {
        if let Some(near) = nearest(name, self.names_in(section).iter().map(String::as_str)) {
            return Some(near.to_owned());
        }
        if let Some(entry) = self.settable().find(|entry| entry.name() == name) {
            return Some(entry.key.clone());
        }
        let near = nearest(name, self.settable().map(Entry::name))?;
        self.settable().find(|entry| entry.name() == near).map(|entry| entry.key.clone())
    }
}

fn broken(key: &str) -> ConfigError {
    Problem::new(None, key, "the shipped defaults are broken: this key has no kind").into()
}

pub(super) fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

fn is_below(key: &str, section: &str) -> bool {
    key.strip_prefix(section).is_some_and(|rest| rest.starts_with('.'))
}

/// The candidate with the fewest typing slips, when there are few for its length.
pub(super) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(slips, candidate)| {
            let near = *slips <= (candidate.chars().count() / 3).clamp(1, 4);
            // A cut-off word: "prod" for "production".
            near || (word.len() >= 3 && candidate.to_lowercase().starts_with(&word))
        })
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, candidate)| candidate)
}

fn raw<'a>(prefix: &'a toml_edit::RawString, text: &'a str) -> Option<&'a str> {
    prefix.as_str().or_else(|| prefix.span().and_then(|span| text.get(span)))
}

/// The last paragraph of comment lines, and what its `Allowed:` line says.
fn comment_of(prefix: Option<&str>) -> (Vec<String>, Option<String>) {
    let lines: Vec<&str> = prefix.unwrap_or_default().lines().map(str::trim).collect();
    let from = lines.iter().rposition(|line| line.is_empty()).map_or(0, |at| at + 1);
    let (mut comment, mut allowed) = (Vec::new(), None);
    for line in lines.iter().skip(from).filter_map(|line| line.strip_prefix('#')).map(str::trim) {
        match line.strip_prefix("Allowed:") {
            Some(rest) => allowed = Some(rest.trim().to_owned()),
            None => comment.push(line.to_owned()),
        }
    }
    (comment, allowed)
}

/// A value without the spaces and comments it was written with.
pub(super) fn plain(value: &Value) -> Value {
    match value {
        Value::Array(list) => Value::Array(list.iter().map(plain).collect()),
        Value::InlineTable(table) => Value::InlineTable(plain_table(table)),
        Value::String(text) => Value::from(text.value().as_str()),
        Value::Integer(number) => Value::from(*number.value()),
        Value::Boolean(flag) => Value::from(*flag.value()),
        Value::Float(number) => Value::from(*number.value()),
        Value::Datetime(time) => Value::from(*time.value()),
    }
}

fn plain_table(table: &dyn TableLike) -> InlineTable {
    table.iter().filter_map(|(name, item)| item.as_value().map(|value| (name, plain(value)))).collect()
}

/// A value as one would write it.
pub(super) fn show(value: &Value) -> String {
    value.to_string().trim().to_owned()
}
