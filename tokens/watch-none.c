/* SPDX-License-Identifier: Apache-2.0 */

/* No reader is watched by a build without the sources for readers. */

#include <errno.h>

#include "tokens/token.h"

int token_watch(const struct token_rules *rules, int stop_fd,
		void (*see)(const struct token_sight *sight, void *userdata), void *userdata) {
	return -ENOTSUP;
}
