/* SPDX-License-Identifier: Apache-2.0 */
/* The floor of `make bench`: the least a prefork FastCGI worker does when it answers from a row. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fcgiapp.h>
#include <mysql.h>

#define BACKLOG 1024
#define DOC_MAX 65536
#define WORKERS_MAX 512
#define QUERY "SELECT doc FROM floor_doc WHERE id = ?"

struct worker {
	MYSQL *db;
	MYSQL_STMT *stmt;
	long long id;
	char doc[DOC_MAX];
	unsigned long doc_len;
};

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "floor: %s: %s\n", what, why);
	exit(1);
}

/* One statement, prepared once and bound once: what a hot read costs on this connector. */
static void
worker_open(struct worker *worker, const char *db_socket)
{
	MYSQL_BIND in = { .buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &worker->id };
	MYSQL_BIND out = { .buffer_type = MYSQL_TYPE_STRING,
		.buffer = worker->doc,
		.buffer_length = sizeof(worker->doc),
		.length = &worker->doc_len };

	worker->db = mysql_init(NULL);
	if (!worker->db ||
	    !mysql_real_connect(worker->db, NULL, "root", NULL, "floor", 0, db_socket, 0))
		die("connect", worker->db ? mysql_error(worker->db) : "no memory");
	worker->stmt = mysql_stmt_init(worker->db);
	if (!worker->stmt || mysql_stmt_prepare(worker->stmt, QUERY, strlen(QUERY)) ||
	    mysql_stmt_bind_param(worker->stmt, &in) || mysql_stmt_bind_result(worker->stmt, &out))
		die("prepare", mysql_error(worker->db));
}

/* The row named by the last part of the path. */
static int
read_doc(struct worker *worker, const char *uri)
{
	const char *slash = uri ? strrchr(uri, '/') : NULL;

	worker->id = slash ? strtoll(slash + 1, NULL, 10) : 0;
	int failed = mysql_stmt_execute(worker->stmt) || mysql_stmt_fetch(worker->stmt);
	mysql_stmt_free_result(worker->stmt);
	return failed;
}

static void
serve(int listen_fd, const char *db_socket)
{
	static struct worker worker;
	FCGX_Request request;

	worker_open(&worker, db_socket);
	FCGX_InitRequest(&request, listen_fd, 0);
	while (FCGX_Accept_r(&request) == 0) {
		if (read_doc(&worker, FCGX_GetParam("REQUEST_URI", request.envp))) {
			FCGX_FPrintF(request.out, "Status: 404 Not Found\r\n\r\n");
			continue;
		}
		FCGX_FPrintF(request.out,
		    "Content-Type: application/json\r\nContent-Length: %lu\r\n\r\n",
		    worker.doc_len);
		FCGX_PutStr(worker.doc, (int)worker.doc_len, request.out);
	}
}

int
main(int argc, char **argv)
{
	long workers = argc == 4 ? strtol(argv[2], NULL, 10) : 0;

	if (workers < 1 || workers > WORKERS_MAX) {
		fputs("usage: floor SOCKET WORKERS DATABASE-SOCKET\n", stderr);
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody is left to stop it */
	FCGX_Init();
	unlink(argv[1]);
	int fd = FCGX_OpenSocket(argv[1], BACKLOG);
	if (fd < 0 || chmod(argv[1], 0660))
		die(argv[1], "cannot listen");
	for (long i = 0; i < workers; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork", "failed");
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			serve(fd, argv[3]);
			return 1;
		}
	}
	/* a worker that ends has failed, and its like will too */
	wait(NULL);
	return 1;
}
