/* SPDX-License-Identifier: Apache-2.0 */
/* Storage that is full, read-only, slow, failing or gone. */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include "tests/faults/strike.h"

static struct shim_side *broker(struct cell *cell) {
	return &cell->shim->side[SHIM_BROKER];
}

const char *strike_full(struct cell *cell) {
	disk_fill(&cell->disk);
	return NULL;
}

void heal_full(struct cell *cell) {
	disk_empty(&cell->disk);
}

uint64_t struck_full(struct cell *cell) {
	return broker(cell)->n_no_space;
}

/* No more files than there are: a clean end takes two away that the next start wants. */
const char *strike_inodes(struct cell *cell) {
	char options[64];
	struct statvfs st;

	broker_down(cell);
	if (statvfs(cell->w.state, &st) < 0)
		return "the file system says nothing of its inodes";
	(void)snprintf(options, sizeof(options), "nr_inodes=%lu",
	               (unsigned long)(st.f_files - st.f_ffree));
	if (mount(NULL, cell->w.state, NULL, MS_REMOUNT | MS_NODEV | MS_NOSUID, options) < 0)
		return "this file system cannot be given fewer inodes";
	return NULL;
}

void heal_inodes(struct cell *cell) {
	broker_down(cell);
	(void)mount(NULL, cell->w.state, NULL, MS_REMOUNT | MS_NODEV | MS_NOSUID, "nr_inodes=1000");
}

uint64_t struck_inodes(struct cell *cell) {
	return broker(cell)->n_no_space;
}

const char *strike_read_only(struct cell *cell) {
	broker_down(cell);
	if (mount(NULL, cell->w.state, NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0)
		return "it cannot be mounted read-only";
	return NULL;
}

void heal_read_only(struct cell *cell) {
	broker_down(cell);
	(void)mount(NULL, cell->w.state, NULL, MS_REMOUNT, NULL);
}

uint64_t struck_read_only(struct cell *cell) {
	return broker(cell)->n_read_only;
}

/* As after an error of the device: what is open for writing fails, too. */
const char *strike_turned_read_only(struct cell *cell) {
	broker(cell)->read_only = 1;
	return NULL;
}

void heal_turned_read_only(struct cell *cell) {
	broker(cell)->read_only = 0;
}

uint64_t struck_turned_read_only(struct cell *cell) {
	return broker(cell)->n_read_only;
}

const char *strike_sync(struct cell *cell) {
	broker(cell)->sync_ms = 2000;
	broker(cell)->sync = (uint32_t)cell->fault->argument;
	return NULL;
}

void heal_sync(struct cell *cell) {
	broker(cell)->sync = SYNC_GOOD;
}

uint64_t struck_sync(struct cell *cell) {
	return broker(cell)->n_sync;
}

const char *strike_frozen(struct cell *cell) {
	return disk_freeze(&cell->disk);
}

/* Processes in a wait that no signal ends. */
uint64_t struck_frozen(struct cell *cell) {
	DIR *dir = opendir("/proc");
	uint64_t n = 0;

	for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
		char path[300], state = 0;
		FILE *f = NULL;

		(void)snprintf(path, sizeof(path), "/proc/%s/stat", e->d_name);
		if (atoi(e->d_name) > 0)
			f = fopen(path, "re");
		if (f && fscanf(f, "%*d (%*[^)]) %c", &state) == 1)
			n += state == 'D';
		if (f)
			(void)fclose(f);
	}
	if (dir)
		(void)closedir(dir);
	return n;
}

void heal_frozen(struct cell *cell) {
	disk_thaw(&cell->disk);
}
