//! One layer of settings: the file, the environment, or the arguments of a command, checked against the reference.

use super::problem::{Problem, Source};
use super::reference::{Allowed, Entry, Kind, Reference, join, nearest, plain};
use super::value::has_password;
use std::ops::Range;
use std::path::Path;
use toml_edit::{Array, Document, InlineTable, Item, TableLike, Value};

/// A key set by a layer.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    pub key: String,
    pub value: Value,
    pub source: Source,
}

/// What a layer sets, and what is wrong in it.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub leaves: Vec<Leaf>,
    pub problems: Vec<Problem>,
}

impl Layer {
    /// Reads a file.
    pub(super) fn of_file(reference: &Reference, path: &Path) -> Self {
        let problem = |what: String| Self {
            leaves: Vec::new(),
            problems: vec![Problem::new(None, "", format!("{}: {what}", path.display()))],
        };
        match std::fs::read(path).map(String::from_utf8) {
            Ok(Ok(text)) => Self::of_text(reference, path, &text),
            Ok(Err(_)) => problem("the file is not UTF-8 text".to_owned()),
            Err(error) => problem(format!("the file cannot be read: {error}")),
        }
    }

    /// Reads the text of a file.
    pub(super) fn of_text(reference: &Reference, path: &Path, text: &str) -> Self {
        let mut reader = Reader { reference, path, text, layer: Self::default() };
        match Document::parse(text.to_owned()) {
            Ok(document) => reader.table(document.as_table(), ""),
            Err(error) => {
                let what = format!("this is not TOML: {}", error.message().trim().replace('\n', ", "));
                reader.problem(Problem::new(Some(reader.place(error.span())), "", what));
            }
        }
        reader.layer
    }

    /// Reads the environment: variables named `DINHDANH_SECTION__KEY`. Others with the same beginning are left alone,
    /// since container platforms make such names by themselves (`DINHDANH_SERVICE_HOST`).
    pub(super) fn of_environment(reference: &Reference, variables: impl Iterator<Item = (String, String)>) -> Self {
        let mut layer = Self::default();
        let mut ours: Vec<(String, String)> = variables.filter(|(name, _)| name.starts_with("DINHDANH_")).collect();
        ours.sort();
        for (name, text) in ours {
            let rest = name.strip_prefix("DINHDANH_").unwrap_or_default();
            let source = Source::Environment(name.clone());
            if !rest.contains("__") {
                let meant = reference.settable().find(|e| e.key.replace('.', "_").eq_ignore_ascii_case(rest));
                match meant {
                    Some(entry) if entry.kind == Kind::Rows => layer.set(entry, &text, source),
                    Some(entry) => {
                        let what = "two underscores stand between section and key";
                        layer.problems.push(Problem::new(Some(source), "", what).nearest(Some(entry.environment())));
                    }
                    None => {}
                }
                continue;
            }
            let key = rest.to_lowercase().replace("__", ".");
            match reference.entry(&key).filter(|entry| !entry.in_row) {
                Some(entry) => layer.set(entry, &text, source),
                None => layer.problems.push(unknown_variable(reference, source, &key)),
            }
        }
        layer
    }

    /// Takes settings a command lays over all else: key and text.
    pub(super) fn of_arguments(reference: &Reference, arguments: &[(&str, String)]) -> Self {
        let mut layer = Self::default();
        for (key, text) in arguments {
            match reference.entry(key) {
                Some(entry) => layer.set(entry, text, Source::Argument),
                None => layer.problems.push(Problem::new(Some(Source::Argument), *key, "there is no such key")),
            }
        }
        layer
    }

    fn set(&mut self, entry: &Entry, text: &str, source: Source) {
        let value = match entry.kind {
            Kind::Text => Ok(Value::from(text)),
            Kind::Rows => Err("this list is set in the file only".to_owned()),
            _ => text.trim().parse::<Value>().map_err(|_| {
                let example = super::reference::show(&entry.default);
                format!("expected {}, written as in the file, such as {example}", entry.kind.name())
            }),
        };
        match value.map_err(Wrong::new).and_then(|value| check(entry, &value)) {
            Ok(value) => self.leaves.push(Leaf { key: entry.key.clone(), value, source }),
            Err(wrong) => self.problems.push(wrong.into_problem(entry, source)),
        }
    }
}

