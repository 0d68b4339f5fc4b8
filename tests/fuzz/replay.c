/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over the files of a folder, without a fuzzer. */

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void close_dirp(DIR **dir) {
	if (*dir)
		(void)closedir(*dir);
}

static int replay(const char *folder, const char *name) {
	static uint8_t bytes[1 << 18];
	cleanup_(close_filep) FILE *f = NULL;
	char path[4096];
	size_t n;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "rb");
	if (!f)
		return -1;
	n = fread(bytes, 1, sizeof(bytes), f);
	(void)LLVMFuzzerTestOneInput(bytes, n);
	return 0;
}

int main(int argc, char **argv) {
	cleanup_(close_dirp) DIR *dir = NULL;
	unsigned n = 0;

	if (argc != 2)
		return EXIT_FAILURE;
	dir = opendir(argv[1]);
	if (!dir)
		return EXIT_FAILURE;
	for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
		if (e->d_name[0] == '.')
			continue;
		if (replay(argv[1], e->d_name) < 0)
			return EXIT_FAILURE;
		++n;
	}
	(void)printf("%u files of %s\n", n, argv[1]);
	return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
