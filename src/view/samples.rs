//! One example for each state of each page. All people and numbers are synthetic.

use super::*;
use crate::base::Timestamp;

/// 2026-11-21T07:05:00Z, 14:05 in Vietnam.
pub(super) const NOW: Timestamp = Timestamp::from_seconds(1_795_244_700);
pub(super) const FLOW: &str = "k3Jx9QvTn2";
pub(super) const HOA: &str = "Nguyễn Thị Hoa";
pub(super) const PORTAL: &str = "Cổng Dịch vụ công tỉnh Bình Minh";
pub(super) const HEALTH: &str = "Sổ sức khỏe Bình Minh";

pub(super) fn later(minutes: i64) -> Timestamp {
    Timestamp::from_seconds(NOW.seconds() + minutes * 60)
}

pub(super) fn text(value: &str) -> String {
    value.to_owned()
}

pub(super) fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| text(value)).collect()
}

pub(super) fn frame(path: &str) -> Frame {
    Frame {
        host: text("dinhdanh.example"),
        csrf: text("Zm9ybS10b2tlbi1vZi10aGUtc2FtcGxl"),
        test_environment: true,
        ..Frame::new(Locale::Vi, NOW, path)
    }
}

pub(super) fn flow_frame(path: &str) -> Frame {
    Frame {
        portal: Some(PortalBox {
            name: text(PORTAL),
            host: text("dvc.binhminh.example"),
            logo: Some(text("/logos/cong-binh-minh")),
            policy: Some(text("https://dvc.binhminh.example/privacy")),
            terms: Some(text("https://dvc.binhminh.example/terms")),
        }),
        cancel: Some(format!("/signin/{FLOW}/cancel")),
        ..frame(path)
    }
}

pub(super) fn account_frame(path: &str) -> Frame {
    Frame { idle_seconds: Some(900), back: Some(text("/account")), ..frame(path) }
}

pub(super) fn wrong(mut frame: Frame, field: &'static str, error: ErrorText) -> Frame {
    frame.add_error(field, error);
    frame
}

pub(super) fn noticed(mut frame: Frame, notice: Notice) -> Frame {
    frame.notice = Some(notice);
    frame
}

pub(super) fn codes() -> Vec<String> {
    (0..10).map(|n| format!("7F3K-92M{n}")).collect()
}
