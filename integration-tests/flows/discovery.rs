//! Discovery tells the truth (OpenID Connect Discovery 1.0 3): for each member of the document there are requests that
//! are built from it. What is announced works; the best known of what is not announced is refused. A member without a
//! row here fails.

use crate::backchannel::{Ear, signed_out};
use crate::certificates::{Authority, Shown, post, self_signed};
use crate::ciba::CIBA;
use crate::kit::{Browser, HOA, House, Page, Portal, Reader, WebSite, claims_of};
use crate::verified::confirmed;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use dinhdanh::base::{Clock, SystemEntropy, random_token};
use dinhdanh::crypto::{self, Recipient, encrypt};
use dinhdanh::identity::{IdentityLevel, RegisterState};
use dinhdanh::protocol::encryption::{ContentEncryption, KeyManagement};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Map, Value, json};

const DOCUMENT: &str = "/.well-known/openid-configuration";
const SCOPE: &str = "openid profile phone personal_number levels";

#[tokio::test]
async fn h5_what_is_announced_works_and_what_is_not_is_refused() {
    prove(Stage::new(House::new().await, None).await).await;
}

#[tokio::test]
async fn h5_the_same_where_everything_is_switched_on() {
    let authority = Authority::new();
    let file = std::env::temp_dir().join(format!("client-ca-{}.pem", random_token(&SystemEntropy)));
    std::fs::write(&file, authority.pem()).unwrap();
    let house = House::over(&[
        ("provider.environment", "sandbox"),
        ("registration.mode", "open"),
        ("registration.metadata_document_hosts", "*"),
        ("tls.client_ca", file.to_str().unwrap()),
        ("tls.client_certificate_header", "client-cert"),
        ("tls.trusted_proxies", "192.0.2.1"),
        ("tls.mtls_url", "https://mtls.example.vn"),
        ("keys.algorithms", "[\"ES256\", \"RS256\", \"PS256\", \"EdDSA\"]"),
    ])
    .await;
    std::fs::remove_file(&file).unwrap();
    prove(Stage::new(house, Some(authority)).await).await;
}

async fn prove(mut stage: Stage) {
    let document = stage.document.clone();
    for (member, value) in &document {
        match value {
            Value::String(text) => stage.leads_somewhere(member, text).await,
            Value::Bool(said) => assert_eq!(stage.holds(member).await, *said, "{member} says {said}"),
            Value::Object(aliases) => {
                assert_eq!(member, "mtls_endpoint_aliases");
                for (name, there) in aliases {
                    let path = document[name].as_str().unwrap().strip_prefix(stage.house.services.issuer()).unwrap();
                    assert_eq!(there, &format!("https://mtls.example.vn{path}"), "{name}");
                    let page = stage.house.browser().at_host("mtls.example.vn", path).await;
                    assert_ne!(page.status.as_u16(), 421, "{name} is not served there");
                }
            }
            Value::Array(values) => {
                for value in values {
                    let value = value.as_str().unwrap();
                    assert!(stage.works(member, value).await, "{member} announces {value}, which does not work");
                }
                for other in others(member).iter().filter(|other| !values.contains(&json!(other))) {
                    assert!(!stage.works(member, other).await, "{member} is silent about {other}, which works");
                }
            }
            other => panic!("{member} is {other}"),
        }
    }
    if !document.contains_key("registration_endpoint") {
        stage.house.browser().body("/register", "application/json", "{}").await.is(404);
    }
    if !document.contains_key("tls_client_certificate_bound_access_tokens") {
        assert!(!stage.holds("tls_client_certificate_bound_access_tokens").await);
    }
    if !document.contains_key("client_id_metadata_document_supported") {
        assert!(!stage.holds("client_id_metadata_document_supported").await);
    }
}

const SIGNATURES: &[&str] = &["RS256", "PS256", "ES256", "EdDSA", "HS256", "ES384", "none"];

