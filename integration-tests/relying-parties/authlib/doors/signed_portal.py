"""A portal in Flask with Authlib that signs what it asks (JAR, RFC 9101), pushes it (PAR, RFC 9126), proves itself by a
key (private_key_jwt), and whose ID tokens are encrypted to it. Authlib has functions for the third only: the others are
a JWT, a POST and a decryption."""

import json
import os
import secrets
import time
from urllib.parse import parse_qs, urlencode, urlsplit

import requests
from authlib.integrations.flask_client import OAuth, OAuthError
from authlib.oauth2.rfc7523 import PrivateKeyJWT, private_key_jwt_sign
from flask import Flask, jsonify, redirect, request, session
from joserfc import jwe, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

ISSUER = os.environ["ISSUER"]
PORTAL = os.environ.get("PORTAL", "http://localhost:7000")
CALLBACK = f"{PORTAL}/callback"

metadata = requests.get(f"{ISSUER}/.well-known/openid-configuration", timeout=10).json()
key = ECKey.generate_key("P-256", {"kid": secrets.token_hex(8), "alg": "ES256", "use": "sig"})
SEAL = {"id_token_encrypted_response_alg": "ECDH-ES+A256KW", "id_token_encrypted_response_enc": "A256GCM"}
seal = ECKey.generate_key("P-256", {"kid": secrets.token_hex(8), "alg": "ECDH-ES+A256KW", "use": "enc"})
# A real portal registers once and keeps its id and key.
registered = requests.post(
    metadata["registration_endpoint"],
    json={
        "client_name": "Authlib, signed",
        "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [key.as_dict(private=False), seal.as_dict(private=False)]},
        "request_object_signing_alg": "ES256",
        "require_signed_request_object": True,
        "id_token_signed_response_alg": "ES256",
        **SEAL,
        "scope": "openid profile",
    },
    timeout=10,
)
registered.raise_for_status()
client_id = registered.json()["client_id"]


class Proof(PrivateKeyJWT):
    """As the provider takes it: for the issuer itself, and no longer than five minutes. Authlib would write the address
    of the token endpoint, and an hour."""

    def sign(self, auth, token_endpoint):
        header = {"kid": key.kid}
        return private_key_jwt_sign(key, auth.client_id, ISSUER, alg="ES256", header=header, expires_in=60)


def opened(response):
    """The answer of the token endpoint with the ID token decrypted: Authlib goes on with the signed one inside."""
    answer = response.json()
    if "id_token" in answer:
        sealed = jwe.decrypt_compact(answer["id_token"], seal, algorithms=list(SEAL.values()))
        response._content = json.dumps({**answer, "id_token": sealed.plaintext.decode()}).encode()
    return response


proof = Proof()
app = Flask(__name__)
app.secret_key = secrets.token_bytes(32)
provider = OAuth(app).register(
    name="dinhdanh",
    server_metadata_url=f"{ISSUER}/.well-known/openid-configuration",
    client_id=client_id,
    client_secret=key,
    client_auth_methods=[proof],
    compliance_fix=lambda oauth: oauth.register_compliance_hook("access_token_response", opened),
    client_kwargs={
        "scope": "openid profile",
        "code_challenge_method": "S256",
        "token_endpoint_auth_method": proof.name,
    },
)


def signed(parameters):
    """The request as a JWT: every parameter is a claim."""
    now = int(time.time())
    claims = {**parameters, "iss": client_id, "aud": ISSUER, "iat": now, "nbf": now, "exp": now + 60}
    return jwt.encode({"alg": "ES256", "kid": key.kid, "typ": "oauth-authz-req+jwt"}, claims, key)


def pushed(parameters):
    """Posts the request; the answer is what stands in the address in its place."""
    with provider._get_oauth_client(**provider.load_server_metadata()) as oauth:
        answer = oauth.post(
            metadata["pushed_authorization_request_endpoint"],
            data={"client_id": client_id, **parameters},
            auth=oauth.client_auth(proof.name),
            withhold_token=True,
        )
    answer.raise_for_status()
    return {"request_uri": answer.json()["request_uri"]}


@app.get("/")
def home():
    return jsonify(session.get("person", {}))


@app.get("/login")
def login():
    # Authlib makes state, nonce and the PKCE verifier, and keeps them for the callback.
    begun = provider.create_authorization_url(CALLBACK)
    provider.save_authorize_data(redirect_uri=CALLBACK, **begun)
    plain = {name: values[0] for name, values in parse_qs(urlsplit(begun["url"]).query).items()}
    asked = {"request": signed(plain)} if "plain" not in request.args else plain
    if "pushed" in request.args:
        asked = pushed(asked)
    return redirect(f"{metadata['authorization_endpoint']}?{urlencode({'client_id': client_id, **asked})}")


@app.get("/callback")
def callback():
    if request.args.get("iss") != ISSUER:  # RFC 9207
        return "The sign-in did not work.", 400
    try:
        tokens = provider.authorize_access_token()
    except (OAuthError, JoseError) as error:
        return jsonify(error=getattr(error, "error", "invalid_token")), 400
    session["person"] = provider.userinfo(token=tokens)
    return redirect("/")


if __name__ == "__main__":
    app.run(port=int(os.environ.get("PORT", "7000")), threaded=True)
