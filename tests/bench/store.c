/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

void bench_store_make(struct bench *b, struct bench_store *s, const char *name) {
	static const uint8_t device_id[16] = "device of bench";

	s->dirfd = bench_scratch(b, name, s->path, sizeof(s->path));
	bench_must(mkdirat(s->dirfd, "keys", 0700) == 0, "mkdir");
	s->keysfd = openat(s->dirfd, "keys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bench_must(s->keysfd >= 0 && keystore_file_create(s->keysfd) == 0 &&
	                   keystore_file_open(s->keysfd, &s->ks) == 0,
	           "no keys can be made");
	bench_must(store_create(s->dirfd, device_id) == 0 &&
	                   store_open(s->dirfd, STORE_READ_WRITE, s->ks, &s->store) == 0,
	           "no store can be made");
}

void bench_store_drop(struct bench_store *s) {
	s->store = store_close(s->store);
	s->ks = keystore_close(s->ks);
	(void)close(s->keysfd);
	(void)close(s->dirfd);
}

struct moment bench_moment(unsigned i) {
	return (struct moment){
		.wall_ms = 1767225600000 + (int64_t)i * 1000,
		.boot_ms = 5000 + (uint64_t)i * 1000,
		.boot_id = { 0xb0, 0x07 },
		.trust = CLOCK_TRUSTED,
	};
}

struct journal_entry bench_entry(unsigned i) {
	return (struct journal_entry){
		.at = bench_moment(i),
		.event = EVENT_USE,
		.outcome = OUTCOME_OK,
		.seat = 1,
		.assurance = CW_ASSURANCE_PASSWORD,
		.factor = CW_FACTOR_PASSWORD,
		.reason = CW_REASON_GRANTED,
		.account = 1 + i % 40,
		.session = 1 + i / 20,
		.peer_uid = 1000,
		.action = "settings.display",
		.context = "routine",
		.object = "brightness",
	};
}
