//! A flow as pages get it: loaded for the browser that began it, its forms checked before a handler sees them.

use super::super::AppState;
use super::super::cookies::{self, flow_name};
use super::super::form::{self, Form};
use super::super::layers::{FormTargets, TellsOrigin};
use super::super::problem::{Answer, Problem, WayBack, origin_of, show};
use super::super::visitor::{Visitor, csrf_holds, csrf_token};
use crate::flow::interaction::{self, Begun, Interaction};
use crate::flow::{authorize, clients, organizations};
use crate::protocol::response::{AuthorizeAnswer, AuthorizeResponse, Delivery};
use crate::protocol::{Client, ErrorCode};
use crate::view::{self, ActingBar, Frame, PortalBox, ProblemReason, Return};
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodRouter, get, post};
use axum_extra::extract::CookieJar;
use std::future::Future;
use std::sync::Arc;

/// A page of a flow was asked for.
pub struct At {
    /// Tools and facts.
    pub state: AppState,
    /// Who looks.
    pub visitor: Arc<Visitor>,
    /// The flow.
    pub flow: Flow,
    /// The query, as sent.
    pub query: Option<String>,
}

/// A form of our own page was posted in a flow.
pub struct Posted {
    /// Tools and facts.
    pub state: AppState,
    /// Who sends it.
    pub visitor: Arc<Visitor>,
    /// The flow.
    pub flow: Flow,
    /// The fields.
    pub form: Form,
    /// The query, as sent.
    pub query: Option<String>,
}

/// Serves a page of a flow (`{flow}` in the path) to the browser that began it.
pub fn page<H, F>(handler: H) -> MethodRouter<AppState>
where
    H: Fn(At) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Answer<Response>> + Send,
{
    get(
        async move |State(state): State<AppState>,
                    visitor: Visitor,
                    Path(id): Path<String>,
                    RawQuery(query): RawQuery| {
            let visitor = Arc::new(visitor);
            match load(&state, &visitor, &id).await {
                Ok(flow) => {
                    let back = flow.way_back();
                    let at = At { state: state.clone(), visitor: visitor.clone(), flow, query };
                    finish_flow(&state, &visitor, back, handler(at).await).await
                }
                Err(problem) => problem.page(&state, &visitor),
            }
        },
    )
}

/// Takes a form of a flow, once it is known to come from our own page in the browser that began the flow (D10).
pub fn form<H, F>(handler: H) -> MethodRouter<AppState>
where
    H: Fn(Posted) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Answer<Response>> + Send,
{
    post(
        async move |State(state): State<AppState>,
                    visitor: Visitor,
                    Path(id): Path<String>,
                    RawQuery(query): RawQuery,
                    headers: HeaderMap,
                    body: Bytes| {
            let visitor = Arc::new(visitor);
            match load_form(&state, &visitor, &id, (&headers, &body)).await {
                Ok((flow, form)) => {
                    let back = flow.way_back();
                    let posted = Posted { state: state.clone(), visitor: visitor.clone(), flow, form, query };
                    finish_flow(&state, &visitor, back, handler(posted).await).await
                }
                Err(problem) => problem.page(&state, &visitor),
            }
        },
    )
}

/// As [`super::super::problem::finish`], with the way back to the portal whose address was proved.
async fn finish_flow(
    state: &AppState,
    visitor: &Visitor,
    back: Option<(String, String)>,
    outcome: Answer<Response>,
) -> Response {
    let problem = match outcome {
        Ok(response) => return response,
        Err(problem) => problem,
    };
    let known = match &back {
        // A portal that cannot be looked up now only takes the link from the page.
        Some((client_id, _)) => clients::find(&state.services, client_id).await.ok().flatten(),
        None => None,
    };
    let way = known.zip(back).map(|(known, (_, redirect))| WayBack {
        portal: PortalBox {
            name: known.client.display_name(visitor.locale.tag()).to_owned(),
            host: host_of(&redirect),
            ..PortalBox::default()
        },
        href: known.client.metadata.client_uri.clone().unwrap_or_else(|| format!("{}/", origin_of(&redirect))),
    });
    problem.page_with(state, visitor, way)
}

