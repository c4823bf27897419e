-- 0011: every sealed value says in a column which generation of its team's key it needs, and needs it to be there: no value can be written for a
-- generation that was retired, and none is retired that a value needs. Old generations are found, counted and resealed by these columns' indexes.
-- What is no sealed value (NULL, or bytes that somebody else has put there) needs none.

ALTER TABLE team_key
  ADD COLUMN IF NOT EXISTS destroyed_at DATETIME(3) NULL COMMENT 'set: the private half is gone for good, and so is what was sealed to it';
ALTER TABLE team
  MODIFY key_generation INT UNSIGNED NOT NULL COMMENT 'generation that new values are sealed to; 0: none, the keys were destroyed';

-- Whose value it is, where only another table said so.
ALTER TABLE fetch_token
  ADD COLUMN IF NOT EXISTS team_id INT UNSIGNED NULL COMMENT 'to whose key the token is sealed' AFTER job_id;
UPDATE fetch_token t JOIN user_credential c ON c.id = t.credential_id SET t.team_id = c.team_id WHERE t.team_id IS NULL;
ALTER TABLE oauth_token
  ADD COLUMN IF NOT EXISTS team_id INT UNSIGNED NULL COMMENT 'to whose key the tokens are sealed' AFTER generation;
UPDATE oauth_token t JOIN oauth_grant g ON g.uuid = t.grant_uuid SET t.team_id = g.team_id WHERE t.team_id IS NULL;
ALTER TABLE mail_link
  ADD COLUMN IF NOT EXISTS team_id INT UNSIGNED NULL COMMENT 'to whose key the secret is sealed' AFTER uuid;
UPDATE mail_link m JOIN credential_request r ON r.id = m.request_id SET m.team_id = r.team_id WHERE m.team_id IS NULL;

-- Rows that were damaged before stay as they are.
SET SESSION foreign_key_checks = 0;
ALTER TABLE keychain
  ADD COLUMN IF NOT EXISTS key_generation INT UNSIGNED AS (IF(LENGTH(parameters_sealed) >= 117 AND ORD(parameters_sealed) = 1, CONV(HEX(SUBSTR(parameters_sealed, 2, 4)), 16, 10), NULL)) PERSISTENT
    COMMENT 'generation of the team''s key that parameters_sealed needs',
  ADD KEY IF NOT EXISTS keychain_key_generation (team_id, key_generation),
  ADD CONSTRAINT keychain_key_generation FOREIGN KEY IF NOT EXISTS (team_id, key_generation) REFERENCES team_key (team_id, generation);
ALTER TABLE connection
  ADD COLUMN IF NOT EXISTS key_generation INT UNSIGNED AS (IF(LENGTH(parameters_sealed) >= 117 AND ORD(parameters_sealed) = 1, CONV(HEX(SUBSTR(parameters_sealed, 2, 4)), 16, 10), NULL)) PERSISTENT
    COMMENT 'generation of the team''s key that parameters_sealed needs',
  ADD KEY IF NOT EXISTS connection_key_generation (team_id, key_generation),
  ADD CONSTRAINT connection_key_generation FOREIGN KEY IF NOT EXISTS (team_id, key_generation) REFERENCES team_key (team_id, generation);
ALTER TABLE user_credential
  ADD COLUMN IF NOT EXISTS key_generation INT UNSIGNED AS (IF(LENGTH(definition_sealed) >= 117 AND ORD(definition_sealed) = 1, CONV(HEX(SUBSTR(definition_sealed, 2, 4)), 16, 10), NULL)) PERSISTENT
    COMMENT 'generation of the team''s key that definition_sealed needs',
  ADD KEY IF NOT EXISTS user_credential_key_generation (team_id, key_generation),
  ADD CONSTRAINT user_credential_key_generation FOREIGN KEY IF NOT EXISTS (team_id, key_generation) REFERENCES team_key (team_id, generation);
ALTER TABLE fetch_token
  MODIFY team_id INT UNSIGNED NOT NULL COMMENT 'to whose key the token is sealed',
  ADD COLUMN IF NOT EXISTS key_generation INT UNSIGNED AS (IF(LENGTH(token_sealed) >= 117 AND ORD(token_sealed) = 1, CONV(HEX(SUBSTR(token_sealed, 2, 4)), 16, 10), NULL)) PERSISTENT
    COMMENT 'generation of the team''s key that token_sealed needs',
  ADD KEY IF NOT EXISTS fetch_token_key_generation (team_id, key_generation),
  ADD CONSTRAINT fetch_token_key_generation FOREIGN KEY IF NOT EXISTS (team_id, key_generation) REFERENCES team_key (team_id, generation);
ALTER TABLE submission
  ADD COLUMN IF NOT EXISTS key_generation INT UNSIGNED AS (IF(LENGTH(fields_sealed) >= 117 AND ORD(fields_sealed) = 1, CONV(HEX(SUBSTR(fields_sealed, 2, 4)), 16, 10), NULL)) PERSISTENT
    COMMENT 'generation of the team''s key that fields_sealed needs',
  ADD KEY IF NOT EXISTS submission_key_generation (team_id, key_generation),
  ADD CONSTRAINT submission_key_generation FOREIGN KEY IF NOT EXISTS (team_id, key_generation) REFERENCES team_key (team_id, generation);
