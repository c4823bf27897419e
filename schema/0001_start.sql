-- 0001: organizations, people, keys, tokens, credential requests, user credentials, the queue, the audit trail.
-- Identifiers that the outside sees are uuids (BINARY(16)) or AUTO_INCREMENT numbers; uuids also bind sealed values to their row.
-- Times are UTC with milliseconds. Sealed columns hold HPKE records that only holders of the master key can open.

CREATE TABLE organization (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'public id',
  name VARCHAR(255) NOT NULL COMMENT 'shown to people',
  timezone_id INT UNSIGNED NOT NULL DEFAULT 113 COMMENT 'client-facing number only; times are UTC',
  zone VARCHAR(255) NOT NULL DEFAULT '' COMMENT 'host name of the zone, as clients expect it; empty: taken from public_url',
  created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when it was made',
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'A customer of this installation';

CREATE TABLE person (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'public id; the API calls it user',
  email VARCHAR(254) NOT NULL COMMENT 'lower case; unique',
  name VARCHAR(255) NOT NULL COMMENT 'shown to people',
  language CHAR(2) NOT NULL DEFAULT 'en' COMMENT 'ISO 639-1',
  timezone VARCHAR(64) NOT NULL DEFAULT 'UTC' COMMENT 'IANA name',
  last_login_at DATETIME(3) NULL COMMENT 'last use of one of the tokens, written in batches',
  created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when it was made',
  PRIMARY KEY (id),
  UNIQUE KEY person_email (email)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'Somebody with tokens, or somebody asked for credentials';

CREATE TABLE team (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'public id',
  organization_id INT UNSIGNED NOT NULL COMMENT 'its organization',
  name VARCHAR(255) NOT NULL COMMENT 'shown to people',
  slug VARCHAR(255) NOT NULL COMMENT 'underscored name, for shared_team_slugs',
  key_generation INT UNSIGNED NOT NULL COMMENT 'generation that new values are sealed to',
  created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when it was made',
  PRIMARY KEY (id),
  UNIQUE KEY team_slug (organization_id, slug),
  CONSTRAINT team_organization FOREIGN KEY (organization_id) REFERENCES organization (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'Owner of credentials, with its own key pair';

CREATE TABLE team_member (
  team_id INT UNSIGNED NOT NULL COMMENT 'the team',
  person_id INT UNSIGNED NOT NULL COMMENT 'who belongs to it',
  created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'since when',
  PRIMARY KEY (team_id, person_id),
  KEY member_person (person_id, team_id),
  CONSTRAINT member_team FOREIGN KEY (team_id) REFERENCES team (id),
  CONSTRAINT member_person FOREIGN KEY (person_id) REFERENCES person (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'Who may act for which team';

CREATE TABLE install_check (
  kind VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'master, signing or token',
  key_id CHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'first 16 hex digits of the digest of its public half',
  public_key BINARY(32) NOT NULL COMMENT 'public half; zero for the token key',
  proof VARBINARY(512) NOT NULL COMMENT 'what only the holder of the right key can verify or open',
  created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when it was made',
  PRIMARY KEY (kind, key_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'Check values: every process proves at start that it has the right key files';

CREATE TABLE team_key (
  team_id INT UNSIGNED NOT NULL COMMENT 'whose key',
  generation INT UNSIGNED NOT NULL COMMENT 'counts up',
  public_key BINARY(32) NOT NULL COMMENT 'X25519; values are sealed to it',
  signature BINARY(64) NOT NULL COMMENT 'Ed25519 by the installation, over team, generation and public key',
  private_sealed VARBINARY(512) NOT NULL COMMENT 'private half, sealed to the master key',
  master_key_id CHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'which master key opens it',
  created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when it was made',
  PRIMARY KEY (team_id, generation),
  CONSTRAINT team_key_team FOREIGN KEY (team_id) REFERENCES team (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'Key pairs of the teams';

CREATE TABLE api_token (
  public_id CHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'first part of the token; may be logged',
  person_id INT UNSIGNED NOT NULL COMMENT 'acts as this person',
  name VARCHAR(255) NOT NULL COMMENT 'what it is for',
  mac BINARY(32) NOT NULL COMMENT 'HMAC-SHA256 of the whole token under the token key',
  scopes INT UNSIGNED NOT NULL COMMENT 'bit per scope',
  created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when it was made',
  expires_at DATETIME(3) NULL COMMENT 'NULL: never',
  revoked_at DATETIME(3) NULL COMMENT 'set: refused from then on',
  last_used_at DATETIME(3) NULL COMMENT 'written in batches, at most once a minute',
  PRIMARY KEY (public_id),
  KEY token_person (person_id),
  CONSTRAINT token_person FOREIGN KEY (person_id) REFERENCES person (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'API tokens; the secret itself is nowhere';

CREATE TABLE credential_request (
  id BINARY(16) NOT NULL COMMENT 'public id',
  team_id INT UNSIGNED NOT NULL COMMENT 'where the credentials will live',
  requester_id INT UNSIGNED NOT NULL COMMENT 'who asks',
  provider_id INT UNSIGNED NOT NULL COMMENT 'who is to authorize',
  name VARCHAR(255) NOT NULL COMMENT 'shown on the page',
  description VARCHAR(512) NULL COMMENT 'shown on the page',
  status VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'pending' COMMENT 'derived from the credentials in the transaction that changes one',
  link_hash BINARY(32) NOT NULL COMMENT 'SHA-256 of the link secret',
  should_send_email BOOLEAN NOT NULL DEFAULT FALSE COMMENT 'an invitation is to be sent',
  email_sent_at DATETIME(3) NULL COMMENT 'when it was sent',
  created_at DATETIME(3) NOT NULL COMMENT 'when it was made',
  updated_at DATETIME(3) NOT NULL COMMENT 'last change of it or of one of its credentials',
  expires_at DATETIME(3) NOT NULL COMMENT 'the page refuses from then on',
  PRIMARY KEY (id),
  KEY request_list (team_id, created_at, id),
  KEY request_status (team_id, status, created_at, id),
  CONSTRAINT request_team FOREIGN KEY (team_id) REFERENCES team (id),
  CONSTRAINT request_requester FOREIGN KEY (requester_id) REFERENCES person (id),
  CONSTRAINT request_provider FOREIGN KEY (provider_id) REFERENCES person (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'A question to a person';

CREATE TABLE credential (
  id BINARY(16) NOT NULL COMMENT 'public id',
  request_id BINARY(16) NOT NULL COMMENT 'part of this request',
  position SMALLINT UNSIGNED NOT NULL COMMENT 'order on the page',
  component VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'account (a connection) or keychain (a key)',
  type VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'auth kind: oauth, basic, key',
  name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'type id, such as basicauth',
  label VARCHAR(255) NOT NULL COMMENT 'of the type, shown on the page',
  description VARCHAR(512) NULL COMMENT 'shown on the page',
  scope TEXT NOT NULL COMMENT 'JSON array of the scopes asked for',
  remote_scope TEXT NOT NULL COMMENT 'JSON array of the scopes granted',
  remote_id INT UNSIGNED NULL COMMENT 'id of the key or connection made from it',
  state VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'pending' COMMENT 'pending, authorized, declined, reauthorizing or invalid',
  decline_reason VARCHAR(2048) NULL COMMENT 'in the words of whoever declined',
  app_name VARCHAR(128) NOT NULL COMMENT 'app it is for',
  app_modules TEXT NOT NULL COMMENT 'JSON array of module ids',
  app_version VARCHAR(16) NOT NULL COMMENT 'major version of the app',
  name_override VARCHAR(255) NULL COMMENT 'name for the key or connection',
  created_at DATETIME(3) NOT NULL COMMENT 'when it was made',
  updated_at DATETIME(3) NOT NULL COMMENT 'last change',
  PRIMARY KEY (id),
  UNIQUE KEY credential_request (request_id, position),
  KEY credential_remote (remote_id),
  CONSTRAINT credential_request FOREIGN KEY (request_id) REFERENCES credential_request (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'One thing asked for';

CREATE TABLE keychain (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'public id; the API calls it key',
  uuid BINARY(16) NOT NULL COMMENT 'binds the sealed value to this row',
  team_id INT UNSIGNED NOT NULL COMMENT 'owner',
  name VARCHAR(255) NOT NULL COMMENT 'shown in lists',
  type_name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'key type, such as apikeyauth',
  parameters_sealed MEDIUMBLOB NOT NULL COMMENT 'sealed JSON object of the fields of its type',
  created_at DATETIME(3) NOT NULL COMMENT 'when it was made',
  updated_at DATETIME(3) NOT NULL COMMENT 'last change',
  PRIMARY KEY (id),
  UNIQUE KEY keychain_uuid (uuid),
  KEY keychain_list (team_id, name, id),
  CONSTRAINT keychain_team FOREIGN KEY (team_id) REFERENCES team (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'Keys: API keys, logins, certificates';

CREATE TABLE folder (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'public id',
  team_id INT UNSIGNED NOT NULL COMMENT 'owner',
  name VARCHAR(255) NOT NULL COMMENT 'shown in lists',
  content_type VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'CREDENTIAL' COMMENT 'what it holds',
  created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when it was made',
  PRIMARY KEY (id),
  KEY folder_team (team_id, id),
  CONSTRAINT folder_team FOREIGN KEY (team_id) REFERENCES team (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'Order among user credentials';

CREATE TABLE user_credential (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'public id',
  uuid BINARY(16) NOT NULL COMMENT 'binds the sealed definition to this row',
  team_id INT UNSIGNED NOT NULL COMMENT 'owner',
  folder_id INT UNSIGNED NULL COMMENT 'where it is filed',
  owner_id INT UNSIGNED NOT NULL COMMENT 'who made it',
  name VARCHAR(255) NOT NULL COMMENT 'shown in lists',
  slug VARCHAR(255) NOT NULL COMMENT 'underscored name; formulas call it so',
  mode VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'TEXT, MULTI_REQUEST, ...',
  read_access VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'TEAM' COMMENT 'TEAM, GLOBAL or SPECIFIC_TEAMS',
  shared_team_slugs TEXT NOT NULL COMMENT 'JSON array, for SPECIFIC_TEAMS',
  description TEXT NOT NULL COMMENT 'shown in lists',
  allowed_hosts TEXT NOT NULL COMMENT 'JSON array; part of what the sealed definition is bound to',
  metadata TEXT NOT NULL COMMENT 'JSON object of texts, never secret',
  http_request_ttl INT UNSIGNED NULL COMMENT 'seconds a fetched token is kept; NULL: fetch every time',
  definition_sealed MEDIUMBLOB NOT NULL COMMENT 'sealed JSON object: value, request options, secrets, location of the token',
  version INT UNSIGNED NOT NULL DEFAULT 1 COMMENT 'counts changes; a cached token of another version does not count',
  expires_at DATETIME(3) NULL COMMENT 'told by the owner; shown only',
  created_at DATETIME(3) NOT NULL COMMENT 'when it was made',
  updated_at DATETIME(3) NOT NULL COMMENT 'last change',
  PRIMARY KEY (id),
  UNIQUE KEY user_credential_uuid (uuid),
  UNIQUE KEY user_credential_slug (team_id, slug),
  KEY user_credential_folder (folder_id, id),
  CONSTRAINT user_credential_team FOREIGN KEY (team_id) REFERENCES team (id),
  CONSTRAINT user_credential_owner FOREIGN KEY (owner_id) REFERENCES person (id),
  CONSTRAINT user_credential_folder FOREIGN KEY (folder_id) REFERENCES folder (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'Credentials that automations use';

CREATE TABLE fetch_token (
  credential_id INT UNSIGNED NOT NULL COMMENT 'whose token',
  version INT UNSIGNED NOT NULL COMMENT 'of the definition it was fetched with',
  job_id BIGINT UNSIGNED NOT NULL COMMENT 'the fetch that brought it',
  token_sealed MEDIUMBLOB NOT NULL COMMENT 'sealed token',
  fetched_at DATETIME(3) NOT NULL COMMENT 'when it came',
  fresh_until DATETIME(3) NOT NULL COMMENT 'handed out until then; equals fetched_at without a time to live',
  PRIMARY KEY (credential_id),
  CONSTRAINT fetch_token_credential FOREIGN KEY (credential_id) REFERENCES user_credential (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'Newest fetched token of a credential';

CREATE TABLE fetch_log (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'order',
  credential_id INT UNSIGNED NOT NULL COMMENT 'which credential',
  job_id BIGINT UNSIGNED NOT NULL COMMENT 'which fetch',
  started_at DATETIME(3) NOT NULL COMMENT 'when it began',
  duration_ms INT UNSIGNED NOT NULL COMMENT 'how long it took',
  outcome VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'fetched or failed',
  reason VARCHAR(512) NULL COMMENT 'why it failed; no secret, no body',
  steps TEXT NOT NULL COMMENT 'JSON array: status and milliseconds per request',
  request_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'of the call that asked for it',
  PRIMARY KEY (id),
  KEY fetch_log_credential (credential_id, id),
  CONSTRAINT fetch_log_credential FOREIGN KEY (credential_id) REFERENCES user_credential (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'What happened at each fetch';

CREATE TABLE submission (
  id BINARY(16) NOT NULL COMMENT 'binds the sealed value to this row',
  credential_id BINARY(16) NOT NULL COMMENT 'what it answers',
  team_id INT UNSIGNED NOT NULL COMMENT 'to whose key it is sealed',
  fields_sealed MEDIUMBLOB NULL COMMENT 'sealed JSON object of the form; NULL once it was taken or refused',
  created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when it arrived',
  PRIMARY KEY (id),
  KEY submission_credential (credential_id),
  CONSTRAINT submission_credential FOREIGN KEY (credential_id) REFERENCES credential (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'What a person typed in, until the runner took it';

CREATE TABLE link_failure (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'order',
  request_id BINARY(16) NOT NULL COMMENT 'whose link was tried',
  failed_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when',
  PRIMARY KEY (id),
  KEY link_failure_request (request_id, failed_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'Wrong link secrets, to slow guessing down';

CREATE TABLE job (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'public id',
  kind VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'row of the table of kinds',
  subject VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'what it is about: an id, never a secret',
  active_key VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'kind:subject while queued or running, so that there is one; else NULL',
  team_id INT UNSIGNED NULL COMMENT 'whose members may see it; NULL: nobody outside',
  state VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'queued' COMMENT 'queued, running, done, failed (it said no) or dead (out of attempts)',
  run_at DATETIME(3) NOT NULL COMMENT 'not before',
  attempt SMALLINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'attempts begun',
  max_attempts SMALLINT UNSIGNED NOT NULL COMMENT 'then it is dead',
  lease_owner CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'runner that has it',
  lease_until DATETIME(3) NULL COMMENT 'others may take it over from then on',
  fence INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'counts claims; a result with an older number is refused',
  payload TEXT NOT NULL COMMENT 'JSON object of ids',
  error VARCHAR(512) NULL COMMENT 'last failure, safe to show',
  request_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'of the call that made it',
  created_at DATETIME(3) NOT NULL COMMENT 'when it was made',
  started_at DATETIME(3) NULL COMMENT 'first claim',
  finished_at DATETIME(3) NULL COMMENT 'when it ended',
  PRIMARY KEY (id),
  UNIQUE KEY job_active (active_key),
  KEY job_claim (state, run_at, id),
  KEY job_lease (state, lease_until),
  KEY job_finished (finished_at),
  KEY job_subject (subject, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'The queue';

CREATE TABLE runner (
  id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'of one runner process',
  host VARCHAR(255) NOT NULL COMMENT 'where it runs',
  pid INT UNSIGNED NOT NULL COMMENT 'its process there',
  started_at DATETIME(3) NOT NULL COMMENT 'since when',
  seen_at DATETIME(3) NOT NULL COMMENT 'last sign of life',
  PRIMARY KEY (id),
  KEY runner_seen (seen_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'Runners alive';

CREATE TABLE audit (
  id BINARY(16) NOT NULL COMMENT 'ordered by time; also tells whether a transaction landed',
  at DATETIME(3) NOT NULL COMMENT 'when',
  event VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'what, such as user_credential.create',
  outcome VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'ok' COMMENT 'ok or failed',
  actor VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'token:<public id>, link:<request id>, runner, ctl',
  person_id INT UNSIGNED NULL COMMENT 'who, where a person is known',
  address VARCHAR(45) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'from where',
  team_id INT UNSIGNED NULL COMMENT 'whose thing',
  subject VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '' COMMENT 'which thing: an id',
  count INT UNSIGNED NOT NULL DEFAULT 1 COMMENT 'uses that this row stands for',
  request_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'of the call',
  PRIMARY KEY (id),
  KEY audit_team (team_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'Who did what; never a secret';
