/* SPDX-License-Identifier: Apache-2.0 */
/* What must be reached by no request: in a network of the test's own, where every address answers,
 * every name resolves as the test says, and every packet that opens a connection is seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "net/http_client.h"

#define HTTP_PORT 80
#define OPEN "8.8.8.8" /* an address that may be reached; here it is this very machine */
#define OPEN_V6 "2001:4860:4860::8888"

/* ---- a network of its own ---- */

static void
must(bool well, const char *what)
{
	if (well)
		return;
	fprintf(stderr, "cannot %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
	close(fd);
}

static void
run_ip(const char *arguments)
{
	char text[128], *words[12] = { NULL }, *save = NULL;
	size_t n = 0;
	int status = 1;

	snprintf(text, sizeof(text), "ip %s", arguments);
	for (char *word = strtok_r(text, " ", &save); word && n < 11; /**/) {
		words[n++] = word;
		word = strtok_r(NULL, " ", &save);
	}
	pid_t pid = 0;
	must(posix_spawnp(&pid, "ip", NULL, NULL, words, environ) == 0, "run ip");
	must(waitpid(pid, &status, 0) == pid && status == 0, arguments);
}

/* Root of a user namespace where it is not root already. The name server is the test's, and every
 * address is this machine's. */
static void
enter_network(void)
{
	unsigned uid = getuid(), gid = getgid();
	char resolv[] = "/tmp/bailee-resolv-XXXXXX", map[64];

	must(unshare(CLONE_NEWNET | CLONE_NEWNS | (uid ? CLONE_NEWUSER : 0)) == 0,
	    "make a network namespace (unprivileged user namespaces are off?)");
	if (uid) {
		write_file("/proc/self/setgroups", "deny");
		snprintf(map, sizeof(map), "0 %u 1", uid);
		write_file("/proc/self/uid_map", map);
		snprintf(map, sizeof(map), "0 %u 1", gid);
		write_file("/proc/self/gid_map", map);
	}
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "make mounts private");
	int fd = mkstemp(resolv);
	must(fd >= 0, "make a file");
	close(fd);
	write_file(resolv, "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n");
	must(mount(resolv, "/etc/resolv.conf", NULL, MS_BIND, NULL) == 0, "mount resolv.conf");
	unlink(resolv);
	run_ip("link set lo up");
	run_ip("route add local 0.0.0.0/0 dev lo");
	run_ip("-6 route add local ::/0 dev lo");
}

/* ---- the name server ---- */

/* A NULL address: none of that family. The second pair, where there is one, is the answer from the
 * second question on: a name that changes its mind. */
static const struct name {
	const char *name, *v4, *v6, *v4_then;
} names[] = {
	{ "open.test", OPEN, NULL, NULL },
	{ "private.test", "10.1.2.3", NULL, NULL },
	{ "loopback.test", "127.0.0.1", NULL, NULL },
	{ "metadata.google.internal", "169.254.169.254", NULL, NULL },
	{ "v6-private.test", NULL, "fd00:ec2::254", NULL },
	{ "mapped.test", NULL, "::ffff:10.0.0.1", NULL },
	{ "nat64.test", NULL, "64:ff9b::a00:1", NULL },
	{ "sixtofour.test", NULL, "2002:a00:1::", NULL },
	{ "mixed.test", OPEN, "fd00::1", NULL },
	{ "rebinding.test", OPEN, NULL, "127.0.0.1" },
};
static atomic_int asked[sizeof(names) / sizeof(names[0])]; /* for an IPv4 address */

/* "\7rebinds\4test" as "rebinds.test"; the length it took, 0 when it does not fit. */
static size_t
read_name(const unsigned char *at, size_t len, char out[256])
{
	size_t pos = 0, n = 0;

	while (pos < len && at[pos]) {
		size_t label = at[pos];

		if (label > 63 || pos + 1 + label >= len || n + label + 2 > 256)
			return 0;
		if (n)
			out[n++] = '.';
		memcpy(out + n, at + pos + 1, label);
		n += label;
		pos += 1 + label;
	}
	out[n] = '\0';
	return pos + 1;
}

static size_t
find_address(const char *name, unsigned type, unsigned char out[16])
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct name *row = &names[i];

		if (strcasecmp(row->name, name) != 0)
			continue;
		if (type == 28)
			return row->v6 && inet_pton(AF_INET6, row->v6, out) ? 16 : 0;
		int times = type == 1 ? asked[i]++ : 0;
		const char *v4 = row->v4_then && times ? row->v4_then : row->v4;
		return type == 1 && v4 && inet_pton(AF_INET, v4, out) ? 4 : 0;
	}
	return 0;
}

