use super::*;
use crate::protocol::client::Doors;
use crate::protocol::error::tests::is_lawful;
use serde_json::json;

const STRICT: RegistrationPolicy = RegistrationPolicy {
    allow_loopback_http: false,
    allow_loopback_login: false,
    several_hosts: false,
    signing_algorithms: SigningAlgorithms::ALL,
};
const LOOPBACK: RegistrationPolicy = RegistrationPolicy {
    allow_loopback_http: true,
    allow_loopback_login: true,
    several_hosts: false,
    signing_algorithms: SigningAlgorithms::ALL,
};

/// The least a portal registers, changed by merging `change` into it.
fn metadata(change: Value) -> Value {
    let mut base = json!({ "client_name": "Cổng dịch vụ", "redirect_uris": ["https://dichvucong.example/cb"] });
    for (name, value) in change.as_object().unwrap() {
        base[name] = value.clone();
    }
    base
}

fn register(policy: RegistrationPolicy, change: Value) -> Result<ClientMetadata, Error> {
    ClientMetadata::parse(&metadata(change).to_string())?.validate(policy)
}

fn refused(policy: RegistrationPolicy, change: Value) -> Error {
    let error = register(policy, change.clone()).expect_err(&change.to_string());
    assert!(is_lawful(&error.description), "{error:?}");
    error
}

fn with_uri(uri: &str, application_type: &str) -> Value {
    json!({ "redirect_uris": [uri], "application_type": application_type })
}

#[test]
fn the_defaults_of_the_standard_are_filled_in() {
    let metadata = register(STRICT, json!({})).unwrap();
    assert_eq!(metadata.token_endpoint_auth_method, AuthenticationMethod::ClientSecretBasic);
    assert_eq!(metadata.id_token_signed_response_alg.as_str(), "RS256");
    assert_eq!(metadata.scope.to_string(), "openid");
    assert!(metadata.require_pkce);
}

#[test]
fn metadata_survives_the_store_unchanged() {
    let jwks = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "x": "x", "y": "y" }] });
    let full = register(
        STRICT,
        json!({
            "client_name#vi": "Cổng", "client_name#en": "Portal", "token_endpoint_auth_method": "private_key_jwt",
            "grant_types": ["authorization_code", "refresh_token", "client_credentials"], "response_types": ["code"],
            "scope": "openid profile offline_access", "jwks": jwks, "application_type": "web", "subject_type": "pairwise",
            "sector_identifier_uri": "https://agency.example/sector", "id_token_signed_response_alg": "ES256",
            "userinfo_signed_response_alg": "PS256", "token_endpoint_auth_signing_alg": "EdDSA", "default_max_age": 600,
            "require_auth_time": true, "default_acr_values": ["urn:dinhdanh:acr:2"],
            "post_logout_redirect_uris": ["https://dichvucong.example/bye"],
            "backchannel_logout_uri": "https://dichvucong.example/logout", "backchannel_logout_session_required": true,
            "logo_uri": "https://dichvucong.example/l.svg", "client_uri": "https://dichvucong.example/",
            "contacts": ["ops@dichvucong.example"], "policy_uri": "https://dichvucong.example/p",
            "tos_uri": "https://dichvucong.example/t", "access_token_signed_response_alg": "ES256", "require_pkce": false,
            "minimum_authentication_level": 2, "minimum_identity_level": 1, "audience": ["https://api.example"],
            "representation": "allowed",
            "sharing": { "claims": ["name"], "purpose": { "vi": "Để", "en": "To" }, "legal_basis": "Decree", "basis_kind": "law", "term_days": 365 },
        }),
    )
    .unwrap();
    let written = serde_json::to_value(&full).unwrap();
    assert_eq!(ClientMetadata::parse(&written.to_string()).unwrap(), full);
    let doors = doors();
    let of_doors: BTreeSet<&str> = doors.as_object().unwrap().keys().map(String::as_str).collect();
    // Whatever is written is a known member, and every known member but the refused `jwks_uri` was written here.
    let known: BTreeSet<&str> = MEMBERS.iter().map(|(name, _)| *name).filter(|name| *name != "jwks_uri").collect();
    let seen: BTreeSet<&str> = written.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(&seen | &of_doors, known);
}