/// What a provider might know and this one may not.
fn others(member: &str) -> &'static [&'static str] {
    match member {
        "response_types_supported" => {
            &["token", "id_token", "id_token token", "code token", "code id_token", "code id_token token", "none"]
        }
        "response_modes_supported" => &["web_message", "cookie", "query.JWT"],
        "grant_types_supported" => &[
            "password",
            "implicit",
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "urn:ietf:params:oauth:grant-type:saml2-bearer",
        ],
        "code_challenge_methods_supported" => &["plain", "S512"],
        "subject_types_supported" => &["public"],
        "claim_types_supported" => &["aggregated", "distributed"],
        "claims_supported" => &["address", "picture", "nickname", "website", "zoneinfo", "groups"],
        "claims_in_verified_claims_supported" => &["phone_number", "address", "nationalities"],
        "trust_frameworks_supported" => &["eidas", "de_aml"],
        "evidence_supported" => &["document", "electronic_signature", "vouch"],
        "electronic_records_supported" => &["birth_register", "bank_account"],
        "claims_locales_supported" => &["en", "zh-Hans"],
        "acr_values_supported" => &["urn:mace:incommon:iap:silver", "phr", "LoA9"],
        "prompt_values_supported" => &["select", "register"],
        "ui_locales_supported" => &["fr", "zh"],
        "token_endpoint_auth_methods_supported"
        | "introspection_endpoint_auth_methods_supported"
        | "revocation_endpoint_auth_methods_supported" => &[
            "none",
            "client_secret_basic",
            "client_secret_post",
            "client_secret_jwt",
            "private_key_jwt",
            "tls_client_auth",
            "self_signed_tls_client_auth",
        ],
        "backchannel_token_delivery_modes_supported" => &["poll", "ping", "push"],
        "authorization_details_types_supported" => &["payment_initiation"],
        "protected_resources" => &["https://id.example.vn/introspect", "https://id.example.vn/account"],
        // RFC 6749 3.3: an unknown scope belongs to somebody's resource. Core 3.1.2.1: an unknown display is no error.
        "scopes_supported" | "display_values_supported" => &[],
        _ if member.ends_with("signing_alg_values_supported") => SIGNATURES,
        _ if member.ends_with("encryption_alg_values_supported") => {
            &["RSA1_5", "RSA-OAEP", "A128KW", "A256KW", "dir", "PBES2-HS256+A128KW"]
        }
        _ if member.ends_with("encryption_enc_values_supported") => &["A192GCM", "A256CBC-HS512"],
        _ => panic!("discovery has a new member {member}: say here what proves it"),
    }
}

/// A key of any algorithm, and what it signs.
struct Signer {
    algorithm: Algorithm,
    key: EncodingKey,
    public: Value,
}

impl Signer {
    /// `None` where nobody can sign so.
    fn new(algorithm: &str, secret: &str) -> Option<Self> {
        let public = json!({});
        if algorithm.starts_with("HS") {
            let key = EncodingKey::from_secret(secret.as_bytes());
            return Some(Self { algorithm: algorithm.parse().unwrap(), key, public });
        }
        let generated = crypto::generate(algorithm.parse().ok()?).unwrap();
        let body = STANDARD.encode(&*generated.pkcs8);
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
        let key = match algorithm {
            "ES256" => EncodingKey::from_ec_der(&generated.pkcs8),
            "EdDSA" => EncodingKey::from_ed_der(&generated.pkcs8),
            _ => EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap(),
        };
        Some(Self { algorithm: algorithm.parse().unwrap(), key, public: generated.public_jwk })
    }

    fn jwks(&self) -> Value {
        json!({ "keys": [self.public] })
    }

    fn sign(&self, typ: &str, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.typ = Some(typ.to_owned());
        header.kid = self.public["kid"].as_str().map(str::to_owned);
        jsonwebtoken::encode(&header, claims, &self.key).unwrap()
    }

    /// A proof of possession (RFC 9449 4.2).
    fn proof(&self, claims: &Value) -> String {
        let mut public = self.public.clone();
        public.as_object_mut().unwrap().retain(|name, _| ["kty", "crv", "x", "y", "n", "e"].contains(&name.as_str()));
        let mut header = Header::new(self.algorithm);
        header.typ = Some("dpop+jwt".to_owned());
        header.jwk = Some(serde_json::from_value(public).unwrap());
        jsonwebtoken::encode(&header, claims, &self.key).unwrap()
    }
}

/// The header of a JWT.
fn algorithm_of(jwt: &str) -> String {
    let header = jwt.split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    header["alg"].as_str().unwrap().to_owned()
}

/// A provider, and a browser in which somebody is signed in.
struct Stage {
    house: House,
    authority: Option<Authority>,
    document: Map<String, Value>,
    browser: Browser,
    portals: usize,
}

impl Stage {
    async fn new(house: House, authority: Option<Authority>) -> Self {
        let who = house.with_level(&HOA, IdentityLevel::Two).await;
        confirmed(&house, who, RegisterState::Verified).await;
        let document = serde_json::from_str(&house.browser().fetch(DOCUMENT).await.body).unwrap();
        let first = Portal::new(&house, "first").await;
        let mut browser = house.browser();
        let page = first.ask(&mut browser, &[]).await;
        house.sign_in_twice(&mut browser, &page, &HOA).await.code();
        Self { house, authority, document, browser, portals: 0 }
    }