/// A flow as its browser sees it.
pub struct Flow {
    /// The flow.
    pub interaction: Interaction,
    /// The secret in the browser's cookie, which also names the form token.
    secret: String,
}

impl Flow {
    /// The page frame of this flow: portal, form token, way back.
    pub async fn frame(&self, state: &AppState, visitor: &Visitor) -> Answer<Frame> {
        let mut frame = visitor.frame(state);
        frame.csrf = csrf_token(state, &self.secret)?;
        if let Some(request) = self.interaction.request()
            && let Some(known) = clients::find(&state.services, &request.client_id).await?
        {
            let name = known.client.display_name(frame.locale.tag()).to_owned();
            let metadata = &known.client.metadata;
            let logo = known.logo.map(|_| format!("/logos/{}", known.client.client_id));
            let (policy, terms) = (metadata.policy_uri.clone(), metadata.tos_uri.clone());
            // Nothing leads back from another device: the pages have a "refuse" of their own.
            let decoupled = self.interaction.decoupled().is_some();
            let host = if decoupled { asking_host(&known.client) } else { host_of(request.redirect.as_str()) };
            frame.portal = Some(PortalBox { name, host, logo, policy, terms });
            frame.cancel = (!decoupled).then(|| format!("/signin/{}/cancel", self.interaction.id));
            frame.acting = self.acting(state, visitor).await?;
        }
        Ok(frame)
    }

    /// For whom the person chose to act, in the session of who chose it and nobody else's.
    async fn acting(&self, state: &AppState, visitor: &Visitor) -> Answer<Option<ActingBar>> {
        let Some((chosen, id)) = self.interaction.acting.and_then(|acting| Some((acting, acting.organization?))) else {
            return Ok(None);
        };
        let Some(live) = visitor.session(state).await?.filter(|live| live.session.person_id == chosen.person) else {
            return Ok(None);
        };
        let looked = organizations::look(&state.services, live.session.person_id, id).await?;
        Ok(looked
            .map(|(found, _)| ActingBar { name: found.name.clone(), change: format!("/signin/{}/for", self.id()) }))
    }

    /// A page of this flow. Its forms may end at the portal, which the page's policy has to name.
    pub fn show(&self, visitor: &Visitor, page: &impl view::Page) -> Answer<Response> {
        let wrong = has_errors(page);
        let mut response = show(visitor, page, if wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK })?;
        if let (Some(request), None) = (self.interaction.request(), self.interaction.decoupled()) {
            response.extensions_mut().insert(FormTargets(vec![origin_of(request.redirect.as_str())]));
        }
        Ok(response)
    }

    /// Client and proved address, for a way back from a page that could not be shown. Apps have no page to go to.
    fn way_back(&self) -> Option<(String, String)> {
        let request = self.interaction.request()?;
        let redirect = request.redirect.as_str();
        redirect.starts_with("http").then(|| (request.client_id.clone(), redirect.to_owned()))
    }

    /// To another page of this flow.
    pub fn to(&self, step: &str) -> Response {
        Redirect::to(&format!("/signin/{}{step}", self.interaction.id)).into_response()
    }

    /// The handle, as page addresses have it.
    pub fn id(&self) -> String {
        self.interaction.id.clone()
    }
}

/// Loads the flow of a page.
async fn load(state: &AppState, visitor: &Visitor, id: &str) -> Answer<Flow> {
    let secret = visitor.cookie(&flow_name(id)).map(str::to_owned);
    let interaction = interaction::load(&state.services, id, secret.as_deref()).await?;
    Ok(Flow { interaction, secret: secret.unwrap_or_default() })
}

