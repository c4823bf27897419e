-- 0014: clients that a person brings along: the redirect URI is then the credential's own. Which types have such clients the definitions say, not the
-- database: the page sends the person only so, and the runner spends no code that has come back to another place.
-- Replaced, not dropped: who may execute them stays.

-- As in 0010, but that `callback_id` is the credential where there is nothing else, unless the team's connections live at another platform.
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
      COALESCE(a.callback_id, u.uuid, IF(c.component = 'account' AND c.user_credential_id IS NULL
        AND NOT EXISTS (SELECT 1 FROM team_platform w WHERE w.team_id = r.team_id), c.id, NULL)) AS callback_id, a.client_id, a.app AS client_app,
      JSON_EXTRACT(u.shown, '$.connect') AS own_type, p.metadata_value AS account_name, p.uid AS account_id, p.scopes AS account_scopes,
      COALESCE(g.uuid, s.id) AS waiting, IF(g.uuid IS NULL, s.account_name, g.account_name) AS waiting_name,
      IF(g.uuid IS NULL, s.account_id, g.account_id) AS waiting_id, g.scopes AS waiting_scopes,
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

-- As in 0007, and with the credential itself in the place of a registration.
CREATE OR REPLACE PROCEDURE page_connect(IN p_request BINARY(16), IN p_link_hash BINARY(32), IN p_browser BINARY(32), IN p_credential BINARY(16),
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
      AND (p_callback = IF(c.user_credential_id IS NULL, (SELECT w.callback_id FROM app_client w
        WHERE w.connection_type = c.name AND w.organization_id IN (0, t.organization_id) AND w.client_id <> ''
        ORDER BY w.organization_id DESC LIMIT 1), u.uuid) OR (c.user_credential_id IS NULL AND p_callback = c.id))
      AND (c.user_credential_id IS NOT NULL OR NOT EXISTS (SELECT 1 FROM team_platform w WHERE w.team_id = v_team));
  IF ROW_COUNT() <> 1 THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 30004, MESSAGE_TEXT = 'no client is registered for this connection';
  END IF;
  INSERT INTO audit (id, at, event, actor, address, team_id, subject, request_id)
    VALUES (p_audit, UTC_TIMESTAMP(3), 'link.connect', CONCAT('link:', uuid_text(p_request)), p_address, v_team, v_subject, p_call);
END;

-- The same.
CREATE OR REPLACE PROCEDURE page_return_look(IN p_callback BINARY(16), IN p_state_hash BINARY(32), IN p_browser BINARY(32)) READS SQL DATA SQL SECURITY DEFINER
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
    AND (u.id IS NOT NULL OR a.uuid IS NOT NULL OR (c.user_credential_id IS NULL AND f.callback_id = c.id AND f.connection_type = c.name))
    AND r.expires_at > UTC_TIMESTAMP(3) AND (c.state = 'authorized' OR (f.used_at IS NULL AND f.expires_at > UTC_TIMESTAMP(3)));
