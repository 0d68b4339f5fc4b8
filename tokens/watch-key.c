/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Security keys that come and go: which HID devices say that they are one
 *
 * libfido2's own list opens every device; the kernel's shows the report descriptor
 * of each in a file, which anybody may read.
 */

#include "tokens/watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

#define HIDRAW "/sys/class/hidraw"
#define DESCRIPTOR_MAX 4096u

static void close_dirp(DIR **folder) {
	if (*folder)
		(void)closedir(*folder);
}

/*
 * Items of a HID report descriptor: a prefix (size in its lower two bits) and
 * data. "Usage page" (0x04 without the size) F1D0 is the FIDO alliance's.
 */
static bool says_fido(const uint8_t *p, size_t n) {
	for (size_t at = 0; at < n;) {
		size_t size = p[at] & 3;

		if (size == 3)
			size = 4;
		if (p[at] == 0xfe) /* a long item: its length follows */
			size = at + 1 < n ? (size_t)p[at + 1] + 2 : n;
		else if ((p[at] & 0xfc) == 0x04 && size == 2 && n - at > 2 && p[at + 1] == 0xd0 &&
			 p[at + 2] == 0xf1)
			return true;
		at += 1 + size;
	}
	return false;
}

static bool is_fido(const char *folder, const char *name) {
	char path[TOKEN_PATH_MAX + 2 * LIMIT_NAME];
	cleanup_(close_fdp) int fd = -1;
	uint8_t bytes[DESCRIPTOR_MAX];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/%s/device/report_descriptor", folder, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	n = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));
	return n > 0 && says_fido(bytes, (size_t)n);
}

static int find_key(const struct watch_reader *r, const char *name) {
	for (uint32_t i = 0; i < KEYS_MAX; ++i)
		if (strcmp(r->keys[i], name) == 0)
			return (int)i;
	return -1;
}

/* A new name is kept where there is room, and told. */
static void notice(struct watch *watch, uint32_t reader, const char *name) {
	struct watch_reader *r = &watch->readers[reader];
	int free_place = find_key(r, "");

	if (free_place < 0)
		return;
	(void)snprintf(r->keys[free_place], LIMIT_NAME, "%s", name);
	watch_tell(watch, reader, TOKEN_SIGHT_KEY_IN, name);
}

/* Return: NULL at the end, with errno 0, or the error. */
static const struct dirent *next_entry(DIR *folder) {
	errno = 0;
	return readdir(folder);
}

static void look_for_usb(struct watch *watch, uint32_t reader) {
	struct watch_reader *r = &watch->readers[reader];
	const char *path = r->rules->path[0] ? r->rules->path : HIDRAW;
	cleanup_(close_dirp) DIR *folder = opendir(path);
	bool seen[KEYS_MAX] = { false };
	const struct dirent *entry = NULL;

	/* Without the folder there is no key; what cannot be looked at is as it was. */
	if (!folder && errno != ENOENT)
		return;
	while (folder && (entry = next_entry(folder))) {
		int place = find_key(r, entry->d_name);

		if (entry->d_name[0] == '.' || strlen(entry->d_name) >= LIMIT_NAME)
			continue;
		if (place < 0 && is_fido(path, entry->d_name)) {
			notice(watch, reader, entry->d_name);
			place = find_key(r, entry->d_name);
		}
		if (place >= 0)
			seen[place] = true;
	}
	if (folder && errno != 0)
		return;
	for (uint32_t i = 0; i < KEYS_MAX; ++i)
		if (r->keys[i][0] && !seen[i]) {
			watch_tell(watch, reader, TOKEN_SIGHT_KEY_OUT, r->keys[i]);
			r->keys[i][0] = '\0';
		}
}

static void look_for_socket(struct watch *watch, uint32_t reader) {
	struct watch_reader *r = &watch->readers[reader];
	struct stat st;
	bool there = stat(r->rules->path, &st) == 0 && S_ISSOCK(st.st_mode);

	if (there == (r->keys[0][0] != '\0'))
		return;
	(void)snprintf(r->keys[0], LIMIT_NAME, "%s", there ? "socket" : "");
	watch_tell(watch, reader, there ? TOKEN_SIGHT_KEY_IN : TOKEN_SIGHT_KEY_OUT, "socket");
}

void watch_key_tick(struct watch *watch, uint32_t reader) {
	if (watch->readers[reader].rules->kind == READER_USB_KEY)
		look_for_usb(watch, reader);
	else
		look_for_socket(watch, reader);
}