/// Every member of doors, each with a value that is not its default.
fn doors() -> Value {
    json!({
        "profile": "fapi2_security", "ciba_profile": true, "require_pushed_authorization_requests": true,
        "require_signed_request_object": true, "request_object_signing_alg": "ES256",
        "request_object_encryption_alg": "ECDH-ES", "request_object_encryption_enc": "A256GCM",
        "request_uris": ["https://dichvucong.example/request"],
        "authorization_signed_response_alg": "ES256", "authorization_encrypted_response_alg": "RSA-OAEP-256",
        "authorization_encrypted_response_enc": "A128GCM", "id_token_encrypted_response_alg": "ECDH-ES+A256KW",
        "id_token_encrypted_response_enc": "A128CBC-HS256", "userinfo_encrypted_response_alg": "ECDH-ES",
        "userinfo_encrypted_response_enc": "A256GCM", "introspection_signed_response_alg": "PS256",
        "introspection_encrypted_response_alg": "ECDH-ES", "introspection_encrypted_response_enc": "A256GCM",
        "access_token_format": "opaque", "dpop_bound_access_tokens": true,
        "tls_client_certificate_bound_access_tokens": true, "tls_client_auth_subject_dn": "CN=a",
        "tls_client_auth_san_dns": "a.example", "tls_client_auth_san_uri": "urn:a", "tls_client_auth_san_ip": "192.0.2.1",
        "tls_client_auth_san_email": "a@a.example", "backchannel_token_delivery_mode": "ping",
        "backchannel_client_notification_endpoint": "https://dichvucong.example/ping",
        "backchannel_authentication_request_signing_alg": "ES256", "backchannel_user_code_parameter": true,
        "token_exchange_clients": ["clinic"],
        "frontchannel_logout_uri": "https://dichvucong.example/out", "frontchannel_logout_session_required": true,
        "initiate_login_uri": "https://dichvucong.example/start",
        "authorization_details_types": ["urn:dinhdanh:representation"], "software_id": "a", "software_version": "1",
    })
}

#[test]
fn members_of_doors_survive_the_store_unchanged() {
    let read: Doors = serde_json::from_value(doors()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), doors());
}

#[test]
fn an_opaque_token_has_no_algorithm() {
    register(STRICT, json!({ "access_token_format": "opaque" })).unwrap();
    let both = json!({ "access_token_format": "opaque", "access_token_signed_response_alg": "ES256" });
    assert_eq!(register(STRICT, both).unwrap_err().reason, "access_token_format");
    assert!(register(STRICT, json!({ "access_token_format": "sealed" })).is_err());
}

/// RFC 9396 10.
#[test]
fn types_of_authorization_details_are_known_and_allowed() {
    let types = |types: Value, policy: &str| {
        register(STRICT, json!({ "authorization_details_types": types, "representation": policy }))
            .map_err(|error| error.reason)
    };
    let ours = json!(["urn:dinhdanh:representation"]);
    types(ours.clone(), "allowed").unwrap();
    types(ours.clone(), "required").unwrap();
    types(json!([]), "refused").unwrap();
    assert_eq!(types(ours, "refused").unwrap_err(), "authorization_details_types");
    assert_eq!(types(json!(["payment_initiation"]), "allowed").unwrap_err(), "authorization_details_types");
}

const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const CIBA: &str = "urn:openid:params:grant-type:ciba";

/// FAPI 2.0 Security Profile 5.3.2.1, 5.4.1.
#[test]
fn fapi2_a_profile_takes_strong_clients_only() {
    let jwks = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "x": "x", "y": "y" }] });
    let good = json!({ "profile": "fapi2_security", "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks,
        "id_token_signed_response_alg": "PS256" });
    register(STRICT, good.clone()).unwrap();
    for (change, reason) in [
        (json!({ "token_endpoint_auth_method": "client_secret_basic" }), "profile_authentication_method"),
        (json!({ "token_endpoint_auth_method": "none" }), "profile_authentication_method"),
        (json!({ "id_token_signed_response_alg": "RS256" }), "profile_algorithm"),
        (json!({ "request_object_signing_alg": "RS256" }), "profile_algorithm"),
        (json!({ "require_pkce": false }), "profile_pkce"),
        (json!({ "grant_types": ["authorization_code", DEVICE] }), "profile_grant"),
        (
            json!({ "grant_types": ["authorization_code", CIBA], "backchannel_token_delivery_mode": "poll" }),
            "profile_grant",
        ),
        (
            json!({ "grant_types": ["authorization_code", CIBA], "backchannel_token_delivery_mode": "poll",
                "ciba_profile": true, "backchannel_authentication_request_signing_alg": "RS256" }),
            "profile_algorithm",
        ),
    ] {
        let mut metadata = good.clone();
        metadata.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        assert_eq!(register(STRICT, metadata).unwrap_err().reason, reason);
    }
}

