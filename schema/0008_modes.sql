-- 0008: all modes of user credentials, and calls made with them on behalf of others.

ALTER TABLE user_credential
  ADD COLUMN shown TEXT NOT NULL DEFAULT '{}' COMMENT 'JSON object of what answers show of the mode''s own fields; never secret' AFTER http_request_ttl,
  ADD COLUMN last_used_at DATETIME(3) NULL COMMENT 'last time its token was asked for, written in batches: what is in steady use is fetched ahead of expiry';

-- A request may ask a person to connect a user credential of mode OAUTH; its item is then an account without a connection.
ALTER TABLE credential
  ADD COLUMN user_credential_id INT UNSIGNED NULL COMMENT 'user credential that the person connects; NULL: a key or connection is asked for',
  ADD KEY credential_user_credential (user_credential_id),
  ADD CONSTRAINT credential_user_credential FOREIGN KEY (user_credential_id) REFERENCES user_credential (id);

ALTER TABLE fetch_token
  ADD COLUMN expires_at DATETIME(3) NULL COMMENT 'when the token ends, as it or the answer said; NULL: nobody said',
  ADD COLUMN ahead_at DATETIME(3) NULL COMMENT 'when an asker last put in a fetch of the next one; NULL: not yet',
  ADD KEY fetch_token_fresh (fresh_until);

-- What a job needs to know or has to say and the queue must not hold: sealed, gone with the call that waits for it.
CREATE TABLE job_value (
  job_id BIGINT UNSIGNED NOT NULL COMMENT 'whose',
  direction VARCHAR(3) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'in: for the runner; out: for whoever asked',
  uuid BINARY(16) NOT NULL COMMENT 'binds the sealed value to this row',
  team_id INT UNSIGNED NOT NULL COMMENT 'to whose key it is sealed',
  value_sealed MEDIUMBLOB NOT NULL COMMENT 'sealed JSON',
  created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'kept for an hour at most',
  PRIMARY KEY (job_id, direction),
  KEY job_value_age (created_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'Sealed input and output of jobs';

-- With the team: jobs of those that have no room in a runner are passed over in the index.
ALTER TABLE job
  DROP KEY job_claim,
  ADD KEY job_claim (state, run_at, id, team_id);
