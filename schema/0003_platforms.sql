-- 0003: platforms, connections, client registrations, answers kept for repeated calls, prefilled fields.

ALTER TABLE credential
  ADD COLUMN platform VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'where remote_id lives: local or make; NULL while there is none' AFTER remote_id,
  ADD COLUMN prefill TEXT NULL COMMENT 'JSON object {hard, soft} of fields filled in by the requester; never secret' AFTER name_override;
UPDATE credential SET platform = 'local' WHERE remote_id IS NOT NULL;

-- With the name, so that parts of names are looked for in the index and not in the rows.
ALTER TABLE credential_request
  DROP KEY request_list,
  ADD KEY request_list (team_id, created_at, id, name),
  ADD KEY request_name (team_id, name, id);

CREATE TABLE team_platform (
  team_id INT UNSIGNED NOT NULL COMMENT 'whose credentials live there; a team without a row keeps them in Bailee',
  uuid BINARY(16) NOT NULL COMMENT 'binds the sealed token to this row',
  kind VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'make',
  base_url VARCHAR(512) NOT NULL COMMENT 'of its API, up to and with /api/v2',
  remote_team_id INT UNSIGNED NOT NULL COMMENT 'number of the team there',
  token_sealed BLOB NOT NULL COMMENT 'sealed API token there',
  updated_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'last change',
  PRIMARY KEY (team_id),
  CONSTRAINT platform_team FOREIGN KEY (team_id) REFERENCES team (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'Where fulfilled credentials of a team are made, tested and deleted';

CREATE TABLE connection (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'public id',
  uuid BINARY(16) NOT NULL COMMENT 'binds the sealed value to this row',
  team_id INT UNSIGNED NOT NULL COMMENT 'owner',
  name VARCHAR(255) NOT NULL COMMENT 'shown in lists',
  account_name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'connection type, such as github',
  account_label VARCHAR(255) NOT NULL COMMENT 'label of the type',
  account_type VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'basic or oauth',
  package_name VARCHAR(128) NULL COMMENT 'app the type belongs to',
  metadata_type VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'what metadata_value is: text, email',
  metadata_value VARCHAR(255) NULL COMMENT 'name of the account at the provider, as its test call says',
  uid VARCHAR(255) NULL COMMENT 'id of the account at the provider',
  scopes TEXT NOT NULL COMMENT 'JSON array of the scopes granted',
  expires_at DATETIME(3) NULL COMMENT 'when the connection itself ends, where the provider says so',
  parameters_sealed MEDIUMBLOB NOT NULL COMMENT 'sealed JSON object of the fields of its type',
  created_at DATETIME(3) NOT NULL COMMENT 'when it was made',
  updated_at DATETIME(3) NOT NULL COMMENT 'last change',
  PRIMARY KEY (id),
  UNIQUE KEY connection_uuid (uuid),
  KEY connection_list (team_id, name, id),
  CONSTRAINT connection_team FOREIGN KEY (team_id) REFERENCES team (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'Connections: accounts at providers';

CREATE TABLE app_client (
  uuid BINARY(16) NOT NULL COMMENT 'binds the sealed secret to this row',
  app VARCHAR(128) NOT NULL COMMENT 'app of the definition',
  connection_type VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'connection type of the definition',
  organization_id INT UNSIGNED NOT NULL DEFAULT 0 COMMENT '0: for all organizations without one of their own',
  client_id VARCHAR(512) NOT NULL COMMENT 'as the provider issued it; not secret',
  secret_sealed BLOB NULL COMMENT 'sealed to the master key; NULL: a public client',
  updated_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'last change',
  PRIMARY KEY (uuid),
  UNIQUE KEY app_client_scope (app, connection_type, organization_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'Client registrations of the operator at OAuth providers';

CREATE TABLE idempotency (
  public_id CHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'token that called',
  key_hash BINARY(32) NOT NULL COMMENT 'SHA-256 of method, path and the key sent',
  uuid BINARY(16) NOT NULL COMMENT 'binds the sealed answer to this row',
  call_hash BINARY(32) NOT NULL COMMENT 'HMAC-SHA-256 of query and body, by the token key',
  team_id INT UNSIGNED NOT NULL COMMENT 'to whose key the answer is sealed',
  status SMALLINT UNSIGNED NOT NULL COMMENT 'status of the first answer',
  answer_sealed MEDIUMBLOB NOT NULL COMMENT 'sealed body of the first answer: it may hold a link',
  created_at DATETIME(3) NOT NULL COMMENT 'kept for a day from then on',
  PRIMARY KEY (public_id, key_hash),
  KEY idempotency_age (created_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'First answers of calls that create, for calls that are repeated';
