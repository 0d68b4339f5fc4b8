/* SPDX-License-Identifier: Apache-2.0 */

/*
 * careward-token - the keeper of the token helpers: who it is, and then keeper_main()
 *
 * Started by carewardd, with its socket in descriptor 3. Root becomes a user of
 * its own before anything else; it never goes on as root.
 */

#include <errno.h>
#include <fcntl.h>
#include <popt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tokens/confine.h"
#include "tokens/keeper.h"

enum {
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

struct options {
	char *user;
	int version;
};

static int complain(const char *what, int error) {
	(void)fprintf(stderr, "careward-token: %s: %s\n", what, strerror(-error));
	return EXIT_FAILED;
}

static bool fill_standard_descriptors(void) {
	for (int fd = 0; fd <= 2; ++fd)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR | O_NOCTTY) != fd)
			return false;
	return true;
}

static bool is_keeper_socket(int fd) {
	int domain = 0;
	int type = 0;
	socklen_t n = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 && domain == AF_UNIX &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_SEQPACKET &&
	       fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

static int become(const char *user, bool *ret_has_own_user) {
	const struct passwd *entry = NULL;
	bool is_root = geteuid() == 0;
	int r;

	if (is_root) {
		entry = getpwnam(user);
		if (!entry || entry->pw_uid == 0) {
			(void)fprintf(stderr,
				      "careward-token: %s \"%s\" to run as: there will be no cards, "
				      "keys and readers. Create it, see careward-token(8)\n",
				      entry ? "it may not be root, and so not user" :
					      "there is no user",
				      user);
			return -ENOENT;
		}
	}
	r = confine_identity(user, entry ? entry->pw_uid : geteuid(),
			     entry ? entry->pw_gid : getegid());
	if (r < 0) {
		(void)complain("cannot become a user of its own", r);
		return r;
	}
	*ret_has_own_user = is_root;
	return 0;
}

/* Return: an exit status; -1 to go on. */
static int read_options(int argc, char **argv, struct options *o) {
	const struct poptOption table[] = {
		{"user", 'u', POPT_ARG_STRING, &o->user, 0, "whom root becomes", "NAME"},
		{"version", 'V', POPT_ARG_NONE, &o->version, 0, "print the version and end", NULL},
		POPT_AUTOHELP POPT_TABLEEND
	};
	poptContext context = poptGetContext("careward-token", argc,
					     (const char **)(uintptr_t)argv, table, 0);
	int result = -1;
	int r;

	if (!context)
		return EXIT_FAILED;
	r = poptGetNextOpt(context);
	if (r < -1) {
		(void)fprintf(stderr, "careward-token: %s: %s\n",
			      poptBadOption(context, POPT_BADOPTION_NOALIAS), poptStrerror(r));
		result = EXIT_USAGE;
	} else if (poptPeekArg(context)) {
		(void)fprintf(stderr, "careward-token: there are no arguments but options; see "
				      "careward-token(8)\n");
		result = EXIT_USAGE;
	}
	(void)poptFreeContext(context);
	return result;
}

static void free_options(struct options *o) {
	free(o->user);
}

static int serve(const struct options *o) {
	bool has_own_user = false;

	(void)umask(077);
	if (!is_keeper_socket(KEEPER_FD)) {
		(void)fprintf(stderr, "careward-token: descriptor %d is no socket of carewardd, which "
				      "starts this program\n",
			      KEEPER_FD);
		return EXIT_USAGE;
	}
	(void)close_range(KEEPER_FD + 1, ~0u, 0);
	if (become(o->user ? o->user : "careward-token", &has_own_user) < 0)
		return EXIT_FAILED;
	if (chdir("/") < 0)
		return complain("/", -errno);
	return keeper_main(KEEPER_FD, has_own_user);
}

int main(int argc, char **argv) {
	cleanup_(free_options) struct options o = {0};
	int r;

	/* Nothing of the caller's environment reaches a library. */
	if (clearenv() != 0 || !fill_standard_descriptors())
		return EXIT_FAILED;
	r = read_options(argc, argv, &o);
	if (r >= 0)
		return r;
	if (o.version) {
		(void)printf("careward-token %s\n", CW_VERSION);
		return EXIT_SUCCESS;
	}
	return serve(&o);
}
