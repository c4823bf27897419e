-- 0007: what the public pool may do for OAuth items, and the binding of a link to one browser.
-- Refusal 30005 besides those of 0002: the link is in use in another browser.

ALTER TABLE submission
  ADD COLUMN account_name VARCHAR(255) NULL COMMENT 'whose account it opens, as the test call said; set while the form waits for the person to confirm that' AFTER fields_sealed,
  ADD COLUMN account_id VARCHAR(255) NULL COMMENT 'the same, as the provider numbers it' AFTER account_name;

-- Another browser than the one that has answered first learns who asks, and no more.
CREATE FUNCTION page_browser(p_bound BINARY(32), p_browser BINARY(32)) RETURNS CHAR(5) CHARSET ascii DETERMINISTIC NO SQL
  RETURN CASE WHEN p_bound IS NULL THEN 'free' WHEN p_bound = p_browser THEN 'this' ELSE 'other' END;

-- One row per credential, each with the request's own columns; no row: unknown request or wrong secret. For another browser: one row
-- without a credential. Changes nothing but the count of wrong links. Of client registrations the organization's own counts before the
-- common one, and none whose client id is still missing; none for a team that has another platform: tokens cannot be handed to it.
-- A user credential (column of 0008) brings its own: `own_type`. Replaced, not dropped: who may execute it stays.
CREATE OR REPLACE PROCEDURE page_open(IN p_request BINARY(16), IN p_link_hash BINARY(32), IN p_browser BINARY(32)) MODIFIES SQL DATA SQL SECURITY DEFINER
BEGIN
  CALL page_throttle(p_request, p_link_hash);
  INSERT INTO link_failure (request_id)
    SELECT id FROM credential_request WHERE id = p_request AND link_hash <> p_link_hash;
  SELECT r.name, IF(b.browser = 'other', NULL, r.description) AS description, r.status, r.expires_at, r.expires_at <= UTC_TIMESTAMP(3) AS expired,
      b.browser, requester.name AS requester_name, requester.email AS requester_email, IF(b.browser = 'other', NULL, t.name) AS team_name,
      IF(b.browser = 'other', NULL, o.name) AS organization_name, r.team_id, k.generation, k.public_key, k.signature,
      c.id, c.component, c.type, c.name AS type_name, c.label, c.description AS credential_description,
      COALESCE(JSON_EXTRACT(u.shown, '$.connect.scopes'), c.scope) AS scope, c.state,
      c.decline_reason, c.app_name, c.app_version, c.name_override, c.prefill, j.state AS job_state, j.error AS job_error,
      COALESCE(a.callback_id, u.uuid) AS callback_id, a.client_id, a.app AS client_app,
      JSON_EXTRACT(u.shown, '$.connect') AS own_type, p.metadata_value AS account_name, p.uid AS account_id, p.scopes AS account_scopes,
      COALESCE(g.uuid, s.id) AS waiting, IF(g.uuid IS NULL, s.account_name, g.account_name) AS waiting_name,
      IF(g.uuid IS NULL, s.account_id, g.account_id) AS waiting_id,
      CASE WHEN f.created_at < j.created_at THEN NULL WHEN f.error IS NOT NULL THEN f.error
        WHEN f.used_at IS NULL AND f.expires_at <= UTC_TIMESTAMP(3) THEN 'expired' END AS flow_error
    FROM credential_request r
    JOIN (SELECT page_browser(browser_hash, p_browser) AS browser FROM credential_request WHERE id = p_request) b
    JOIN person requester ON requester.id = r.requester_id
    JOIN team t ON t.id = r.team_id
    JOIN organization o ON o.id = t.organization_id
    JOIN team_key k ON k.team_id = t.id AND k.generation = t.key_generation
    LEFT JOIN credential c ON c.request_id = r.id AND b.browser <> 'other'
    LEFT JOIN job j ON j.id = (SELECT MAX(n.id) FROM job n WHERE n.subject = uuid_text(c.id))
    LEFT JOIN user_credential u ON u.id = c.user_credential_id AND u.team_id = r.team_id
    LEFT JOIN app_client a ON c.component = 'account' AND c.user_credential_id IS NULL AND a.uuid = (SELECT w.uuid FROM app_client w
      WHERE w.connection_type = c.name AND w.organization_id IN (0, o.id) AND w.client_id <> '' ORDER BY w.organization_id DESC LIMIT 1)
      AND NOT EXISTS (SELECT 1 FROM team_platform w WHERE w.team_id = r.team_id)
    LEFT JOIN connection p ON c.component = 'account' AND p.id = IF(c.platform = 'local', c.remote_id, c.extends_id)
    LEFT JOIN oauth_grant g ON g.uuid = (SELECT w.uuid FROM oauth_grant w WHERE w.credential_id = c.id AND w.state = 'waiting'
      ORDER BY w.created_at DESC LIMIT 1)
    LEFT JOIN submission s ON s.id = (SELECT w.id FROM submission w WHERE w.credential_id = c.id AND w.fields_sealed IS NOT NULL
      AND w.account_name IS NOT NULL ORDER BY w.created_at DESC LIMIT 1)
    LEFT JOIN oauth_flow f ON f.uuid = (SELECT w.uuid FROM oauth_flow w WHERE w.credential_id = c.id ORDER BY w.created_at DESC LIMIT 1)
    WHERE r.id = p_request AND r.link_hash = p_link_hash AND (c.id IS NOT NULL OR b.browser = 'other')
    ORDER BY c.position;
