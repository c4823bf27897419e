-- 0005: link secrets that wait for their mail.

CREATE TABLE mail_link (
  request_id BINARY(16) NOT NULL COMMENT 'whose link; the newest one only',
  uuid BINARY(16) NOT NULL COMMENT 'binds the sealed secret to this row',
  secret_sealed VARBINARY(512) NOT NULL COMMENT 'sealed link secret; the row goes when its mail was sent or given up',
  created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when the link was made',
  PRIMARY KEY (request_id),
  KEY mail_link_age (created_at),
  CONSTRAINT mail_link_request FOREIGN KEY (request_id) REFERENCES credential_request (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'Link secrets on their way into an invitation';
