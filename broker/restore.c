/* SPDX-License-Identifier: Apache-2.0 */

/* carewardd --restore-accounts: the copy of the accounts becomes the database. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "auth/account-copy.h"
#include "broker/carewardd.h"
#include "broker/clock.h"
#include "common/bytes.h"
#include "common/cleanup.h"

static const struct {
	int error;
	const char *text;
} refusals[] = {
	{-EEXIST, "the database opens, or one was set aside before: look at it first"},
	{-ENOENT, "there is no copy of the accounts, or no device key"},
	{-EBADMSG, "the copy of the accounts is damaged, or of another device"},
	{-EBUSY, "carewardd is running: stop it first"},
	{-EPERM, "the copy of the accounts or the device key is open to others"},
	{-ENOSPC, "no room"},
};

static void keys_closep(struct keystore **ks) {
	*ks = keystore_close(*ks);
}

static int refuse(int error) {
	const char *text = "the storage fails";

	for (size_t i = 0; i < ARRAY_SIZE(refusals); ++i)
		if (refusals[i].error == error)
			text = refusals[i].text;
	(void)fprintf(stderr, "carewardd: the accounts were not restored: %s\n", text);
	return 1;
}

int restore_main(int state_fd) {
	cleanup_(keys_closep) struct keystore *ks = NULL;
	struct account_copy copy;
	uint8_t anchor[32];
	char hex[65];
	struct clock clock = {0};
	struct moment now;
	int r;

	(void)clock_init(&clock, clock_build_ms());
	now = clock_now(&clock);
	r = store_is_busy(state_fd) ? -EBUSY : keystore_file_open(state_fd, &ks);
	if (r == 0)
		r = account_copy_restore(state_fd, ks, &now, &copy, anchor);
	if (r < 0)
		return refuse(r);
	hex_encode(hex, anchor, sizeof(anchor));
	(void)printf("%u accounts are back, as they were at entry %llu.\n"
	             "What was there before lies in the directory %s: keep it.\n"
	             "The journal begins anew. Its anchor: %s\n",
	             copy.n_accounts, (unsigned long long)copy.seq, ACCOUNT_COPY_ASIDE, hex);
	return 0;
}