    /// A portal of its own for each try; `None`: its metadata are refused.
    async fn portal(&mut self, over: Value) -> Option<Portal> {
        self.portals += 1;
        Portal::registered(&self.house, &format!("portal-{}", self.portals), over).await.ok()
    }

    /// Through whatever pages a portal that is new in the session gets, to the answer.
    async fn ask(&mut self, portal: &Portal, over: &[(&str, &str)]) -> Page {
        let mut page = portal.ask(&mut self.browser, over).await;
        loop {
            let (step, action) = match page.path.rsplit('/').next() {
                Some("continue") => ("/continue", "continue"),
                Some("consent") => ("/consent", "accept"),
                _ => return page,
            };
            page = self.browser.submit(&page, step, &[("action", action)]).await;
        }
    }

    /// The members that an answer gives the portal.
    async fn answer(&mut self, portal: &Portal, over: &[(&str, &str)]) -> Map<String, Value> {
        let page = self.ask(portal, over).await;
        let Some((_, members)) = page.location().and_then(|to| to.split_once('?')) else {
            return Map::new();
        };
        url::form_urlencoded::parse(members.as_bytes()).map(|(k, v)| (k.into_owned(), v.into_owned().into())).collect()
    }

    async fn code(&mut self, portal: &Portal, over: &[(&str, &str)]) -> Option<String> {
        self.answer(portal, over).await.get("code").and_then(Value::as_str).map(str::to_owned)
    }

    async fn tokens(&mut self, portal: &Portal, over: &[(&str, &str)]) -> Option<Value> {
        let code = self.code(portal, over).await?;
        let (status, tokens) = portal.redeem(&self.house, &code).await;
        (status == 200).then_some(tokens)
    }

    fn claims(&self, portal: &Portal) -> Value {
        let now = self.house.clock.now().seconds();
        json!({
            "iss": portal.id, "sub": portal.id, "aud": self.house.services.issuer(), "iat": now, "nbf": now,
            "exp": now + 60, "jti": random_token(&SystemEntropy),
        })
    }

    async fn leads_somewhere(&mut self, member: &str, text: &str) {
        if member == "issuer" {
            let portal = self.portal(json!({})).await.unwrap();
            let tokens = self.tokens(&portal, &[]).await.unwrap();
            assert_eq!(claims_of(&tokens["id_token"])["iss"], text);
            return;
        }
        let path = text.strip_prefix(self.house.services.issuer()).expect("an address below the issuer");
        let asked = self.house.browser().fetch(path).await.status.as_u16();
        let posted = self.house.browser().send(path, &[]).await.status.as_u16();
        assert!(asked != 404 && posted != 404 && (asked, posted) != (405, 405), "{member}: {asked} {posted}");
    }

    /// RFC 9728 3.3, 5.1: a resource refuses who has no token, and says where its metadata are, which name it.
    async fn is_described(&mut self, resource: &str) -> bool {
        let path = resource.strip_prefix(self.house.services.issuer()).unwrap().to_owned();
        let mut browser = self.house.browser();
        let page = browser.fetch(&path).await;
        let told = page.headers.get("www-authenticate").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let Some((_, rest)) = told.split_once("resource_metadata=\"") else { return false };
        let address = rest.split_once('"').unwrap().0.strip_prefix(self.house.services.issuer()).unwrap();
        let metadata: Value = serde_json::from_str(&browser.fetch(address).await.body).unwrap();
        metadata["resource"] == resource && metadata["authorization_servers"] == json!([self.document["issuer"]])
    }