/// Loads the flow of a posted form, and refuses forms that are not from our own page (D10).
async fn load_form(
    state: &AppState,
    visitor: &Visitor,
    id: &str,
    (headers, body): (&HeaderMap, &Bytes),
) -> Answer<(Flow, Form)> {
    form::same_site(headers, &state.site.origin).map_err(|_| Problem::form("form_of_other_site"))?;
    let form = Form::parse(body).ok_or(Problem::new(ProblemReason::BadRequest, "form_unreadable"))?;
    let flow = load(state, visitor, id).await?;
    if !csrf_holds(state, &flow.secret, form.get("csrf"))? {
        return Err(Problem::form("form_token"));
    }
    Ok((flow, form))
}

fn has_errors(page: &impl view::Page) -> bool {
    page.frame().is_some_and(|frame| !frame.errors.is_empty())
}

/// Host and port of an address.
pub fn host_of(address: &str) -> String {
    url::Url::parse(address)
        .ok()
        .and_then(|url| {
            let host = url.host_str()?.to_owned();
            Some(url.port().map_or(host.clone(), |port| format!("{host}:{port}")))
        })
        .unwrap_or_default()
}

/// Where a client that sends no browser is at home: its identifier where it registered no address.
fn asking_host(client: &Client) -> String {
    let home = client.metadata.client_uri.as_deref().map(host_of).filter(|host| !host.is_empty());
    client.host().or(home).unwrap_or_else(|| client.client_id.clone())
}

/// Starts a flow in the browser: its cookie, then its first page.
pub fn enter(visitor: &Visitor, begun: &Begun, to: &str) -> Answer<Response> {
    let mut jar =
        cookies::add_flow(visitor.jar.clone(), &begun.interaction.id, &begun.browser_secret, interaction::LIFETIME);
    // The portal's `ui_locales` comes before the browser's wish; a link on every page still changes it.
    let asked = begun
        .interaction
        .request()
        .and_then(|request| request.ui_locales.iter().find_map(|tag| view::Locale::from_tag(tag)));
    if let Some(locale) = asked.filter(|locale| *locale != visitor.locale) {
        jar = jar.add(cookies::build(cookies::LANGUAGE, locale.tag(), Some(cookies::A_YEAR)));
    }
    Ok((jar, Redirect::to(to)).into_response())
}

/// The browser's state goes with the answer that tells a portal of it, and with a session that is over. A request without
/// the session's cookie says nothing of it: another site may have sent it.
async fn login_state(state: &AppState, visitor: &Visitor, answer: &AuthorizeResponse) -> Answer<CookieJar> {
    let kept = visitor.cookie(cookies::BROWSER_STATE);
    let refused = matches!(&answer.answer, AuthorizeAnswer::Error(error) if error.code == ErrorCode::LoginRequired);
    let gone = refused && visitor.cookie(cookies::SESSION).is_some() && visitor.session(state).await?.is_none();
    Ok(match &answer.login {
        Some(login) if kept != Some(&login.browser_state) => {
            CookieJar::new().add(cookies::browser_state(&login.browser_state))
        }
        None if gone && kept.is_some() => CookieJar::new().add(cookies::expire(cookies::BROWSER_STATE)),
        _ => CookieJar::new(),
    })
}

/// Gives an answer to the portal: by redirect, or by a page that posts itself (C15).
pub async fn deliver(state: &AppState, visitor: &Visitor, answer: &AuthorizeResponse) -> Answer<Response> {
    let jar = login_state(state, visitor, answer).await?;
    match authorize::delivery(&state.services, answer).await? {
        Delivery::Redirect(location) => Ok((jar, Redirect::to(&location)).into_response()),
        Delivery::FormPost { action, fields } => {
            let mut frame = visitor.frame(state);
            frame.portal = Some(PortalBox { name: host_of(&action), host: host_of(&action), ..PortalBox::default() });
            let target = origin_of(&action);
            let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            let way = Return::FormPost { action, fields };
            let page = view::ReturnToPortal { frame, way, unreachable: false };
            let mut response = show(visitor, &page, StatusCode::OK)?;
            response.extensions_mut().insert(FormTargets(vec![target]));
            response.extensions_mut().insert(TellsOrigin);
            Ok((jar, response).into_response())
        }
    }
}
