//! A portal's own web server, on this machine: it serves what a test puts there and counts who asks.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

#[derive(Default)]
struct Shelf {
    documents: HashMap<String, (u16, &'static str, Vec<u8>)>,
    asked: HashMap<String, usize>,
}

/// The server.
#[derive(Clone)]
pub struct WebSite {
    pub url: String,
    shelf: Arc<Mutex<Shelf>>,
}

impl WebSite {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shelf = Arc::new(Mutex::new(Shelf::default()));
        let router = Router::new().fallback(serve).with_state(shelf.clone());
        tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Self { url, shelf }
    }

    /// Puts a document at a path; gives its address.
    pub fn put(&self, path: &str, kind: &'static str, body: impl AsRef<[u8]>) -> String {
        self.answer(path, (200, kind, body.as_ref().to_vec()))
    }

    /// From now on the path answers with this status.
    pub fn fail(&self, path: &str, status: u16) -> String {
        self.answer(path, (status, "text/plain", Vec::new()))
    }

    fn answer(&self, path: &str, document: (u16, &'static str, Vec<u8>)) -> String {
        self.shelf.lock().unwrap().documents.insert(path.to_owned(), document);
        format!("{}{path}", self.url)
    }

    /// How often a path was asked for.
    pub fn asked(&self, path: &str) -> usize {
        self.shelf.lock().unwrap().asked.get(path).copied().unwrap_or(0)
    }
}

async fn serve(State(shelf): State<Arc<Mutex<Shelf>>>, uri: Uri) -> Response {
    let mut shelf = shelf.lock().unwrap();
    *shelf.asked.entry(uri.path().to_owned()).or_default() += 1;
    match shelf.documents.get(uri.path()).cloned() {
        Some((302, _, _)) => (StatusCode::FOUND, [(header::LOCATION, "/elsewhere")]).into_response(),
        Some((status, kind, body)) => {
            (StatusCode::from_u16(status).unwrap(), [(header::CONTENT_TYPE, kind)], body).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