/* RFC 1035 section 4: the question again, and at most one answer, which may not be kept. */
static size_t
answer_question(unsigned char *message, size_t len, size_t room)
{
	unsigned char address[16];
	char name[256];
	size_t took = len > 12 ? read_name(message + 12, len - 12, name) : 0, at = 12 + took + 4;

	if (!took || at > len || at + 28 > room)
		return 0;
	unsigned type = message[at - 3];
	size_t n = find_address(name, type, address);
	const unsigned char head[] = { 0x81, 0x80, 0, 1, 0, n > 0, 0, 0, 0, 0 };
	const unsigned char record[] = { 0xc0, 12, 0, (unsigned char)type, 0, 1, 0, 0, 0, 0, 0,
		(unsigned char)n };

	memcpy(message + 2, head, sizeof(head));
	if (n) {
		memcpy(message + at, record, sizeof(record));
		memcpy(message + at + sizeof(record), address, n);
		at += sizeof(record) + n;
	}
	return at;
}

static void *
serve_names(void *arg)
{
	int fd = *(int *)arg;

	for (;;) {
		unsigned char message[1500];
		struct sockaddr_storage from;
		socklen_t from_len = sizeof(from);
		ssize_t n =
		    recvfrom(fd, message, sizeof(message), 0, (struct sockaddr *)&from, &from_len);
		size_t len = n > 0 ? answer_question(message, (size_t)n, sizeof(message)) : 0;

		if (len)
			sendto(fd, message, len, 0, (struct sockaddr *)&from, from_len);
	}
	return NULL;
}

/* ---- whoever listens at every address ---- */

static char location[300]; /* answers redirect there; "": 200 */
static int location_status = 302;

static void *
serve_http(void *arg)
{
	int listener = *(int *)arg;

	for (;;) {
		char head[1000], request[4096];
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			return NULL;
		ssize_t n = recv(fd, request, sizeof(request), 0);
		bool begins = n > 4 && memcmp(request, "GET / ", 6) == 0;
		if (begins && location[0])
			snprintf(head, sizeof(head),
			    "HTTP/1.1 %d Moved\r\nLocation: %s\r\nContent-Length: 0\r\n"
			    "Connection: close\r\n\r\n",
			    location_status, location);
		else
			snprintf(head, sizeof(head),
			    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
		if (send(fd, head, strlen(head), MSG_NOSIGNAL) < 0)
			fprintf(stderr, "send: %s\n", strerror(errno));
		close(fd);
	}
}

/* ---- whoever counts packets that open a connection ---- */

static atomic_int syns, wrong_syns; /* to any address; to one that is not to be reached */

static bool
goes_where_it_may(const unsigned char *packet)
{
	const struct iphdr *v4 = (const void *)packet;
	const struct ip6_hdr *v6 = (const void *)packet;
	char text[INET6_ADDRSTRLEN] = "";

	if (v4->version == 4)
		inet_ntop(AF_INET, &v4->daddr, text, sizeof(text));
	else
		inet_ntop(AF_INET6, &v6->ip6_dst, text, sizeof(text));
	return strcmp(text, OPEN) == 0 || strcmp(text, OPEN_V6) == 0;
}

static const struct tcphdr *
tcp_of(const unsigned char *packet, size_t len)
{
	const struct iphdr *v4 = (const void *)packet;
	const struct ip6_hdr *v6 = (const void *)packet;
	size_t head = 0;

	if (len >= sizeof(*v4) && v4->version == 4 && v4->protocol == IPPROTO_TCP)
		head = v4->ihl * 4u;
	else if (len >= sizeof(*v6) && v4->version == 6 && v6->ip6_nxt == IPPROTO_TCP)
		head = sizeof(*v6);
	return head && len >= head + sizeof(struct tcphdr) ? (const void *)(packet + head) : NULL;
}

/* Each packet passes the loopback interface twice: outgoing copies are left out. */
static void *
count_packets(void *arg)
{
	int fd = *(int *)arg;

	for (;;) {
		_Alignas(8) unsigned char packet[2048];
		struct sockaddr_ll from = { 0 };
		socklen_t from_len = sizeof(from);
		ssize_t n =
		    recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&from, &from_len);
		const struct tcphdr *tcp =
		    n > 0 && from.sll_pkttype != PACKET_OUTGOING ? tcp_of(packet, (size_t)n) : NULL;

		if (!tcp || !tcp->syn || tcp->ack)
			continue;
		syns++;
		wrong_syns += !goes_where_it_may(packet);
	}
	return NULL;
}

