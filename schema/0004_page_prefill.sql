-- 0004: what a requester has filled in is shown on the page; credentials that extend a connection.

ALTER TABLE credential
  ADD COLUMN extends_id INT UNSIGNED NULL COMMENT 'connection that the answer goes into; NULL: a new key or connection is made' AFTER prefill;

-- As in 0002, with the prefilled fields. Replaced, not dropped: who may execute it stays.
CREATE OR REPLACE PROCEDURE page_open(IN p_request BINARY(16), IN p_link_hash BINARY(32)) MODIFIES SQL DATA SQL SECURITY DEFINER
BEGIN
  CALL page_throttle(p_request, p_link_hash);
  INSERT INTO link_failure (request_id)
    SELECT id FROM credential_request WHERE id = p_request AND link_hash <> p_link_hash;
  SELECT r.name, r.description, r.status, r.expires_at, r.expires_at <= UTC_TIMESTAMP(3) AS expired,
      requester.name AS requester_name, requester.email AS requester_email, t.name AS team_name, o.name AS organization_name,
      r.team_id, k.generation, k.public_key, k.signature,
      c.id, c.component, c.type, c.name AS type_name, c.label, c.description AS credential_description, c.scope, c.state,
      c.decline_reason, c.app_name, c.app_version, c.name_override, c.prefill, j.state AS job_state, j.error AS job_error
    FROM credential_request r
    JOIN person requester ON requester.id = r.requester_id
    JOIN team t ON t.id = r.team_id
    JOIN organization o ON o.id = t.organization_id
    JOIN team_key k ON k.team_id = t.id AND k.generation = t.key_generation
    JOIN credential c ON c.request_id = r.id
    LEFT JOIN job j ON j.id = (SELECT MAX(n.id) FROM job n WHERE n.subject = uuid_text(c.id))
    WHERE r.id = p_request AND r.link_hash = p_link_hash
    ORDER BY c.position;
END;
