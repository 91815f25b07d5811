//! Reads Rust source far enough to see which modules it names. Comments and literals are skipped, `use` groups,
//! `super::` chains and inline modules are followed, code under `#[cfg(test)]` is known as such.

/// A rule broken at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Path below `src/`.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

/// What a floor's module may import; `base` is open to all, and a module may always name itself.
pub enum May {
    /// Only these.
    Import(&'static [&'static str]),
    /// Everything but the commands: the top.
    ImportAll,
}

/// One module and what it may import.
pub type Floor = (&'static str, May);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    PathSeparator,
    Mark(char),
}

/// Checks one file. `file` is its path below `src/`, with forward slashes.
pub fn check(floors: &[Floor], file: &str, source: &str) -> Vec<Finding> {
    let module = module_path(file);
    let Some(top) = module.first().cloned() else {
        return Vec::new(); // lib.rs and main.rs only name modules
    };
    let mut found = Vec::new();
    let mut add = |line: usize, what: String| found.push(Finding { file: file.to_owned(), line, what });
    let Some((_, may)) = floors.iter().find(|(name, _)| *name == top) else {
        add(1, format!("module `{top}` has no floor: give it one in integration-tests/floors/main.rs"));
        return found;
    };
    let tokens = read(source);
    for mention in mentions(&module, &tokens) {
        let named = mention.module.as_str();
        if named == "*" {
            add(mention.line, "the crate's root is imported as a whole: name the module".to_owned());
        } else if named != top && named != "base" && !may.allows(named) {
            add(mention.line, format!("`{top}` may not import `{named}`"));
        }
    }
    for (line, what) in words(&module, &tokens, file) {
        add(line, what);
    }
    found.sort_by_key(|finding| finding.line);
    found.dedup();
    found
}

impl May {
    fn allows(&self, module: &str) -> bool {
        match self {
            Self::Import(modules) => modules.contains(&module),
            Self::ImportAll => module != "cli",
        }
    }
}

/// `flow/token.rs` is `[flow, token]`, `flow/mod.rs` is `[flow]`, `lib.rs` and `main.rs` are the root.
fn module_path(file: &str) -> Vec<String> {
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    let mut parts: Vec<String> = stem.split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| last == "mod") || matches!(stem, "lib" | "main") {
        parts.pop();
    }
    parts
}

struct Mention {
    line: usize,
    module: String,
}

/// The top-level modules a file names, by `crate::x`, `crate::{x, y}` or enough `super::`s.
fn mentions(module: &[String], tokens: &[(usize, bool, Token)]) -> Vec<Mention> {
    let mut found = Vec::new();
    let mut open = 0usize; // braces
    let mut inline: Vec<usize> = Vec::new(); // brace depth of each inline module around this place
    let mut in_macro: Option<usize> = None; // brace depth of the macro_rules! around: its `super` counts where it is used
    for (at, (line, _, token)) in tokens.iter().enumerate() {
        match token {
            Token::Mark('{') => {
                open += 1;
                let before = |back: usize| at.checked_sub(back).and_then(|i| next_word(tokens, i));
                if before(1).is_some() && before(2) == Some("mod") {
                    inline.push(open);
                }
                if before(3) == Some("macro_rules") && in_macro.is_none() {
                    in_macro = Some(open);
                }
            }
            Token::Mark('}') => {
                inline.pop_if(|depth| *depth == open);
                in_macro.take_if(|depth| *depth == open);
                open = open.saturating_sub(1);
            }
            Token::Word(word) if word == "crate" && is_separator(tokens, at + 1) => {
                heads(tokens, at + 2, *line, &mut found);
            }
            // `use crate as name` and `extern crate self` would hide what is imported.
            Token::Word(word)
                if word == "crate" && next_word(tokens, at + 1).is_some_and(|w| w == "as" || w == "self") =>
            {
                found.push(Mention { line: *line, module: "*".to_owned() });
            }
            Token::Word(word)
                if word == "super" && in_macro.is_none() && !(at >= 1 && is_separator(tokens, at - 1)) =>
            {
                let mut depth = module.len() + inline.len();
                let mut place = at;
                while next_word(tokens, place).is_some_and(|w| w == "super") && is_separator(tokens, place + 1) {
                    depth = depth.saturating_sub(1);
                    place += 2;
                }
                if depth == 0 {
                    heads(tokens, place, *line, &mut found);
                }
            }
            _ => {}
        }
    }
    found
}

