/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOKENS_HELPER_H
#define TOKENS_HELPER_H

/*
 * A helper: one process, one library, one job
 */

#include <stdbool.h>

#include "tokens/token.h"

struct helper_setup {
	const struct token_rules *rules;
	enum cw_factor factor; /* which library; NONE: the watcher                  */
	int job_fd;            /* to the engine                                     */
	int opened_fd;         /* to the keeper: an int32_t, 0 or -errno, when open */
	bool has_own_user;
};

/*
 * helper_main() - the life of a helper, in a fresh child of the keeper
 *
 * Closes every descriptor but the two, sets the environment of the rules and no
 * other, limits and filters itself, loads the library, takes the job, ends.
 *
 * Return: exit status.
 */
int helper_main(const struct helper_setup *setup);

#endif