static void
start_all(void)
{
	static int fds[3];
	static void *(*const mains[])(void *) = { serve_names, serve_http, count_packets };
	struct sockaddr_in name = { .sin_family = AF_INET,
		.sin_port = htons(53),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 http = { .sin6_family = AF_INET6, .sin6_port = htons(HTTP_PORT) };

	fds[0] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	fds[1] = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fds[2] = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ALL));
	must(bind(fds[0], (struct sockaddr *)&name, sizeof(name)) == 0, "serve names");
	must(bind(fds[1], (struct sockaddr *)&http, sizeof(http)) == 0 && listen(fds[1], 50) == 0,
	    "listen");
	must(fds[2] >= 0, "see packets");
	for (size_t i = 0; i < 3; i++) {
		pthread_t thread;

		must(pthread_create(&thread, NULL, mains[i], &fds[i]) == 0, "start a thread");
		pthread_detach(thread);
	}
}

/* ---- asking ---- */

static struct http_client *client;

struct outcome {
	enum err err;
	char reason[200];
};

static void
keep(void *arg, struct http_result *result)
{
	struct outcome *out = arg;

	out->err = result->err;
	snprintf(out->reason, sizeof(out->reason), "%s", result->reason);
}

static struct outcome
get(const char *url)
{
	auto_http_request struct http_request request = HTTP_REQUEST_INIT;
	struct outcome out = { 0 };
	int64_t end = clock_monotonic_ms() + 10000;

	request.method = xstrdup("GET");
	request.url = xstrdup(url);
	request.timeout_ms = 5000;
	http_client_start(client,
	    &(struct http_call){ .request = &request, .done = keep, .arg = &out });
	while (http_client_in_flight(client)) {
		http_client_run(client, 50);
		assert_true(clock_monotonic_ms() < end);
	}
	return out;
}

/* Packets are counted by another thread, which may be a little behind. */
static int
syns_now(void)
{
	usleep(20000);
	return syns;
}

static void
expect_no_packet(const char *url, int most)
{
	int before = syns_now();
	struct outcome out = get(url);
	int sent = syns_now() - before;

	assert_int_equal(wrong_syns, 0);
	if (out.err == OK || sent > most)
		fail_msg("%s: error %d (%s), %d connections begun, %d may be", url, out.err,
		    out.reason, sent, most);
}

/* ---- tests ---- */

static void
an_open_address_is_reached_and_seen(void **state)
{
	static const char *const urls[] = { "http://" OPEN "/", "http://open.test/",
		"http://OPEN.test./", "http://[" OPEN_V6 "]/" };

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		int before = syns_now();
		struct outcome out = get(urls[i]);

		if (out.err != OK || syns_now() - before != 1)
			fail_msg("%s: error %d, %s", urls[i], out.err, out.reason);
	}
}

static void
no_spelling_of_a_private_address_is_reached(void **state)
{
	static const char *const hosts[] = {
		"127.0.0.1",
		"127.1",
		"127.0.1",
		"0",
		"0.0.0.0",
		"2130706433",
		"017700000001",
		"0x7f000001",
		"0x7f.0.0.1",
		"0x7f.1",
		"0177.0.0.1",
		"0177.1",
		"127.000.000.001",
		"127.0.0.1.",
		"3232235777",
		"0xc0a80101",
		"10.0.0.1",
		"10.1",
		"012.0.0.1",
		"172.16.0.1",
		"172.31.255.254",
		"192.168.1.1",
		"192.168.257",
		"100.64.0.1",
		"169.254.169.254",
		"2852039166",
		"0xa9fea9fe",
		"0251.0376.0251.0376",
		"168.63.129.16",
		"198.18.0.1",
		"192.0.2.1",
		"224.0.0.1",
		"255.255.255.255",
		"240.0.0.1",
		"[::]",
		"[::1]",
		"[0:0:0:0:0:0:0:1]",
		"[::ffff:127.0.0.1]",
		"[::ffff:7f00:1]",
		"[::ffff:0:127.0.0.1]",
		"[::127.0.0.1]",
		"[64:ff9b::7f00:1]",
		"[64:ff9b:1::10.0.0.1]",
		"[2002:7f00:1::]",
		"[2002:a00:1::1]",
		"[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
		"[2001:db8::1]",
		"[fc00::1]",
		"[fd00:ec2::254]",
		"[fe80::1]",
		"[fe80::1%25lo]",
		"[fec0::1]",
		"[ff02::1]",
		"[::1%25lo]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		auto_free char *url = xasprintf("http://%s/", hosts[i]);

		expect_no_packet(url, 0);
	}
}

static void
no_name_of_a_private_address_is_reached(void **state)
{
	static const char *const hosts[] = { "localhost", "LOCALHOST", "localhost.",
		"foo.localhost", "a.b.localhost.", "private.test", "PRIVATE.TEST.", "loopback.test",
		"metadata.google.internal", "v6-private.test", "mapped.test", "nat64.test",
		"sixtofour.test", "unknown.test", "127.0.0.1.nip.test" };

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		auto_free char *url = xasprintf("http://%s/", hosts[i]);

		expect_no_packet(url, 0);
	}
}

