//! The authorities whose client certificates count for `tls_client_auth` (RFC 8705 2.1).

use crate::base::Timestamp;
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use std::sync::Arc;
use std::time::Duration;

/// Most certificates between a client's and an authority.
const MAX_INTERMEDIATES: usize = 8;

/// Trusted authorities.
#[derive(Clone)]
pub struct ClientAuthorities(Arc<dyn ClientCertVerifier>);

impl std::fmt::Debug for ClientAuthorities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ClientAuthorities({})", self.0.root_hint_subjects().len())
    }
}

impl ClientAuthorities {
    /// Reads the authorities of a PEM text.
    ///
    /// # Errors
    /// A text for the operator.
    pub fn from_pem(pem: &[u8]) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(pem) {
            let root = root.map_err(|error| format!("no PEM certificates: {error}"))?;
            roots.add(root).map_err(|error| format!("no certificate of an authority: {error}"))?;
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        verifier.map(Self).map_err(|error| format!("no authority: {error}"))
    }

    /// Whether a certificate leads to one of them now, over the intermediates that came with it: chain, validity,
    /// purpose (client authentication). That the caller holds its key was proven in the handshake.
    pub fn vouch_for<'a>(
        &self,
        certificate: &[u8],
        intermediates: impl Iterator<Item = &'a [u8]>,
        now: Timestamp,
    ) -> bool {
        let between: Vec<_> = intermediates.take(MAX_INTERMEDIATES).map(CertificateDer::from).collect();
        let Ok(seconds) = u64::try_from(now.seconds()) else { return false };
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        self.0.verify_client_cert(&CertificateDer::from(certificate), &between, now).is_ok()
    }
}
