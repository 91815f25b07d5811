//! C35: settings, kept without JavaScript.

use super::super::cookies;
use super::super::problem::Answer;
use super::own::{Own, OwnForm};
use crate::flow::account::settings::{self, NoticeChannel};
use crate::flow::person;
use crate::view::{self, Locale};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;

pub async fn page(own: Own) -> Answer<Response> {
    let found = person::get(own.services(), own.who()).await?;
    let contacts = person::contacts(own.services(), own.who()).await?;
    let page = view::Settings {
        frame: own.frame(Some("/account"))?,
        language: Locale::from_tag(&found.language).unwrap_or_default(),
        larger_text: own.visitor.larger_text,
        channel: settings::channel(own.services(), own.who()).await?.as_str(),
        has_both: contacts.phone.is_some() && contacts.email.is_some(),
    };
    own.show(&page)
}

pub async fn save(OwnForm { own, form }: OwnForm) -> Answer<Response> {
    let language = Locale::from_tag(form.get("language")).unwrap_or(own.visitor.locale);
    let channel = match form.get("channel") {
        "sms" => NoticeChannel::Sms,
        "email" => NoticeChannel::Email,
        _ => NoticeChannel::All,
    };
    settings::save(own.services(), own.who(), language.tag(), channel).await?;
    let size = if form.get("text") == "larger" {
        cookies::build(cookies::TEXT_SIZE, "larger", Some(cookies::A_YEAR))
    } else {
        cookies::expire(cookies::TEXT_SIZE)
    };
    let tongue = cookies::build(cookies::LANGUAGE, language.tag(), Some(cookies::A_YEAR));
    Ok((CookieJar::new().add(tongue).add(size), Redirect::to("/account/settings?done=settings-saved")).into_response())
}
