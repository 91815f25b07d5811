-- A portal's own record of the sign-outs it was told of is found without reading everybody's trail.
CREATE INDEX audit_event_logout ON audit_event (client_id, at)
    WHERE kind IN ('logout.delivered', 'logout.failed');
