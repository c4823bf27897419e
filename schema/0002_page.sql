-- 0002: what the public pool may do, as procedures that check the link themselves. Its account can execute these and nothing else:
-- whoever takes that pool over sees only the requests whose link secret he was shown.
-- Refusals: 30001 too many wrong links, 30002 the link has ended, 30003 unknown, 30004 not in a state for this.

CREATE FUNCTION uuid_text(p_id BINARY(16)) RETURNS CHAR(36) CHARSET ascii DETERMINISTIC NO SQL
  RETURN LOWER(CONCAT_WS('-', HEX(SUBSTR(p_id, 1, 4)), HEX(SUBSTR(p_id, 5, 2)), HEX(SUBSTR(p_id, 7, 2)), HEX(SUBSTR(p_id, 9, 2)),
    HEX(SUBSTR(p_id, 11, 6))));

-- Signals 30001 for a wrong link after 20 of them in 15 minutes. The right one opens all the same: who knows a request's id, which is no
-- secret, must not be able to keep away the person it is meant for.
CREATE PROCEDURE page_throttle(IN p_request BINARY(16), IN p_link_hash BINARY(32)) READS SQL DATA SQL SECURITY INVOKER
BEGIN
  IF NOT EXISTS (SELECT 1 FROM credential_request WHERE id = p_request AND link_hash = p_link_hash) AND
     (SELECT COUNT(*) FROM link_failure
      WHERE request_id = p_request AND failed_at > UTC_TIMESTAMP(3) - INTERVAL 15 MINUTE) >= 20 THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 30001, MESSAGE_TEXT = 'too many wrong links for this request, try again in a quarter of an hour';
  END IF;
END;

-- One row per credential, each with the request's own columns; no row: unknown request or wrong secret.
CREATE PROCEDURE page_open(IN p_request BINARY(16), IN p_link_hash BINARY(32)) MODIFIES SQL DATA SQL SECURITY DEFINER
BEGIN
  CALL page_throttle(p_request, p_link_hash);
  INSERT INTO link_failure (request_id)
    SELECT id FROM credential_request WHERE id = p_request AND link_hash <> p_link_hash;
  SELECT r.name, r.description, r.status, r.expires_at, r.expires_at <= UTC_TIMESTAMP(3) AS expired,
      requester.name AS requester_name, requester.email AS requester_email, t.name AS team_name, o.name AS organization_name,
      r.team_id, k.generation, k.public_key, k.signature,
      c.id, c.component, c.type, c.name AS type_name, c.label, c.description AS credential_description, c.scope, c.state,
      c.decline_reason, c.app_name, c.app_version, c.name_override, j.state AS job_state, j.error AS job_error
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

-- Signals unless the link opens an unexpired request that holds the credential and the credential waits for somebody. Each answer leaves rows
-- that are kept for long, and declining can be repeated: 30 answers an hour are enough for anybody.
CREATE PROCEDURE page_check(IN p_request BINARY(16), IN p_link_hash BINARY(32), IN p_credential BINARY(16), OUT p_team INT UNSIGNED)
  READS SQL DATA SQL SECURITY INVOKER
BEGIN
  DECLARE v_expired BOOLEAN;
  DECLARE v_state VARCHAR(16);
  CALL page_throttle(p_request, p_link_hash);
  SELECT r.team_id, r.expires_at <= UTC_TIMESTAMP(3), c.state INTO p_team, v_expired, v_state
    FROM credential_request r LEFT JOIN credential c ON c.request_id = r.id AND c.id = p_credential
    WHERE r.id = p_request AND r.link_hash = p_link_hash;
  IF p_team IS NULL OR v_state IS NULL THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 30003, MESSAGE_TEXT = 'no such request';
  END IF;
  IF v_expired THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 30002, MESSAGE_TEXT = 'this request has expired';
  END IF;
  IF v_state = 'authorized' THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 30004, MESSAGE_TEXT = 'this credential has been provided already';
  END IF;
  IF (SELECT COUNT(*) FROM job
      WHERE subject = uuid_text(p_credential) AND created_at > UTC_TIMESTAMP(3) - INTERVAL 1 HOUR) >= 30 THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 30001, MESSAGE_TEXT = 'too many answers for this credential, try again later';
  END IF;