/// I14: what a newer version stored is read, without what we do not know.
#[test]
fn i14_a_stored_row_may_hold_members_of_a_newer_version() {
    let stored = json!({ "client_name": "a", "redirect_uris": ["https://a.example/"], "member_of_tomorrow": true });
    let read: ClientMetadata = serde_json::from_value(stored.clone()).unwrap();
    assert_eq!(read.client_name.as_deref(), Some("a"));
    assert!(ClientMetadata::parse(&stored.to_string()).is_err());
}

#[test]
fn unknown_members_are_refused_with_the_nearest_name() {
    for (unknown, nearest) in [
        ("redirect_uri", "redirect_uris"),
        ("client_nmae", "client_name"),
        ("token_endpoint_authmethod", "token_endpoint_auth_method"),
        ("post_logout_redirect_uri", "post_logout_redirect_uris"),
    ] {
        let error = refused(STRICT, json!({ unknown: "x" }));
        assert!(error.description.ends_with(&format!("is {nearest}.")), "{error:?}");
    }
}

#[test]
fn k1_an_unknown_member_is_not_repeated() {
    let error = refused(STRICT, json!({ "<script>alert(1)</script>": 1 }));
    assert_eq!(error.reason, "unknown_metadata_member");
    assert!(!error.description.contains("script"));
}

#[test]
fn a_member_of_the_wrong_kind_is_named_with_what_it_takes() {
    for (change, name) in [
        (json!({ "redirect_uris": "https://a.example" }), "redirect_uris"),
        (json!({ "grant_types": ["password"] }), "grant_types"),
        (json!({ "grant_types": ["implicit"] }), "grant_types"),
        (json!({ "response_types": ["code id_token"] }), "response_types"),
        (json!({ "response_types": ["token"] }), "response_types"),
        (json!({ "id_token_signed_response_alg": "none" }), "id_token_signed_response_alg"),
        (json!({ "id_token_signed_response_alg": "HS256" }), "id_token_signed_response_alg"),
        (json!({ "subject_type": "public" }), "subject_type"),
        (json!({ "default_max_age": -1 }), "default_max_age"),
        (json!({ "token_endpoint_auth_method": "client_secret" }), "token_endpoint_auth_method"),
        (json!({ "scope": "a\"b" }), "scope"),
        (
            json!({ "sharing": { "claims": ["roles"], "purpose": { "vi": "a", "en": "b" }, "legal_basis": "c", "basis_kind": "law", "term_days": 1 } }),
            "sharing",
        ),
        (json!({ "require_pkce": "yes" }), "require_pkce"),
    ] {
        let error = refused(STRICT, change);
        assert_eq!(error.code, ErrorCode::InvalidClientMetadata);
        assert!(error.description.starts_with(&format!("The member {name} takes ")), "{error:?}");
    }
}

#[test]
fn s4_doubled_members_are_refused() {
    for text in [
        r#"{"client_name":"a","client_name":"b","redirect_uris":["https://a.example/"]}"#,
        r#"{"client_name":"a","jwks":{"keys":[],"keys":[]}}"#,
        "[]",
        "{",
        "",
    ] {
        assert_eq!(ClientMetadata::parse(text).unwrap_err().reason, "metadata_not_json", "{text}");
    }
}

#[test]
fn a3_patterns_are_refused() {
    for uri in [
        "https://app.example.com*",
        "*",
        "https://*.example.com/cb",
        "https://app.example.com/.*",
        "https://app.example.com/.+",
        "https://app.example.com/(a|b)",
        "https://app.example.com/[a-z]",
        "^https://app.example.com$",
        r"https://app\.example\.com/cb",
        "https://app.example.com/{id}",
    ] {
        for kind in ["web", "native"] {
            assert_eq!(refused(LOOPBACK, with_uri(uri, kind)).code, ErrorCode::InvalidRedirectUri, "{uri}");
            let bye = json!({ "post_logout_redirect_uris": [uri], "application_type": kind });
            assert_eq!(refused(LOOPBACK, bye).code, ErrorCode::InvalidRedirectUri, "{uri}");
        }
    }
}

#[test]
fn a4_a_code_client_without_addresses_is_refused() {
    let error = refused(STRICT, json!({ "redirect_uris": [] }));
    assert_eq!((error.code, error.reason), (ErrorCode::InvalidRedirectUri, "no_redirect_uris"));
}

