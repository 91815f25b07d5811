//! Style sheets, scripts and fonts, compiled in. Every file is served under a name that holds a digest of its
//! content, so it may be cached for ever; a new release has new names.

use crate::base::sha256;
use rust_embed::Embed;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::LazyLock;

#[derive(Embed)]
#[folder = "assets/"]
struct Files;

/// `Cache-Control` of an asset found by its hashed name.
pub const CACHE_CONTROL: &str = "public, max-age=31536000, immutable";

/// One file as it is served.
pub struct Asset {
    /// Path below `/assets/`, such as `app.1f2e3d4c5b6a.css`.
    pub path: String,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// Strong `ETag`, quotes included (RFC 9110 8.8.3).
    pub etag: String,
    /// The content.
    pub body: Cow<'static, [u8]>,
}

static ASSETS: LazyLock<BTreeMap<String, Asset>> = LazyLock::new(load);

/// The asset at `path` below `/assets/`: exact names only. `None` is a 404.
pub fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.values().find(|asset| asset.path == path)
}

/// The URL path of an asset by its source name, such as `app.css`.
pub fn url(name: &str) -> String {
    ASSETS.get(name).map_or_else(|| format!("/assets/{name}"), |asset| format!("/assets/{}", asset.path))
}

fn load() -> BTreeMap<String, Asset> {
    let mut assets = BTreeMap::new();
    // Style sheets last: they name the fonts.
    let (sheets, others): (Vec<_>, Vec<_>) =
        Files::iter().filter(|name| !name.starts_with('.')).partition(|name| name.ends_with(".css"));
    for name in others.iter().chain(&sheets) {
        let Some(file) = Files::get(name) else { continue };
        let body = if name.ends_with(".css") { with_hashed_names(&file.data, &assets) } else { file.data };
        assets.insert(name.to_string(), asset(name, body));
    }
    assets
}

fn asset(name: &str, body: Cow<'static, [u8]>) -> Asset {
    let digest = sha256(&body).as_bytes().iter().take(6).fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, "bin"));
    Asset {
        path: format!("{stem}.{digest}.{extension}"),
        content_type: content_type(extension),
        etag: format!("\"{digest}\""),
        body,
    }
}

fn with_hashed_names(sheet: &[u8], known: &BTreeMap<String, Asset>) -> Cow<'static, [u8]> {
    let mut text = String::from_utf8_lossy(sheet).into_owned();
    for (name, asset) in known {
        text = text.replace(&format!("url({name})"), &format!("url({})", asset.path));
    }
    Cow::Owned(text.into_bytes())
}

fn content_type(extension: &str) -> &'static str {
    match extension {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "woff2" => "font/woff2",
        "svg" => "image/svg+xml",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_found_by_its_hashed_name_only() {
        for name in [
            "app.css",
            "fonts.css",
            "app.js",
            "passkey.js",
            "return.js",
            "check-session.js",
            "icon.svg",
            "noto-sans-vietnamese-400.woff2",
        ] {
            let url = url(name);
            let path = url.strip_prefix("/assets/").unwrap();
            let asset = find(path).unwrap_or_else(|| panic!("{name}"));
            assert!(!asset.body.is_empty());
            assert_ne!(asset.content_type, "application/octet-stream", "{name}");
            assert!(find(name).is_none(), "{name} must not be served without its digest");
        }
        assert!(find("../Cargo.toml").is_none());
        assert!(find("").is_none());
    }

    #[test]
    fn the_font_sheet_names_hashed_fonts() {
        let url = url("fonts.css");
        let sheet = find(url.strip_prefix("/assets/").unwrap()).unwrap();
        let text = std::str::from_utf8(&sheet.body).unwrap();
        for part in text.split("url(").skip(1) {
            let path = part.split(')').next().unwrap();
            assert!(find(path).is_some(), "{path}");
        }
    }
}
