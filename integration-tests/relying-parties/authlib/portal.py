"""A portal in Flask with Authlib: signing in, refreshing, signing out, and being told that a session ended."""

import os
import secrets
import time
from urllib.parse import urlencode

from authlib.integrations.flask_client import OAuth, OAuthError
from flask import Flask, jsonify, redirect, request, session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

ISSUER = os.environ.get("ISSUER", "http://localhost:8800")
PORTAL = os.environ.get("PORTAL", "http://localhost:7000")
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"

app = Flask(__name__)
app.secret_key = secrets.token_bytes(32)
provider = OAuth(app).register(
    name="dinhdanh",
    server_metadata_url=f"{ISSUER}/.well-known/openid-configuration",
    client_id=os.environ.get("CLIENT_ID", "authlib-example"),
    client_secret=os.environ["CLIENT_SECRET"],
    client_kwargs={
        "scope": "openid profile levels",
        "code_challenge_method": "S256",
        "token_endpoint_auth_method": "client_secret_basic",
    },
)
# Flask's own session is a cookie. What the provider may end from its side is kept here, by the session's id.
visits = {}


@app.get("/")
def home():
    visit = visits.get(session.get("sid"))
    if visit is None:
        return jsonify(signed_in=False)
    return jsonify(signed_in=True, **visit["person"])


@app.get("/login")
def login():
    # Authlib makes state, nonce and the PKCE verifier, keeps them, and checks them in the callback.
    return provider.authorize_redirect(f"{PORTAL}/callback")


@app.get("/callback")
def callback():
    if request.args.get("iss") != ISSUER:  # RFC 9207: the answer of another provider is not for us
        return "The sign-in did not work.", 400
    try:
        tokens = provider.authorize_access_token()
    except (OAuthError, JoseError) as error:
        reason = getattr(error, "error", "invalid_token")
        return f"The sign-in did not work: {reason}.", 403 if reason == "access_denied" else 400
    claims = tokens["userinfo"]  # what the ID token says, verified
    person = provider.userinfo(token=tokens)
    if person["sub"] != claims["sub"]:
        return "The sign-in did not work.", 400
    levels = {name: claims[name] for name in ("acr", "identity_level", "authentication_level")}
    session["sid"] = claims["sid"]
    visits[claims["sid"]] = {"person": {**person, **levels}, "tokens": tokens}
    return redirect("/")


@app.get("/refresh")
def refresh():
    """Asks for the person again; the old refresh token is spent and the new one kept."""
    visit = visits.get(session.get("sid"))
    if visit is None:
        return "Nobody is signed in.", 401
    tokens = provider.fetch_access_token(
        grant_type="refresh_token", refresh_token=visit["tokens"]["refresh_token"]
    )
    visit["tokens"].update(tokens)
    return jsonify(provider.userinfo(token=tokens))


@app.get("/logout")
def logout():
    visit = visits.pop(session.pop("sid", None), None)
    if visit is None:
        return redirect("/")
    end = provider.load_server_metadata()["end_session_endpoint"]
    query = {"id_token_hint": visit["tokens"]["id_token"], "post_logout_redirect_uri": f"{PORTAL}/"}
    return redirect(f"{end}?{urlencode(query)}")


@app.post("/backchannel-logout")
def backchannel_logout():
    try:
        # Keys rotate. A portal with many visitors keeps the set until it meets an unknown kid.
        keys = KeySet.import_key_set(provider.fetch_jwk_set(force=True))
        token = jwt.decode(request.form["logout_token"], keys, algorithms=["ES256"])
        jwt.JWTClaimsRegistry(
            leeway=60,
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": provider.client_id},
            exp={"essential": True},
        ).validate(token.claims)
    except (KeyError, ValueError, JoseError):
        return "", 400
    claims, fresh = token.claims, token.claims.get("iat", 0) > time.time() - 300
    wanted = token.header.get("typ") == "logout+jwt" and LOGOUT_EVENT in claims.get("events", {})
    if not wanted or not fresh or "nonce" in claims:
        return "", 400
    visits.pop(claims["sid"], None)
    return "", 204


if __name__ == "__main__":
    app.run(port=int(os.environ.get("PORT", "7000")), threaded=True)