#[test]
fn a5_localhost_lookalikes_are_refused() {
    for uri in [
        "http://localhost.evil/cb",
        "http://127.0.0.1.evil/cb",
        "http://localhost@evil/cb",
        "http://127.0.0.1@evil/cb",
        "http://127.0.0.1:80@evil/cb",
        "http://localhost./cb",
        "http://localhost.localdomain/cb",
        "http://alocalhost/cb",
        "http://127.0.0.2/cb",
        "http://127.1/cb",
        "http://2130706433/cb",
        "http://0x7f000001/cb",
        "http://0.0.0.0/cb",
        "http://[::ffff:127.0.0.1]/cb",
        "http://[::]/cb",
        "http://127.0.0.1./cb",
        "http://rp.example/cb",
    ] {
        for kind in ["web", "native"] {
            let error = refused(LOOPBACK, with_uri(uri, kind));
            assert_eq!(error.code, ErrorCode::InvalidRedirectUri, "{uri} {kind}");
        }
    }
}

#[test]
fn a5_loopback_is_for_native_clients_or_where_the_installation_allows_it() {
    for kind in ["web", "native"] {
        let uri = "http://localhost:3000/cb";
        assert!(register(LOOPBACK, with_uri(uri, kind)).is_ok(), "{kind}");
        assert_eq!(refused(STRICT, with_uri(uri, kind)).reason, "redirect_uri_refused", "{kind}");
    }
    for uri in ["http://127.0.0.1/cb", "http://127.0.0.1:3001/cb", "http://[::1]/cb"] {
        assert!(register(STRICT, with_uri(uri, "native")).is_ok(), "{uri}");
        assert!(register(LOOPBACK, with_uri(uri, "web")).is_ok(), "{uri}");
        assert_eq!(refused(STRICT, with_uri(uri, "web")).reason, "redirect_uri_refused", "{uri}");
    }
}

#[test]
fn a8_script_and_other_schemes_are_refused() {
    for uri in [
        "javascript:alert(1)",
        "JaVaScRiPt:alert`1`",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://rp.example/1",
        "about:blank",
        "ftp://rp.example/cb",
        "ws://rp.example/cb",
        "myapp:/cb",
        "myapp://cb",
        "intent://x#Intent;end",
        ".com:/cb",
        "com..example:/cb",
        "com.example.app:",
        "urn:ietf:wg:oauth:2.0:oob",
    ] {
        for kind in ["web", "native"] {
            assert_eq!(refused(LOOPBACK, with_uri(uri, kind)).code, ErrorCode::InvalidRedirectUri, "{uri} {kind}");
        }
    }
    assert!(register(STRICT, with_uri("com.example.app:/cb", "native")).is_ok());
    assert!(register(STRICT, with_uri("com.example.app://cb", "native")).is_ok());
    assert!(refused(STRICT, with_uri("com.example.app:/cb", "web")).reason == "redirect_uri_refused");
}

#[test]
fn a1_fragments_and_user_info_are_refused() {
    for uri in [
        "https://rp.example/cb#",
        "https://rp.example/cb#x",
        "https://a@rp.example/cb",
        "https://a:b@rp.example/cb",
        "https://rp.example/c b",
        "https://rp.example\\@evil/cb",
        "https://rp.example./cb",
        "https://rp..example/cb",
        "https://bộ.example/cb",
    ] {
        assert_eq!(refused(STRICT, with_uri(uri, "web")).code, ErrorCode::InvalidRedirectUri, "{uri}");
    }
}

#[test]
fn c1_public_clients_need_pkce_and_have_no_grant_of_their_own() {
    let public = |change: Value| {
        let mut base = json!({ "token_endpoint_auth_method": "none" });
        base.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        base
    };
    assert!(register(STRICT, public(json!({}))).is_ok());
    assert_eq!(refused(STRICT, public(json!({ "require_pkce": false }))).reason, "public_without_pkce");
    let grants = json!({ "grant_types": ["authorization_code", "client_credentials"] });
    assert_eq!(refused(STRICT, public(grants)).reason, "public_client_credentials");
    assert!(register(STRICT, json!({ "require_pkce": false })).is_ok());
}

/// RFC 8705 2.1.2.
#[test]
fn a_client_of_tls_client_auth_has_one_name_that_a_certificate_can_have() {
    let with = |names: Value| {
        let mut metadata = json!({ "token_endpoint_auth_method": "tls_client_auth" });
        metadata.as_object_mut().unwrap().extend(names.as_object().unwrap().clone());
        metadata
    };
    assert!(register(STRICT, with(json!({ "tls_client_auth_san_dns": "agency.example" }))).is_ok());
    assert!(register(STRICT, with(json!({ "tls_client_auth_subject_dn": "CN=agency,C=VN" }))).is_ok());
    for (names, reason) in [
        (json!({}), "certificate_name_count"),
        (
            json!({ "tls_client_auth_san_dns": "a.example", "tls_client_auth_san_ip": "192.0.2.1" }),
            "certificate_name_count",
        ),
        (json!({ "tls_client_auth_san_ip": "a.example" }), "certificate_name_malformed"),
        (json!({ "tls_client_auth_san_dns": "*.example" }), "certificate_name_malformed"),
    ] {
        assert_eq!(refused(STRICT, with(names)).reason, reason);
    }
    let other = json!({ "tls_client_auth_san_dns": "agency.example" });
    assert_eq!(refused(STRICT, other).reason, "certificate_name_unused");
}

