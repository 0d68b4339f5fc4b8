/* SPDX-License-Identifier: Apache-2.0 */
/* The socket, the pages, the clock, and what the screen's process was started with. */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "policy/table.h"
#include "tests/faults/strike.h"

/* ---- the socket ----------------------------------------------------------------------- */

static struct sockaddr_un socket_address(const struct cell *cell) {
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/main", cell->w.run);
	return address;
}

/* Return: what connecting says. */
static int try_connect(const struct cell *cell) {
	struct sockaddr_un address = socket_address(cell);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r = connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;

	(void)close(fd);
	return r;
}

const char *strike_missing_socket(struct cell *cell) {
	strike_running(cell);
	ck_assert_int_eq(unlink(socket_address(cell).sun_path), 0);
	ck_assert_int_eq(kill(cell->engine, SIGKILL), 0);
	return NULL;
}

void heal_missing_socket(struct cell *cell) {
	broker_down(cell);
}

uint64_t struck_missing_socket(struct cell *cell) {
	return try_connect(cell) == -ENOENT;
}

/* A name that nobody listens at. */
static int bind_alone(const struct cell *cell) {
	struct sockaddr_un address = socket_address(cell);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)unlink(address.sun_path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

const char *strike_refused(struct cell *cell) {
	broker_down(cell);
	cell->is_down = true;
	(void)close(bind_alone(cell));
	return NULL;
}

void heal_refused(struct cell *cell) {
	(void)unlink(socket_address(cell).sun_path);
	cell->is_down = false;
}

uint64_t struck_refused(struct cell *cell) {
	return try_connect(cell) == -ECONNREFUSED;
}

/* Another user's process, which wants to hear what people say to the broker. */
static void squat(struct cell *cell, int fd) {
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (seteuid(UI_UID) < 0 || listen(fd, 8) < 0)
		_exit(1);
	for (;;) {
		int peer = accept(fd, NULL, NULL);
		char byte;

		++cell->shim->n_met;
		if (recv(peer, &byte, 1, 0) > 0)
			++cell->shim->n_leaked;
		(void)close(peer);
	}
}

const char *strike_squatted(struct cell *cell) {
	int fd;

	broker_down(cell);
	cell->is_down = true;
	fd = bind_alone(cell);
	ck_assert_int_eq(chmod(socket_address(cell).sun_path, 0666), 0);
	cell->helper = fork();
	ck_assert_int_ge(cell->helper, 0);
	if (cell->helper == 0)
		squat(cell, fd);
	(void)close(fd);
	return NULL;
}

/* Once more than the verbs that were asked, which speak to anybody. */
void heal_squatted(struct cell *cell) {
	(void)kill(cell->helper, SIGKILL);
	(void)waitpid(cell->helper, NULL, 0);
	(void)unlink(socket_address(cell).sun_path);
	cell->is_down = false;
	if (cell->shim->n_leaked > 0)
		cell_red(cell, "nothing else", "the stranger was spoken to");
}

uint64_t struck_squatted(struct cell *cell) {
	return cell->shim->n_met;
}

/* ---- the pages ------------------------------------------------------------------------ */

#define STATE_BYTES 296u /* those that are in use                                       */

const char *strike_flip(struct cell *cell) {
	struct shim_side *side = &cell->shim->side[SHIM_SCREEN];
	bool is_state = cell->fault->argument == FLIP_STATE;
	uint32_t size = is_state ? STATE_BYTES : cell->shim->policy_size;
	unsigned n = cell->fault->variants;

	strike_running(cell);
	/* The first bytes one by one, which are the header; the rest spread over all. */
	side->flip_at = cell->variant;
	if (!is_state && cell->variant >= 128)
		side->flip_at = (uint32_t)((uint64_t)size * cell->variant / n);
	side->flip = (uint32_t)cell->fault->argument;
	cell->attempt = 0;
	screen_begin(cell);
	return NULL;
}

/* What was handed over stays until there is another broker. */
void heal_flip(struct cell *cell) {
	cell->shim->side[SHIM_SCREEN].flip = FLIP_NONE;
	(void)kill(cell->engine, SIGKILL);
}

uint64_t struck_flip(struct cell *cell) {
	return cell->shim->side[SHIM_SCREEN].n_flip;
}

const char *strike_seal(struct cell *cell) {
	broker_down(cell);
	cell->shim->side[SHIM_BROKER].no_future_write = 1;
	cell->shim->side[SHIM_SCREEN].no_future_write = 1;
	broker_up(cell);
	cell->attempt = 0;
	screen_begin(cell);
	return NULL;
}

void heal_seal(struct cell *cell) {
	cell->shim->side[SHIM_BROKER].no_future_write = 0;
	cell->shim->side[SHIM_SCREEN].no_future_write = 0;
}

/* Both sides asked for it. */
uint64_t struck_seal(struct cell *cell) {
	uint64_t broker = cell->shim->side[SHIM_BROKER].n_seal;
	uint64_t screen = cell->shim->side[SHIM_SCREEN].n_seal;

	return broker > 0 && screen > 0 ? broker + screen : 0;
}

/* ---- what a process is started with --------------------------------------------------- */

const char *strike_bare(struct cell *cell) {
	strike_running(cell);
	cell->attempt = 0;
	if (cell->fault->argument == BARE_HOME)
		(void)unsetenv("HOME");
	if (cell->fault->argument == BARE_TERM)
		(void)unsetenv("TERM");
	if (cell->fault->argument == BARE_ALL)
		(void)clearenv();
	for (int fd = 0; fd <= 2 && cell->fault->argument == BARE_FILES; ++fd)
		cell->n_bare += close(fd) == 0;
	cell->n_bare += cell->fault->argument != BARE_FILES;
	screen_begin(cell);
	return NULL;
}

void heal_bare(struct cell *cell) {
	for (int fd = 0; fd <= 2; ++fd)
		if (fcntl(fd, F_GETFD) < 0)
			(void)open("/dev/null", O_RDWR);
}

/* Still so; what the library opened does not lie where others write to. */
uint64_t struck_bare(struct cell *cell) {
	if (cell->fault->argument == BARE_FILES) {
		for (int fd = 0; fd <= 2; ++fd)
			if (fcntl(fd, F_GETFD) >= 0)
				cell_red(cell, "care", "descriptor %d was taken by the library", fd);
		return cell->n_bare;
	}
	return getenv(cell->fault->argument == BARE_TERM ? "TERM" : "HOME") == NULL;
}

/* ---- the clock ------------------------------------------------------------------------- */

static void set_clock(struct cell *cell, int64_t s) {
	for (unsigned who = 0; who < SHIM_N; ++who) {
		cell->shim->side[who].wall_s = s;
		cell->shim->side[who].wall = 1;
	}
}

const char *strike_clock(struct cell *cell) {
	set_clock(cell, cell->fault->argument);
	return NULL;
}

void heal_clock(struct cell *cell) {
	cell->shim->side[SHIM_BROKER].wall = 0;
	cell->shim->side[SHIM_SCREEN].wall = 0;
}

uint64_t struck_clock(struct cell *cell) {
	return cell->shim->side[SHIM_BROKER].n_wall;
}

const char *strike_clock_near(struct cell *cell) {
	set_clock(cell, (int64_t)time(NULL) + cell->fault->argument);
	return NULL;
}

void heal_clock_near(struct cell *cell) {
	heal_clock(cell);
}

uint64_t struck_clock_near(struct cell *cell) {
	return struck_clock(cell);
}
