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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::testing::Folder;
    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConnection, SupportedProtocolVersion, version};

    /// What a client that offers so much agrees on with our listener.
    fn agreed(
        versions: &[&'static SupportedProtocolVersion],
        suites: impl Fn(CipherSuite) -> bool,
    ) -> Result<(ProtocolVersion, CipherSuite), Error> {
        let folder = Folder::make();
        let own = rcgen::generate_simple_self_signed(["id.example".to_owned()]).unwrap();
        let [certificate, key] = ["own.pem", "own.key"].map(|name| folder.0.join(name));
        std::fs::write(&certificate, own.cert.pem()).unwrap();
        std::fs::write(&key, own.signing_key.serialize_pem()).unwrap();
        let ours = config(&TlsFiles { certificate: &certificate, key: &key, asks_clients: false }).ok().unwrap();
        let mut server = ServerConnection::new(ours.get_inner()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(own.cert.der().clone()).unwrap();
        let mut provider = aws_lc_rs::default_provider();
        provider.cipher_suites.retain(|suite| suites(suite.suite()));
        let theirs = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("id.example").unwrap();
        let mut client = ClientConnection::new(Arc::new(theirs), name).unwrap();
        while client.is_handshaking() || server.is_handshaking() {
            let mut said = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut said).unwrap();
            }
            server.read_tls(&mut said.as_slice()).unwrap();
            server.process_new_packets()?;
            let mut answered = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut answered).unwrap();
            }
            client.read_tls(&mut answered.as_slice()).unwrap();
            client.process_new_packets()?;
        }
        Ok((server.protocol_version().unwrap(), server.negotiated_cipher_suite().unwrap().suite()))
    }

    /// FAPI 2.0 Security Profile 5.2.1, BCP 195: TLS 1.3 before 1.2, and of TLS 1.2 only AES-GCM with ephemeral keys.
    #[test]
    fn tls_1_3_is_preferred_and_1_2_keeps_to_bcp_195() {
        assert_eq!(agreed(&[&version::TLS12, &version::TLS13], |_| true).unwrap().0, ProtocolVersion::TLSv1_3);
        let mut taken = Vec::new();
        for suite in aws_lc_rs::ALL_CIPHER_SUITES.iter().filter(|suite| suite.version() == &version::TLS12) {
            let suite = suite.suite();
            // Our certificate is of an elliptic curve: suites that authenticate by RSA cannot be agreed on.
            match agreed(&[&version::TLS12], |other| other == suite) {
                Ok(agreed) => taken.push(agreed),
                Err(error) => assert!(matches!(error, Error::PeerIncompatible(_)), "{suite:?}: {error}"),
            }
        }
        taken.sort_by_key(|(_, suite)| u16::from(*suite));
        let [small, large] = [SUITES_OF_TLS12[0], SUITES_OF_TLS12[1]];
        assert_eq!(taken, [small, large].map(|suite| (ProtocolVersion::TLSv1_2, suite)));
        assert_eq!(provider().cipher_suites.iter().filter(|suite| suite.version() == &version::TLS12).count(), 4);
    }
}