END;

-- As in 0002, and of the browser that has answered first: the first answer binds the link to its browser. Locks the request, so that of two
-- first answers one is first, and limits are exact.
CREATE OR REPLACE PROCEDURE page_check(IN p_request BINARY(16), IN p_link_hash BINARY(32), IN p_browser BINARY(32), IN p_credential BINARY(16),
  OUT p_team INT UNSIGNED)
  MODIFIES SQL DATA SQL SECURITY INVOKER
BEGIN
  DECLARE v_expired BOOLEAN;
  DECLARE v_bound BINARY(32);
  DECLARE v_state VARCHAR(16);
  CALL page_throttle(p_request, p_link_hash);
  SELECT team_id, expires_at <= UTC_TIMESTAMP(3), browser_hash INTO p_team, v_expired, v_bound
    FROM credential_request WHERE id = p_request AND link_hash = p_link_hash FOR UPDATE;
  SELECT state INTO v_state FROM credential WHERE request_id = p_request AND id = p_credential;
  IF p_team IS NULL OR v_state IS NULL THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 30003, MESSAGE_TEXT = 'no such request';
  END IF;
  IF v_expired THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 30002, MESSAGE_TEXT = 'this request has expired';
  END IF;
  IF p_browser IS NULL OR v_bound <> p_browser THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 30005, MESSAGE_TEXT = 'this link is in use in another browser';
  END IF;
  IF v_state = 'authorized' THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 30004, MESSAGE_TEXT = 'this credential has been provided already';
  END IF;
  IF (SELECT COUNT(*) FROM job
      WHERE subject = uuid_text(p_credential) AND created_at > UTC_TIMESTAMP(3) - INTERVAL 1 HOUR) >= 30 THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 30001, MESSAGE_TEXT = 'too many answers for this credential, try again later';
  END IF;
  IF v_bound IS NULL THEN
    UPDATE credential_request SET browser_hash = p_browser WHERE id = p_request;
  END IF;
END;