fn unknown_variable(reference: &Reference, source: Source, key: &str) -> Problem {
    let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
    let near = if reference.is_section(section) {
        reference.nearest_key(section, name).map(|near| {
            let full = if near.contains('.') { near } else { join(section, &near) };
            reference.entry(&full).map_or(full, Entry::environment)
        })
    } else {
        let all: Vec<String> = reference.settable().map(|entry| entry.key.clone()).collect();
        nearest(key, all.iter().map(String::as_str)).and_then(|near| reference.entry(near)).map(Entry::environment)
    };
    Problem::new(Some(source), key, "there is no such key").nearest(near)
}

/// Why a value is refused.
struct Wrong {
    what: String,
    nearest: Option<String>,
    span: Option<Range<usize>>,
}

impl Wrong {
    const fn new(what: String) -> Self {
        Self { what, nearest: None, span: None }
    }

    fn into_problem(self, entry: &Entry, source: Source) -> Problem {
        Problem::new(Some(source), entry.key.as_str(), self.what)
            .nearest(self.nearest)
            .allowed(Some(entry.allowed_or_kind()))
    }
}

/// Holds a value against the kind and the `Allowed:` line of its key.
fn check(entry: &Entry, value: &Value) -> Result<Value, Wrong> {
    match (entry.kind, value) {
        (Kind::Text, Value::String(_)) | (Kind::Integer, Value::Integer(_)) => scalar(entry, value),
        (Kind::Boolean, Value::Boolean(_)) => Ok(plain(value)),
        (Kind::TextList, Value::Array(list)) => elements(entry, list, |v| v.is_str()),
        (Kind::IntegerList, Value::Array(list)) => elements(entry, list, |v| v.is_integer()),
        _ => Err(wrong_kind(entry.kind.name(), value)),
    }
}

fn elements(entry: &Entry, list: &Array, fits: fn(&Value) -> bool) -> Result<Value, Wrong> {
    if list.is_empty() && !entry.in_row {
        return Err(Wrong::new("the list is empty".to_owned()));
    }
    for element in list {
        if !fits(element) {
            return Err(wrong_kind(entry.kind.name(), element));
        }
        scalar(entry, element)?;
    }
    Ok(plain(&Value::Array(list.clone())))
}

fn scalar(entry: &Entry, value: &Value) -> Result<Value, Wrong> {
    match (&entry.allowed, value) {
        (Allowed::Choice(words), Value::String(text)) if !words.contains(text.value()) => Err(Wrong {
            what: format!("{:?} is not one of the allowed values", text.value()),
            nearest: nearest(text.value(), words.iter().map(String::as_str)).map(|near| format!("{near:?}")),
            span: value.span(),
        }),
        (Allowed::Range(low, high), Value::Integer(number)) if !(*low..=*high).contains(number.value()) => {
            Err(Wrong { what: format!("{} is out of range", number.value()), nearest: None, span: value.span() })
        }
        _ => Ok(plain(value)),
    }
}

fn wrong_kind(expected: &str, found: &Value) -> Wrong {
    let found_kind = match found {
        Value::String(_) => "a text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a decimal number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date or time",
        Value::Array(_) => "a list",
        Value::InlineTable(_) => "a table",
    };
    Wrong { what: format!("expected {expected}, found {found_kind}"), nearest: None, span: found.span() }
}

/// A table of a list, and the bytes it takes.
type Row<'a> = (&'a dyn TableLike, Option<Range<usize>>);

/// Walks a parsed file.
struct Reader<'a> {
    reference: &'a Reference,
    path: &'a Path,
    text: &'a str,
    layer: Layer,
}

