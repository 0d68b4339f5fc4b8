/* SPDX-License-Identifier: Apache-2.0 */
/* Making a connection object, with everything that break-glass will need. */

#include "ui-glue/client/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd.h"

static void cw_closep(struct cw **cw) {
	*cw = cw_close(*cw);
}

static bool action_is_valid(const struct cw_action *action) {
	return action->name && action->name[0] != 0 &&
	       text_is_fit(action->name, POLICY_NAME_SIZE) && action->kind > CW_KIND_NONE &&
	       action->kind < CW_N_KINDS;
}

static bool options_are_valid(const struct cw_options *options) {
	if (!options || options->size < sizeof(*options) ||
	    options->n_actions > CLIENT_ACTIONS_MAX ||
	    (options->n_actions > 0 && !options->actions))
		return false;
	if (options->embedded && !options->embedded_config)
		return false;
	for (uint32_t i = 0; i < options->n_actions; ++i) {
		if (!action_is_valid(&options->actions[i]))
			return false;
	}
	return true;
}

/* The socket's path: as told, or that of the seat. Return: 0; -EINVAL. */
static int path_set(struct cw *cw, const struct cw_options *options) {
	static const char folder[] = CAREWARD_RUNDIR "/";
	const char *seat = options->seat ? options->seat : "main";
	size_t n = sizeof(folder) - 1;

	if (options->socket) {
		if (options->socket[0] == 0 || !text_is_fit(options->socket, sizeof(cw->path)))
			return -EINVAL;
		text_fit(cw->path, sizeof(cw->path), options->socket);
		return 0;
	}
	if (seat[0] == 0 || seat[0] == '.' || strchr(seat, '/') ||
	    !text_is_fit(seat, POLICY_NAME_SIZE) || n + strlen(seat) >= sizeof(cw->path))
		return -EINVAL;
	memcpy(cw->path, folder, n);
	text_fit(cw->path + n, sizeof(cw->path) - n, seat);
	return 0;
}

static int hex_digit(char c) {
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Best effort: zeroes without /proc. */
static void boot_id_read(uint8_t ret_id[16]) {
	cleanup_(close_fdp) int fd = -1;
	char text[64] = "";
	size_t n = 0;
	ssize_t length;

	fd = fd_lift(open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
	if (fd < 0)
		return;
	length = read(fd, text, sizeof(text) - 1);
	for (ssize_t i = 0; i < length && n < 32; ++i) {
		int digit = hex_digit(text[i]);

		if (digit < 0)
			continue;
		ret_id[n / 2] = (uint8_t)(ret_id[n / 2] << 4 | digit);
		++n;
	}
}

/* Fills with random bytes without ever waiting for them. */
static bool random_fill(void *p, size_t n) {
	return getrandom(p, n, GRND_NONBLOCK) == (ssize_t)n;
}

void ids_draw(struct cw *cw) {
	if (cw->ids_left == CLIENT_IDS)
		return;
	if (random_fill(cw->ids[cw->ids_left], (CLIENT_IDS - cw->ids_left) * 16))
		cw->ids_left = CLIENT_IDS;
}

/* The base for ids when no random bytes can be had: this boot, process and moment. */
static void id_base_make(struct cw *cw) {
	uint64_t now = clock_boot_ms();

	if (random_fill(cw->id_base, sizeof(cw->id_base)))
		return;
	memcpy(cw->id_base, cw->boot_id, sizeof(cw->id_base));
	for (int i = 0; i < 4; ++i)
		cw->id_base[i] ^= (uint8_t)(cw->pid >> (8 * i));
	for (int i = 0; i < 4; ++i)
		cw->id_base[4 + i] ^= (uint8_t)(now >> (8 * i));
}

/*
 * Where this connection's record numbers begin. Records outside an emergency are
 * told apart by them alone, across processes and boots: so not at 1.
 */
static void serial_begin(struct cw *cw) {
	uint64_t first = 0;

	for (int i = 0; i < 8; ++i)
		first = first << 8 | cw->id_base[i];
	cw->record_serial = first & 0x3fffffffffff0000u;
}

static int resources_make(struct cw *cw) {
	cw->epoll_fd = fd_lift(epoll_create1(EPOLL_CLOEXEC));
	if (cw->epoll_fd < 0)
		return cw->epoll_fd;
	cw->pid = (uint32_t)getpid();
	boot_id_read(cw->boot_id);
	id_base_make(cw);
	serial_begin(cw);
	ids_draw(cw);
	(void)mlock(cw, sizeof(*cw));
	return ring_make(&cw->ring, &cw->ring_fd);
}

static void broker_uid_set(struct cw *cw, const struct cw_options *options) {
	cw->broker_uid = options->broker_uid;
	if (cw->broker_uid != UINT32_MAX)
		return;
	cw->root_is_right = true;
	cw->broker_uid = passwd_uid("/etc/passwd", CAREWARD_USER);
}

static void embedded_try(struct cw *cw, const struct cw_options *options, uint64_t now) {
	int pid = 0;
	int fd = embedded_start(options, &pid);

	if (fd < 0)
		return;
	cw->embedded_pid = pid;
	(void)link_connect(cw, fd, now);
}

/* Errors of ours that are not in the header's list become one that is. */
static int error_as_promised(int r) {
	return r == -EMFILE || r == -ENFILE ? -EMFILE : -ENOMEM;
}

int cw_open(const struct cw_options *options, struct cw **ret_cw) {
	cleanup_(cw_closep) struct cw *cw = NULL;
	uint64_t now = clock_boot_ms();
	int r;

	if (!options_are_valid(options))
		return -EINVAL;
	cw = calloc(1, sizeof(*cw));
	if (!cw)
		return -ENOMEM;
	cw->epoll_fd = -1;
	cw->ring_fd = -1;
	cw->socket_fd = -1;
	cw->actions = options->actions;
	cw->n_actions = options->n_actions;
	broker_uid_set(cw, options);
	cw->retry_ms = CLIENT_RETRY_FIRST_MS;
	text_fit(cw->app, sizeof(cw->app), program_invocation_short_name);
	r = path_set(cw, options);
	if (r < 0)
		return r;
	r = resources_make(cw);
	if (r < 0)
		return error_as_promised(r);
	r = link_connect(cw, -1, now);
	if (options->embedded && (r == -ENOENT || r == -ECONNREFUSED))
		embedded_try(cw, options, now);
	*ret_cw = cw;
	cw = NULL; /* handed over */
	return 0;
}

struct cw *cw_close(struct cw *cw) {
	if (!cw)
		return NULL;
	close_fdp(&cw->socket_fd);
	close_fdp(&cw->epoll_fd);
	close_fdp(&cw->ring_fd);
	if (cw->embedded_pid > 0)
		(void)waitpid(cw->embedded_pid, NULL, WNOHANG);
	ring_unmap(cw->ring);
	page_unmap_policy(cw->table);
	page_unmap_policy(cw->next);
	page_unmap_policy(cw->spent);
	page_unmap_state_read(cw->page);
	(void)munlock(cw, sizeof(*cw));
	explicit_bzero(cw, sizeof(*cw));
	free(cw);
	return NULL;
}
