//! What a client's request brings beside its parameters: everything that may prove who calls.

use std::fmt;
use std::sync::Arc;

/// The caller of a protocol endpoint. `Debug` hides what proves.
#[derive(Clone, Default)]
pub struct Caller {
    /// The `Authorization` header; a NUL stands for one that is no text.
    pub authorization: Option<String>,
    /// Every `DPoP` header (RFC 9449 4.1); more than one is an error.
    pub proofs: Vec<String>,
    /// The certificate of the connection, DER: ended here, or by a proxy that the configuration trusts (RFC 9440).
    pub certificate: Option<Arc<[u8]>>,
    /// Those that came with it, between it and an authority, DER.
    pub intermediates: Vec<Arc<[u8]>>,
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The addresses of the endpoint as clients know it, without query: one, and its mTLS alias where there is one.
    pub urls: Vec<String>,
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("method", &self.method)
            .field("urls", &self.urls)
            .field("authorization", &self.authorization.is_some())
            .field("proofs", &self.proofs.len())
            .field("certificate", &self.certificate.is_some())
            .finish()
    }
}