ALTER TABLE oauth_flow
  ADD COLUMN IF NOT EXISTS start_key_generation INT UNSIGNED AS (IF(LENGTH(start_sealed) >= 117 AND ORD(start_sealed) = 1, CONV(HEX(SUBSTR(start_sealed, 2, 4)), 16, 10), NULL)) PERSISTENT
    COMMENT 'generation of the team''s key that start_sealed needs',
  ADD COLUMN IF NOT EXISTS return_key_generation INT UNSIGNED AS (IF(LENGTH(return_sealed) >= 117 AND ORD(return_sealed) = 1, CONV(HEX(SUBSTR(return_sealed, 2, 4)), 16, 10), NULL)) PERSISTENT
    COMMENT 'generation of the team''s key that return_sealed needs',
  ADD KEY IF NOT EXISTS oauth_flow_start_key_generation (team_id, start_key_generation),
  ADD CONSTRAINT oauth_flow_start_key_generation FOREIGN KEY IF NOT EXISTS (team_id, start_key_generation) REFERENCES team_key (team_id, generation),
  ADD KEY IF NOT EXISTS oauth_flow_return_key_generation (team_id, return_key_generation),
  ADD CONSTRAINT oauth_flow_return_key_generation FOREIGN KEY IF NOT EXISTS (team_id, return_key_generation) REFERENCES team_key (team_id, generation);
ALTER TABLE oauth_grant
  ADD COLUMN IF NOT EXISTS key_generation INT UNSIGNED AS (IF(LENGTH(parameters_sealed) >= 117 AND ORD(parameters_sealed) = 1, CONV(HEX(SUBSTR(parameters_sealed, 2, 4)), 16, 10), NULL)) PERSISTENT
    COMMENT 'generation of the team''s key that parameters_sealed needs',
  ADD KEY IF NOT EXISTS oauth_grant_key_generation (team_id, key_generation),
  ADD CONSTRAINT oauth_grant_key_generation FOREIGN KEY IF NOT EXISTS (team_id, key_generation) REFERENCES team_key (team_id, generation);
ALTER TABLE oauth_token
  MODIFY team_id INT UNSIGNED NOT NULL COMMENT 'to whose key the tokens are sealed',
  ADD COLUMN IF NOT EXISTS access_key_generation INT UNSIGNED AS (IF(LENGTH(access_sealed) >= 117 AND ORD(access_sealed) = 1, CONV(HEX(SUBSTR(access_sealed, 2, 4)), 16, 10), NULL)) PERSISTENT
    COMMENT 'generation of the team''s key that access_sealed needs',
  ADD COLUMN IF NOT EXISTS refresh_key_generation INT UNSIGNED AS (IF(LENGTH(refresh_sealed) >= 117 AND ORD(refresh_sealed) = 1, CONV(HEX(SUBSTR(refresh_sealed, 2, 4)), 16, 10), NULL)) PERSISTENT
    COMMENT 'generation of the team''s key that refresh_sealed needs',
  ADD KEY IF NOT EXISTS oauth_token_access_key_generation (team_id, access_key_generation),
  ADD CONSTRAINT oauth_token_access_key_generation FOREIGN KEY IF NOT EXISTS (team_id, access_key_generation) REFERENCES team_key (team_id, generation),
  ADD KEY IF NOT EXISTS oauth_token_refresh_key_generation (team_id, refresh_key_generation),
  ADD CONSTRAINT oauth_token_refresh_key_generation FOREIGN KEY IF NOT EXISTS (team_id, refresh_key_generation) REFERENCES team_key (team_id, generation);
ALTER TABLE job_value
  ADD COLUMN IF NOT EXISTS key_generation INT UNSIGNED AS (IF(LENGTH(value_sealed) >= 117 AND ORD(value_sealed) = 1, CONV(HEX(SUBSTR(value_sealed, 2, 4)), 16, 10), NULL)) PERSISTENT
    COMMENT 'generation of the team''s key that value_sealed needs',
  ADD KEY IF NOT EXISTS job_value_key_generation (team_id, key_generation),
  ADD CONSTRAINT job_value_key_generation FOREIGN KEY IF NOT EXISTS (team_id, key_generation) REFERENCES team_key (team_id, generation);
ALTER TABLE mail_link
  MODIFY team_id INT UNSIGNED NOT NULL COMMENT 'to whose key the secret is sealed',
  ADD COLUMN IF NOT EXISTS key_generation INT UNSIGNED AS (IF(LENGTH(secret_sealed) >= 117 AND ORD(secret_sealed) = 1, CONV(HEX(SUBSTR(secret_sealed, 2, 4)), 16, 10), NULL)) PERSISTENT
    COMMENT 'generation of the team''s key that secret_sealed needs',
  ADD UNIQUE KEY IF NOT EXISTS mail_link_uuid (uuid),
  ADD KEY IF NOT EXISTS mail_link_key_generation (team_id, key_generation),
  ADD CONSTRAINT mail_link_key_generation FOREIGN KEY IF NOT EXISTS (team_id, key_generation) REFERENCES team_key (team_id, generation);
