/* SPDX-License-Identifier: Apache-2.0 */
#include "disk.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEEPER_MS 60000

static const char *begin(struct disk *disk, const char *at) {
	*disk = (struct disk){ .keeper = -1 };
	if (geteuid() != 0)
		return "only root can mount";
	if (unshare(CLONE_NEWNS) < 0)
		return "no mount namespace can be made";
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return "mounts cannot be made private";
	disk->is_private = true;
	ck_assert_int_lt(snprintf(disk->at, sizeof(disk->at), "%s", at), (int)sizeof(disk->at));
	return NULL;
}

const char *disk_small(struct disk *disk, const char *at, unsigned kib) {
	const char *why = begin(disk, at);
	char options[64];

	(void)snprintf(options, sizeof(options), "size=%uk,mode=0700", kib);
	if (!why && mount("tmpfs", at, "tmpfs", MS_NODEV | MS_NOSUID, options) < 0)
		why = "no tmpfs can be mounted";
	if (why)
		disk->at[0] = '\0';
	return why;
}

const char *disk_loop(struct disk *disk, const char *at) {
	const char *why = begin(disk, at);
	char command[768];

	(void)snprintf(command, sizeof(command),
	               "{ truncate -s 64M '%s.image' && mkfs.ext4 -q -F '%s.image' && "
	               "mount -o loop '%s.image' '%s'; } >/dev/null 2>&1",
	               at, at, at, at);
	if (!why && system(command) != 0)
		why = "no ext4 on a loop device can be mounted";
	if (why)
		disk->at[0] = '\0';
	return why;
}

static int filler(const struct disk *disk, int flags) {
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/filler", disk->at);
	if (flags < 0)
		return unlink(path);
	return open(path, flags | O_CLOEXEC, 0600);
}

void disk_fill(const struct disk *disk) {
	static const char zeros[4096];
	int fd = filler(disk, O_WRONLY | O_CREAT | O_APPEND);

	ck_assert_int_ge(fd, 0);
	while (write(fd, zeros, sizeof(zeros)) > 0)
		;
	ck_assert_int_eq(errno, ENOSPC);
	(void)close(fd);
}

void disk_empty(const struct disk *disk) {
	ck_assert_int_eq(filler(disk, -1), 0);
}

/* Waits for the end of its parent, for the word, or for a minute; then thaws. */
static void keep(int fd, int word) {
	struct pollfd p = { .fd = word, .events = POLLIN };

	(void)setsid();
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	for (int i = 0; i < 1024; ++i)
		if (i != fd && i != word)
			(void)close(i);
	(void)poll(&p, 1, KEEPER_MS);
	(void)ioctl(fd, FITHAW, 0);
	_exit(0);
}

const char *disk_freeze(struct disk *disk) {
	int ends[2];
	int fd = open(disk->at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	disk->keeper_pid = fork();
	ck_assert_int_ge(disk->keeper_pid, 0);
	if (disk->keeper_pid == 0)
		keep(fd, ends[0]);
	(void)close(ends[0]);
	disk->keeper = ends[1];
	r = ioctl(fd, FIFREEZE, 0) < 0 ? -errno : 0;
	(void)close(fd);
	if (r == 0)
		return NULL;
	disk_thaw(disk);
	return "this file system cannot be frozen here";
}

void disk_thaw(struct disk *disk) {
	if (disk->keeper < 0)
		return;
	(void)close(disk->keeper);
	disk->keeper = -1;
	(void)waitpid(disk->keeper_pid, NULL, 0);
}

void disk_done(struct disk *disk) {
	disk_thaw(disk);
	if (disk->at[0] != '\0')
		(void)umount2(disk->at, MNT_DETACH);
	disk->at[0] = '\0';
}