/// The first names after `crate::`: one word, or each of a group.
fn heads(tokens: &[(usize, bool, Token)], at: usize, line: usize, found: &mut Vec<Mention>) {
    match tokens.get(at).map(|(_, _, token)| token) {
        Some(Token::Word(name)) => found.push(Mention { line, module: name.clone() }),
        Some(Token::Mark('*')) => found.push(Mention { line, module: "*".to_owned() }),
        Some(Token::Mark('{')) => {
            let (mut depth, mut head) = (0usize, true);
            for (line, _, token) in tokens.iter().skip(at) {
                match token {
                    Token::Mark('{') => depth += 1,
                    Token::Mark('}') if depth == 1 => return,
                    Token::Mark('}') => depth -= 1,
                    Token::Mark(',') if depth == 1 => head = true,
                    Token::Word(name) if head && depth == 1 => {
                        found.push(Mention { line: *line, module: name.clone() });
                        head = false;
                    }
                    Token::Mark('*') if head && depth == 1 => {
                        found.push(Mention { line: *line, module: "*".to_owned() });
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

/// Words that have no place in a module.
fn words(module: &[String], tokens: &[(usize, bool, Token)], file: &str) -> Vec<(usize, String)> {
    let Some(top) = module.first().map(String::as_str) else { return Vec::new() };
    let is_pure = matches!(top, "protocol" | "identity");
    let test_file = file.ends_with("/tests.rs") || file.contains("/tests/");
    let mut found = Vec::new();
    for (at, (line, in_test, token)) in tokens.iter().enumerate() {
        let Token::Word(word) = token else { continue };
        let in_test = *in_test || test_file;
        let called = matches!(tokens.get(at + 1), Some((_, _, Token::Mark('('))));
        let declared = at >= 1 && next_word(tokens, at - 1).is_some_and(|w| w == "fn");
        let what = match word.as_str() {
            "sqlx" if !matches!(top, "db" | "store") => "only `db` and `store` name sqlx",
            "axum" if top == "flow" || is_pure => "this floor does not know axum",
            "await" | "async" if is_pure && !in_test => "`protocol` and `identity` never wait",
            "now" if is_pure && !in_test && called && !declared => "the time is handed in, never asked for",
            "store" | "db" if top == "http" && is_separator(tokens, at + 1) => "`http` never names `store` or `db`",
            _ => continue,
        };
        found.push((*line, what.to_owned()));
    }
    found
}

fn is_separator(tokens: &[(usize, bool, Token)], at: usize) -> bool {
    matches!(tokens.get(at), Some((_, _, Token::PathSeparator)))
}

fn next_word(tokens: &[(usize, bool, Token)], at: usize) -> Option<&str> {
    match tokens.get(at) {
        Some((_, _, Token::Word(word))) => Some(word),
        _ => None,
    }
}

/// Line, whether under `#[cfg(test)]`, token.
fn read(source: &str) -> Vec<(usize, bool, Token)> {
    let mut tokens = mark_tests(split(source));
    tokens.shrink_to_fit();
    tokens
}

/// Marks what stands under `#[cfg(test)]`: up to the end of the next block, or to a semicolon before one.
fn mark_tests(tokens: Vec<(usize, Token)>) -> Vec<(usize, bool, Token)> {
    let sign: Vec<Token> = split("#[cfg(test)]").into_iter().map(|(_, token)| token).collect();
    let mut marked = Vec::with_capacity(tokens.len());
    let (mut pending, mut depth) = (false, 0usize);
    for (at, (line, token)) in tokens.iter().enumerate() {
        let starts = tokens.iter().skip(at).map(|(_, token)| token).take(sign.len()).eq(sign.iter());
        if starts && depth == 0 {
            pending = true;
        }
        marked.push((*line, pending || depth > 0, token.clone()));
        match token {
            Token::Mark('{') if pending || depth > 0 => {
                pending = false;
                depth += 1;
            }
            Token::Mark('}') if depth > 0 => depth -= 1,
            Token::Mark(';') if depth == 0 => pending = false,
            _ => {}
        }
    }
    marked
}

/// Words, `::` and single marks, each with its line; comments, texts, characters and lifetimes left out.
fn split(source: &str) -> Vec<(usize, Token)> {
    let text: Vec<char> = source.chars().collect();
    let get = |at: usize| text.get(at).copied().unwrap_or('\0');
    let (mut tokens, mut at, mut line) = (Vec::new(), 0usize, 1usize);
    while at < text.len() {
        let start = at;
        match get(at) {
            '/' if get(at + 1) == '/' => at = skip_line(&text, at),
            '/' if get(at + 1) == '*' => at = skip_block(&text, at),
            '"' => at = skip_text(&text, at),
            '\'' => at = skip_character(&text, at),
            ':' if get(at + 1) == ':' => {
                tokens.push((line, Token::PathSeparator));
                at += 2;
            }
            c if c == '_' || c.is_alphanumeric() => {
                while get(at) == '_' || get(at).is_alphanumeric() {
                    at += 1;
                }
                let word: String = text.get(start..at).unwrap_or_default().iter().collect();
                let is_prefix = matches!(word.as_str(), "r" | "b" | "br" | "c" | "cr");
                if is_prefix && matches!(get(at), '"' | '#') && raw_text_follows(&text, at) {
                    at = if word.contains('r') { skip_raw(&text, at) } else { skip_text(&text, at) };
                } else if word == "b" && get(at) == '\'' {
                    at = skip_character(&text, at);
                } else if word == "r" && get(at) == '#' {
                    at += 1; // a raw identifier: the word itself follows
                } else {
                    tokens.push((line, Token::Word(word)));
                }
            }
            c => {
                if !c.is_whitespace() {
                    tokens.push((line, Token::Mark(c)));
                }
                at += 1;
            }
        }
        line += text.get(start..at.min(text.len())).unwrap_or_default().iter().filter(|c| **c == '\n').count();
    }
    tokens
}

fn skip_line(text: &[char], at: usize) -> usize {
    (at..text.len()).find(|i| text.get(*i) == Some(&'\n')).unwrap_or(text.len())
}

fn skip_block(text: &[char], mut at: usize) -> usize {
    let mut depth = 0usize;
    while at < text.len() {
        match (text.get(at), text.get(at + 1)) {
            (Some('/'), Some('*')) => {
                depth += 1;
                at += 2;
            }
            (Some('*'), Some('/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    at
}

fn skip_text(text: &[char], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(c) = text.get(at) {
        match c {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    at
}

/// Whether quotes follow, perhaps after some `#`.
fn raw_text_follows(text: &[char], at: usize) -> bool {
    text.iter().skip(at).find(|c| **c != '#') == Some(&'"')
}

fn skip_raw(text: &[char], at: usize) -> usize {
    let hashes = text.iter().skip(at).take_while(|c| **c == '#').count();
    let mut at = at + hashes + 1;
    while at < text.len() {
        let closes = text.get(at) == Some(&'"')
            && text.iter().skip(at + 1).take(hashes).filter(|c| **c == '#').count() == hashes;
        if closes {
            return at + 1 + hashes;
        }
        at += 1;
    }
    at
}

/// A character literal is skipped whole; of a lifetime only the tick.
fn skip_character(text: &[char], at: usize) -> usize {
    match (text.get(at + 1), text.get(at + 2)) {
        (Some('\\'), _) => (at + 3..text.len()).find(|i| text.get(*i) == Some(&'\'')).map_or(text.len(), |i| i + 1),
        (Some(_), Some('\'')) => at + 3,
        _ => at + 1,
    }
}