#[test]
fn g1_keys_are_inline_public_and_asymmetric() {
    let key = json!({ "kty": "EC", "crv": "P-256", "x": "x", "y": "y" });
    let with = |jwks: Value| json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks });
    assert!(register(STRICT, with(json!({ "keys": [key] }))).is_ok());
    assert_eq!(refused(STRICT, json!({ "token_endpoint_auth_method": "private_key_jwt" })).reason, "jwks_missing");
    let at = |uri: &str| json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": uri });
    assert!(register(STRICT, at("https://rp.example/jwks")).is_ok());
    for uri in ["http://169.254.169.254/", "http://127.0.0.1/jwks", "file:///etc/passwd", "https://a@rp.example/jwks"] {
        assert_eq!(refused(STRICT, at(uri)).reason, "address_refused", "{uri}");
    }
    let both = json!({ "jwks_uri": "https://rp.example/jwks", "jwks": { "keys": [key] } });
    assert_eq!(refused(STRICT, both).reason, "jwks_twice");
    let eleven: Vec<Value> = vec![key.clone(); 11];
    for jwks in [
        json!({}),
        json!([]),
        json!({ "keys": [] }),
        json!({ "keys": [1] }),
        json!({ "keys": [{ "kty": "oct", "k": "x" }] }),
        json!({ "keys": eleven }),
    ] {
        assert_eq!(refused(STRICT, with(jwks)).reason, "jwks_malformed");
    }
    for member in ["d", "p", "k"] {
        let mut private = key.clone();
        private[member] = json!("x");
        assert_eq!(refused(STRICT, with(json!({ "keys": [private] }))).reason, "jwks_private");
    }
}

#[test]
fn g1_every_other_address_is_https_too() {
    for name in ["logo_uri", "client_uri", "policy_uri", "tos_uri", "backchannel_logout_uri", "sector_identifier_uri"] {
        for uri in [
            "http://rp.example/",
            "javascript:alert(1)",
            "data:image/svg+xml,x",
            "https://a@rp.example/",
            "http://127.0.0.1/",
            "x",
        ] {
            assert_eq!(refused(STRICT, json!({ name: uri })).reason, "address_refused", "{name} {uri}");
        }
        assert!(register(STRICT, json!({ name: "https://rp.example/x" })).is_ok(), "{name}");
    }
    assert!(register(LOOPBACK, json!({ "backchannel_logout_uri": "http://127.0.0.1:3001/logout" })).is_ok());
}

/// OpenID Connect Registration 2, Core 6.2.
#[test]
fn addresses_of_requests_are_https_short_and_signed() {
    let with = |list: Value| json!({ "request_uris": list, "jwks": { "keys": [{ "kty": "EC", "crv": "P-256", "x": "x", "y": "y" }] } });
    for address in [
        "https://rp.example/r",
        "https://rp.example/r?a=1",
        "https://rp.example/r#v-1",
        "https://rp.example/r#GkurKxf5T0Y-mnPFCHqWOMiZi4VS138cQO_V7PZHAdM",
    ] {
        assert!(register(STRICT, with(json!([address]))).is_ok(), "{address}");
    }
    let long = format!("https://rp.example/{}", "a".repeat(500));
    for address in [
        "http://rp.example/r",
        "https://rp.example/r#",
        "https://rp.example/r#a b",
        "https://a@rp.example/",
        "urn:ietf:params:oauth:request_uri:x",
        &long,
    ] {
        assert_eq!(refused(STRICT, with(json!([address]))).reason, "request_uris_refused", "{address}");
    }
    assert_eq!(refused(STRICT, json!({ "request_uris": ["https://rp.example/r"] })).reason, "jwks_missing");
    assert!(register(LOOPBACK, with(json!(["http://127.0.0.1:3001/r"]))).is_ok());
}

