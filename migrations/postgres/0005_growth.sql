-- A client that is switched off ends its live grants without a look at all the old ones.
CREATE INDEX authorization_grant_client ON authorization_grant (client_id, ended_at);
-- `serve` asks at every start whether anybody was made by `demo`.
CREATE INDEX person_demo ON person (id) WHERE is_demo;
