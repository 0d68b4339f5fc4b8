/* SPDX-License-Identifier: Apache-2.0 */

/*
 * carewardd - the broker: options, places, identity; then the supervisor
 *
 * What needs rights is done first and once: directories, sockets. Then the
 * rights go, for good, and only then does anybody listen.
 */

#include <errno.h>
#include <fcntl.h>
#include <popt.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/carewardd.h"
#include "broker/listen.h"
#include "broker/sandbox.h"
#include "broker/say.h"
#include "broker/seats-find.h"
#include "broker/supervisor.h"
#include "broker/token-start.h"
#include "common/cleanup.h"

enum {
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

#define SEATS_TIMEOUT_MS 10000u

struct options {
	char *config;
	char *state;
	char *run;
	char *user;
	char *token_helper;
	char *token_user;
	int ready_fd;
	int foreground; /* says what is so anyway                                  */
	int embedded;
	int restore;
	int seats;
	int version;
};

/* Who the broker is to be. */
struct identity {
	uint32_t uid;
	uint32_t gid;
};

static int complain(const char *what, int error) {
	say("%s: %s", what, strerror(-error));
	return EXIT_FAILED;
}

/*
 * A program that is started without 0, 1 or 2 would find its sockets there, and
 * write messages into them. open() takes the lowest number, so in this order
 * each gets its own.
 */
static bool fill_standard_descriptors(void) {
	for (int fd = 0; fd <= 2; ++fd)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR | O_NOCTTY) != fd)
			return false;
	return true;
}

/* The engine's way out also writes down what a build for coverage has counted. */
static int engine(const struct engine_setup *setup) {
	exit(engine_main(setup));
}

static int identify(const char *user, struct identity *ret_identity) {
	const struct passwd *entry;

	*ret_identity = (struct identity){geteuid(), getegid()};
	if (geteuid() != 0)
		return 0;
	entry = getpwnam(user);
	if (!entry) {
		say("there is no user \"%s\" to run as: create it, or name another with --user",
		    user);
		return -ENOENT;
	}
	*ret_identity = (struct identity){entry->pw_uid, entry->pw_gid};
	if (entry->pw_uid == 0)
		say("running as root, without its privileges: for trials only");
	return 0;
}

/* Makes the last part of @path if it is missing; only root may have to give it away. */
static int make_directory(const char *path, mode_t mode, const struct identity *who) {
	if (mkdir(path, mode) < 0)
		return errno == EEXIST ? 0 : -errno;
	if (geteuid() == 0 && chown(path, who->uid, who->gid) < 0)
		return -errno;
	return chmod(path, mode) < 0 ? -errno : 0;
}

static int open_state(const char *path, const struct identity *who, int *ret_fd) {
	cleanup_(close_fdp) int fd = -1;
	struct stat st;
	int r;

	r = make_directory(path, 0700, who);
	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != who->uid || (st.st_mode & (S_IRWXG | S_IRWXO))) {
		say("%s has to belong to uid %u, with mode 0700: it holds keys and accounts",
		    path, who->uid);
		return -EPERM;
	}
	*ret_fd = fd;
	fd = -1; /* handed over */
	return 0;
}

/* Without a configuration the broker runs all the same, and nothing is found in it. */
static int open_config(const char *path, int *ret_fd) {
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		(void)complain(path, -errno);
		fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	*ret_fd = fd;
	return fd < 0 ? -errno : 0;
}

static void tell_source(const struct seats *seats) {
	static const char *const texts[] = {
		[SEATS_DEFAULT] = "no device.cfg and no seats known: there is one seat, \"main\"",
		[SEATS_LAST] = "device.cfg is missing or refused: the last known seats serve",
		[SEATS_DEVICE] = NULL,
	};

	if (texts[seats->source])
		say("%s", texts[seats->source]);
}

static int bind_seats(const struct options *o, const struct identity *who,
                      struct supervisor_setup *setup) {
	int r;

	r = make_directory(o->run, 0755, who);
	for (uint32_t i = 0; i < setup->n_seats && r == 0; ++i)
		r = listen_bind(o->run, &setup->seats[i], who->uid, &setup->listen_fds[i]);
	if (r < 0)
		(void)complain(o->run, r);
	return r;
}

static int begin_to_listen(const struct supervisor_setup *setup) {
	int r = 0;

	for (uint32_t i = 0; i < setup->n_seats && r == 0; ++i)
		r = listen_begin(setup->listen_fds[i]);
	return r;
}

