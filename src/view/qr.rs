//! QR codes as SVG paths: one path of row runs, no picture library.

use qrcodegen::{QrCode, QrCodeEcc};
use std::fmt::Write;

/// White modules around a code (ISO/IEC 18004 6.3.8).
const QUIET: i32 = 4;

/// A QR code ready for a template: side in modules and one SVG path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QrPicture {
    /// Side of the picture, in modules, with the quiet zone.
    pub side: i32,
    /// The dark modules, as runs of rows.
    pub path: String,
}

impl QrPicture {
    /// The code of a text, with error correction M. `None`: the text is too long for any code.
    pub fn of(text: &str) -> Option<Self> {
        let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
        let mut path = String::new();
        for y in 0..code.size() {
            let mut x = 0;
            while x < code.size() {
                let start = x;
                while x < code.size() && code.get_module(x, y) {
                    x += 1;
                }
                if x > start {
                    let run = x - start;
                    // Writing to a String cannot fail.
                    let _ = write!(path, "M{} {}h{run}v1h-{run}z", start + QUIET, y + QUIET);
                }
                x += 1;
            }
        }
        Some(Self { side: code.size() + 2 * QUIET, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_square_quiet_around_and_covers_its_dark_modules_once() {
        let text = "otpauth://totp/x:079%20***?secret=JBSWY3DPEHPK3PXP&issuer=x";
        let picture = QrPicture::of(text).unwrap();
        let code = QrCode::encode_text(text, QrCodeEcc::Medium).unwrap();
        assert_eq!(picture.side, code.size() + 8);
        let dark = (0..code.size()).flat_map(|y| (0..code.size()).map(move |x| (x, y)));
        let dark: i32 = dark.map(|(x, y)| i32::from(code.get_module(x, y))).sum();
        let drawn: i32 = picture
            .path
            .split('h')
            .skip(1)
            .step_by(2)
            .map(|run| run.split('v').next().unwrap().parse::<i32>().unwrap())
            .sum();
        assert_eq!(drawn, dark);
        assert!(picture.path.starts_with("M4 4h7v1h-7z"), "the finder's first row");
    }

    #[test]
    fn a_text_too_long_has_no_code() {
        assert!(QrPicture::of(&"x".repeat(5_000)).is_none());
    }
}