/// Front-Channel Logout 2.
#[test]
fn a_frame_signs_out_where_the_client_is_sent_back_to_and_nowhere_else() {
    for uri in ["https://dichvucong.example/out", "https://dichvucong.example/out?a=1", "https://dichvucong.example"] {
        let with = json!({ "frontchannel_logout_uri": uri, "frontchannel_logout_session_required": true });
        assert!(register(STRICT, with).is_ok(), "{uri}");
    }
    for uri in ["https://evil.example/out", "https://dichvucong.example:8443/out", "https://a.dichvucong.example/out"] {
        assert_eq!(
            refused(STRICT, json!({ "frontchannel_logout_uri": uri })).reason,
            "frontchannel_elsewhere",
            "{uri}"
        );
    }
    for uri in ["http://dichvucong.example/out", "javascript:alert(1)", "https://dichvucong.example/out#x", "x"] {
        assert_eq!(refused(STRICT, json!({ "frontchannel_logout_uri": uri })).reason, "address_refused", "{uri}");
    }
    let alone = json!({ "frontchannel_logout_session_required": true });
    assert_eq!(refused(STRICT, alone).reason, "frontchannel_session_unused");
    let app = json!({ "redirect_uris": ["com.example.app:/cb"], "application_type": "native",
        "frontchannel_logout_uri": "https://app.example/out" });
    assert_eq!(refused(STRICT, app).reason, "frontchannel_elsewhere");
}

#[test]
fn h6_pairwise_sectors_are_one_host_or_said() {
    let two = json!({ "redirect_uris": ["https://a.example/cb", "https://b.example/cb"] });
    assert_eq!(refused(STRICT, two.clone()).reason, "sector_unclear");
    let mut said = two;
    said["sector_identifier_uri"] = json!("https://agency.example/sector");
    assert_eq!(register(STRICT, said).unwrap().sector("x", STRICT).unwrap(), "agency.example");
    assert_eq!(register(STRICT, json!({})).unwrap().sector("x", STRICT).unwrap(), "dichvucong.example");
    let same = json!({ "redirect_uris": ["https://a.example/cb", "https://a.example:8443/cb2"] });
    assert_eq!(register(STRICT, same).unwrap().sector("x", STRICT).unwrap(), "a.example");
    // Conformance runs: a sector of its own, never that of a host.
    let open = RegistrationPolicy { several_hosts: true, ..STRICT };
    let two = json!({ "redirect_uris": ["https://a.example/cb", "https://b.example/cb"] });
    assert_eq!(register(open, two).unwrap().sector("x", open).unwrap(), "client:x");
}

#[test]
fn h6_loopback_and_private_use_clients_share_no_sector() {
    let sector = |policy, uri: &str, kind: &str, id: &str| {
        register(policy, with_uri(uri, kind)).unwrap().sector(id, policy).unwrap()
    };
    let one = sector(LOOPBACK, "http://127.0.0.1:3001/cb", "web", "one");
    let two = sector(LOOPBACK, "http://127.0.0.1:3002/cb", "web", "two");
    let app = sector(STRICT, "com.example.app:/cb", "native", "app");
    assert_eq!((one.as_str(), two.as_str(), app.as_str()), ("client:one", "client:two", "client:app"));
    assert!(check_client_id("client:one").is_err());
}

#[test]
fn grants_responses_and_scopes_fit_together() {
    for (change, reason) in [
        (json!({ "grant_types": [] }), "no_grant_types"),
        (json!({ "grant_types": ["refresh_token"], "redirect_uris": [] }), "refresh_without_code"),
        (json!({ "response_types": [] }), "no_response_types"),
        (json!({ "scope": "profile" }), "scope_without_openid"),
        (json!({ "scope": "openid offline_access" }), "offline_without_refresh"),
        (json!({ "grant_types": ["client_credentials"] }), "redirect_uris_unused"),
        (
            json!({ "grant_types": ["client_credentials"], "redirect_uris": [], "scope": "openid" }),
            "person_scope_without_person",
        ),
        (json!({ "minimum_authentication_level": 0 }), "authentication_level_range"),
        (json!({ "minimum_authentication_level": 5 }), "authentication_level_range"),
        (json!({ "minimum_identity_level": 3 }), "identity_level_range"),
        (json!({ "default_acr_values": ["a b"] }), "default_acr_values_malformed"),
        (json!({ "audience": ["https://api.example#x"] }), "audience_malformed"),
        (json!({ "audience": [""] }), "audience_malformed"),
    ] {
        assert_eq!(refused(STRICT, change.clone()).reason, reason, "{change}");
    }
    let machine = json!({ "grant_types": ["client_credentials"], "redirect_uris": [], "scope": "records:read", "audience": ["https://api.example"] });
    assert!(register(STRICT, machine).unwrap().response_types.is_empty());
}

