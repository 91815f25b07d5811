//! Listeners that end TLS in this process: one for everybody, one that asks clients for a certificate (RFC 8705).

use super::{StartError, because};
use crate::http::PeerCertificates;
use axum::Extension;
use axum_server::accept::Accept;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CipherSuite, DigitallySignedStruct, DistinguishedName, Error, ProtocolVersion, ServerConfig, SignatureScheme,
};
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tower::Layer;

/// What TLS 1.2 may still use: RFC 9325 (BCP 195) 4.2. TLS 1.3 has no weak ones.
const SUITES_OF_TLS12: [CipherSuite; 4] = [
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
];

/// What a listener shows and asks for.
pub struct TlsFiles<'a> {
    /// Our certificate with its chain, PEM.
    pub certificate: &'a Path,
    /// Its key, PEM.
    pub key: &'a Path,
    /// Clients are asked for a certificate.
    pub asks_clients: bool,
}

fn provider() -> Arc<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|suite| {
        suite.version().version == ProtocolVersion::TLSv1_3 || SUITES_OF_TLS12.contains(&suite.suite())
    });
    Arc::new(provider)
}

/// Reads the files and sets TLS up: 1.3 preferred, 1.2 with the suites of BCP 195.
pub fn config(files: &TlsFiles<'_>) -> Result<RustlsConfig, StartError> {
    let unreadable = |path: &Path, error: &dyn std::fmt::Display| {
        StartError::new(format!("[tls] {} cannot be used: {error}", path.display()))
    };
    let pem = std::fs::read(files.certificate).map_err(|error| unreadable(files.certificate, &error))?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable(files.certificate, &error))?;
    let key = PrivateKeyDer::from_pem_file(files.key).map_err(|error| unreadable(files.key, &error))?;
    let provider = provider();
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(because("TLS"))?;
    let builder = if files.asks_clients {
        builder.with_client_cert_verifier(Arc::new(AnyCertificate { provider }))
    } else {
        builder.with_no_client_auth()
    };
    let mut config =
        builder.with_single_cert(chain, key).map_err(because("[tls] certificate and key do not fit together"))?;
    // HTTP/1.1 only, as on the plain listener.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(RustlsConfig::from_config(Arc::new(config)))
}

/// Takes any certificate at the handshake, self-signed ones too, and proves only that whoever shows it holds its key.
/// Whether it counts is judged where the client authenticates (RFC 8705 2.1, 2.2).
#[derive(Debug)]
struct AnyCertificate {
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// No hints: a client would offer none but those it names.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Ends TLS and hands the client's certificates on with every request of the connection.
#[derive(Clone)]
pub struct TlsAcceptor(RustlsAcceptor);

impl TlsAcceptor {
    /// With a time limit for the handshake, as for the head of a request (S5).
    pub fn new(config: RustlsConfig, handshake: Duration) -> Self {
        Self(RustlsAcceptor::new(config).handshake_timeout(handshake))
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for TlsAcceptor {
    type Stream = <RustlsAcceptor as Accept<TcpStream, S>>::Stream;
    type Service = <Extension<PeerCertificates> as Layer<S>>::Service;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let acceptor = self.0.clone();
        Box::pin(async move {
            let (stream, service) = acceptor.accept(stream, service).await?;
            let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
            let shown = PeerCertificates(shown.iter().map(|one| Arc::from(one.as_ref())).collect());
            Ok((stream, Extension(shown).layer(service)))
        })
    }
}
