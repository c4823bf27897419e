-- 0019: tokens of grants are sealed for who may get them: the type and the client of their grant, and the host that fields of the form name.

ALTER TABLE oauth_grant ADD COLUMN IF NOT EXISTS
  destination VARCHAR(255) NOT NULL DEFAULT '' COMMENT 'host that gets its tokens, as it was when they were granted; empty: the definition alone says it, or not known before the next refresh' AFTER connection_type;
ALTER TABLE oauth_token ADD COLUMN IF NOT EXISTS
  bound BOOLEAN NOT NULL DEFAULT FALSE COMMENT 'sealed with connection_type, client_id and destination of its grant; false: by a version before 19';
