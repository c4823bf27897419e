-- 0018: master keys have a table of their own, for there are two while one is replaced, and every value that is sealed to one needs it to be there:
-- none is retired that a value needs, and no value can be written for one that was retired. Who is alive and holds which of them is in key_holder.

CREATE TABLE IF NOT EXISTS master_key (
  key_id CHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'first 16 hex digits of the digest of its public half',
  mark INT UNSIGNED NOT NULL COMMENT 'how a sealed value names it: the first 8 digits of the id as a number, made odd',
  generation INT UNSIGNED NOT NULL COMMENT 'counts up',
  state VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'next: nothing is sealed to it yet; current; old: its values are being moved on',
  public_key BINARY(32) NOT NULL COMMENT 'public half; never sealed to from here',
  proof VARBINARY(512) NOT NULL COMMENT 'a value that only the right private half opens',
  signature BINARY(64) NULL COMMENT 'Ed25519 by the installation, over generation and public key; NULL: made before keys were signed, and the first',
  created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when it was made known',
  PRIMARY KEY (key_id),
  UNIQUE KEY master_key_mark (mark),
  UNIQUE KEY master_key_generation (generation)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'Master keys: check values, and which one new things are sealed to';

INSERT IGNORE INTO master_key (key_id, mark, generation, state, public_key, proof, created_at)
  SELECT key_id, CONV(SUBSTR(key_id, 1, 8), 16, 10) | 1, 1, 'current', public_key, proof, created_at FROM install_check WHERE kind = 'master';
DELETE FROM install_check WHERE kind = 'master';
ALTER TABLE install_check
  MODIFY kind VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'signing-public or token';

-- Rows that were damaged before stay as they are.
SET SESSION foreign_key_checks = 0;
ALTER TABLE team_key
  ADD KEY IF NOT EXISTS team_key_master (master_key_id, team_id, generation),
  ADD CONSTRAINT team_key_master FOREIGN KEY IF NOT EXISTS (master_key_id) REFERENCES master_key (key_id);
ALTER TABLE app_client
  ADD COLUMN IF NOT EXISTS master_mark INT UNSIGNED AS (IF(LENGTH(secret_sealed) >= 117 AND ORD(secret_sealed) = 1, CONV(HEX(SUBSTR(secret_sealed, 2, 4)), 16, 10), NULL)) PERSISTENT
    COMMENT 'which master key secret_sealed needs',
  ADD KEY IF NOT EXISTS app_client_master (master_mark),
  ADD CONSTRAINT app_client_master FOREIGN KEY IF NOT EXISTS (master_mark) REFERENCES master_key (mark);
SET SESSION foreign_key_checks = 1;

CREATE TABLE IF NOT EXISTS key_holder (
  id BINARY(16) NOT NULL COMMENT 'of the process, new at each start',
  program VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'bailee-api or bailee-runner',
  host VARCHAR(255) NOT NULL COMMENT 'where it runs',
  pid INT UNSIGNED NOT NULL COMMENT 'its number there',
  master_keys VARCHAR(80) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'ids of the master keys it holds',
  started_at DATETIME(3) NOT NULL COMMENT 'since when',
  seen_at DATETIME(3) NOT NULL COMMENT 'when it last said so',
  alive_until DATETIME(3) NOT NULL COMMENT 'until when it counts as alive without a further word',
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'Processes with private keys: a master key is used when all of them have it';
