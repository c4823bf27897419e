-- 0017: types of connections that were asked for by another name. The type's own name stays what everything goes by; the other is only repeated.

ALTER TABLE credential
  ADD COLUMN IF NOT EXISTS alias VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'another name of the connection type, which was asked with' AFTER name;
ALTER TABLE connection
  ADD COLUMN IF NOT EXISTS alias VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'another name of the type, which was asked with' AFTER account_name;