-- What waits for the person to confirm it, of one credential or (NULL) of a whole request, is not wanted any more.
CREATE PROCEDURE page_drop_waiting(IN p_request BINARY(16), IN p_credential BINARY(16)) MODIFIES SQL DATA SQL SECURITY INVOKER
BEGIN
  UPDATE submission s JOIN credential c ON c.id = s.credential_id SET s.fields_sealed = NULL, s.account_name = NULL, s.account_id = NULL
    WHERE c.request_id = p_request AND (p_credential IS NULL OR c.id = p_credential) AND s.account_name IS NOT NULL;
  INSERT INTO job (kind, subject, active_key, team_id, run_at, max_attempts, payload, created_at)
    SELECT 'oauth_revoke', uuid_text(g.uuid), CONCAT('oauth-revoke:', uuid_text(g.uuid)), g.team_id, UTC_TIMESTAMP(3), 12, '{}', UTC_TIMESTAMP(3)
    FROM oauth_grant g JOIN credential c ON c.id = g.credential_id
    WHERE c.request_id = p_request AND (p_credential IS NULL OR c.id = p_credential) AND g.state = 'waiting';
  UPDATE oauth_grant g JOIN credential c ON c.id = g.credential_id SET g.state = 'ending', g.updated_at = UTC_TIMESTAMP(3)
    WHERE c.request_id = p_request AND (p_credential IS NULL OR c.id = p_credential) AND g.state = 'waiting';
END;

-- As in 0002.
CREATE OR REPLACE PROCEDURE page_submit(IN p_request BINARY(16), IN p_link_hash BINARY(32), IN p_browser BINARY(32), IN p_credential BINARY(16),
  IN p_submission BINARY(16), IN p_sealed MEDIUMBLOB, IN p_audit BINARY(16), IN p_address VARCHAR(45) CHARSET ascii,
  IN p_call CHAR(36) CHARSET ascii)
  MODIFIES SQL DATA SQL SECURITY DEFINER
BEGIN
  DECLARE v_team INT UNSIGNED;
  DECLARE v_subject CHAR(36) CHARSET ascii DEFAULT uuid_text(p_credential);
  CALL page_check(p_request, p_link_hash, p_browser, p_credential, v_team);
  INSERT INTO job (kind, subject, active_key, team_id, run_at, max_attempts, payload, request_id, created_at)
    VALUES ('fulfil', v_subject, CONCAT('credential:', v_subject), v_team, UTC_TIMESTAMP(3), 5,
      JSON_OBJECT('submission', uuid_text(p_submission)), p_call, UTC_TIMESTAMP(3));
  CALL page_drop_waiting(p_request, p_credential);
  INSERT INTO submission (id, credential_id, team_id, fields_sealed) VALUES (p_submission, p_credential, v_team, p_sealed);
  INSERT INTO audit (id, at, event, actor, address, team_id, subject, request_id)
    VALUES (p_audit, UTC_TIMESTAMP(3), 'link.submit', CONCAT('link:', uuid_text(p_request)), p_address, v_team, v_subject, p_call);
END;

-- As in 0002.
CREATE OR REPLACE PROCEDURE page_decline(IN p_request BINARY(16), IN p_link_hash BINARY(32), IN p_browser BINARY(32), IN p_credential BINARY(16),
  IN p_reason VARCHAR(2048) CHARSET utf8mb4, IN p_audit BINARY(16), IN p_address VARCHAR(45) CHARSET ascii, IN p_call CHAR(36) CHARSET ascii)
  MODIFIES SQL DATA SQL SECURITY DEFINER
BEGIN
  DECLARE v_team INT UNSIGNED;
  DECLARE v_subject CHAR(36) CHARSET ascii DEFAULT uuid_text(p_credential);
  CALL page_check(p_request, p_link_hash, p_browser, p_credential, v_team);
  INSERT INTO job (kind, subject, active_key, team_id, run_at, max_attempts, payload, request_id, created_at)
    VALUES ('decline', v_subject, CONCAT('credential:', v_subject), v_team, UTC_TIMESTAMP(3), 5,
      JSON_OBJECT('reason', p_reason), p_call, UTC_TIMESTAMP(3));
  CALL page_drop_waiting(p_request, p_credential);
  INSERT INTO audit (id, at, event, actor, address, team_id, subject, request_id)
    VALUES (p_audit, UTC_TIMESTAMP(3), 'link.decline', CONCAT('link:', uuid_text(p_request)), p_address, v_team, v_subject, p_call);
