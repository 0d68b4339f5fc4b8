/* SPDX-License-Identifier: Apache-2.0 */

/* A new password: forced, by one's own wish, or of a recovery's administrator. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "auth/copy.h"
#include "auth/attempt.h"
#include "common/cleanup.h"

static const char *const faults[PASSWORD_N_FAULTS] = {
	[PASSWORD_TOO_SHORT] = "password-too-short",
	[PASSWORD_TOO_LONG] = "password-too-long",
	[PASSWORD_BAD_TEXT] = "password-bad-text",
	[PASSWORD_CLASSES] = "password-classes",
	[PASSWORD_IN_DICTIONARY] = "password-in-dictionary",
	[PASSWORD_LIKE_NAME] = "password-like-name",
	[PASSWORD_LIKE_OLD] = "password-like-old",
	[PASSWORD_REUSED] = "password-reused",
	[PASSWORD_TOO_SOON] = "password-too-soon",
	[PASSWORD_UNCHECKED] = "password-unchecked",
};

static bool is_recovery(const struct attempt *a) {
	return a->route->row.purpose == CW_PURPOSE_RECOVER;
}

/* Asked again, with what is wrong. Not for ever. */
static enum attempt_event fault(struct attempt *a, const char *message) {
	secret_wipe(&a->candidate);
	a->fault = message;
	if (++a->n_faults < ATTEMPT_FAULTS_MAX)
		return ATTEMPT_EV_FAULT;
	return ATTEMPT_EV_CANCEL;
}

static bool is_privileged(const struct policy *policy, const struct account *account) {
	uint32_t roles = seat_role_bits(&policy->table, account->roles, account->n_roles);

	for (uint32_t i = 0; i < policy->settings.n_roles && i < POLICY_ROLES_MAX; ++i)
		if ((roles & 1u << i) != 0 && policy->settings.roles[i].privileged)
			return true;
	return false;
}

/* Whose password it will be: an administrator's, in a recovery. */
static bool is_for_privileged(const struct attempt *a) {
	return is_recovery(a) || is_privileged(a->auth->policy, &a->first.account);
}

enum attempt_event ask_new(struct attempt *a, const struct moment *now) {
	bool forced = !is_recovery(a) && a->route->right != ATTEMPT_EV_MUST_CHANGE;
	bool is_short = a->fault == faults[PASSWORD_TOO_SHORT];
	char least[16];

	(void)snprintf(least, sizeof(least), "%u",
		       password_least(&a->auth->policy->settings.passwords, is_for_privileged(a)));
	return attempt_ask(a, now, CW_FIELD_NEW_PASSWORD, true,
			   forced ? "ask-new-password-forced" : "ask-new-password",
			   is_short ? least : NULL);
}

static enum password_fault check(const struct attempt *a, const struct secret *prepared) {
	const struct policy_settings *settings = &a->auth->policy->settings;
	const char *const device[] = { settings->device_model, settings->device_maker,
				       settings->inventory, settings->site_name };
	struct account account = a->first.account;

	if (is_recovery(a)) {
		account = (struct account){ 0 };
		text_copy(account.name, sizeof(account.name), a->admin);
	}
	return password_check(&settings->passwords, prepared, is_recovery(a) ? NULL : &a->old,
			      &account, device, sizeof(device) / sizeof(*device),
			      is_for_privileged(a));
}

enum attempt_event take_new(struct attempt *a, const struct moment *now) {
	int r = password_prepare(a->answer, &a->candidate);
	enum password_fault found;

	if (r < 0)
		return fault(a, faults[r == -E2BIG ? PASSWORD_TOO_LONG : PASSWORD_BAD_TEXT]);
	found = check(a, &a->candidate);
	if (found != PASSWORD_GOOD)
		return fault(a, found < PASSWORD_N_FAULTS && faults[found] ? faults[found]
									   : "password-unchecked");
	return attempt_ask(a, now, CW_FIELD_NEW_PASSWORD_AGAIN, true, "ask-new-password-again",
			   NULL);
}

/* In time that does not depend on where they differ. */
static bool is_same(const struct secret *p, const struct secret *q) {
	volatile uint8_t difference = p->n != q->n;

	for (size_t i = 0; i < sizeof(p->bytes); ++i)
		difference |= (uint8_t)(p->bytes[i] ^ q->bytes[i]);
	return difference == 0;
}

static int make_job(struct attempt *a) {
	const struct password_rules *rules = &a->auth->policy->settings.passwords;
	struct password_job *job = &a->job;

	explicit_bzero(job, sizeof(*job));
	job->kind = is_recovery(a) ? PASSWORD_JOB_MAKE : PASSWORD_JOB_CHANGE;
	job->candidate = a->candidate;
	job->cost = (struct argon2_cost){
		.memory_kib = rules->argon2_memory_kib,
		.passes = rules->argon2_passes,
		.lanes = 1,
	};
	/* The one being replaced is among them: a one-time password stays one. */
	if (!is_recovery(a))
		password_job_refuse_old(&a->first.password, rules, job);
	return a->auth->random(job->salt, sizeof(job->salt));
}

enum attempt_event take_again(struct attempt *a, const struct moment *now) {
	cleanup_(secret_wipe) struct secret again = { 0 };
	bool is_good = password_prepare(a->answer, &again) == 0 && is_same(&again, &a->candidate);

	(void)now;
	if (!is_good)
		return fault(a, "password-differs");
	if (make_job(a) < 0)
		return fault(a, "failed");
	a->want = ATTEMPT_HASH;
	return ATTEMPT_EV_NONE;
}

enum attempt_event judge_new(struct attempt *a, const struct moment *now) {
	(void)now;
	if (a->job.error != 0)
		return fault(a, "failed");
	if (a->job.matched == PASSWORD_YES)
		return fault(a, faults[PASSWORD_REUSED]);
	if (a->job.is_made != PASSWORD_YES)
		return fault(a, "failed");
	a->made = a->job.made;
	a->is_made = true;
	secret_wipe(&a->candidate);
	return a->route->right == ATTEMPT_EV_CONFIRM ? ATTEMPT_EV_CONFIRM : ATTEMPT_EV_RIGHT;
}

/* Nothing was tried: the same new password again, a little later. */
enum attempt_event busy_new(struct attempt *a, const struct moment *now) {
	secret_wipe(&a->candidate);
	explicit_bzero(&a->job, sizeof(a->job));
	a->fault = "busy";
	return ask_new(a, now);
}