    /// Whether a value does what its member says.
    async fn works(&mut self, member: &str, value: &str) -> bool {
        match member {
            "response_types_supported" => {
                let portal = self.portal(json!({})).await.unwrap();
                self.code(&portal, &[("response_type", value)]).await.is_some()
            }
            "response_modes_supported" => self.answers_by(value).await,
            "grant_types_supported" => self.takes_grant(value).await,
            "code_challenge_methods_supported" => {
                let portal = self.portal(json!({})).await.unwrap();
                self.tokens(&portal, &[("code_challenge_method", value)]).await.is_some()
            }
            "subject_types_supported" => self.portal(json!({ "subject_type": value })).await.is_some(),
            "scopes_supported" => self.gives_scope(value).await,
            "claims_supported" => self.tells(value).await,
            "claims_locales_supported" => self.tells(&format!("name#{value}")).await,
            "claims_in_verified_claims_supported" => {
                self.verifies(json!({ "trust_framework": null }), value).await.is_some()
            }
            "trust_frameworks_supported" => {
                self.verifies(json!({ "trust_framework": { "value": value } }), "name").await.is_some()
            }
            "evidence_supported" => {
                let evidence = json!([{ "type": { "value": value } }]);
                self.verifies(json!({ "trust_framework": null, "evidence": evidence }), "name").await.is_some()
            }
            "electronic_records_supported" => {
                let kind = json!({ "value": value });
                let evidence = json!([{ "type": { "value": "electronic_record" }, "record": { "type": kind } }]);
                self.verifies(json!({ "trust_framework": null, "evidence": evidence }), "name").await.is_some()
            }
            // There is no member that asks for a kind: the others come in members of their own (Core 5.6.2).
            "claim_types_supported" => {
                let portal = self.portal(json!({ "sharing": sharing() })).await.unwrap();
                let tokens = self.tokens(&portal, &[("scope", SCOPE)]).await.unwrap();
                let (_, told) = portal.userinfo(&self.house, &tokens["access_token"]).await;
                let elsewhere = told.get("_claim_names").or_else(|| told.get("_claim_sources")).is_some();
                (value == "normal") != elsewhere
            }
            "display_values_supported" => {
                let portal = self.portal(json!({})).await.unwrap();
                self.code(&portal, &[("display", value)]).await.is_some()
            }
            "acr_values_supported" => {
                let portal = self.portal(json!({})).await.unwrap();
                let claims = json!({ "id_token": { "acr": { "essential": true, "values": [value] } } }).to_string();
                // Of somebody who is not there yet: whoever is may not be able to.
                let page = portal.ask(&mut self.house.browser(), &[("claims", &claims)]).await;
                page.body.contains("name=\"identifier\"")
            }
            "prompt_values_supported" => {
                let portal = self.portal(json!({})).await.unwrap();
                let page = portal.ask(&mut self.browser, &[("prompt", value)]).await;
                !page.body.contains("has an error") && !page.location().is_some_and(|to| to.contains("invalid_request"))
            }
            "ui_locales_supported" => {
                let portal = self.portal(json!({})).await.unwrap();
                let page = portal.ask(&mut self.house.browser(), &[("ui_locales", value)]).await;
                page.body.contains(&format!("lang=\"{value}\""))
            }
            "backchannel_token_delivery_modes_supported" => {
                let endpoint = (value != "poll").then_some("https://portal.example/ping");
                let over = json!({
                    "grant_types": [CIBA], "response_types": [], "redirect_uris": [], "post_logout_redirect_uris": [],
                    "backchannel_token_delivery_mode": value, "backchannel_client_notification_endpoint": endpoint,
                    "scope": "openid",
                });
                self.portal(without_nulls(over)).await.is_some()
            }
            "authorization_details_types_supported" => {
                let portal = self.portal(json!({ "representation": "allowed" })).await.unwrap();
                let details = json!([{ "type": value }]).to_string();
                !self.answer(&portal, &[("authorization_details", &details)]).await.contains_key("error")
            }
            "protected_resources" => self.is_described(value).await,
            _ if member.ends_with("_auth_methods_supported") => {
                self.proves(member, value, if value == "client_secret_jwt" { "HS256" } else { "ES256" }).await
            }
            "token_endpoint_auth_signing_alg_values_supported"
            | "introspection_endpoint_auth_signing_alg_values_supported"
            | "revocation_endpoint_auth_signing_alg_values_supported" => {
                let method = if value.starts_with("HS") { "client_secret_jwt" } else { "private_key_jwt" };
                self.proves(member, method, value).await
            }
            _ => match member.split_once("_encryption_") {
                Some(("request_object", kind)) if kind.starts_with("alg") => self.opens((value, "A128GCM")).await,
                Some(("request_object", _)) => self.opens(("ECDH-ES", value)).await,
                Some((answer, kind)) if kind.starts_with("alg") => self.encrypts(answer, (value, "A128GCM")).await,
                Some((answer, _)) => self.encrypts(answer, ("ECDH-ES", value)).await,
                None => self.signs(member, value).await,
            },
        }
    }

    /// Whether an answer comes encrypted in this way, and its client can read it.
    async fn encrypts(&mut self, answer: &str, (alg, enc): (&str, &str)) -> bool {
        let reader = Reader::new(KeyManagement::parse(alg).unwrap_or(KeyManagement::EcdhEs));
        let mut over = json!({
            format!("{answer}_encrypted_response_alg"): alg, format!("{answer}_encrypted_response_enc"): enc,
            "jwks": { "keys": [reader.jwk()] },
        });
        if answer == "introspection" {
            over["introspection_signed_response_alg"] = json!("ES256");
        }
        let Some(portal) = self.portal(over).await else { return false };
        if answer == "authorization" {
            let members = self.answer(&portal, &[("response_mode", "jwt")]).await;
            return members.get("response").and_then(Value::as_str).is_some_and(|jwe| reader.open(jwe).is_some());
        }
        let tokens = self.tokens(&portal, &[]).await.unwrap();
        let access = tokens["access_token"].as_str().unwrap();
        let told = match answer {
            "id_token" => tokens["id_token"].as_str().unwrap().to_owned(),
            "userinfo" => self.house.browser().bearer("/userinfo", access).await.body,
            "introspection" => self.introspected(&portal, access).await,
            other => panic!("nothing encrypts {other}"),
        };
        reader.open(&told).is_some()
    }