/* Without it there are no tokens, and everything else is as it is. */
static int start_tokens(const struct options *o) {
	int fd = token_start(o->token_helper, o->token_user);

	if (fd < 0 && o->token_helper[0] != '\0')
		say("%s: %s: there will be no cards, keys and readers",
		    o->token_helper, strerror(-fd));
	return fd < 0 ? -1 : fd;
}

static int supervise(const struct options *o, const struct identity *who,
                     struct supervisor_setup *setup) {
	struct seats seats;
	int r;

	seats_ask(seats_find, o->config, setup->state_fd, who->uid, who->gid, SEATS_TIMEOUT_MS,
	          &seats);
	tell_source(&seats);
	setup->n_seats = seats.n;
	memcpy(setup->seats, seats.seats, sizeof(setup->seats));
	setup->seats_source = (enum seats_source)seats.source;
	r = bind_seats(o, who, setup);
	if (r < 0)
		return EXIT_FAILED;
	setup->token_fd = start_tokens(o);
	r = sandbox_drop(who->uid, who->gid);
	if (r < 0)
		return complain("cannot give up privileges", r);
	r = begin_to_listen(setup);
	if (r < 0)
		return complain("cannot listen", r);
	r = supervisor_run(setup);
	return r < 0 ? complain("cannot supervise", r) : EXIT_SUCCESS;
}

/* One client's own engine, on the socket that it left in descriptor 3. */
static int embed(const struct options *o, const struct identity *who, int state_fd,
                 int config_fd) {
	struct engine_setup setup = {
		.embedded = true,
		.control_fd = -1,
		.client_fd = EMBEDDED_CLIENT_FD,
		.state_fd = state_fd,
		.config_fd = config_fd,
		.config_path = o->config,
		.n_seats = 1,
	};
	struct seats seats;
	int r;

	seats_ask(seats_find, o->config, state_fd, who->uid, who->gid, SEATS_TIMEOUT_MS, &seats);
	setup.seats[0] = seats.seats[0];
	setup.seats_source = (enum seats_source)seats.source;
	for (uint32_t i = 0; i < LIMIT_SEATS; ++i)
		setup.listen_fds[i] = -1;
	setup.token_fd = start_tokens(o);
	/* It ends by itself, and nobody here waits for children. */
	(void)signal(SIGCHLD, SIG_IGN);
	r = sandbox_drop(who->uid, who->gid);
	if (r < 0)
		return complain("cannot give up privileges", r);
	return engine_main(&setup);
}