#[test]
fn k2_names_that_hide_or_turn_text_are_refused() {
    // NUL is refused before, with the JSON itself: not every store can hold it.
    assert_eq!(refused(STRICT, json!({ "client_name": "a\u{0}" })).reason, "metadata_not_json");
    for name in ["", " ", "a\nb", "\u{202e}gov", "a\u{200b}b", "a\u{feff}", &"a".repeat(201)] {
        assert_eq!(refused(STRICT, json!({ "client_name": name })).reason, "client_name_malformed", "{name:?}");
        assert_eq!(refused(STRICT, json!({ "client_name#en": name })).reason, "client_name_malformed", "{name:?}");
    }
    assert_eq!(refused(STRICT, json!({ "client_name": null })).reason, "client_name_missing");
    // Markup is only text: pages escape it.
    assert!(register(STRICT, json!({ "client_name": "<b>Cổng</b>" })).is_ok());
    assert_eq!(refused(STRICT, json!({ "contacts": ["a\rb"] })).reason, "contacts_malformed");
}

#[test]
fn a_sharing_agreement_names_claims_purpose_basis_and_term() {
    let sharing = |change: Value| {
        let mut base = json!({ "claims": ["name", "birthdate"], "purpose": { "vi": "Để nộp hồ sơ", "en": "To file" }, "legal_basis": "Decree 1", "basis_kind": "consent", "term_days": 365 });
        base.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        json!({ "sharing": base })
    };
    assert!(register(STRICT, sharing(json!({}))).is_ok());
    for (change, reason) in [
        (json!({ "claims": [] }), "sharing_claims"),
        (json!({ "claims": ["name", "name"] }), "sharing_claims"),
        (json!({ "purpose": { "vi": "", "en": "x" } }), "sharing_texts"),
        (json!({ "legal_basis": " " }), "sharing_texts"),
        (json!({ "term_days": 0 }), "sharing_term"),
        (json!({ "term_days": 3651 }), "sharing_term"),
        (json!({ "claims": ["sub"] }), "wrong_metadata_member"),
        (json!({ "purpose": { "vi": "x" } }), "wrong_metadata_member"),
        (json!({ "extra": 1 }), "unknown_sharing_member"),
        (json!({ "purpose": { "vi": "a", "en": "b", "fr": "c" } }), "unknown_sharing_member"),
    ] {
        assert_eq!(refused(STRICT, sharing(change.clone())).reason, reason, "{change}");
    }
}

#[test]
fn a_client_id_cannot_be_read_as_a_subject() {
    assert!(check_client_id("dich-vu-cong.example_1").is_ok());
    for id in [
        "",
        "ab",
        "a b",
        "đđđ",
        "a/b",
        "a:b",
        "0192f0c1-7d2e-7c3a-9b1e-0a1b2c3d4e5f",
        "0192f0c17d2e7c3a9b1e0a1b2c3d4e5f",
        &"a".repeat(41),
    ] {
        assert!(check_client_id(id).is_err(), "{id}");
    }
}

/// Q1, CIBA 4, FAPI-CIBA 5.2.2, RFC 8693 5: who may use the doors beside the browser, and how.
#[test]
fn each_rule_of_the_further_doors_refuses_alone() {
    const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
    let with = |grant: &str, more: Value| {
        let mut change = json!({ "grant_types": [grant], "redirect_uris": [] });
        for (name, value) in more.as_object().unwrap() {
            change[name] = value.clone();
        }
        change
    };
    let poll = |more: Value| {
        let mut change = with(CIBA, json!({ "backchannel_token_delivery_mode": "poll" }));
        for (name, value) in more.as_object().unwrap() {
            change[name] = value.clone();
        }
        change
    };
    for good in [
        with(DEVICE, json!({ "token_endpoint_auth_method": "none" })),
        poll(json!({})),
        with(EXCHANGE, json!({ "scope": "report", "token_exchange_clients": ["clinic"] })),
    ] {
        register(STRICT, good.clone()).unwrap_or_else(|error| panic!("{good}: {error:?}"));
    }
    let jwks = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "x": "x", "y": "y" }] });
    let fapi = |more: Value| {
        let mut change =
            poll(json!({ "ciba_profile": true, "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks,
            "id_token_signed_response_alg": "ES256", "backchannel_authentication_request_signing_alg": "ES256" }));
        for (name, value) in more.as_object().unwrap() {
            change[name] = value.clone();
        }
        change
    };
    register(STRICT, fapi(json!({}))).unwrap();
    for (change, reason) in [
        (with(DEVICE, json!({ "minimum_authentication_level": 3 })), "device_level"),
        (with(CIBA, json!({})), "delivery_mode_missing"),
        (poll(json!({ "token_endpoint_auth_method": "none" })), "public_ciba"),
        (poll(json!({ "backchannel_token_delivery_mode": "ping" })), "ping_without_endpoint"),
        (poll(json!({ "backchannel_user_code_parameter": true })), "user_code_unsupported"),
        (poll(json!({ "backchannel_authentication_request_signing_alg": "ES256" })), "jwks_missing"),
        (poll(json!({ "ciba_profile": true })), "profile_authentication_method"),
        (fapi(json!({ "backchannel_authentication_request_signing_alg": null })), "ciba_profile"),
        (fapi(json!({ "backchannel_authentication_request_signing_alg": "RS256" })), "profile_algorithm"),
        (fapi(json!({ "id_token_signed_response_alg": "RS256" })), "profile_algorithm"),
        (fapi(json!({ "token_endpoint_auth_signing_alg": "RS256" })), "profile_algorithm"),
        (json!({ "backchannel_user_code_parameter": true }), "ciba_unused"),
        (json!({ "backchannel_token_delivery_mode": "poll" }), "ciba_unused"),
        (json!({ "token_exchange_clients": ["clinic"] }), "token_exchange_unused"),
        (with(EXCHANGE, json!({ "token_endpoint_auth_method": "none" })), "public_token_exchange"),
        (with(EXCHANGE, json!({ "token_exchange_clients": ["x"] })), "token_exchange_clients"),
    ] {
        assert_eq!(refused(STRICT, change.clone()).reason, reason, "{change}");
    }
}