END;

-- The person sets out to a provider; run inside a transaction. Type and registration must be those that count: a user credential is of
-- another type when it has changed. A newer trip ends no older one.
CREATE PROCEDURE page_connect(IN p_request BINARY(16), IN p_link_hash BINARY(32), IN p_browser BINARY(32), IN p_credential BINARY(16),
  IN p_flow BINARY(16), IN p_state_hash BINARY(32), IN p_callback BINARY(16), IN p_type VARCHAR(64) CHARSET ascii,
  IN p_issuer VARCHAR(2048) CHARSET utf8mb4, IN p_sealed MEDIUMBLOB, IN p_audit BINARY(16), IN p_address VARCHAR(45) CHARSET ascii,
  IN p_call CHAR(36) CHARSET ascii)
  MODIFIES SQL DATA SQL SECURITY DEFINER
BEGIN
  DECLARE v_team INT UNSIGNED;
  DECLARE v_subject CHAR(36) CHARSET ascii DEFAULT uuid_text(p_credential);
  CALL page_check(p_request, p_link_hash, p_browser, p_credential, v_team);
  IF (SELECT COUNT(*) FROM oauth_flow WHERE credential_id = p_credential AND created_at > UTC_TIMESTAMP(3) - INTERVAL 1 HOUR) >= 30 THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 30001, MESSAGE_TEXT = 'too many attempts for this credential, try again later';
  END IF;
  INSERT INTO oauth_flow (uuid, state_hash, credential_id, team_id, callback_id, browser_hash, connection_type, issuer, start_sealed, created_at,
      expires_at)
    SELECT p_flow, p_state_hash, c.id, v_team, p_callback, p_browser, p_type, p_issuer, p_sealed, UTC_TIMESTAMP(3),
      UTC_TIMESTAMP(3) + INTERVAL 10 MINUTE
    FROM credential c JOIN team t ON t.id = v_team
    LEFT JOIN user_credential u ON u.id = c.user_credential_id AND u.team_id = v_team
    WHERE c.id = p_credential AND c.component = 'account'
      AND p_type = IF(c.user_credential_id IS NULL, c.name, JSON_VALUE(u.shown, '$.connect.type'))
      AND p_callback = IF(c.user_credential_id IS NULL, (SELECT w.callback_id FROM app_client w
        WHERE w.connection_type = c.name AND w.organization_id IN (0, t.organization_id) AND w.client_id <> ''
        ORDER BY w.organization_id DESC LIMIT 1), u.uuid)
      AND (c.user_credential_id IS NOT NULL OR NOT EXISTS (SELECT 1 FROM team_platform w WHERE w.team_id = v_team));
  IF ROW_COUNT() <> 1 THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 30004, MESSAGE_TEXT = 'no client is registered for this connection';
  END IF;
  INSERT INTO audit (id, at, event, actor, address, team_id, subject, request_id)
    VALUES (p_audit, UTC_TIMESTAMP(3), 'link.connect', CONCAT('link:', uuid_text(p_request)), p_address, v_team, v_subject, p_call);
END;

