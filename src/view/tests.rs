//! What every page, text and asset must keep to, checked over the whole gallery.

use super::{Locale, Sample, assets, gallery};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use unicode_normalization::is_nfc;

// --- A small reader of our own HTML ---

#[derive(Debug)]
struct Tag {
    name: String,
    attributes: BTreeMap<String, String>,
}

impl Tag {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }
}

/// Start and end tags (`/name`) in order. Panics on what our templates never write.
fn tags(html: &str) -> Vec<Tag> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        if rest.starts_with('!') {
            continue;
        }
        let mut quoted = false;
        let end = rest
            .char_indices()
            .find(|&(_, c)| {
                quoted ^= c == '"';
                c == '>' && !quoted
            })
            .expect("a tag ends")
            .0;
        let inner = &rest[..end];
        rest = &rest[end + 1..];
        let name_end = inner.find(char::is_whitespace).unwrap_or(inner.len());
        let mut attributes = BTreeMap::new();
        let mut text = inner[name_end..].trim_end_matches('/').trim();
        while !text.is_empty() {
            let key_end = text.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(text.len());
            let key = text[..key_end].to_owned();
            text = text[key_end..].trim_start();
            let mut value = String::new();
            if let Some(after) = text.strip_prefix("=\"") {
                let close = after.find('"').expect("a value ends");
                value = after[..close].to_owned();
                text = after[close + 1..].trim_start();
            }
            assert!(attributes.insert(key.clone(), value).is_none(), "attribute {key} twice in <{inner}>");
        }
        found.push(Tag { name: inner[..name_end].trim_end_matches('/').to_owned(), attributes });
    }
    found
}

fn for_each(check: impl Fn(&str, &Sample, &[Tag])) {
    let all = gallery().expect("every page renders");
    assert!(all.len() > 200, "{}", all.len());
    for sample in all {
        let name = format!("{}/{}/{}", sample.page, sample.state, sample.locale.tag());
        check(&name, &sample, &tags(&sample.html));
    }
}

// --- Pages ---

#[test]
fn every_page_in_every_state_renders_in_both_languages_without_a_missing_text() {
    for_each(|name, sample, _| {
        assert!(!sample.html.contains('⟦'), "{name}: {:?}", sample.html.split('⟦').nth(1));
        assert!(sample.html.contains(&format!("<html lang=\"{}\"", sample.locale.tag())), "{name}");
    });
}

#[test]
fn state_names_are_unique_within_a_page() {
    let mut seen = HashSet::new();
    for sample in gallery().unwrap() {
        assert!(seen.insert((sample.page, sample.state, sample.locale)), "{}/{}", sample.page, sample.state);
    }
}

#[test]
fn d9_no_page_needs_inline_script_style_or_another_host() {
    for_each(|name, _, tags| {
        for tag in tags {
            assert_ne!(tag.name, "style", "{name}");
            for (attribute, value) in &tag.attributes {
                assert!(!attribute.starts_with("on") && attribute != "style", "{name}: {tag:?}");
                assert!(!value.trim_start().to_ascii_lowercase().starts_with("javascript:"), "{name}: {tag:?}");
            }
            match tag.name.as_str() {
                "script" => assert!(tag.get("src").is_some_and(|src| src.starts_with("/assets/")), "{name}: {tag:?}"),
                "link" => assert!(tag.get("href").is_some_and(|href| href.starts_with("/assets/")), "{name}: {tag:?}"),
                // A portal's logo, as we serve it: never from its own address.
                "img" => assert!(tag.get("src").is_some_and(|src| src.starts_with("/logos/")), "{name}: {tag:?}"),
                "iframe" | "object" | "embed" | "base" | "b" | "i" => panic!("{name}: {tag:?}"),
                _ => {}
            }
        }
    });
}

#[test]
fn k2_hostile_values_stay_text() {
    let hostile: Vec<_> = gallery().unwrap().into_iter().filter(|sample| sample.html.contains("alert(1)")).collect();
    assert!(hostile.len() >= 6);
    for sample in hostile {
        assert!(!sample.html.contains("<script>"), "{}/{}", sample.page, sample.state);
        let mut pictures = sample.html.split("<img").skip(1);
        assert!(pictures.all(|rest| rest.starts_with(" src=\"/logos/")), "{}/{}", sample.page, sample.state);
    }
}

