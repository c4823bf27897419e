-- 0015: a client registration says at which host it was made, where a field of the form names the host: nobody who fills it in chooses where the
-- operator's secret, and the codes of others, are sent.
ALTER TABLE app_client ADD COLUMN IF NOT EXISTS
  host VARCHAR(255) NULL COMMENT 'where it is registered, of types whose fields name the host; part of what the secret is sealed with. NULL: says the definition' AFTER client_id;

-- As in 0014, and with that host. Replaced, not dropped: who may execute it stays.
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
        AND NOT EXISTS (SELECT 1 FROM team_platform w WHERE w.team_id = r.team_id), c.id, NULL)) AS callback_id, a.client_id, a.app AS client_app, a.host AS client_host,
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
