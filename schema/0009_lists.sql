-- 0009: one index for each order of a list of requests, with every column that a list is filtered by: which rows belong to a page is read from it alone.

ALTER TABLE credential_request
  DROP KEY request_list,
  DROP KEY request_status,
  DROP KEY request_name,
  ADD KEY request_list (team_id, created_at, id, requester_id, provider_id, name),
  ADD KEY request_status (team_id, status, created_at, id, requester_id, provider_id, name),
  ADD KEY request_name (team_id, name, id, status, requester_id, provider_id),
  ADD KEY request_updated (team_id, updated_at, id, status, requester_id, provider_id, name),
  ADD KEY request_expires (team_id, expires_at, id, status, requester_id, provider_id, name);