#[test]
fn every_post_form_carries_the_form_token() {
    for_each(|name, _, tags| {
        let mut open: Option<(&Tag, bool)> = None;
        for tag in tags {
            match tag.name.as_str() {
                "form" => {
                    assert!(open.is_none(), "{name}: form in form");
                    open = Some((tag, false));
                }
                "input" if tag.get("name") == Some("csrf") => {
                    assert_ne!(tag.get("value"), Some(""), "{name}");
                    if let Some((_, token)) = &mut open {
                        *token = true;
                    }
                }
                "/form" => {
                    let (form, token) = open.take().expect("a form was open");
                    let foreign = form.get("data-foreign").is_some();
                    if form.get("method") == Some("post") {
                        // The portal's own address must not learn our token.
                        assert_eq!(token, !foreign, "{name}: {form:?}");
                        assert!(foreign || form.get("action").is_some_and(|a| a.starts_with('/')), "{name}: {form:?}");
                    } else {
                        assert_eq!(form.get("method"), Some("dialog"), "{name}: {form:?}");
                    }
                }
                _ => {}
            }
        }
    });
}

#[test]
fn every_page_has_one_heading_of_the_first_rank_and_skips_none() {
    for_each(|name, _, tags| {
        let ranks: Vec<u8> = tags
            .iter()
            .filter_map(|tag| match tag.name.as_str() {
                "h1" => Some(1),
                "h2" => Some(2),
                "h3" | "h4" | "h5" | "h6" => Some(3),
                _ => None,
            })
            .collect();
        assert_eq!(ranks.iter().filter(|rank| **rank == 1).count(), 1, "{name}");
        assert!(!ranks.contains(&3), "{name}");
    });
}

#[test]
fn ids_are_unique_and_every_reference_finds_one() {
    for_each(|name, _, tags| {
        let mut ids = HashSet::new();
        for tag in tags {
            if let Some(id) = tag.get("id") {
                assert!(!id.is_empty() && ids.insert(id), "{name}: id {id} twice");
            }
        }
        for tag in tags {
            for attribute in ["aria-describedby", "aria-labelledby", "for", "data-copy", "data-reveal"] {
                for id in tag.get(attribute).unwrap_or_default().split_whitespace() {
                    assert!(ids.contains(id), "{name}: {attribute} {id}");
                }
            }
            if let Some(id) = tag.get("href").and_then(|href| href.strip_prefix('#')) {
                assert!(ids.contains(id), "{name}: #{id}");
            }
        }
    });
}

#[test]
fn every_field_has_a_label() {
    for_each(|name, _, tags| {
        let labelled: HashSet<&str> =
            tags.iter().filter(|tag| tag.name == "label").filter_map(|tag| tag.get("for")).collect();
        for tag in tags.iter().filter(|tag| tag.name == "input" && tag.get("type") != Some("hidden")) {
            if tag.get("hidden").is_some() {
                continue;
            }
            assert!(tag.get("id").is_some_and(|id| labelled.contains(id)), "{name}: {tag:?}");
            assert_ne!(tag.get("type"), Some("number"), "{name}");
        }
    });
}

#[test]
fn a_page_with_errors_says_so_in_its_title_and_leads_to_the_fields() {
    let mut with_errors = 0;
    for sample in gallery().unwrap() {
        let errors = sample.html.contains("class=\"summary\"");
        let title = sample.html.split("<title>").nth(1).unwrap().split("</title>").next().unwrap();
        let prefix = sample.locale.t("title-error");
        assert_eq!(title.starts_with(&prefix), errors, "{}/{}: {title}", sample.page, sample.state);
        if errors {
            with_errors += 1;
            let summary = sample.html.split("class=\"summary\"").nth(1).unwrap().split("</div>").next().unwrap();
            let first = summary.split("href=\"#").nth(1).unwrap().split('"').next().unwrap().to_owned();
            let text = summary.split("\">").last().unwrap().split('<').next().unwrap().to_owned();
            assert!(sample.html.matches(&text).count() >= 2, "{}/{}: {text}", sample.page, sample.state);
            assert!(sample.html.contains(&format!("id=\"{first}\"")), "{}/{}", sample.page, sample.state);
        }
    }
    assert!(with_errors > 50, "{with_errors}");
}

#[test]
fn codes_and_passwords_are_never_written_back() {
    for_each(|name, _, tags| {
        for tag in tags.iter().filter(|tag| tag.name == "input" && tag.get("type") != Some("hidden")) {
            if matches!(tag.get("name"), Some("code" | "password" | "new_password" | "current_password")) {
                assert_eq!(tag.get("value").unwrap_or_default(), "", "{name}");
            }
        }
    });
}

