//! Texts for `config explain` and `config print`.

use super::load::Loaded;
use super::problem::{ConfigError, Problem, Source};
use super::reference::{Entry, Reference, nearest, show};
use serde_json::json;
use std::fmt::Write;

/// Explains a key or a whole section: what it is for, its type, what is allowed, its default, its environment variable.
///
/// # Errors
/// A problem with the nearest key when there is no such key.
pub fn explain(key: &str) -> Result<String, ConfigError> {
    let reference = Reference::shipped()?;
    if let Some(entry) = reference.entry(key) {
        return Ok(explain_entry(&reference, entry));
    }
    if !reference.is_section(key) {
        let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
        let all: Vec<String> = reference
            .entries
            .iter()
            .map(|entry| entry.key.clone())
            .chain(reference.sections.iter().map(|section| section.name.clone()))
            .collect();
        let near = nearest(key, all.iter().map(String::as_str)).map(str::to_owned);
        let near = near.or_else(|| reference.nearest_key(section, name));
        return Err(Problem::new(None, key, "there is no such key").nearest(near).into());
    }
    let below = format!("{key}.");
    let mut text = String::new();
    for section in reference.sections.iter().filter(|s| s.name == key || s.name.starts_with(&below)) {
        let _ = writeln!(text, "[{}]", section.name);
        for line in &section.comment {
            let _ = writeln!(text, "  {line}");
        }
        for entry in reference.settable().filter(|entry| entry.section() == section.name) {
            text.push('\n');
            text.push_str(&explain_entry(&reference, entry));
        }
    }
    Ok(text)
}

fn explain_entry(reference: &Reference, entry: &Entry) -> String {
    let mut text = format!("{}\n", entry.key);
    for line in &entry.comment {
        let _ = writeln!(text, "  {line}");
    }
    let _ = writeln!(text, "  type: {}", entry.kind.name());
    if let Some(allowed) = &entry.allowed_text {
        let _ = writeln!(text, "  allowed: {allowed}");
    }
    match entry.default.as_array().filter(|list| list.iter().any(toml_edit::Value::is_inline_table)) {
        Some(rows) => {
            text.push_str("  default:\n");
            for row in rows {
                let _ = writeln!(text, "    {}", show(row));
            }
        }
        None => {
            let _ = writeln!(text, "  default: {}", show(&entry.default));
        }
    }
    let is_list = reference.row_entries(&entry.key).next().is_some();
    if !entry.in_row && !is_list {
        let _ = writeln!(text, "  environment: {}", entry.environment());
    }
    for row in reference.row_entries(&entry.key) {
        text.push('\n');
        text.push_str(&explain_entry(reference, row));
    }
    text
}

impl Loaded {
    /// Every value in force with its source, as text in the shape of the file. Secrets are hidden.
    pub fn print_effective(&self) -> String {
        let mut text = String::new();
        let mut section = "";
        // What stands in no section must come first, or the text could not be read back as a file.
        let (top, rest): (Vec<_>, Vec<_>) = self.values.iter().partition(|value| !value.key.contains('.'));
        for value in top.into_iter().chain(rest) {
            let (in_section, name) = value.key.rsplit_once('.').unwrap_or(("", &value.key));
            if in_section != section || text.is_empty() {
                if !text.is_empty() {
                    text.push('\n');
                }
                if !in_section.is_empty() {
                    let _ = writeln!(text, "[{in_section}]");
                }
                section = in_section;
            }
            let _ = writeln!(text, "{name} = {}  # {}", value.value, value.source);
        }
        text
    }

    /// Every value in force with its source, for machines. Secrets are hidden.
    pub fn effective_json(&self) -> serde_json::Value {
        self.values
            .iter()
            .map(|value| {
                let source = match &value.source {
                    Source::Default => json!({"kind": "default"}),
                    Source::File { path, line, column } => {
                        json!({"kind": "file", "path": path.display().to_string(), "line": line, "column": column})
                    }
                    Source::Environment(name) => json!({"kind": "environment", "name": name}),
                    Source::Argument => json!({"kind": "argument"}),
                };
                json!({"key": value.key, "value": value.value, "source": source})
            })
            .collect()
    }
}