    /// Whether a signed request counts that was encrypted to a key of ours in this way (RFC 9101 6.1).
    async fn opens(&mut self, (alg, enc): (&str, &str)) -> bool {
        let (Some(algorithm), Some(content)) = (KeyManagement::parse(alg), ContentEncryption::parse(enc)) else {
            let over = json!({ "request_object_encryption_alg": alg, "request_object_encryption_enc": enc });
            return self.portal(over).await.is_some();
        };
        let jwks: Value = serde_json::from_str(&self.house.browser().fetch("/jwks").await.body).unwrap();
        let Ok(to) = Recipient::from_jwks(&jwks, algorithm) else { return false };
        let signer = Signer::new("ES256", "").unwrap();
        let over = json!({
            "request_object_signing_alg": "ES256", "request_object_encryption_alg": alg,
            "request_object_encryption_enc": enc, "jwks": signer.jwks(),
        });
        let Some(portal) = self.portal(over).await else { return false };
        let signed = self.signed_request(&portal, &signer);
        let sealed = encrypt(&to, content, Some("JWT"), signed.as_bytes()).unwrap();
        self.heeds(&portal, ("request", &sealed)).await
    }

    fn signed_request(&self, portal: &Portal, signer: &Signer) -> String {
        let mut claims = self.claims(portal);
        for (name, value) in portal.members(&[("state", "signed")]) {
            claims[name] = json!(value);
        }
        claims.as_object_mut().unwrap().remove("sub");
        signer.sign("oauth-authz-req+jwt", &claims)
    }

    /// Whether the request that a parameter brings counts, and not what stands beside it.
    async fn heeds(&mut self, portal: &Portal, (name, value): (&str, &str)) -> bool {
        let answer = self.answer(portal, &[(name, value), ("state", "beside")]).await;
        answer.get("state") == Some(&json!("signed")) && answer.contains_key("code")
    }

    /// Whether a signed request is fetched from an address of its portal, registered there or not (Core 6.2).
    async fn fetches(&mut self, registered: bool) -> bool {
        let site = WebSite::start().await;
        let signer = Signer::new("ES256", "").unwrap();
        let addresses = if registered { vec![format!("{}/request", site.url)] } else { Vec::new() };
        let over = json!({
            "request_object_signing_alg": "ES256", "request_uris": addresses, "jwks": signer.jwks(),
        });
        let Some(portal) = self.portal(over).await else { return false };
        let address = site.put("/request", "application/jwt", self.signed_request(&portal, &signer));
        self.heeds(&portal, ("request_uri", &address)).await
    }

    /// The answer to introspection as a JWT (RFC 9701 4).
    async fn introspected(&self, portal: &Portal, token: &str) -> String {
        let accept = [("accept", "application/token-introspection+jwt")];
        portal.call_with(&self.house, &accept, "/introspect", &[("token", token)]).await.body
    }

    /// Members that name algorithms of what is signed.
    async fn signs(&mut self, member: &str, value: &str) -> bool {
        match member {
            "id_token_signing_alg_values_supported" => {
                let Some(portal) = self.portal(json!({ "id_token_signed_response_alg": value })).await else {
                    return false;
                };
                let tokens = self.tokens(&portal, &[]).await.unwrap();
                algorithm_of(tokens["id_token"].as_str().unwrap()) == value
            }
            "userinfo_signing_alg_values_supported" => {
                let Some(portal) = self.portal(json!({ "userinfo_signed_response_alg": value })).await else {
                    return false;
                };
                let tokens = self.tokens(&portal, &[]).await.unwrap();
                let page = self.house.browser().bearer("/userinfo", tokens["access_token"].as_str().unwrap()).await;
                algorithm_of(&page.body) == value
            }
            "introspection_signing_alg_values_supported" => {
                let Some(portal) = self.portal(json!({ "introspection_signed_response_alg": value })).await else {
                    return false;
                };
                algorithm_of(&self.introspected(&portal, "x").await) == value
            }
            "authorization_signing_alg_values_supported" => {
                let Some(portal) = self.portal(json!({ "authorization_signed_response_alg": value })).await else {
                    return false;
                };
                let answer = self.answer(&portal, &[("response_mode", "jwt")]).await;
                answer.get("response").and_then(Value::as_str).is_some_and(|jwt| algorithm_of(jwt) == value)
            }
            "request_object_signing_alg_values_supported" => self.heeds_signed_request(value).await,
            "dpop_signing_alg_values_supported" => self.binds_by(value).await,
            "backchannel_authentication_request_signing_alg_values_supported" => self.is_asked_signed(value).await,
            other => panic!("nothing proves {other}"),
        }
    }

