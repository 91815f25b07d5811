"""A command line that signs a person in (RFC 8628): it shows a code, and waits until it was typed in elsewhere."""

import json
import os
import time

import requests
from authlib.integrations.requests_client import OAuth2Session, OAuthError

ISSUER = os.environ["ISSUER"]
GRANT = "urn:ietf:params:oauth:grant-type:device_code"

metadata = requests.get(f"{ISSUER}/.well-known/openid-configuration", timeout=10).json()
registered = requests.post(
    metadata["registration_endpoint"],
    json={
        "client_name": "Command line",
        "client_uri": "https://tools.example",
        "grant_types": [GRANT],
        "response_types": [],
        "token_endpoint_auth_method": "none",
        "scope": "openid profile",
    },
    timeout=10,
)
registered.raise_for_status()

oauth = OAuth2Session(registered.json()["client_id"], token_endpoint_auth_method="none")
answer = oauth.post(
    metadata["device_authorization_endpoint"],
    data={"client_id": oauth.client_id, "scope": "openid profile"},
    withhold_token=True,
)
answer.raise_for_status()
asked = answer.json()
print(json.dumps({name: asked[name] for name in ("user_code", "verification_uri", "verification_uri_complete")}), flush=True)

interval = asked.get("interval", 5)
while True:
    time.sleep(interval)
    try:
        oauth.fetch_token(metadata["token_endpoint"], grant_type=GRANT, device_code=asked["device_code"])
        break
    except OAuthError as error:
        if error.error == "slow_down":
            interval += 5
        elif error.error != "authorization_pending":
            raise SystemExit(error.error)
person = oauth.get(metadata["userinfo_endpoint"]).json()
print(json.dumps({"name": person["name"]}), flush=True)
