/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An actuator that believes no user interface: it installs nothing without a receipt
 *
 * usage: installer IMAGE TARGET RECEIPT KEYS USED
 *
 * What is checked is what is installed: the image is copied to a place of its own,
 * the receipt is checked against the copy, in a second process, and the copy takes
 * the target's place. KEYS is what `careward keys` wrote when the device was set up.
 * A receipt for another action, one that a password gave, and one that was used
 * before are genuine, too: so it says what it wants, and keeps the list USED.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CAREWARD
#define CAREWARD "/usr/bin/careward" /* whole path: no PATH decides who checks */
#endif

/* Return: 0; -1 with errno. */
static int copy(int from, int to) {
	static char block[65536];
	ssize_t n, done;

	while ((n = read(from, block, sizeof(block))) > 0)
		for (ssize_t at = 0; at < n; at += done) {
			done = write(to, block + at, (size_t)(n - at));
			if (done < 0)
				return -1;
		}
	return n < 0 ? -1 : fsync(to);
}

/* Nobody but us writes to it, and it was not there before. Return: 0; -1 with errno. */
static int copy_image(const char *image, const char *own) {
	int from = open(image, O_RDONLY | O_CLOEXEC), to, r = -1;

	if (from < 0)
		return -1;
	to = open(own, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to >= 0) {
		r = copy(from, to);
		if (close(to) < 0)
			r = -1;
		if (r < 0)
			(void)unlink(own);
	}
	(void)close(from);
	return r;
}

/* Only one answer is yes: it ended by itself, with status 0. */
static int receipt_says_yes(const char *receipt, const char *own, const char *keys,
                            const char *used) {
	char *const none[] = { NULL };
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		(void)execle(CAREWARD, "careward", "approval", "verify", receipt, "--object", own,
		             "--keys", keys, "--action", "software.update", "--by-token",
		             "--two-persons", "--once", used, (char *)NULL, none);
		_exit(127);
	}
	if (pid < 0)
		return 0;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 0;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(int argc, char **argv) {
	char own[4096];

	if (argc != 6) {
		(void)fprintf(stderr, "usage: installer IMAGE TARGET RECEIPT KEYS USED\n");
		return 2;
	}
	if ((size_t)snprintf(own, sizeof(own), "%s.new", argv[2]) >= sizeof(own))
		return 2;
	if (copy_image(argv[1], own) < 0) {
		(void)fprintf(stderr, "installer: cannot copy %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	if (!receipt_says_yes(argv[3], own, argv[4], argv[5])) {
		(void)unlink(own);
		(void)fprintf(stderr, "installer: no receipt for this image; nothing was installed\n");
		return 1;
	}
	if (rename(own, argv[2]) < 0) {
		(void)fprintf(stderr, "installer: %s: %s\n", argv[2], strerror(errno));
		(void)unlink(own);
		return 1;
	}
	(void)printf("installed\n");
	return 0;
}