/* Whichever address libcurl tries first: the private one is not reached. */
static void
a_private_address_beside_a_public_one_is_not_reached(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		(void)get("http://mixed.test/");
	(void)syns_now();
	assert_int_equal(wrong_syns, 0);
}

/* The first answer is public, the second is not: it counts what is connected to, each time. */
static void
a_name_that_changes_its_mind_reaches_nothing_private(void **state)
{
	struct http_client_options options = { 0 };

	(void)state;
	assert_int_equal(get("http://rebinding.test/").err, OK);
	/* a client of its own, as names are kept for a while */
	http_client_close(&client);
	assert_int_equal(http_client_open(&options, &client, NULL), OK);
	expect_no_packet("http://rebinding.test/", 0);
	assert_true(asked[9] >= 2);
	location_status = 307;
	snprintf(location, sizeof(location), "http://rebinding.test/again");
	expect_no_packet("http://open.test/", 1);
	location[0] = '\0';
}

static void
a_redirect_leads_to_nothing_private_and_to_no_other_protocol(void **state)
{
	static const int statuses[] = { 301, 302, 303, 307, 308 };
	static const char *const targets[] = { "http://127.0.0.1/x", "http://[::1]/x",
		"http://169.254.169.254/latest/meta-data/", "http://2130706433/x",
		"http://private.test/x", "//127.0.0.1/x", "http://localhost/x",
		"http://user@127.0.0.1/x", "file:///etc/passwd", "gopher://127.0.0.1:80/_x",
		"dict://127.0.0.1:80/x", "ftp://127.0.0.1/x", "ldap://127.0.0.1/x",
		"telnet://127.0.0.1/", "smb://127.0.0.1/x", "data:text/plain,x", "http:///x",
		"http://127.0.0.1:80:80/x", "javascript:1" };

	(void)state;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		location_status = statuses[i % (sizeof(statuses) / sizeof(statuses[0]))];
		snprintf(location, sizeof(location), "%s", targets[i]);
		expect_no_packet("http://open.test/", 1);
	}
	location[0] = '\0';
}

static void
no_url_of_two_readings_is_sent_anywhere(void **state)
{
	static const char *const urls[] = { "http://open.test@127.0.0.1/",
		"http://open.test:80@127.0.0.1/", "http://open.test\\@127.0.0.1/",
		"http://127.0.0.1#@open.test/", "http://127.0.0.1?@open.test/",
		"http://127.0.0.1\\.open.test/", "http://127.0.0.1%00.open.test/",
		"http://127.0.0.1%2eopen.test/", "http://127.0.0.1 .open.test/",
		"http://127.0.0.1\t.open.test/", "http://open.test:80@127.0.0.1:80/",
		"http://"
		"\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.\xef\xbc\x90.\xef\xbc\x90.\xef\xbc\x91/",
		"http://\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1/",
		"http://127\xe3\x80\x82"
		"0.0.1/",
		"http://\xe2\x93\x9bocalhost/", "//open.test/", "http:/open.test/",
		"http:open.test/", "open.test/", "http://", "http:///", "http://open.test:0/",
		"http://open.test:65536/", "http://open.test:22/", "http://open.test:25/",
		"http://open.test:-80/", "http://open.test:0x50/", "http://open.test:80a/",
		"http://[::1/", "http://::1/", "http://[127.0.0.1]/",
		"http://open.test/\r\nX-Injected: 1", "http://open.test/a b",
		"http://open.test/\x01", "file:///etc/passwd", "ftp://open.test/",
		"gopher://open.test/_", "HTTPS+unix://open.test/" };

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
		expect_no_packet(urls[i], 0);
}

static void
no_proxy_of_the_environment_is_asked(void **state)
{
	(void)state;
	setenv("http_proxy", "http://" OPEN ":80", 1);
	setenv("ALL_PROXY", "socks5://" OPEN ":80", 1);
	expect_no_packet("http://127.0.0.1/", 0);
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_open_address_is_reached_and_seen),
		cmocka_unit_test(no_spelling_of_a_private_address_is_reached),
		cmocka_unit_test(no_name_of_a_private_address_is_reached),
		cmocka_unit_test(a_private_address_beside_a_public_one_is_not_reached),
		cmocka_unit_test(a_name_that_changes_its_mind_reaches_nothing_private),
		cmocka_unit_test(a_redirect_leads_to_nothing_private_and_to_no_other_protocol),
		cmocka_unit_test(no_url_of_two_readings_is_sent_anywhere),
		cmocka_unit_test(no_proxy_of_the_environment_is_asked),
	};
	struct http_client_options options = { 0 };

	enter_network();
	start_all();
	must(http_client_open(&options, &client, NULL) == OK, "open the client");
	int failed = cmocka_run_group_tests_name("egress", tests, NULL, NULL);
	http_client_close(&client);
	return failed;
}