END;

-- Stores a sealed form and its job; run inside a transaction. Answers the job. A job for the credential under way: error 1062.
CREATE PROCEDURE page_submit(IN p_request BINARY(16), IN p_link_hash BINARY(32), IN p_credential BINARY(16), IN p_submission BINARY(16),
  IN p_sealed MEDIUMBLOB, IN p_audit BINARY(16), IN p_address VARCHAR(45) CHARSET ascii, IN p_call CHAR(36) CHARSET ascii)
  MODIFIES SQL DATA SQL SECURITY DEFINER
BEGIN
  DECLARE v_team INT UNSIGNED;
  DECLARE v_subject CHAR(36) CHARSET ascii DEFAULT uuid_text(p_credential);
  CALL page_check(p_request, p_link_hash, p_credential, v_team);
  INSERT INTO submission (id, credential_id, team_id, fields_sealed) VALUES (p_submission, p_credential, v_team, p_sealed);
  INSERT INTO job (kind, subject, active_key, team_id, run_at, max_attempts, payload, request_id, created_at)
    VALUES ('fulfil', v_subject, CONCAT('credential:', v_subject), v_team, UTC_TIMESTAMP(3), 5,
      JSON_OBJECT('submission', uuid_text(p_submission)), p_call, UTC_TIMESTAMP(3));
  INSERT INTO audit (id, at, event, actor, address, team_id, subject, request_id)
    VALUES (p_audit, UTC_TIMESTAMP(3), 'link.submit', CONCAT('link:', uuid_text(p_request)), p_address, v_team, v_subject, p_call);
END;

-- Hands a refusal to the runner; run inside a transaction.
CREATE PROCEDURE page_decline(IN p_request BINARY(16), IN p_link_hash BINARY(32), IN p_credential BINARY(16),
  IN p_reason VARCHAR(2048) CHARSET utf8mb4, IN p_audit BINARY(16), IN p_address VARCHAR(45) CHARSET ascii, IN p_call CHAR(36) CHARSET ascii)
  MODIFIES SQL DATA SQL SECURITY DEFINER
BEGIN
  DECLARE v_team INT UNSIGNED;
  DECLARE v_subject CHAR(36) CHARSET ascii DEFAULT uuid_text(p_credential);
  CALL page_check(p_request, p_link_hash, p_credential, v_team);
  INSERT INTO job (kind, subject, active_key, team_id, run_at, max_attempts, payload, request_id, created_at)
    VALUES ('decline', v_subject, CONCAT('credential:', v_subject), v_team, UTC_TIMESTAMP(3), 5,
      JSON_OBJECT('reason', p_reason), p_call, UTC_TIMESTAMP(3));
  INSERT INTO audit (id, at, event, actor, address, team_id, subject, request_id)
    VALUES (p_audit, UTC_TIMESTAMP(3), 'link.decline', CONCAT('link:', uuid_text(p_request)), p_address, v_team, v_subject, p_call);
END;

-- Has the transaction with this audit row landed? The lock waits for one that may still be on its way to the end.
CREATE PROCEDURE page_landed(IN p_audit BINARY(16)) READS SQL DATA SQL SECURITY DEFINER
  SELECT COUNT(*) AS n FROM audit WHERE id = p_audit LOCK IN SHARE MODE;

-- For /readyz of the public pool, and for telling a person that nobody works at the moment: seconds since a runner was last seen.
CREATE PROCEDURE page_runner_age() READS SQL DATA SQL SECURITY DEFINER
  SELECT COALESCE(TIMESTAMPDIFF(SECOND, MAX(seen_at), UTC_TIMESTAMP(3)), 1000000) AS age_s FROM runner;
