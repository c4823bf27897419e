-- 0006: OAuth connections: authorizations under way, grants, their tokens by generation, and the journal of what was spent.

-- The provider must know the redirect URI before it gives out a client id, and a new secret must not change it.
ALTER TABLE app_client
  ADD COLUMN callback_id BINARY(16) NULL COMMENT 'last part of the redirect URI; stays when the client id or the secret changes' AFTER uuid;
UPDATE app_client SET callback_id = uuid;
ALTER TABLE app_client
  MODIFY COLUMN callback_id BINARY(16) NOT NULL COMMENT 'last part of the redirect URI; stays when the client id or the secret changes',
  MODIFY COLUMN client_id VARCHAR(512) NOT NULL COMMENT 'as the provider issued it; not secret; empty: only the redirect URI is reserved yet',
  ADD UNIQUE KEY app_client_callback (callback_id);

ALTER TABLE credential_request
  ADD COLUMN browser_hash BINARY(32) NULL COMMENT 'SHA-256 of the cookie of the browser that has answered first; others are turned away' AFTER link_hash;

-- One trip of a person to a provider and back.
CREATE TABLE oauth_flow (
  uuid BINARY(16) NOT NULL COMMENT 'binds the sealed values to this row',
  state_hash BINARY(32) NOT NULL COMMENT 'SHA-256 of the state parameter, which is used once',
  credential_id BINARY(16) NOT NULL COMMENT 'what is to be authorized',
  team_id INT UNSIGNED NOT NULL COMMENT 'to whose key the values are sealed',
  callback_id BINARY(16) NOT NULL COMMENT 'client registration it was begun with: the redirect must come back to its URI',
  browser_hash BINARY(32) NOT NULL COMMENT 'SHA-256 of the cookie of the browser it was begun in',
  connection_type VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'connection type of the definition',
  issuer VARCHAR(2048) NULL COMMENT 'what iss of the redirect must be (RFC 9207); NULL: the definition does not know',
  start_sealed MEDIUMBLOB NOT NULL COMMENT 'sealed {verifier, client_id, redirect_uri, fields, scopes}',
  return_sealed MEDIUMBLOB NULL COMMENT 'sealed {code, callback}; NULL: not back yet, or taken by the runner',
  error VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'what the provider said instead, as access_denied (RFC 6749 section 4.1.2.1)',
  created_at DATETIME(3) NOT NULL COMMENT 'when the person set out',
  expires_at DATETIME(3) NOT NULL COMMENT 'too late from then on',
  used_at DATETIME(3) NULL COMMENT 'when the person came back',
  PRIMARY KEY (uuid),
  UNIQUE KEY oauth_flow_state (state_hash),
  KEY oauth_flow_credential (credential_id, created_at),
  KEY oauth_flow_age (created_at),
  CONSTRAINT oauth_flow_credential FOREIGN KEY (credential_id) REFERENCES credential (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'Authorizations under way';

-- What a provider has granted. Hardly ever written; its tokens are rows of their own.
CREATE TABLE oauth_grant (
  uuid BINARY(16) NOT NULL COMMENT 'binds the sealed values to this row; subject of its jobs',
  team_id INT UNSIGNED NOT NULL COMMENT 'owner',
  state VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'waiting (for the person to confirm the account), active, broken (the provider refuses it) or ending (to be revoked)',
  connection_id INT UNSIGNED NULL COMMENT 'whose tokens these are; NULL while waiting, ending, or with a user credential',
  user_credential_id INT UNSIGNED NULL COMMENT 'likewise',
  credential_id BINARY(16) NULL COMMENT 'what it is to authorize; no foreign key: it may be deleted, and the grant revoked after that',
  callback_id BINARY(16) NOT NULL COMMENT 'client registration that may spend its tokens',
  client_id VARCHAR(512) NOT NULL COMMENT 'of that registration when it was granted: a new client id cannot spend old tokens',
  connection_type VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'connection type of the definition',
  account_name VARCHAR(255) NULL COMMENT 'whose account it is, for people, as the test call said',
  account_id VARCHAR(255) NULL COMMENT 'the same, as the provider numbers it',
  scopes TEXT NOT NULL COMMENT 'JSON array of the scopes granted',
  parameters_sealed MEDIUMBLOB NOT NULL COMMENT 'sealed JSON object of the fields of its type',
  generation INT UNSIGNED NOT NULL COMMENT 'newest row of oauth_token; the only thing a refresh compares and sets',
  refresh_at DATETIME(3) NULL COMMENT 'when to refresh ahead of expiry; NULL: not',
  lease_fence INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'counts leases; part of each journal row',
  lease_owner CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'job and its fence that may spend the refresh token',
  lease_until DATETIME(3) NULL COMMENT 'nobody else may until then; longer than the HTTP deadline of a refresh',
  problem VARCHAR(512) NULL COMMENT 'why the last refresh or revocation did not work, safe to show',
  created_at DATETIME(3) NOT NULL COMMENT 'when it was granted',
  updated_at DATETIME(3) NOT NULL COMMENT 'last change of its state',
  PRIMARY KEY (uuid),
  UNIQUE KEY oauth_grant_connection (connection_id),
  UNIQUE KEY oauth_grant_user_credential (user_credential_id),
  KEY oauth_grant_credential (credential_id, created_at),
  KEY oauth_grant_due (state, refresh_at),
  KEY oauth_grant_account (connection_type, account_id),
  CONSTRAINT oauth_grant_team FOREIGN KEY (team_id) REFERENCES team (id),
  CONSTRAINT oauth_grant_connection FOREIGN KEY (connection_id) REFERENCES connection (id),
  CONSTRAINT oauth_grant_user_credential FOREIGN KEY (user_credential_id) REFERENCES user_credential (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'Grants of OAuth providers';

-- Appended, never changed: an answer that came cannot overwrite a newer one.
CREATE TABLE oauth_token (
  grant_uuid BINARY(16) NOT NULL COMMENT 'whose token',
  generation INT UNSIGNED NOT NULL COMMENT 'counts refreshes, from 1',
  access_sealed MEDIUMBLOB NOT NULL COMMENT 'sealed access token',
  refresh_sealed MEDIUMBLOB NULL COMMENT 'sealed refresh token; NULL: there is none',
  token_type VARCHAR(32) NOT NULL COMMENT 'as the provider says; Bearer where it does not',
  expires_at DATETIME(3) NULL COMMENT 'of the access token; NULL: it does not expire',
  created_at DATETIME(3) NOT NULL COMMENT 'when it came',
  PRIMARY KEY (grant_uuid, generation),
  CONSTRAINT oauth_token_grant FOREIGN KEY (grant_uuid) REFERENCES oauth_grant (uuid) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'Tokens of grants by generation';

-- Written and committed before a refresh token is spent.
CREATE TABLE oauth_spend (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'order',
  grant_uuid BINARY(16) NOT NULL COMMENT 'whose refresh token',
  generation INT UNSIGNED NOT NULL COMMENT 'of the token that is spent',
  fence INT UNSIGNED NOT NULL COMMENT 'lease under which it was spent',
  job_id BIGINT UNSIGNED NOT NULL COMMENT 'refresh that spent it',
  spent_at DATETIME(3) NOT NULL COMMENT 'just before the call',
  outcome VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'answered, refused or not_sent; NULL: not known, the provider may have acted',
  PRIMARY KEY (id),
  KEY oauth_spend_grant (grant_uuid, generation, id),
  KEY oauth_spend_age (spent_at),
  CONSTRAINT oauth_spend_grant FOREIGN KEY (grant_uuid) REFERENCES oauth_grant (uuid) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'Journal of refresh tokens spent';
