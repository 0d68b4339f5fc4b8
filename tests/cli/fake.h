/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CLI_FAKE_H
#define TESTS_CLI_FAKE_H

/* A broker that says what a script tells it to, and the command line run against it. */

#include <stdbool.h>
#include <stdint.h>

#include "wire/frame.h"
#include "wire/protocol.h"

#define FAKE_OUT 16384

/* One request that has to come, and what is said to it. The greeting is answered by itself. */
struct exchange {
	const char *verb;
	uint64_t result;                       /* enum protocol_result                    */
	void (*fill)(struct frame_writer *w);  /* the rest of the reply; NULL: nothing     */
	/* An event that follows; NULL: none. */
	const char *event;
	void (*fill_event)(struct frame_writer *w);
	/* Is the request as it should be? NULL: as it comes. @fd: that came along, or -1. */
	bool (*is_right)(struct frame_span body, int fd);
	bool rubbish;  /* instead of a reply: bytes that are no frame                      */
	bool hang_up;  /* instead of a reply; what follows comes on a new connection       */
	bool strange;  /* the reply has the number of another request                      */
};

struct run {
	int status;
	bool followed;  /* the script was played to its end, and nothing else was asked    */
	char out[FAKE_OUT];
	char err[FAKE_OUT];
};

/* A file in /tmp of this process; the caller unlinks it. */
void fake_file(char ret_path[64], const char *name, const char *text, size_t n);

/*
 * fake_run() - run careward against a script
 * @args:   its words, NULL-terminated; --socket is added
 * @lines:  for --password-fd, which is added; NULL: neither
 * @script: ends with an exchange without verb; NULL: nobody listens
 * @uid:    whom the broker runs as; UINT32_MAX: whoever runs the test
 */
void fake_run(const char *const *args, const char *lines, const struct exchange *script,
              uint32_t uid, struct run *ret_run);

#endif