impl Reader<'_> {
    fn place(&self, span: Option<Range<usize>>) -> Source {
        let before = self.text.get(..span.map_or(0, |span| span.start)).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Source::File {
            path: self.path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
        }
    }

    fn problem(&mut self, problem: Problem) {
        self.layer.problems.push(problem);
    }

    fn table(&mut self, table: &dyn TableLike, prefix: &str) {
        for (name, item) in table.iter() {
            let key = join(prefix, name);
            let key_span = table.key(name).and_then(toml_edit::Key::span).or_else(|| item.span());
            match self.reference.entry(&key).filter(|entry| !entry.in_row) {
                Some(entry) if entry.kind == Kind::Rows => self.rows(&entry.clone(), item, key_span),
                Some(entry) => self.value(&entry.clone(), item, key_span),
                None if self.reference.is_section(&key) => match item.as_table_like() {
                    Some(inner) => self.table(inner, &key),
                    None => {
                        let what = format!("this is a section: its keys stand under [{key}]");
                        self.problem(Problem::new(Some(self.place(key_span)), key, what));
                    }
                },
                None => self.unknown(prefix, name, item, key_span),
            }
        }
    }

    fn unknown(&mut self, prefix: &str, name: &str, item: &Item, span: Option<Range<usize>>) {
        let what = if item.is_value() { "there is no such key" } else { "there is no such section" };
        let names = self.reference.names_in(prefix).join(", ");
        let problem = Problem::new(Some(self.place(span)), join(prefix, name), what)
            .nearest(self.reference.nearest_key(prefix, name))
            .allowed(Some(names));
        self.problem(problem);
    }

    fn value(&mut self, entry: &Entry, item: &Item, key_span: Option<Range<usize>>) {
        let checked = match item.as_value() {
            Some(value) => check(entry, value),
            None => Err(Wrong::new(format!("expected {}, found a table", entry.kind.name()))),
        };
        match checked {
            Ok(value) if entry.name().ends_with("url") && value.as_str().is_some_and(has_password) => {
                let problem = Problem::new(Some(self.place(item.span())), &*entry.key, "a password stands in the file")
                    .fix("name a file in the section's password_file or token_file, and take the password out here");
                self.problem(problem);
            }
            Ok(value) => {
                let source = self.place(key_span);
                self.layer.leaves.push(Leaf { key: entry.key.clone(), value, source });
            }
            Err(wrong) => {
                let place = self.place(wrong.span.clone().or_else(|| item.span()).or(key_span));
                self.problem(wrong.into_problem(entry, place));
            }
        }
    }

    fn rows(&mut self, entry: &Entry, item: &Item, key_span: Option<Range<usize>>) {
        let rows: Option<Vec<Row<'_>>> = match item {
            Item::ArrayOfTables(rows) => Some(rows.iter().map(|row| (row as &dyn TableLike, row.span())).collect()),
            Item::Value(Value::Array(list)) => {
                list.iter().map(|row| Some((row.as_inline_table()? as &dyn TableLike, row.span()))).collect()
            }
            _ => None,
        };
        let place = self.place(key_span);
        let Some(rows) = rows.filter(|rows| !rows.is_empty()) else {
            let what = format!("expected one or more tables, each under [[{}]]", entry.key);
            return self.problem(Problem::new(Some(place), &*entry.key, what));
        };
        let list: Array = rows.into_iter().map(|(row, span)| Value::InlineTable(self.row(entry, row, span))).collect();
        self.layer.leaves.push(Leaf { key: entry.key.clone(), value: Value::Array(list), source: place });
    }

    fn row(&mut self, list: &Entry, row: &dyn TableLike, span: Option<Range<usize>>) -> InlineTable {
        let reference = self.reference;
        let mut kept = InlineTable::new();
        for (name, item) in row.iter() {
            let key_span = row.key(name).and_then(toml_edit::Key::span).or_else(|| item.span());
            let Some(entry) = reference.row_entries(&list.key).find(|entry| entry.name() == name) else {
                let names: Vec<&str> = reference.row_entries(&list.key).map(Entry::name).collect();
                let problem = Problem::new(Some(self.place(key_span)), join(&list.key, name), "there is no such key")
                    .nearest(nearest(name, names.iter().copied()).map(str::to_owned))
                    .allowed(Some(names.join(", ")));
                self.problem(problem);
                continue;
            };
            let none = Wrong::new(format!("expected {}, found a table", entry.kind.name()));
            match item.as_value().map_or(Err(none), |value| check(entry, value)) {
                Ok(value) => {
                    kept.insert(name, value);
                }
                Err(wrong) => {
                    let place = self.place(wrong.span.clone().or_else(|| item.span()).or(key_span));
                    self.problem(wrong.into_problem(entry, place));
                }
            }
        }
        for entry in reference.row_entries(&list.key).filter(|e| e.is_required() && !row.contains_key(e.name())) {
            let what = format!("this row has no {}", entry.name());
            self.problem(Problem::new(Some(self.place(span.clone())), &*entry.key, what));
        }
        kept
    }
}