    async fn answers_by(&mut self, mode: &str) -> bool {
        let portal = self.portal(json!({ "authorization_signed_response_alg": "ES256" })).await.unwrap();
        self.ask(&portal, &[]).await.code();
        let page = self.browser.fetch(&portal.request(&[("response_mode", mode), ("prompt", "none")])).await;
        let (way, signed) = mode.split_once('.').map_or((mode, mode == "jwt"), |(way, _)| (way, true));
        let name = if signed { "response" } else { "code" };
        match way {
            "form_post" => page.body.contains(&format!("name=\"{name}\"")),
            "fragment" => page.location().is_some_and(|to| to.contains(&format!("#{name}="))),
            _ => page.location().is_some_and(|to| to.contains(&format!("?{name}="))),
        }
    }

    /// That it gives tokens is the matrix's business; here it is not unknown, and may be registered.
    async fn takes_grant(&mut self, grant: &str) -> bool {
        let mut grants = vec!["authorization_code", "refresh_token"];
        grants.retain(|known| *known != grant);
        grants.push(grant);
        let mut over = json!({ "grant_types": grants });
        match grant {
            CIBA => over["backchannel_token_delivery_mode"] = json!("poll"),
            "urn:ietf:params:oauth:grant-type:token-exchange" => {
                over["token_exchange_clients"] = json!(["first"]);
                over["audience"] = json!(["https://records.example"]);
            }
            _ => {}
        }
        let Some(portal) = self.portal(over).await else { return false };
        let (_, answer) = portal.call(&self.house, "/token", &[("grant_type", grant)]).await;
        answer["error"] != "unsupported_grant_type" && answer["error"] != "unauthorized_client"
    }

    async fn gives_scope(&mut self, scope: &str) -> bool {
        let portal = self.portal(json!({ "scope": format!("openid {scope}"), "sharing": sharing() })).await.unwrap();
        let asked = format!("openid {scope}");
        let tokens = self.tokens(&portal, &[("scope", &asked)]).await.unwrap();
        tokens["scope"].as_str().unwrap().split(' ').any(|given| given == scope)
    }

    /// The verified claim that a request gets (OpenID Connect for Identity Assurance 1.0 section 6).
    async fn verifies(&mut self, verification: Value, claim: &str) -> Option<Value> {
        let portal = self.portal(json!({ "sharing": sharing() })).await.unwrap();
        let wanted = json!({ "verification": verification, "claims": { claim: null } });
        let claims = json!({ "userinfo": { "verified_claims": wanted } }).to_string();
        let tokens = self.tokens(&portal, &[("claims", &claims)]).await.unwrap();
        let (_, told) = portal.userinfo(&self.house, &tokens["access_token"]).await;
        told["verified_claims"]["claims"].get(claim).cloned()
    }

    async fn tells(&mut self, claim: &str) -> bool {
        if ["email", "email_verified"].contains(&claim) {
            // Nobody here has an address; account.rs gives somebody one and reads it back.
            return true;
        }
        let portal = self.portal(json!({ "sharing": sharing() })).await.unwrap();
        let claims = json!({ "userinfo": { claim: null }, "id_token": { claim: null } }).to_string();
        let Some(tokens) = self.tokens(&portal, &[("scope", SCOPE), ("claims", &claims)]).await else {
            return false;
        };
        let (_, told) = portal.userinfo(&self.house, &tokens["access_token"]).await;
        claims_of(&tokens["id_token"]).get(claim).is_some() || told.get(claim).is_some()
    }

