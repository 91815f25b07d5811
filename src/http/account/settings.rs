//! C35: settings, kept without JavaScript.

use super::super::cookies;
use super::super::problem::Answer;
use super::own::{Own, OwnForm};
use crate::flow::account::settings::{self, NoticeChannel};
use crate::flow::person;
use crate::view::{self, Locale};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;

fn chosen(word: &str) -> Option<NoticeChannel> {
    [NoticeChannel::All, NoticeChannel::Sms, NoticeChannel::Email].into_iter().find(|one| one.as_str() == word)
}

pub async fn page(own: Own) -> Answer<Response> {
    let found = person::get(own.services(), own.who()).await?;
    let contacts = person::contacts(own.services(), own.who()).await?;
    let kept = own.kept().await?;
    let language = Locale::from_tag(kept.get("language")).or_else(|| Locale::from_tag(&found.language));
    let channel = match chosen(kept.get("channel")) {
        Some(channel) => channel,
        None => settings::channel(own.services(), own.who()).await?,
    };
    let page = view::Settings {
        frame: own.frame(Some("/account"))?,
        language: language.unwrap_or_default(),
        larger_text: match kept.get("text") {
            "" => own.visitor.larger_text,
            size => size == "larger",
        },
        quiet: match kept.get("quiet") {
            "" => own.visitor.quiet,
            choice => choice == "yes",
        },
        channel: channel.as_str(),
        has_both: contacts.phone.is_some() && contacts.email.is_some(),
    };
    own.show(&page)
}

pub async fn save(OwnForm { own, form }: OwnForm) -> Answer<Response> {
    let language = Locale::from_tag(form.get("language")).unwrap_or(own.visitor.locale);
    let channel = chosen(form.get("channel")).unwrap_or(NoticeChannel::All);
    settings::save(own.services(), own.who(), language.tag(), channel).await?;
    let size = if form.get("text") == "larger" {
        cookies::build(cookies::TEXT_SIZE, "larger", Some(cookies::A_YEAR))
    } else {
        cookies::expire(cookies::TEXT_SIZE)
    };
    let quiet = if form.get("quiet") == "yes" {
        cookies::build(cookies::QUIET, "yes", Some(cookies::A_YEAR))
    } else {
        cookies::expire(cookies::QUIET)
    };
    let tongue = cookies::build(cookies::LANGUAGE, language.tag(), Some(cookies::A_YEAR));
    Ok((CookieJar::new().add(tongue).add(size).add(quiet), Redirect::to("/account/settings?done=settings-saved"))
        .into_response())
}
