/* SPDX-License-Identifier: Apache-2.0 */
/* Stands for carewardd --embedded: checks how it was started, greets, and waits for the end. */

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "tests/client/fake.h"

extern char **environ;

int main(int argc, char **argv) {
	static struct fake fake;
	struct pollfd p = { .fd = 3, .events = POLLIN };

	if (argc != 6 || strcmp(argv[1], "--embedded") != 0 || strcmp(argv[2], "--state") != 0 ||
	    strcmp(argv[4], "--config") != 0 || strcmp(argv[5], "/config") != 0 || environ[0])
		return 1;
	if (strcmp(argv[3], "/refuse") == 0)
		return 0;
	for (int i = 4; i < 64; ++i) {
		if (fcntl(i, F_GETFD) >= 0)
			return 1; /* something leaked */
	}
	if (poll(&p, 1, 10000) != 1)
		return 1;
	fake_begin(&fake);
	fake.fd = 3;
	fake_read_frame(&fake, "hello");
	fake_greet(&fake, true);
	while (poll(&p, 1, 20000) == 1 && fake_has_packet(&fake))
		fake_read_record(&fake, RECORD_START);
	fake_done(&fake);
	return 0;
}