    /// Whether a client that was registered with a method is known by it at the endpoint that a member is about.
    async fn proves(&mut self, member: &str, method: &str, algorithm: &str) -> bool {
        let id = format!("portal-{}", self.portals + 1);
        let secret = dinhdanh::flow::demo::client_secret_of(&self.house.services, &id).unwrap().expose().to_owned();
        let certificate = match &self.authority {
            Some(authority) if method == "tls_client_auth" => authority.issue("agency.example"),
            _ => self_signed(),
        };
        let Some(signer) = Signer::new(algorithm, &secret) else { return false };
        let mut over = json!({ "token_endpoint_auth_method": method });
        match method {
            "private_key_jwt" => over["jwks"] = signer.jwks(),
            "tls_client_auth" => over["tls_client_auth_san_dns"] = json!("agency.example"),
            "self_signed_tls_client_auth" => {
                let x5c = STANDARD.encode(&certificate);
                over["jwks"] = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "x": "x", "y": "y", "x5c": [x5c] }] });
            }
            "none" => over["grant_types"] = json!(["authorization_code", "refresh_token"]),
            _ => {}
        }
        let Some(portal) = self.portal(over).await else { return false };
        let assertion = signer.sign("JWT", &self.claims(&portal));
        let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
        let (mut fields, mut headers) = (vec![("token", "x")], vec![]);
        match method {
            "client_secret_basic" => headers.push(("authorization", basic.as_str())),
            "client_secret_post" => fields.extend([("client_id", id.as_str()), ("client_secret", secret.as_str())]),
            "client_secret_jwt" | "private_key_jwt" => fields.extend([
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                ("client_assertion", assertion.as_str()),
            ]),
            _ => fields.push(("client_id", &id)),
        }
        let path = match member.split('_').next() {
            Some("introspection") => "/introspect",
            Some("revocation") => "/revoke",
            _ => {
                fields.extend([("grant_type", "authorization_code"), ("code", "x"), ("code_verifier", "x")]);
                "/token"
            }
        };
        let (status, _) = if method.contains("tls") {
            post(&self.house, path, Shown::Told("192.0.2.1", &certificate), &fields).await
        } else {
            let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
            headers.push(("content-type", "application/x-www-form-urlencoded"));
            let page = self.house.browser().request(axum::http::Method::POST, path, &headers, &body).await;
            (page.status.as_u16(), Value::Null)
        };
        // A code that nobody was given: whoever is told so was known.
        if path == "/token" { status == 400 } else { status == 200 }
    }

    async fn heeds_signed_request(&mut self, algorithm: &str) -> bool {
        let id = format!("portal-{}", self.portals + 1);
        let secret = dinhdanh::flow::demo::client_secret_of(&self.house.services, &id).unwrap().expose().to_owned();
        let Some(signer) = Signer::new(algorithm, &secret) else {
            let over = json!({ "request_object_signing_alg": algorithm });
            return self.portal(over).await.is_some();
        };
        let mut over = json!({ "request_object_signing_alg": algorithm });
        if signer.public["kid"].is_string() {
            over["jwks"] = signer.jwks();
        }
        let Some(portal) = self.portal(over).await else { return false };
        let signed = self.signed_request(&portal, &signer);
        self.heeds(&portal, ("request", &signed)).await
    }

    async fn binds_by(&mut self, algorithm: &str) -> bool {
        let Some(signer) = Signer::new(algorithm, "a-secret-of-at-least-thirty-two-bytes") else { return false };
        let portal = self.portal(json!({})).await.unwrap();
        let code = self.code(&portal, &[]).await.unwrap();
        let services = &self.house.services;
        let claims = json!({
            "jti": random_token(&SystemEntropy), "htm": "POST", "htu": format!("{}/token", services.issuer()),
            "iat": self.house.clock.now().seconds(),
            "nonce": services.dpop_nonces.current(self.house.clock.now()).unwrap(),
        });
        if signer.public["kid"].is_null() {
            let answer = portal.call_with(&self.house, &[("dpop", "a.b.c")], "/token", &portal.redemption(&code)).await;
            return answer.status.is_success();
        }
        let proof = signer.proof(&claims);
        let page = portal.call_with(&self.house, &[("dpop", &proof)], "/token", &portal.redemption(&code)).await;
        page.body.contains("\"token_type\":\"DPoP\"")
    }

    async fn is_asked_signed(&mut self, algorithm: &str) -> bool {
        let id = format!("portal-{}", self.portals + 1);
        let secret = dinhdanh::flow::demo::client_secret_of(&self.house.services, &id).unwrap().expose().to_owned();
        let mut over = json!({
            "grant_types": [CIBA], "response_types": [], "redirect_uris": [], "post_logout_redirect_uris": [],
            "backchannel_token_delivery_mode": "poll", "scope": "openid",
            "backchannel_authentication_request_signing_alg": algorithm,
        });
        let Some(signer) = Signer::new(algorithm, &secret) else { return self.portal(over).await.is_some() };
        if signer.public["kid"].is_string() {
            over["jwks"] = signer.jwks();
        }
        let Some(portal) = self.portal(over).await else { return false };
        let mut claims = self.claims(&portal);
        for (name, value) in [("scope", "openid"), ("login_hint", HOA.number), ("binding_message", "GD-4711")] {
            claims[name] = json!(value);
        }
        claims.as_object_mut().unwrap().remove("sub");
        let signed = signer.sign("JWT", &claims);
        portal.call(&self.house, "/backchannel_authentication", &[("request", &signed)]).await.0 == 200
    }

    /// Whether a client is known by the address of a document about it.
    async fn knows_clients_by_document(&self) -> bool {
        let site = WebSite::start().await;
        let (id, redirect) = (format!("{}/client", site.url), format!("{}/cb", site.url));
        let document = json!({ "client_id": id, "redirect_uris": [redirect], "client_name": "P" }).to_string();
        site.put("/client", "application/json", document);
        let portal = Portal { id, secret: String::new(), redirect, scope: "openid" };
        portal.ask(&mut self.house.browser(), &[]).await.body.contains("name=\"identifier\"")
    }

    /// Members that are said with yes or no.
    async fn holds(&mut self, member: &str) -> bool {
        let portal = self.portal(json!({ "sharing": sharing() })).await.unwrap();
        match member {
            "require_pushed_authorization_requests" | "require_signed_request_object" => {
                self.code(&portal, &[]).await.is_none()
            }
            "claims_parameter_supported" => self.tells("name").await,
            "verified_claims_supported" => self.verifies(json!({ "trust_framework": null }), "name").await.is_some(),
            "request_parameter_supported" => self.heeds_signed_request("ES256").await,
            "request_uri_parameter_supported" => self.fetches(true).await,
            "require_request_uri_registration" => !self.fetches(false).await,
            "client_id_metadata_document_supported" => self.knows_clients_by_document().await,
            "authorization_response_iss_parameter_supported" => self.answer(&portal, &[]).await.contains_key("iss"),
            "backchannel_logout_supported" => {
                let ear = Ear::answering(200).await;
                let (house, ..) = signed_out(&ear).await;
                house.deliver().await;
                ear.times() == 1
            }
            "frontchannel_logout_supported" => !framed_at_sign_out(false).await.is_empty(),
            "frontchannel_logout_session_supported" => framed_at_sign_out(true).await.contains("sid="),
            "backchannel_logout_session_supported" => {
                let tokens = self.tokens(&portal, &[]).await.unwrap();
                claims_of(&tokens["id_token"])["sid"].is_string()
            }
            "backchannel_user_code_parameter_supported" => {
                let over = json!({
                    "grant_types": [CIBA], "response_types": [], "redirect_uris": [], "post_logout_redirect_uris": [],
                    "backchannel_token_delivery_mode": "poll", "backchannel_user_code_parameter": true,
                });
                self.portal(over).await.is_some()
            }
            "tls_client_certificate_bound_access_tokens" => {
                let over = json!({ "tls_client_certificate_bound_access_tokens": true });
                let Some(portal) = self.portal(over).await else { return false };
                let fields = [
                    ("client_id", portal.id.as_str()),
                    ("client_secret", &portal.secret),
                    ("grant_type", "client_credentials"),
                ];
                let (_, tokens) = post(&self.house, "/token", Shown::Told("192.0.2.1", &self_signed()), &fields).await;
                tokens["access_token"].is_string() && claims_of(&tokens["access_token"])["cnf"]["x5t#S256"].is_string()
            }
            other => panic!("discovery has a new member {other}: say here what proves it"),
        }
    }
}

