/* SPDX-License-Identifier: Apache-2.0 */

/* Database and keys: made, opened, believed, and looked for again. */

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include "auth/account.h"
#include "auth/emergency.h"
#include "broker/engine.h"
#include "broker/say.h"

/* Is this a state directory that never held a device? */
static bool is_virgin(int state_fd) {
	return faccessat(state_fd, "careward.db", F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

static int make_store(int state_fd) {
	uint8_t device_id[16];
	int r = keystore_file_create(state_fd);

	/* The power failed at the first start: a key, and nothing written under it yet. */
	if (r == -EEXIST && keystore_file_is_unused(state_fd))
		r = 0;
	if (r < 0)
		return r; /* keys without a database: something was lost, not new */
	r = getrandom(device_id, sizeof(device_id), 0) == sizeof(device_id) ? 0 : -EIO;
	return r < 0 ? r : store_create(state_fd, device_id);
}

static int has_account(const struct account *account, void *userdata) {
	return 1;
}

/* Errors that end by themselves: another engine lets go, room is made, the disk writes again. */
static bool may_pass(int error) {
	return error == -EBUSY || error == -ENOSPC || error == -EROFS || error == -EIO ||
	       error == -ENOMEM || error == -EMFILE;
}

bool engine_store_is_back(const struct engine *e) {
	struct keystore *keys = NULL;
	struct store *store = NULL;
	int fd = e->setup->state_fd, r = 0;

	if (e->store_error == 0 || store_is_busy(fd))
		return false;
	r = keystore_file_open(fd, &keys);
	if (r == 0)
		r = store_open(fd, STORE_READ_WRITE, keys, &store);
	(void)store_close(store);
	(void)keystore_close(keys);
	return r == 0;
}

void engine_open_store(struct engine *engine) {
	int fd = engine->setup->state_fd, r = 0;
	bool initialised = false;

	if (engine->setup->without_journal) {
		engine_alarm(engine, ALARM_NO_JOURNAL, true);
		return;
	}
	if (is_virgin(fd))
		r = make_store(fd);
	if (r == 0)
		r = keystore_file_open(fd, &engine->keys);
	if (r == 0)
		r = store_open(fd, STORE_READ_WRITE, engine->keys, &engine->store);
	if (r == 0) {
		initialised = account_list(engine->store, 0, 1, has_account, NULL) == 1;
		r = store_check_keys(engine->store, !initialised);
		if (r < 0)
			engine->store = store_close(engine->store);
	}
	if (r < 0) {
		engine->store_error = may_pass(r) && engine->setup->client_fd < 0 ? r : 0;
		engine->keys = keystore_close(engine->keys);
		engine_alarm(engine, r == -ENOTSUP ? ALARM_STORE_NEWER : ALARM_STORE_MISSING, true);
		return;
	}
	engine->auth.store = engine->store;
	engine->initialised = initialised;
}

void engine_check_rows(struct engine *e) {
	struct review_fault fault;

	if (!e->store || reviews_check(e->store, &fault) != 1)
		return;
	say("%s", fault.what);
	engine_alarm(e, ALARM_ROWS, true);
}