-- What a trip that comes back needs before its answer can be sealed. No row unless all three fit together, the link is still this browser's,
-- and the trip is still open; or the credential has been authorized meanwhile (`done`).
CREATE PROCEDURE page_return_look(IN p_callback BINARY(16), IN p_state_hash BINARY(32), IN p_browser BINARY(32)) READS SQL DATA SQL SECURITY DEFINER
  SELECT f.uuid, f.team_id, k.generation, k.public_key, k.signature, f.connection_type, f.issuer, c.state = 'authorized' AS done,
    JSON_EXTRACT(u.shown, '$.connect') AS own_type
  FROM oauth_flow f
  JOIN credential c ON c.id = f.credential_id
  JOIN credential_request r ON r.id = c.request_id
  JOIN team t ON t.id = f.team_id
  JOIN team_key k ON k.team_id = t.id AND k.generation = t.key_generation
  LEFT JOIN user_credential u ON u.id = c.user_credential_id AND u.team_id = f.team_id AND u.uuid = f.callback_id
    AND JSON_VALUE(u.shown, '$.connect.type') = f.connection_type
  LEFT JOIN app_client a ON c.user_credential_id IS NULL AND a.callback_id = f.callback_id AND a.connection_type = f.connection_type
  WHERE f.state_hash = p_state_hash AND f.callback_id = p_callback AND f.browser_hash = p_browser AND r.browser_hash = p_browser
    AND (u.id IS NOT NULL OR a.uuid IS NOT NULL) AND r.expires_at > UTC_TIMESTAMP(3) AND (c.state = 'authorized' OR (f.used_at IS NULL AND f.expires_at > UTC_TIMESTAMP(3)));

-- The person is back; run inside a transaction. A trip is used once: the first statement decides. With `p_error` there is nothing to exchange.
-- A job for the credential under way: error 1062.
CREATE PROCEDURE page_return(IN p_callback BINARY(16), IN p_state_hash BINARY(32), IN p_browser BINARY(32), IN p_sealed MEDIUMBLOB,
  IN p_error VARCHAR(64) CHARSET ascii, IN p_audit BINARY(16), IN p_address VARCHAR(45) CHARSET ascii, IN p_call CHAR(36) CHARSET ascii)
  MODIFIES SQL DATA SQL SECURITY DEFINER
BEGIN
  DECLARE v_flow, v_request BINARY(16);
  DECLARE v_subject CHAR(36) CHARSET ascii;
  DECLARE v_team INT UNSIGNED;
  UPDATE oauth_flow SET used_at = UTC_TIMESTAMP(3), error = p_error, return_sealed = IF(p_error IS NULL, p_sealed, NULL)
    WHERE state_hash = p_state_hash AND callback_id = p_callback AND browser_hash = p_browser AND used_at IS NULL
      AND expires_at > UTC_TIMESTAMP(3);
  IF ROW_COUNT() <> 1 THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 30003, MESSAGE_TEXT = 'no such authorization under way';
  END IF;
  SELECT f.uuid, r.id, uuid_text(c.id), f.team_id INTO v_flow, v_request, v_subject, v_team
    FROM oauth_flow f JOIN credential c ON c.id = f.credential_id JOIN credential_request r ON r.id = c.request_id
    WHERE f.state_hash = p_state_hash AND r.browser_hash = p_browser AND r.expires_at > UTC_TIMESTAMP(3) AND c.state <> 'authorized';
  IF v_flow IS NULL OR (p_error IS NULL AND p_sealed IS NULL) THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 30003, MESSAGE_TEXT = 'no such authorization under way';
  END IF;
  IF p_error IS NULL THEN
    INSERT INTO job (kind, subject, active_key, team_id, run_at, max_attempts, payload, request_id, created_at)
      VALUES ('oauth_exchange', v_subject, CONCAT('credential:', v_subject), v_team, UTC_TIMESTAMP(3), 5,
        JSON_OBJECT('flow', uuid_text(v_flow)), p_call, UTC_TIMESTAMP(3));
  END IF;
  INSERT INTO audit (id, at, event, outcome, actor, address, team_id, subject, request_id)
    VALUES (p_audit, UTC_TIMESTAMP(3), 'link.return', IF(p_error IS NULL, 'ok', 'failed'), CONCAT('link:', uuid_text(v_request)), p_address,
      v_team, v_subject, p_call);
END;