#[test]
fn the_fields_carry_what_browsers_and_managers_look_for() {
    let find = |page: &str, state: &str| {
        gallery().unwrap().into_iter().find(|sample| sample.page == page && sample.state == state).unwrap().html
    };
    let field = |html: &str, id: &str| {
        tags(html).into_iter().find(|tag| tag.name == "input" && tag.get("id") == Some(id)).unwrap()
    };
    let identifier = field(&find("sign-in", "empty"), "identifier");
    assert_eq!(identifier.get("autocomplete"), Some("username webauthn"));
    assert_eq!((identifier.get("type"), identifier.get("inputmode")), (Some("text"), Some("numeric")));
    assert_eq!(identifier.get("spellcheck"), Some("false"));
    let code = field(&find("enter-code", "sent"), "code");
    assert_eq!((code.get("inputmode"), code.get("autocomplete")), (Some("numeric"), Some("one-time-code")));
    assert_eq!(field(&find("enter-password", "plain"), "password").get("autocomplete"), Some("current-password"));
    assert_eq!(field(&find("create-password", "plain"), "new_password").get("autocomplete"), Some("new-password"));
    let phone = field(&find("create-phone", "empty"), "phone");
    assert_eq!((phone.get("type"), phone.get("autocomplete")), (Some("tel"), Some("tel")));
    assert_eq!(field(&find("create-name", "whole-date"), "birth_day").get("autocomplete"), Some("bday-day"));
    assert_eq!(field(&find("rename-passkey", "plain"), "name").get("maxlength"), Some("40"));
}

#[test]
fn n1_the_code_page_names_no_phone_and_no_account() {
    for sample in gallery().unwrap().into_iter().filter(|sample| sample.page == "enter-code") {
        assert!(!sample.html.contains("0912") && !sample.html.contains("345"), "{}", sample.state);
    }
}

#[test]
fn consent_starts_with_nothing_ticked() {
    for_each(|name, sample, tags| {
        if sample.page == "consent" {
            assert!(tags.iter().all(|tag| tag.get("checked").is_none()), "{name}");
        }
    });
}

// --- Bytes ---

fn gzipped(bytes: &[u8]) -> usize {
    let mut child = Command::new("gzip")
        .args(["-9", "-c"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the gzip program is needed to measure pages");
    let mut input = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&bytes));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    output.stdout.len()
}

fn asset_bytes(name: &str) -> usize {
    let url = assets::url(name);
    let asset = assets::find(url.strip_prefix("/assets/").unwrap()).unwrap();
    if name.ends_with(".woff2") { asset.body.len() } else { gzipped(&asset.body) }
}

#[test]
fn pages_and_assets_keep_their_budgets() {
    let css = asset_bytes("app.css") + asset_bytes("fonts.css");
    let js = asset_bytes("app.js") + asset_bytes("passkey.js");
    let fonts: usize = ["latin-400", "latin-700", "vietnamese-400", "vietnamese-700"]
        .map(|name| asset_bytes(&format!("noto-sans-{name}.woff2")))
        .iter()
        .sum();
    assert!(css <= 10 * 1024, "css {css}");
    assert!(js <= 5 * 1024, "js {js}");
    for sample in gallery().unwrap() {
        let size = gzipped(sample.html.as_bytes());
        let limit = match sample.page {
            "account" | "passkeys" | "sessions" | "what-happened" | "portal-signed-in" | "start" => 10 * 1024,
            _ => 6 * 1024,
        };
        assert!(size <= limit, "{}/{}: {size}", sample.page, sample.state);
        let (first, repeat) = if limit > 6 * 1024 { (65, 12) } else { (60, 8) };
        assert!(size + css + js + fonts <= first * 1024, "{}/{}", sample.page, sample.state);
        assert!(size <= repeat * 1024, "{}/{}", sample.page, sample.state);
        // The document itself, sheets, scripts, icon and four fonts: at most nine requests on sign-in.
        let linked = tags(&sample.html)
            .iter()
            .filter(|tag| tag.name == "link" || tag.name == "script" && tag.get("src").is_some())
            .count();
        assert!(linked <= 5, "{}/{}: {linked}", sample.page, sample.state);
    }
}

// --- Texts ---

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found
}

/// Key to text of one language: continuation lines joined.
fn catalogue(locale: Locale) -> BTreeMap<String, String> {
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    for path in files(&root().join("locales").join(locale.tag()), "ftl") {
        let mut last = String::new();
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            if line.starts_with([' ', '}']) {
                texts.get_mut(&last).unwrap().push_str(&format!("\n{line}"));
                continue;
            }
            let (key, text) = line.split_once(" = ").unwrap_or_else(|| panic!("{path:?}: {line}"));
            last = key.to_owned();
            assert!(texts.insert(last.clone(), text.to_owned()).is_none(), "{key} twice");
        }
    }
    texts
}

fn variables(text: &str) -> BTreeSet<String> {
    text.split('$').skip(1).map(|rest| rest.chars().take_while(|c| c.is_alphanumeric()).collect()).collect()
}

