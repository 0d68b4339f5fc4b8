/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Any bytes as a receipt. Built for libFuzzer with -Dfuzz=true; otherwise a
 * program that replays the files of the corpus.
 */

#include <stdio.h>

#include "tests/receipt/receipt-cases.h"

#ifndef FUZZING
#define FUZZING 0
#endif

static const uint8_t seed[32] = { 1, 2, 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	receipt_property(data, size, seed);
	return 0;
}

#if !FUZZING
int main(int argc, char **argv) {
	static uint8_t bytes[65536];

	for (int i = 1; i < argc; ++i) {
		FILE *f = fopen(argv[i], "re");
		size_t n;

		if (!f) {
			(void)fprintf(stderr, "cannot open %s\n", argv[i]);
			return 1;
		}
		n = fread(bytes, 1, sizeof(bytes), f);
		(void)fclose(f);
		(void)LLVMFuzzerTestOneInput(bytes, n);
	}
	(void)printf("%d files\n", argc - 1);
	return argc > 1 ? 0 : 1;
}
#endif
