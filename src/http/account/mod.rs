//! The person's own pages (C21 to C35), a file a group of pages. Handlers are given an [`own::Own`] or an
//! [`own::OwnForm`] and give an [`Answer`](super::problem::Answer): problems become pages in one place.

mod activity;
mod closing;
mod codes;
mod details;
mod done;
mod email;
mod freeze;
mod frozen;
mod not_me;
mod organizations;
mod own;
mod passkeys;
mod password;
mod phone;
mod requests;
mod sessions;
mod settings;
mod sharing;
mod stop;
mod totp;
mod ways;

use super::AppState;
use super::problem::as_pages;
use super::signin;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
pub(super) use organizations::item as organization_item;

/// The account's wing.
pub fn router(state: &AppState) -> Router<AppState> {
    Router::new()
        .merge(ways_to_sign_in())
        .merge(what_happens())
        .merge(for_organizations())
        .route("/account", get(details::home))
        .route("/account/details", get(details::page).post(details::show_number))
        .route("/account/settings", get(settings::page).post(settings::save))
        .route("/account/keep", post(own::keep))
        .route("/account/stop", get(stop::page).post(stop::answer))
        .route("/account/freeze", get(freeze::page).post(freeze::freeze))
        .route("/account/close", get(closing::page).post(closing::close))
        .route("/signin/{flow}/frozen", signin::page(frozen::page).merge(signin::form(frozen::open_again)))
        .route("/not-me", get(not_me::signed_out_page).post(not_me::signed_out))
        .layer(from_fn_with_state(state.clone(), as_pages))
}

fn ways_to_sign_in() -> Router<AppState> {
    Router::new()
        .route("/account/ways", get(ways::page))
        .route("/account/passkeys", get(passkeys::page).post(passkeys::add))
        .route("/account/passkeys/new", get(passkeys::new))
        .route("/account/passkeys/options", post(passkeys::options))
        .route("/account/passkeys/{id}/rename", get(passkeys::rename_page).post(passkeys::rename))
        .route("/account/passkeys/{id}/remove", get(passkeys::remove_page).post(passkeys::remove))
        .route("/account/password", get(password::page).post(password::set))
        .route("/account/recovery-codes", get(codes::page).post(codes::renew))
        .route("/account/recovery-codes/new", get(codes::new_set).post(codes::stored))
        .route("/account/totp", get(totp::page).post(totp::confirm))
        .route("/account/totp/remove", get(totp::remove_page).post(totp::remove))
        .route("/account/email", get(email::page).post(email::send))
        .route("/account/email/code", get(email::code_page).post(email::check))
        .route("/account/email/code/resend", post(email::resend))
        .route("/account/email/remove", post(email::remove))
        .route("/account/phone", get(phone::page).post(phone::send))
        .route("/account/phone/code", get(phone::code_page).post(phone::check))
        .route("/account/phone/code/resend", post(phone::resend))
        .route("/account/phone/cancel", post(phone::cancel))
        .route("/account/phone/confirm", post(phone::confirm))
}

fn what_happens() -> Router<AppState> {
    Router::new()
        .route("/account/sessions", get(sessions::page))
        .route("/account/sessions/{id}/end", post(sessions::end))
        .route("/account/sessions/end-others", post(sessions::end_others))
        .route("/account/requests", get(requests::page))
        .route("/account/requests/{id}", post(requests::answer))
        .route("/account/activity", get(activity::page))
        .route("/account/activity.csv", get(activity::csv))
        .route("/account/not-me", get(not_me::page).post(not_me::report))
        .route("/account/sharing", get(sharing::page))
        .route("/account/sharing/history", get(sharing::history))
        .route("/account/sharing/{client}/stop", get(sharing::stop_page).post(sharing::stop))
}

fn for_organizations() -> Router<AppState> {
    Router::new()
        .route("/account/organizations", get(organizations::list))
        .route("/account/organizations/add", get(organizations::add_page).post(organizations::add))
        .route("/account/organizations/add/waiting", get(organizations::waiting_page).post(organizations::waiting))
        .route("/account/organizations/{id}", get(organizations::page).post(organizations::decide))
        .route("/account/organizations/{id}/close", get(organizations::close_page).post(organizations::close))
}
