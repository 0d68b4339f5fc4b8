/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_CONFIG_H
#define POLICY_CONFIG_H

/*
 * From the three files to the compiled policy
 *
 * A file is opened once, without following links and without waiting, checked
 * on the open descriptor (regular, one link, owned by root or by the caller,
 * nobody else may write to it or to a directory above it), read whole, hashed,
 * and parsed from memory. Errors are collected, not only the first one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/settings.h"
#include "policy/table.h"

#define POLICY_MESSAGES_MAX 64u

enum policy_severity {
	POLICY_ERROR = 0, /* the policy is refused                                   */
	POLICY_WARNING,   /* the policy works; somebody should look                  */
};

/* `file:line: what is wrong, what would be right` */
struct policy_message {
	enum policy_severity severity;
	uint32_t line; /* 0: the whole file                                          */
	char file[256];
	char text[256];
};

struct policy_messages {
	uint32_t n;        /* messages kept                                          */
	uint32_t n_errors; /* errors in all, those not kept included                 */
	struct policy_message list[POLICY_MESSAGES_MAX];
};

/* One configuration file in memory. path is used in messages only. */
struct policy_source {
	const char *path;
	const char *text; /* not NUL-terminated; NULL: the file is absent            */
	size_t n_text;
};

struct policy {
	struct policy_table table;
	struct policy_settings settings;
};

/*
 * policy_compile() - parse, check and compile three texts
 * @device, @site, @place: the texts; @place->text may be NULL
 * @generation:  generation to write into the table
 * @messages:    zeroed by the caller; errors and warnings are added
 * @ret_policy:  heap; free with policy_free()
 *
 * The table's hashes and checksum are filled in. Does no I/O.
 *
 * Return: 0; -EINVAL when there is at least one error, all of which are in
 * @messages; -ENOMEM.
 */
int policy_compile(const struct policy_source *device, const struct policy_source *site,
                   const struct policy_source *place, uint64_t generation,
                   struct policy_messages *messages, struct policy **ret_policy);

/*
 * policy_compile_device() - parse, check and compile device.cfg alone
 *
 * For careward-compile. The table has the device's actions, signals and seats
 * and the built-in actions, but no role and no context, so it is not valid and
 * nothing may be decided from it.
 *
 * Return: 0; -EINVAL with the errors in @messages; -ENOMEM.
 */
int policy_compile_device(const struct policy_source *device, struct policy_messages *messages,
                          struct policy **ret_policy);

/* Frees; NULL is fine. Return: NULL. */
struct policy *policy_free(struct policy *policy);

/*
 * policy_read_file() - read one configuration file, checked as above
 * @ret_text:  heap, with a NUL behind the last byte that is not counted
 *
 * Return: 0; -EINVAL with a message that names the path and the remedy in
 * @messages (missing, empty, larger than LIMIT_CONFIG, not a regular file, a
 * link, writable by others, owned by a stranger, unreadable); -ENOMEM.
 */
int policy_read_file(const char *path, struct policy_messages *messages, char **ret_text,
                     size_t *ret_n_text);

/*
 * policy_pinned_matches() - is this the content that the configuration pins?
 * @pin:    from struct token_rules
 * @bytes:  the whole file, @n bytes of it
 *
 * Return: 0; -EBADMSG: it is another one; -EINVAL: @pin pins nothing; -ENOMEM.
 */
int policy_pinned_matches(const struct pinned_file *pin, const void *bytes, size_t n);

/*
 * Indices by name. Return: the index; -ENOENT. policy_nearest() returns the
 * nearest of @n names of POLICY_NAME_SIZE bytes each, or NULL when none is near.
 */
int policy_action_index(const struct policy_table *t, const char *name);
int policy_role_index(const struct policy_table *t, const char *name);
int policy_signal_index(const struct policy_table *t, const char *name);
int policy_context_index(const struct policy_table *t, const char *name);
int policy_seat_index(const struct policy_table *t, const char *name);
const char *policy_nearest(const char *name, const char (*names)[POLICY_NAME_SIZE], uint32_t n);

/*
 * Careward's own actions. They are the last ones of every table, in this order,
 * and their names begin with "careward.". All ask for the assurance password; a
 * file may raise kind, assurance and confirmation, and lower none.
 */
enum policy_builtin {
	POLICY_ACCOUNTS = 0, /* careward.accounts: guarded; create, disable, reset, roles   */
	POLICY_ENROL,        /* careward.enrol: guarded; tokens of others                  */
	POLICY_CONFIG,       /* careward.config: sensitive, same-person; install a file    */
	POLICY_REVIEW,       /* careward.review: guarded; close reviews                    */
	POLICY_HISTORY,      /* careward.history: guarded; read the journal                */
	POLICY_EXPORT,       /* careward.export: guarded; journal or data leave the device */
	POLICY_RECOVER,      /* careward.recover: sensitive, same-person; end degraded mode */
	POLICY_N_BUILTINS,
};

extern const char *const policy_builtin_names[POLICY_N_BUILTINS];

/* The index in @t of a built-in action. */
uint32_t policy_builtin_index(const struct policy_table *t, enum policy_builtin which);

#endif