/// What the page after signing out says to the portal of the session, in its frame; nothing without one.
async fn framed_at_sign_out(session_required: bool) -> String {
    const ADDRESS: &str = "https://portal-a.example/out";
    let house = House::new().await;
    house.with(&HOA).await;
    let over = json!({ "frontchannel_logout_uri": ADDRESS, "frontchannel_logout_session_required": session_required });
    let portal = Portal::with(&house, "portal-a", over).await;
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    house.sign_in(&mut browser, &page, &HOA).await.code();
    let account = browser.open("/account").await;
    let page = browser.press(&account, "/logout/all", &[]).await;
    let frames = page.body.split("<iframe").skip(1).filter_map(|frame| frame.split('>').next());
    frames.filter(|frame| frame.contains(ADDRESS)).collect()
}

/// An agreement under which every claim may leave.
fn sharing() -> Value {
    let claims: Vec<&str> = dinhdanh::protocol::scope::ClaimName::ALL.iter().map(|claim| claim.as_str()).collect();
    json!({
        "claims": claims, "purpose": { "vi": "Thử nghiệm", "en": "To test" }, "legal_basis": "Luật thử nghiệm",
        "basis_kind": "law", "term_days": 365,
    })
}

fn without_nulls(mut value: Value) -> Value {
    value.as_object_mut().unwrap().retain(|_, member| !member.is_null());
    value
}