-- It is his account, or it is not; run inside a transaction. `p_waiting` is what he was shown (`waiting` of page_open): what has come since he has
-- not said anything about. A form that is not confirmed goes at once. A job for the credential under way: error 1062.
CREATE PROCEDURE page_confirm(IN p_request BINARY(16), IN p_link_hash BINARY(32), IN p_browser BINARY(32), IN p_credential BINARY(16),
  IN p_waiting BINARY(16), IN p_accept BOOLEAN, IN p_audit BINARY(16), IN p_address VARCHAR(45) CHARSET ascii, IN p_call CHAR(36) CHARSET ascii)
  MODIFIES SQL DATA SQL SECURITY DEFINER
BEGIN
  DECLARE v_team INT UNSIGNED;
  DECLARE v_grant, v_form BINARY(16);
  DECLARE v_subject CHAR(36) CHARSET ascii DEFAULT uuid_text(p_credential);
  CALL page_check(p_request, p_link_hash, p_browser, p_credential, v_team);
  IF EXISTS (SELECT 1 FROM job WHERE active_key = CONCAT('credential:', v_subject)) THEN
    SIGNAL SQLSTATE '23000' SET MYSQL_ERRNO = 1062, MESSAGE_TEXT = 'a job is under way';
  END IF;
  SELECT uuid INTO v_grant FROM oauth_grant WHERE credential_id = p_credential AND state = 'waiting' ORDER BY created_at DESC LIMIT 1;
  SELECT id INTO v_form FROM submission WHERE credential_id = p_credential AND fields_sealed IS NOT NULL AND account_name IS NOT NULL
    ORDER BY created_at DESC LIMIT 1;
  IF v_grant IS NULL AND v_form IS NULL THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 30004, MESSAGE_TEXT = 'nothing waits for confirmation here';
  END IF;
  IF p_waiting IS NULL OR p_waiting <> COALESCE(v_grant, v_form) THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 30004, MESSAGE_TEXT = 'another account waits here by now: look at it first';
  END IF;
  IF v_grant IS NULL AND NOT p_accept THEN
    CALL page_drop_waiting(p_request, p_credential);
  ELSE
    INSERT INTO job (kind, subject, active_key, team_id, run_at, max_attempts, payload, request_id, created_at)
      VALUES (IF(v_grant IS NULL, 'fulfil', 'oauth_confirm'), v_subject, CONCAT('credential:', v_subject), v_team, UTC_TIMESTAMP(3), 5,
        IF(v_grant IS NULL, CONCAT('{"submission":"', uuid_text(v_form), '","confirmed":true}'),
          CONCAT('{"grant":"', uuid_text(v_grant), '","accept":', IF(p_accept, 'true', 'false'), '}')), p_call, UTC_TIMESTAMP(3));
  END IF;
  INSERT INTO audit (id, at, event, actor, address, team_id, subject, request_id)
    VALUES (p_audit, UTC_TIMESTAMP(3), IF(p_accept, 'link.confirm', 'link.reject'), CONCAT('link:', uuid_text(p_request)), p_address, v_team,
      v_subject, p_call);
END;

-- A new link goes to whoever is asked, by mail; run inside a transaction. The old one ends, with it what its browser has left unfinished.
CREATE PROCEDURE page_relink(IN p_request BINARY(16), IN p_link_hash BINARY(32), IN p_new_hash BINARY(32), IN p_link BINARY(16),
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
  REPLACE INTO mail_link (request_id, uuid, secret_sealed) VALUES (p_request, p_link, p_sealed);
  INSERT INTO job (kind, subject, active_key, team_id, run_at, max_attempts, payload, request_id, created_at)
    VALUES ('mail', v_subject, CONCAT('mail:resend:', uuid_text(p_link)), v_team, UTC_TIMESTAMP(3), 30,
      CONCAT('{"request":"', v_subject, '","template":"resend"}'), p_call, UTC_TIMESTAMP(3));
  INSERT INTO audit (id, at, event, actor, address, team_id, subject, request_id)
    VALUES (p_audit, UTC_TIMESTAMP(3), 'link.relink', CONCAT('link:', v_subject), p_address, v_team, v_subject, p_call);
END;
