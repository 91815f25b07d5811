-- Applications that wait for an organization, for the moment its account is closed.
CREATE INDEX organization_request_code ON organization_request (code) WHERE ended_at IS NULL;