ALTER TABLE idempotency
  ADD COLUMN IF NOT EXISTS key_generation INT UNSIGNED AS (IF(LENGTH(answer_sealed) >= 117 AND ORD(answer_sealed) = 1, CONV(HEX(SUBSTR(answer_sealed, 2, 4)), 16, 10), NULL)) PERSISTENT
    COMMENT 'generation of the team''s key that answer_sealed needs',
  ADD UNIQUE KEY IF NOT EXISTS idempotency_uuid (uuid),
  ADD KEY IF NOT EXISTS idempotency_key_generation (team_id, key_generation),
  ADD CONSTRAINT idempotency_key_generation FOREIGN KEY IF NOT EXISTS (team_id, key_generation) REFERENCES team_key (team_id, generation);
ALTER TABLE team_platform
  ADD COLUMN IF NOT EXISTS key_generation INT UNSIGNED AS (IF(LENGTH(token_sealed) >= 117 AND ORD(token_sealed) = 1, CONV(HEX(SUBSTR(token_sealed, 2, 4)), 16, 10), NULL)) PERSISTENT
    COMMENT 'generation of the team''s key that token_sealed needs',
  ADD KEY IF NOT EXISTS team_platform_key_generation (team_id, key_generation),
  ADD CONSTRAINT team_platform_key_generation FOREIGN KEY IF NOT EXISTS (team_id, key_generation) REFERENCES team_key (team_id, generation);
SET SESSION foreign_key_checks = 1;

-- As in 0007, but that the secret for the letter says whose it is. Replaced, not dropped: who may execute it stays.
CREATE OR REPLACE PROCEDURE page_relink(IN p_request BINARY(16), IN p_link_hash BINARY(32), IN p_new_hash BINARY(32), IN p_link BINARY(16),
  IN p_sealed VARBINARY(512), IN p_audit BINARY(16), IN p_address VARCHAR(45) CHARSET ascii, IN p_call CHAR(36) CHARSET ascii)
  MODIFIES SQL DATA SQL SECURITY DEFINER
BEGIN
  DECLARE v_team INT UNSIGNED;
  DECLARE v_expired BOOLEAN;
  DECLARE v_status VARCHAR(24);
  DECLARE v_subject CHAR(36) CHARSET ascii DEFAULT uuid_text(p_request);
  CALL page_throttle(p_request, p_link_hash);
  SELECT team_id, expires_at <= UTC_TIMESTAMP(3), status INTO v_team, v_expired, v_status
    FROM credential_request WHERE id = p_request AND link_hash = p_link_hash FOR UPDATE;
  IF v_team IS NULL THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 30003, MESSAGE_TEXT = 'no such request';
  END IF;
  IF v_expired THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 30002, MESSAGE_TEXT = 'this request has expired';
  END IF;
  IF v_status = 'authorized' THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 30004, MESSAGE_TEXT = 'all that was asked for has been provided already';
  END IF;
  IF (SELECT COUNT(*) FROM job WHERE subject = v_subject AND kind = 'mail' AND payload LIKE '%"resend"%'
      AND created_at > UTC_TIMESTAMP(3) - INTERVAL 1 HOUR) >= 3 THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 30001, MESSAGE_TEXT = 'too many new links for this request, try again later';
  END IF;
  CALL page_drop_waiting(p_request, NULL);
  DELETE f FROM oauth_flow f JOIN credential c ON c.id = f.credential_id WHERE c.request_id = p_request;
  UPDATE submission s JOIN credential c ON c.id = s.credential_id SET s.fields_sealed = NULL WHERE c.request_id = p_request;
  UPDATE credential_request SET link_hash = p_new_hash, browser_hash = NULL, should_send_email = TRUE, email_sent_at = NULL,
    updated_at = UTC_TIMESTAMP(3) WHERE id = p_request;
  REPLACE INTO mail_link (request_id, uuid, team_id, secret_sealed) VALUES (p_request, p_link, v_team, p_sealed);
  INSERT INTO job (kind, subject, active_key, team_id, run_at, max_attempts, payload, request_id, created_at)
    VALUES ('mail', v_subject, CONCAT('mail:resend:', uuid_text(p_link)), v_team, UTC_TIMESTAMP(3), 30,
      CONCAT('{"request":"', v_subject, '","template":"resend"}'), p_call, UTC_TIMESTAMP(3));
  INSERT INTO audit (id, at, event, actor, address, team_id, subject, request_id)
    VALUES (p_audit, UTC_TIMESTAMP(3), 'link.relink', CONCAT('link:', v_subject), p_address, v_team, v_subject, p_call);
END;
