//! Just enough HTML to use our own pages as a browser does: forms, their fields, list items.

/// One form of a page.
#[derive(Debug, Clone)]
pub struct Form {
    /// Where it posts, as written.
    pub action: String,
    /// Where passkey options come from, for forms of passkeys.
    pub options: Option<String>,
    /// Names and values of its hidden fields.
    pub hidden: Vec<(String, String)>,
    /// Names of every control.
    pub names: Vec<String>,
}

/// Every form of a page.
pub fn forms(html: &str) -> Vec<Form> {
    let mut forms: Vec<Form> = Vec::new();
    let mut open = false;
    for tag in tags(html) {
        match tag.name.as_str() {
            "form" => {
                open = true;
                forms.push(Form {
                    action: tag.get("action").unwrap_or_default(),
                    options: tag.get("data-options"),
                    hidden: Vec::new(),
                    names: Vec::new(),
                });
            }
            "/form" => open = false,
            "input" | "button" | "select" | "textarea" if open => {
                let Some(form) = forms.last_mut() else { continue };
                let Some(name) = tag.get("name") else { continue };
                if tag.get("type").as_deref() == Some("hidden") {
                    form.hidden.push((name.clone(), tag.get("value").unwrap_or_default()));
                }
                form.names.push(name);
            }
            _ => {}
        }
    }
    forms
}

/// Texts of the items of the first list with this class.
pub fn items(html: &str, class: &str) -> Vec<String> {
    let Some(start) = html.find(&format!("class=\"{class}\"")) else { return Vec::new() };
    let list = &html[start..];
    let list = &list[..list.find("</ol>").or_else(|| list.find("</ul>")).unwrap_or(list.len())];
    list.split("<li>").skip(1).map(|item| unescape(item.split("</li>").next().unwrap_or_default().trim())).collect()
}

/// Values of an attribute, wherever it stands.
pub fn attributes(html: &str, name: &str) -> Vec<String> {
    tags(html).iter().filter_map(|tag| tag.get(name)).collect()
}

struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    fn get(&self, name: &str) -> Option<String> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    }
}

fn tags(html: &str) -> Vec<Tag> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let Some((text, after)) = until_end(rest) else { break };
        rest = after;
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        let (name, attributes) = text.split_at(end);
        found.push(Tag { name: name.to_ascii_lowercase(), attributes: read_attributes(attributes) });
    }
    found
}

/// Splits at the `>` that ends a tag, which is none inside quotes.
fn until_end(text: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    for (place, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '>' if !quoted => return Some((&text[..place], &text[place + 1..])),
            _ => {}
        }
    }
    None
}

fn read_attributes(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if let Some(value) = after.strip_prefix("=\"") {
            let end = value.find('"').unwrap_or(value.len());
            found.push((name.to_ascii_lowercase(), unescape(&value[..end])));
            rest = value.get(end + 1..).unwrap_or_default().trim_start();
        } else {
            found.push((name.to_ascii_lowercase(), String::new()));
            let skip = after.find(char::is_whitespace).unwrap_or(after.len());
            rest = after[skip..].trim_start();
        }
    }
    found
}

/// Character references back to characters.
pub fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let known = rest.find(';').filter(|end| *end < 10).and_then(|end| {
            let name = &rest[1..end];
            let c = match name {
                "amp" => Some('&'),
                "lt" => Some('<'),
                "gt" => Some('>'),
                "quot" => Some('"'),
                "apos" => Some('\''),
                _ => {
                    let number = name.strip_prefix('#')?;
                    let code = match number.strip_prefix(['x', 'X']) {
                        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                        None => number.parse().ok()?,
                    };
                    char::from_u32(code)
                }
            };
            c.map(|c| (c, end))
        });
        match known {
            Some((c, end)) => {
                out.push(c);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

#[test]
fn forms_are_read_as_browsers_read_them() {
    let html = "<p>a &lt; b</p><form method=\"post\" action=\"/x?a=1&amp;b=2\" novalidate>\
                <input type=\"hidden\" name=\"csrf\" value=\"a&#39;b\"><input name=\"code\" value=\">\" required>\
                <button name=\"action\" value=\"go\">Go</button></form><input name=\"outside\">";
    let found = forms(html);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].action, "/x?a=1&b=2");
    assert_eq!(found[0].hidden, [("csrf".to_owned(), "a'b".to_owned())]);
    assert_eq!(found[0].names, ["csrf", "code", "action"]);
    assert_eq!(items("<ol class=\"codes\"><li>A-1</li><li>B</li></ol><li>c</li>", "codes"), ["A-1", "B"]);
}
