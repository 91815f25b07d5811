"""A service that proves itself by its certificate (RFC 8705), gets tokens that are bound to it, and acts with the token
it was called with (RFC 8693). Authlib knows neither by name: a certificate is a setting of requests, and a token
exchange is one more grant type.

    service.py CERTIFICATE KEY [SUBJECT_TOKEN RESOURCE]
"""

import json
import os
import sys

import requests
from authlib.integrations.requests_client import OAuth2Session, OAuthError

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"

metadata = requests.get(f"{os.environ['ISSUER']}/.well-known/openid-configuration", timeout=10).json()
endpoints = metadata["mtls_endpoint_aliases"]  # where certificates are asked for

certificate, key, *call = sys.argv[1:]
# "none" for Authlib: only client_id stands in the body. The certificate is the proof.
service = OAuth2Session(os.environ["CLIENT_ID"], token_endpoint_auth_method="none")
service.cert = (certificate, key)

try:
    if call:
        subject_token, resource = call
        token = service.fetch_token(
            endpoints["token_endpoint"],
            grant_type=EXCHANGE,
            subject_token=subject_token,
            subject_token_type=ACCESS_TOKEN,
            resource=resource,
        )
    else:
        token = service.fetch_token(endpoints["token_endpoint"], grant_type="client_credentials")
except OAuthError as error:
    raise SystemExit(error.error)
print(json.dumps(token))
