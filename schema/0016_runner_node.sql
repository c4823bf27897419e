-- 0016: which server of several a runner is at.

ALTER TABLE runner
  ADD COLUMN IF NOT EXISTS node VARCHAR(255) NULL COMMENT 'name of the database server of its last sign of life; NULL: not known';