/// A10: a client that signs its requests signs them at every door.
#[test]
fn a10_a_client_that_signs_its_requests_has_no_door_without_a_signature() {
    let device = "urn:ietf:params:oauth:grant-type:device_code";
    let signing = |grants: Value| {
        register(
            STRICT,
            json!({ "require_signed_request_object": true, "grant_types": grants, "id_token_signed_response_alg": "ES256",
                "backchannel_token_delivery_mode": "poll" }),
        )
    };
    for grants in
        [json!(["authorization_code", device]), json!(["authorization_code", "urn:openid:params:grant-type:ciba"])]
    {
        assert_eq!(signing(grants.clone()).unwrap_err().reason, "signed_everywhere", "{grants}");
    }
}

/// OpenID Connect Registration 2, JARM 3, RFC 9701 6: what answers are encrypted with, and to which keys.
#[test]
fn encryption_needs_an_asymmetric_algorithm_and_a_key_that_fits() {
    let key = |change: Value| {
        let mut key = json!({ "kty": "EC", "crv": "P-256", "x": "x", "y": "y" });
        key.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        json!({ "keys": [key] })
    };
    for answer in ["id_token", "userinfo", "authorization", "introspection"] {
        let alg = format!("{answer}_encrypted_response_alg");
        let enc = format!("{answer}_encrypted_response_enc");
        for jwks in [key(json!({})), key(json!({ "use": "enc" })), key(json!({ "alg": "ECDH-ES" }))] {
            let taken = register(STRICT, json!({ (&*alg): "ECDH-ES", "jwks": jwks })).unwrap();
            let written = serde_json::to_value(&taken).unwrap();
            assert_eq!(written[&enc], "A128CBC-HS256", "what is left out is said");
        }
        let behind =
            register(STRICT, json!({ (&*alg): "RSA-OAEP-256", (&*enc): "A256GCM", "jwks_uri": "https://a.example/k" }));
        assert_eq!(serde_json::to_value(behind.unwrap()).unwrap()[&enc], "A256GCM");
        for (change, reason) in [
            (json!({ (&*alg): "ECDH-ES" }), "jwks_missing"),
            (json!({ (&*enc): "A256GCM", "jwks": key(json!({})) }), "enc_without_alg"),
            (json!({ (&*alg): "RSA-OAEP-256", "jwks": key(json!({})) }), "no_encryption_key"),
            (json!({ (&*alg): "ECDH-ES", "jwks": key(json!({ "use": "sig" })) }), "no_encryption_key"),
            (json!({ (&*alg): "ECDH-ES", "jwks": key(json!({ "alg": "ES256" })) }), "no_encryption_key"),
            (json!({ (&*alg): "ECDH-ES", "jwks": key(json!({ "key_ops": ["verify"] })) }), "no_encryption_key"),
            (json!({ (&*alg): "ECDH-ES", "jwks": key(json!({ "crv": "secp256k1" })) }), "no_encryption_key"),
        ] {
            assert_eq!(refused(STRICT, change.clone()).reason, reason, "{change}");
        }
        // F10: nothing keyed with a secret or a password, no RSA1_5.
        for name in ["dir", "A128KW", "A256GCMKW", "PBES2-HS256+A128KW", "RSA1_5", "RSA-OAEP", "none"] {
            assert_eq!(
                refused(STRICT, json!({ (&*alg): name, "jwks": key(json!({})) })).reason,
                "wrong_metadata_member"
            );
        }
    }
}