/// The text with every placeable as one word.
fn words_only(text: &str) -> String {
    let mut out = String::new();
    let mut depth = 0;
    for c in text.chars() {
        match c {
            '{' => {
                depth += 1;
                if depth == 1 {
                    out.push('X');
                }
            }
            '}' => depth -= 1,
            c if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out
}

#[test]
fn both_catalogues_have_the_same_keys_with_the_same_variables() {
    let (vi, en) = (catalogue(Locale::Vi), catalogue(Locale::En));
    assert!(vi.len() > 300);
    assert_eq!(vi.keys().collect::<Vec<_>>(), en.keys().collect::<Vec<_>>());
    for (key, text) in &vi {
        assert_eq!(variables(text), variables(&en[key]), "{key}");
    }
}

#[test]
fn every_key_that_is_used_exists_and_every_key_that_exists_is_used() {
    let known = catalogue(Locale::Vi);
    let mut sources = String::new();
    for path in files(&root().join("templates"), "html") {
        sources.push_str(&std::fs::read_to_string(path).unwrap());
    }
    for call in [".t(\"", ".t1(\"", ".t2(\"", ".strong1(\"", ".strong2(\""] {
        for rest in sources.split(call).skip(1) {
            let key = rest.split('"').next().unwrap();
            assert!(known.contains_key(key), "{key}");
        }
    }
    for path in files(&root().join("src/view"), "rs").into_iter().chain(files(&root().join("src/http"), "rs")) {
        if !path.ends_with("tests.rs") {
            sources.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
    for key in known.keys() {
        let built = ["problem-", "want-", "activity-", "stop-for-"].iter().any(|prefix| key.starts_with(prefix));
        assert!(built || sources.contains(&format!("\"{key}\"")), "{key} is not used");
    }
}

#[test]
fn vietnamese_texts_are_not_english() {
    const ENGLISH: [&str; 28] = [
        "the", "you", "your", "and", "with", "sign", "account", "phone", "code", "password", "email", "error", "page",
        "back", "please", "this", "from", "has", "was", "not", "for", "device", "level", "service", "user", "login",
        "click", "next",
    ];
    let en = catalogue(Locale::En);
    for (key, text) in catalogue(Locale::Vi) {
        assert_ne!(text, en[&key], "{key}");
        for word in words_only(&text).split(|c: char| !c.is_alphanumeric()) {
            assert!(!ENGLISH.contains(&word.to_lowercase().as_str()), "{key}: {word}");
        }
    }
}

/// Old-style placement: the mark stands on the first of the two vowels in khóa, hòa, khỏe, thủy.
fn has_new_style_mark(word: &str) -> bool {
    let word = word.to_lowercase();
    let open = ["oá", "oà", "oả", "oã", "oạ", "oé", "oè", "oẻ", "oẽ", "oẹ"].iter().any(|end| word.ends_with(end));
    let glide = ["uý", "uỳ", "uỷ", "uỹ", "uỵ"].iter().any(|end| word.ends_with(end));
    open || (glide && !word.contains('q'))
}

#[test]
fn the_tone_lint_knows_both_styles() {
    for wrong in ["khoá", "hoà", "thuỷ", "Khoẻ", "huỷ"] {
        assert!(has_new_style_mark(wrong), "{wrong}");
    }
    for right in ["khóa", "hòa", "thủy", "khỏe", "hủy", "quý", "hoàn", "thoải", "toán", "suýt"] {
        assert!(!has_new_style_mark(right), "{right}");
    }
}

#[test]
fn vietnamese_texts_are_composed_short_and_marked_the_old_way() {
    for (key, text) in catalogue(Locale::Vi) {
        assert!(is_nfc(&text), "{key}");
        let plain = words_only(&text);
        for word in plain.split(|c: char| !c.is_alphabetic()) {
            assert!(!has_new_style_mark(word), "{key}: {word}");
        }
        for sentence in plain.split(['.', '?', '!', ':', '…']) {
            let syllables = sentence.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)).count();
            assert!(syllables <= 25, "{key}: {syllables} syllables in {sentence}");
        }
    }
}

#[test]
fn texts_never_say_a_bare_level() {
    // Two scales: account level and sign-in level. A bare "mức 2" would mix them.
    for (key, text) in catalogue(Locale::Vi) {
        let text = words_only(&text).to_lowercase();
        for (place, _) in text.match_indices("mức ") {
            let before = text[..place].trim_end();
            let numbered = text[place + "mức ".len()..].starts_with(|c: char| c.is_ascii_digit() || c == 'x');
            let named = before.ends_with("tài khoản")
                || before.ends_with("cách đăng nhập")
                || text.contains("tài khoản của bạn đang ở mức")
                || key == "account-level-1"
                || key == "create-done-next";
            assert!(!numbered || named, "{key}: {text}");
        }
    }
}
