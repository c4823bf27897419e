-- 0012: filters of lists that few requests pass: parts of names, and the requests of a person in a team.

-- The text of a name from each third character on, as src/store/request_name.h says. No foreign key, which would want an index of its own:
-- rows come and go in the transactions that make and delete a request.
CREATE OR REPLACE TABLE request_name_part (
  team_id INT UNSIGNED NOT NULL COMMENT 'of the request',
  part VARBINARY(16) NOT NULL COMMENT 'eight characters of its name, as the weights that the collation of the name compares by',
  request_id BINARY(16) NOT NULL COMMENT 'whose name it is',
  PRIMARY KEY (team_id, part, request_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT 'Parts of names of requests, by which a name is found by what stands anywhere in it';

-- A thousand requests at a time, so that no transaction becomes large.
BEGIN NOT ATOMIC
  DECLARE v_done BINARY(16) DEFAULT REPEAT(X'00', 16);
  DECLARE v_next BINARY(16);
  REPEAT
    SET v_next = (SELECT MAX(id) FROM (SELECT id FROM credential_request WHERE id > v_done ORDER BY id LIMIT 1000) chunk);
    INSERT INTO request_name_part (team_id, part, request_id)
      SELECT DISTINCT r.team_id, LEFT(WEIGHT_STRING(SUBSTR(r.name, s.seq, 8)), 16), r.id
      FROM credential_request r JOIN seq_1_to_255_step_3 s ON s.seq <= GREATEST(CHAR_LENGTH(r.name), 1)
      WHERE r.id > v_done AND r.id <= v_next
      ORDER BY 1, 2, 3;
    SET v_done = v_next;
  UNTIL v_next IS NULL END REPEAT;
END;

-- With the team; both serve the foreign keys as well.
ALTER TABLE credential_request
  DROP KEY request_requester,
  DROP KEY request_provider,
  ADD KEY request_requester (requester_id, team_id),
  ADD KEY request_provider (provider_id, team_id);
