-- What each program's account may do. {public}, {api}, {runner} and {database} are replaced by `baileectl accounts`;
-- the account that migrates owns the schema and is used by baileectl alone.

-- Faces strangers: procedures that check the link, and what it needs to prove its key file at start.
GRANT EXECUTE ON PROCEDURE {database}.page_open TO {public};
GRANT EXECUTE ON PROCEDURE {database}.page_submit TO {public};
GRANT EXECUTE ON PROCEDURE {database}.page_decline TO {public};
GRANT EXECUTE ON PROCEDURE {database}.page_connect TO {public};
GRANT EXECUTE ON PROCEDURE {database}.page_return_look TO {public};
GRANT EXECUTE ON PROCEDURE {database}.page_return TO {public};
GRANT EXECUTE ON PROCEDURE {database}.page_confirm TO {public};
GRANT EXECUTE ON PROCEDURE {database}.page_relink TO {public};
GRANT EXECUTE ON PROCEDURE {database}.page_landed TO {public};
GRANT EXECUTE ON PROCEDURE {database}.page_runner_age TO {public};
GRANT SELECT ON {database}.install_check TO {public};
GRANT SELECT ON {database}.schema_version TO {public};

-- Faces holders of a token.
GRANT SELECT ON {database}.* TO {api};
GRANT INSERT, UPDATE, DELETE ON {database}.credential_request TO {api};
GRANT INSERT, UPDATE, DELETE ON {database}.credential TO {api};
-- what is there already is updated to itself
GRANT INSERT, UPDATE, DELETE ON {database}.request_name_part TO {api};
GRANT INSERT, UPDATE, DELETE ON {database}.keychain TO {api};
GRANT INSERT, UPDATE, DELETE ON {database}.folder TO {api};
GRANT INSERT, UPDATE, DELETE ON {database}.user_credential TO {api};
GRANT INSERT, UPDATE, DELETE ON {database}.connection TO {api};
GRANT INSERT, DELETE ON {database}.idempotency TO {api};
GRANT DELETE, UPDATE (ahead_at) ON {database}.fetch_token TO {api};
GRANT INSERT ON {database}.mail_link TO {api};
GRANT INSERT, UPDATE (name, last_login_at) ON {database}.person TO {api};
GRANT INSERT ON {database}.team_member TO {api};
GRANT UPDATE (last_used_at) ON {database}.api_token TO {api};
GRANT INSERT ON {database}.job TO {api};
-- a form that waits is called off and wiped when its credential is declined
GRANT UPDATE (state, active_key, error, finished_at) ON {database}.job TO {api};
GRANT UPDATE (fields_sealed) ON {database}.submission TO {api};
GRANT UPDATE (run_at) ON {database}.job TO {api};
-- a connection that is deleted leaves its grant to be revoked by the runner
GRANT UPDATE (state, connection_id, user_credential_id, updated_at) ON {database}.oauth_grant TO {api};
GRANT INSERT, DELETE ON {database}.job_value TO {api};
GRANT INSERT ON {database}.audit TO {api};
GRANT INSERT, UPDATE, DELETE ON {database}.key_holder TO {api};

-- Faces nobody: jobs, tokens, results.
GRANT SELECT ON {database}.* TO {runner};
GRANT UPDATE ON {database}.credential_request TO {runner};
GRANT UPDATE ON {database}.credential TO {runner};
GRANT INSERT, UPDATE, DELETE ON {database}.keychain TO {runner};
GRANT INSERT, UPDATE, DELETE ON {database}.connection TO {runner};
GRANT DELETE ON {database}.idempotency TO {runner};
GRANT DELETE ON {database}.credential_request TO {runner};
GRANT DELETE ON {database}.request_name_part TO {runner};
GRANT INSERT, UPDATE, DELETE ON {database}.fetch_token TO {runner};
GRANT UPDATE, DELETE ON {database}.oauth_flow TO {runner};
GRANT INSERT, UPDATE, DELETE ON {database}.oauth_grant TO {runner};
GRANT INSERT, DELETE, UPDATE (access_sealed, refresh_sealed) ON {database}.oauth_token TO {runner};
GRANT INSERT, UPDATE, DELETE ON {database}.oauth_spend TO {runner};
GRANT INSERT, DELETE, UPDATE (value_sealed) ON {database}.job_value TO {runner};
-- what is sealed to an older key is sealed to the newest one; a key that a value still needs is kept by the foreign keys
GRANT UPDATE (definition_sealed) ON {database}.user_credential TO {runner};
GRANT UPDATE (secret_sealed) ON {database}.mail_link TO {runner};
GRANT UPDATE (answer_sealed) ON {database}.idempotency TO {runner};
GRANT UPDATE (token_sealed) ON {database}.team_platform TO {runner};
GRANT DELETE ON {database}.team_key TO {runner};
GRANT UPDATE (last_used_at) ON {database}.user_credential TO {runner};
GRANT UPDATE (last_used_at) ON {database}.user_credential TO {api};
GRANT INSERT, DELETE ON {database}.fetch_log TO {runner};
GRANT UPDATE, DELETE ON {database}.submission TO {runner};
GRANT DELETE ON {database}.link_failure TO {runner};
GRANT DELETE ON {database}.mail_link TO {runner};
GRANT INSERT, UPDATE, DELETE ON {database}.job TO {runner};
GRANT INSERT, UPDATE, DELETE ON {database}.runner TO {runner};
GRANT INSERT, UPDATE, DELETE ON {database}.key_holder TO {runner};
GRANT INSERT ON {database}.audit TO {runner};
