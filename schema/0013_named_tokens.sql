-- 0013: further named tokens of what a provider grants: each is a grant of its own, with lease, journal and generations, and hangs on the main one.

-- Of a named token `credential_id` is NULL: what waits for a credential is its main one, and the others go with it.
ALTER TABLE oauth_grant
  ADD COLUMN IF NOT EXISTS main_uuid BINARY(16) NULL COMMENT 'grant that this one came with; NULL: it is the main one, or that is gone' AFTER uuid,
  ADD COLUMN IF NOT EXISTS token_name VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'main' COMMENT 'which of a connection''s tokens it is, as the definition names it' AFTER connection_type,
  ADD COLUMN IF NOT EXISTS asked TEXT NULL COMMENT 'JSON array of the scopes the person was asked for; NULL: of a named token, or nobody knows' AFTER scopes,
  DROP KEY IF EXISTS oauth_grant_connection,
  ADD UNIQUE KEY IF NOT EXISTS oauth_grant_token (connection_id, token_name),
  ADD UNIQUE KEY IF NOT EXISTS oauth_grant_named (main_uuid, token_name),
  ADD CONSTRAINT oauth_grant_main FOREIGN KEY IF NOT EXISTS (main_uuid) REFERENCES oauth_grant (uuid) ON DELETE SET NULL;

-- As in 0007, with the named tokens of what waits.
CREATE OR REPLACE PROCEDURE page_drop_waiting(IN p_request BINARY(16), IN p_credential BINARY(16)) MODIFIES SQL DATA SQL SECURITY INVOKER
BEGIN
  UPDATE submission s JOIN credential c ON c.id = s.credential_id SET s.fields_sealed = NULL, s.account_name = NULL, s.account_id = NULL
    WHERE c.request_id = p_request AND (p_credential IS NULL OR c.id = p_credential) AND s.account_name IS NOT NULL;
  INSERT INTO job (kind, subject, active_key, team_id, run_at, max_attempts, payload, created_at)
    SELECT 'oauth_revoke', uuid_text(g.uuid), CONCAT('oauth-revoke:', uuid_text(g.uuid)), g.team_id, UTC_TIMESTAMP(3), 12, '{}', UTC_TIMESTAMP(3)
    FROM oauth_grant g JOIN oauth_grant m ON m.uuid = g.main_uuid JOIN credential c ON c.id = m.credential_id
    WHERE c.request_id = p_request AND (p_credential IS NULL OR c.id = p_credential) AND g.state = 'waiting';
  UPDATE oauth_grant g JOIN oauth_grant m ON m.uuid = g.main_uuid JOIN credential c ON c.id = m.credential_id
    SET g.state = 'ending', g.updated_at = UTC_TIMESTAMP(3)
    WHERE c.request_id = p_request AND (p_credential IS NULL OR c.id = p_credential) AND g.state = 'waiting';
  INSERT INTO job (kind, subject, active_key, team_id, run_at, max_attempts, payload, created_at)
    SELECT 'oauth_revoke', uuid_text(g.uuid), CONCAT('oauth-revoke:', uuid_text(g.uuid)), g.team_id, UTC_TIMESTAMP(3), 12, '{}', UTC_TIMESTAMP(3)
    FROM oauth_grant g JOIN credential c ON c.id = g.credential_id
    WHERE c.request_id = p_request AND (p_credential IS NULL OR c.id = p_credential) AND g.state = 'waiting';
  UPDATE oauth_grant g JOIN credential c ON c.id = g.credential_id SET g.state = 'ending', g.updated_at = UTC_TIMESTAMP(3)
    WHERE c.request_id = p_request AND (p_credential IS NULL OR c.id = p_credential) AND g.state = 'waiting';
END;