static bool is_client_socket(int fd) {
	int domain = 0;
	int type = 0;
	socklen_t n = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 && domain == AF_UNIX &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_SEQPACKET &&
	       fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

/* As the broker's user, so that what is made belongs to it. */
static int restore(const struct options *o) {
	cleanup_(close_fdp) int state_fd = -1;
	struct identity who;
	int r = identify(o->user, &who);

	(void)umask(077);
	if (r < 0)
		return EXIT_FAILED;
	r = open_state(o->state, &who, &state_fd);
	if (r < 0)
		return complain(o->state, r);
	r = sandbox_drop(who.uid, who.gid);
	return r < 0 ? complain("cannot give up privileges", r) : restore_main(state_fd);
}

static int serve(const struct options *o) {
	struct supervisor_setup setup = {
		.engine = engine,
		.config_path = o->config,
		.ready_fd = o->ready_fd,
		.sandboxed = true,
	};
	struct identity who;
	int r;

	(void)umask(077);
	if (o->embedded) {
		if (!is_client_socket(EMBEDDED_CLIENT_FD))
			return complain("--embedded: descriptor 3 is no socket of a client",
			                -ENOTSOCK);
		/* Whoever starts an engine of his own is the one it runs as. */
		who = (struct identity){geteuid(), getegid()};
	} else {
		r = identify(o->user, &who);
		if (r < 0)
			return EXIT_FAILED;
	}
	r = open_state(o->state, &who, &setup.state_fd);
	if (r < 0)
		return complain(o->state, r);
	r = open_config(o->config, &setup.config_fd);
	if (r < 0)
		return complain(o->config, r);
	if (o->embedded)
		return embed(o, &who, setup.state_fd, setup.config_fd);
	return supervise(o, &who, &setup);
}

static int print_seats(const struct options *o) {
	struct seats seats;

	if (seats_find(o->config, getegid(), &seats) < 0)
		return EXIT_FAILED;
	for (uint32_t i = 0; i < seats.n; ++i) {
		const struct seat_socket *seat = &seats.seats[i];

		(void)printf("%s gid %u mode %04o", seat->name, seat->gid, seat->mode);
		if (seat->one_user && seat->uid == SEAT_NO_UID)
			(void)printf(" nobody");
		else if (seat->one_user)
			(void)printf(" uid %u", seat->uid);
		(void)printf("\n");
	}
	return EXIT_SUCCESS;
}

static int usage(const char *what) {
	say("%s; see carewardd(8), or --help", what);
	return EXIT_USAGE;
}

static int dispatch(const struct options *o) {
	if (o->version) {
		(void)printf("carewardd %s\n", CW_VERSION);
		return EXIT_SUCCESS;
	}
	if (o->seats)
		return print_seats(o);
	if (o->restore)
		return restore(o);
	if (o->ready_fd >= 0 && (o->ready_fd <= 2 || fcntl(o->ready_fd, F_SETFD, FD_CLOEXEC) < 0))
		return usage("--ready-fd wants an open descriptor above 2");
	return serve(o);
}

/* Return: an exit status; -1 to go on. The options with a value are numbered from 1. */
static int read_options(int argc, char **argv, struct options *o) {
	const struct poptOption table[] = {
		{"config", 'c', POPT_ARG_STRING, &o->config, 1, "directory of device.cfg, site.cfg "
		 "and place.cfg", "DIR"},
		{"state", 's', POPT_ARG_STRING, &o->state, 2, "directory of the database, the keys "
		 "and the spool", "DIR"},
		{"run", 'r', POPT_ARG_STRING, &o->run, 3, "directory of the sockets", "DIR"},
		{"user", 'u', POPT_ARG_STRING, &o->user, 4, "whom root becomes", "NAME"},
		{"token-helper", 0, POPT_ARG_STRING, &o->token_helper, 5, "program for cards, keys "
		 "and readers; empty: none", "PATH"},
		{"token-user", 0, POPT_ARG_STRING, &o->token_user, 6, "whom it becomes", "NAME"},
		{"ready-fd", 0, POPT_ARG_INT, &o->ready_fd, 0, "gets a line when every seat is ready",
		 "N"},
		{"foreground", 'f', POPT_ARG_NONE, &o->foreground, 0, "stay in the foreground, as "
		 "always", NULL},
		{"embedded", 0, POPT_ARG_NONE, &o->embedded, 0, "serve the client on descriptor 3 "
		 "alone", NULL},
		{"restore-accounts", 0, POPT_ARG_NONE, &o->restore, 0, "make a new database of the "
		 "copy of the accounts and end", NULL},
		{"seats", 0, POPT_ARG_NONE, &o->seats, 0, "print the seats of device.cfg and end",
		 NULL},
		{"version", 'V', POPT_ARG_NONE, &o->version, 0, "print the version and end", NULL},
		POPT_AUTOHELP POPT_TABLEEND
	};
	char *const *const values[] = {&o->config, &o->state, &o->run,
	                               &o->user, &o->token_helper, &o->token_user};
	poptContext context = poptGetContext("carewardd", argc, (const char **)(uintptr_t)argv,
	                                     table, 0);
	int result = -1;
	int r;

	if (!context)
		return EXIT_FAILED;
	/* A value that found no memory is not as if it was not said: the default is elsewhere. */
	while ((r = poptGetNextOpt(context)) > 0)
		if (!*values[r - 1])
			result = complain("options", -ENOMEM);
	if (r < -1) {
		say("%s: %s", poptBadOption(context, POPT_BADOPTION_NOALIAS), poptStrerror(r));
		result = EXIT_USAGE;
	} else if (poptPeekArg(context)) {
		result = usage("there are no arguments but options");
	}
	(void)poptFreeContext(context);
	return result;
}

static void free_options(struct options *o) {
	free(o->config);
	free(o->state);
	free(o->run);
	free(o->user);
	free(o->token_helper);
	free(o->token_user);
}

/* popt hands out memory, so what it replaces has to be memory too. */
static bool set_default(char **value, const char *otherwise) {
	if (!*value)
		*value = strdup(otherwise);
	return *value != NULL;
}

int main(int argc, char **argv) {
	cleanup_(free_options) struct options o = {.ready_fd = -1};
	int r;

	/* Libraries find files, and code to load, by it. What there is to say stands in files. */
	if (clearenv() != 0 || !fill_standard_descriptors())
		return EXIT_FAILED;
	r = read_options(argc, argv, &o);
	if (r >= 0)
		return r;
	if (!set_default(&o.config, CAREWARD_CONFIG_DIR) ||
	    !set_default(&o.state, CAREWARD_STATE_DIR) ||
	    !set_default(&o.run, CAREWARD_RUN_DIR) || !set_default(&o.user, "careward") ||
	    !set_default(&o.token_helper, CAREWARD_TOKEN_HELPER))
		return complain("options", -ENOMEM);
	return dispatch(&o);
}
