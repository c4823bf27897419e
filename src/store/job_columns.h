/* SPDX-License-Identifier: Apache-2.0 */
/* The columns of a job, shared by the customers' and the runners' side of the queue. */
#ifndef BAILEE_STORE_JOB_COLUMNS_H
#define BAILEE_STORE_JOB_COLUMNS_H

/* With job AS j. */
#define JOB_COLUMNS                                                                                \
	"j.id, j.kind, j.subject, j.state, j.error, j.payload, j.request_id, j.team_id, "          \
	"j.attempt, j.max_attempts, j.fence, "                                                     \
	"j.run_at, j.created_at, j.started_at, j.finished_at"
#define JOB_COLS(strukt, m)                                                                        \
	COL(INT, strukt, m.id), COL(TEXT, strukt, m.kind), COL(TEXT, strukt, m.subject),           \
	    COL(TEXT, strukt, m.state), COL(TEXT, strukt, m.error), COL(TEXT, strukt, m.payload),  \
	    COL(TEXT, strukt, m.request_id), COL(INT, strukt, m.team_id),                          \
	    COL(INT, strukt, m.attempt), COL(INT, strukt, m.max_attempts),                         \
	    COL(INT, strukt, m.fence), COL(TIME, strukt, m.run_at),                                \
	    COL(TIME, strukt, m.created_at), COL(TIME, strukt, m.started_at),                      \
	    COL(TIME, strukt, m.finished_at)

#endif
