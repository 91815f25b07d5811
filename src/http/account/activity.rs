//! C28: what happened, in plain sentences, and the same as a table to take away.

use super::super::problem::Answer;
use super::own::Own;
use crate::base::{AuditId, Timestamp};
use crate::flow::account::activity::{self, Deed, Kind};
use crate::flow::organizations;
use crate::view::{self, ActivityItem, Locale};
use axum::http::header;
use axum::response::{IntoResponse, Response};

const PAGE: usize = 30;
const CSV_ROWS: usize = 1_000;

/// Where a page goes on: the time in microseconds and the id of the last row seen.
pub fn position(text: &str) -> Option<(Timestamp, uuid::Uuid)> {
    let (micros, id) = text.split_once('_')?;
    Some((Timestamp::from_micros(micros.parse().ok()?), uuid::Uuid::parse_str(id).ok()?))
}

fn kind(own: &Own) -> Option<Kind> {
    own.asked("kind").as_deref().and_then(Kind::parse)
}

pub async fn page(own: Own) -> Answer<Response> {
    let kind = kind(&own);
    let before = own.asked("before").as_deref().and_then(position).map(|(at, id)| (at, AuditId(id)));
    let found = activity::list(own.services(), own.who(), (kind, before), PAGE).await?;
    let mut items = Vec::new();
    for deed in &found.list {
        items.push(item(&own, deed).await?);
    }
    let mut frame = own.frame(Some("/account"))?;
    if let Some(kind) = kind {
        frame.path = format!("/account/activity?kind={}", kind.as_str());
    }
    let page = view::Activity {
        frame,
        kinds: Kind::ALL.map(Kind::as_str).to_vec(),
        kind: kind.map(Kind::as_str),
        items,
        older: found.next.map(|(at, id)| format!("{}_{id}", at.micros())),
    };
    own.show(&page)
}

/// One deed as a sentence.
pub async fn item(own: &Own, deed: &Deed) -> Answer<ActivityItem> {
    let portal = match &deed.client_id {
        Some(client_id) => Some(own.portal_name(client_id).await?),
        None => None,
    };
    let organization = match deed.organization {
        Some(id) => organizations::name_of(own.services(), id).await?,
        None => None,
    };
    let (id, methods) = (deed.id.to_string(), deed.methods.clone());
    Ok(ActivityItem { id, at: deed.at, word: deed.word, portal, organization, methods })
}

/// A cell that no spreadsheet takes for a formula (K5): text that begins like one is quoted by an apostrophe.
fn cell(text: &str) -> String {
    let risky = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let guard = if risky { "'" } else { "" };
    format!("\"{guard}{}\"", plain.replace('"', "\"\""))
}

fn line(locale: Locale, item: &ActivityItem) -> String {
    let cells = [locale.moment(item.at), item.sentence(locale), item.portal.clone().unwrap_or_default()];
    cells.map(|text| cell(&text)).join(",")
}

pub async fn csv(own: Own) -> Answer<Response> {
    let found = activity::list(own.services(), own.who(), (kind(&own), None), CSV_ROWS).await?;
    let locale = own.visitor.locale;
    let heads = ["activity-csv-time", "activity-csv-what", "activity-csv-portal"];
    // The mark tells spreadsheets that this is UTF-8.
    let mut text = format!("\u{FEFF}{}\r\n", heads.map(|key| cell(&locale.t(key))).join(","));
    for deed in &found.list {
        text.push_str(&line(locale, &item(&own, deed).await?));
        text.push_str("\r\n");
    }
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"activity.csv\""),
    ];
    Ok((headers, text).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k5_no_cell_begins_a_formula() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"] {
            assert!(cell(text).starts_with("\"'"), "{text:?}");
        }
        assert_eq!(cell("Cổng \"A\",\nB"), "\"Cổng \"\"A\"\", B\"");
    }

    #[test]
    fn every_deed_has_its_sentence() {
        for locale in Locale::ALL {
            for word in activity::WORDS {
                for (portal, methods) in [(None, vec![]), (Some("A".to_owned()), vec!["swk".to_owned()])] {
                    let at = Timestamp::from_seconds(0);
                    let (id, organization) = (String::new(), None);
                    let item = ActivityItem { id, at, word, portal, organization, methods };
                    assert!(!item.sentence(locale).contains(['⟦', '{']), "{word}");
                }
            }
        }
    }

    #[test]
    fn a_position_that_is_none_is_the_first_page() {
        for text in ["", "1", "x_y", "1_", "_1", "99999999999999999999_0198c0de-0000-7000-8000-000000000000"] {
            assert!(position(text).is_none(), "{text}");
        }
        assert!(position("1_0198c0de-0000-7000-8000-000000000000").is_some());
    }
}
