/* SPDX-License-Identifier: Apache-2.0 */
/* What `make bench` measures the runner against: pairs of requests by libcurl's multi interface and
 * nothing else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>

#define IN_FLIGHT_MAX 4096
#define BODY_MAX 4096
#define BODY "{\"user\":\"bench\",\"password\":\"0123456789abcdef\"}"

struct fetch {
	CURL *easy;
	int step; /* 0: login, 1: token */
	char body[BODY_MAX];
	size_t len;
};

struct load {
	const char *urls[2];
	long left, done; /* pairs */
	CURLM *multi;
	struct curl_slist *headers;
};

static void
die(const char *why)
{
	fprintf(stderr, "bare_fetch: %s\n", why);
	exit(1);
}

static size_t
take_body(char *data, size_t size, size_t n, void *arg)
{
	struct fetch *fetch = arg;

	if (fetch->len + size * n > BODY_MAX)
		return 0;
	memcpy(fetch->body + fetch->len, data, size * n);
	fetch->len += size * n;
	return size * n;
}

static void
send_step(struct load *load, struct fetch *fetch, int step)
{
	fetch->step = step;
	fetch->len = 0;
	curl_easy_setopt(fetch->easy, CURLOPT_URL, load->urls[step]);
	curl_multi_add_handle(load->multi, fetch->easy);
}

static void
open_fetch(struct load *load, struct fetch *fetch)
{
	CURL *easy = curl_easy_init();

	if (!easy)
		die("no memory");
	fetch->easy = easy;
	curl_easy_setopt(easy, CURLOPT_PRIVATE, (void *)fetch);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, load->headers);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, BODY);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, (void *)fetch);
	load->left--;
	send_step(load, fetch, 0);
}

/* The next request of the pair, or of the next pair. */
static void
end_step(struct load *load, CURL *easy, CURLcode code)
{
	struct fetch *fetch = NULL;
	long status = 0;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&fetch);
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	curl_multi_remove_handle(load->multi, easy);
	if (code != CURLE_OK || status != 200)
		die(code ? curl_easy_strerror(code) : "the vendor did not answer 200");
	if (fetch->step == 0) {
		send_step(load, fetch, 1);
		return;
	}
	load->done++;
	if (load->left > 0) {
		load->left--;
		send_step(load, fetch, 0);
	} else {
		curl_easy_cleanup(easy);
	}
}

static void
run(struct load *load, long pairs)
{
	int running, queued;
	CURLMsg *message;

	while (load->done < pairs) {
		curl_multi_perform(load->multi, &running);
		while ((message = curl_multi_info_read(load->multi, &queued)))
			if (message->msg == CURLMSG_DONE)
				end_step(load, message->easy_handle, message->data.result);
		if (load->done < pairs)
			curl_multi_poll(load->multi, NULL, 0, 1000, NULL);
	}
}

static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int
main(int argc, char **argv)
{
	static struct fetch fetches[IN_FLIGHT_MAX];
	long pairs = argc == 5 ? strtol(argv[3], NULL, 10) : 0;
	long in_flight = argc == 5 ? strtol(argv[4], NULL, 10) : 0;

	if (pairs < 1 || in_flight < 1 || in_flight > IN_FLIGHT_MAX) {
		fputs("usage: bare_fetch LOGIN-URL TOKEN-URL PAIRS IN-FLIGHT\n", stderr);
		return 2;
	}
	curl_global_init(CURL_GLOBAL_ALL);
	struct load load = { .urls = { argv[1], argv[2] }, .left = pairs };
	load.multi = curl_multi_init();
	load.headers = curl_slist_append(NULL, "Content-Type: application/json");
	if (!load.multi || !load.headers)
		die("no memory");
	curl_multi_setopt(load.multi, CURLMOPT_MAXCONNECTS, in_flight);
	double begin = seconds();
	for (long i = 0; i < in_flight && load.left > 0; i++)
		open_fetch(&load, &fetches[i]);
	run(&load, pairs);
	printf("{\"fetches\":%ld,\"seconds\":%.6f}\n", pairs, seconds() - begin);
	curl_multi_cleanup(load.multi);
	curl_slist_free_all(load.headers);
	curl_global_cleanup();
	return 0;
}
