/* SPDX-License-Identifier: Apache-2.0 */

/*
 * CF-11: what is shipped is attacked, not only read
 *
 * Every profile under config/ is compiled as it is, and asked for everything by
 * everybody in every state. What must not come out of any of them is below.
 */

#undef NDEBUG

#include <check.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <careward/result.h>

#include "common/cleanup.h"
#include "policy/decide.h"
#include "support.h"

#define NOW 1000000u

static struct policy *policy;
static char profile[256];

static void set_up(const char *folder) {
	static const char *const names[] = {"device.cfg", "site.cfg", "place.cfg"};
	struct policy_messages *m = calloc(1, sizeof(*m));
	struct policy_source sources[3];
	char *texts[3], path[512];

	(void)snprintf(profile, sizeof(profile), "%s", folder);
	for (int i = 0; i < 3; ++i) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		sources[i] = (struct policy_source){.path = names[i]};
		texts[i] = slurp(path, &sources[i].n_text);
		sources[i].text = texts[i];
	}
	ck_assert_msg(policy_compile(&sources[0], &sources[1], &sources[2], 1, m, &policy) == 0,
		      "%s: %s", folder, all_messages(m));
	for (int i = 0; i < 3; ++i)
		free(texts[i]);
	free(m);
}

/* Who somebody is, and how things stand. */
struct situation {
	uint32_t roles;
	uint8_t assurance;
	bool signed_in, locked, emergency, fresh;
	unsigned signals; /* 0 unknown, 1 all true, 2 all false */
};

static enum cw_verdict ask(const struct situation *x, uint32_t action) {
	const struct policy_table *t = &policy->table;
	uint32_t all = t->n_signals < 32 ? (1u << t->n_signals) - 1 : UINT32_MAX;
	struct policy_state s = {
		.policy_generation = t->generation,
		.lease_until = NOW + 5000,
		.lock_at = x->locked ? 0 : NOW + 5000,
		.session = x->signed_in ? 7 : 0,
		.account = x->signed_in ? 7 : 0,
		.signals_until = UINT64_MAX,
		.roles = x->roles,
		.true_now = x->signals == 1 ? all : 0,
		.false_now = x->signals == 2 ? all : 0,
		.assurance = x->assurance,
		.reauth_at = x->fresh ? NOW : 0,
		.reauth_assurance = x->fresh ? x->assurance : 0,
		.emergency = x->emergency,
		.suspended = x->emergency && x->signed_in,
	};

	s.contexts_now = policy_contexts(t, s.true_now, s.false_now);
	return policy_decide(t, &s, action, NOW);
}

static const char *told(const struct situation *x, uint32_t action) {
	static char text[512];

	(void)snprintf(text, sizeof(text),
		       "%s: %s with roles %x, assurance %u%s%s%s%s, signals %u", profile,
		       policy->table.action_names[action], x->roles, x->assurance,
		       x->signed_in ? ", signed in" : "", x->locked ? ", locked" : "",
		       x->emergency ? ", emergency" : "", x->fresh ? ", fresh" : "", x->signals);
	return text;
}

static void judge(const struct situation *x, uint32_t action) {
	const struct policy_action *a = &policy->table.actions[action];
	struct situation calm = *x;
	enum cw_verdict v = ask(x, action);
	bool usable = x->signed_in && !x->locked && !x->emergency;

	calm.emergency = false;
	if (a->kind == CW_KIND_ALWAYS)
		ck_assert_msg(v == CW_ALLOW, "always is not: %s", told(x, action));
	if (a->kind == CW_KIND_CARE && x->emergency)
		ck_assert_msg(v == CW_ALLOW, "broken glass opens nothing: %s", told(x, action));
	if (a->kind == CW_KIND_CARE)
		ck_assert_msg(v != CW_DENY, "care has no way in: %s", told(x, action));
	if (a->kind == CW_KIND_CARE && v == CW_ALLOW && !x->emergency)
		ck_assert_msg(usable && (x->roles & a->roles), "care for nobody: %s",
			      told(x, action));
	if (a->kind == CW_KIND_SENSITIVE)
		ck_assert_msg(v != CW_ALLOW, "sensitive without a receipt: %s", told(x, action));
	if (a->kind == CW_KIND_GUARDED && v == CW_ALLOW)
		ck_assert_msg(usable && (x->roles & a->roles) &&
				      x->assurance >= CW_ASSURANCE_PASSWORD,
			      "guarded, for too little: %s", told(x, action));
	/* An emergency adds nothing to what is not care. */
	if (a->kind == CW_KIND_GUARDED || a->kind == CW_KIND_SENSITIVE)
		ck_assert_msg(v != CW_ALLOW || ask(&calm, action) == CW_ALLOW,
			      "an emergency opens it: %s", told(x, action));
}

static void attack(void) {
	const uint32_t masks = 1u << policy->table.n_roles;
	struct situation x;

	for (uint32_t bits = 0; bits < 16u * 5u * 3u; ++bits)
		for (uint32_t roles = 0; roles < masks; ++roles) {
			x = (struct situation){
				.roles = roles,
				.assurance = (uint8_t)(bits / 16 % 5),
				.signals = bits / 80,
				.signed_in = bits & 1,
				.locked = bits & 2,
				.emergency = bits & 4,
				.fresh = bits & 8,
			};
			for (uint32_t a = 0; a < policy->table.n_actions; ++a)
				judge(&x, a);
		}
}

/* No role, with all that it includes, may do both. */
static const struct {
	const char *why;
	enum policy_builtin one, other;
} apart[] = {
	{"who makes accounts closes no reviews", POLICY_ACCOUNTS, POLICY_REVIEW},
	{"who makes accounts takes no data away", POLICY_ACCOUNTS, POLICY_EXPORT},
	{"who closes reviews installs no configuration", POLICY_REVIEW, POLICY_CONFIG},
};

static void duties(void) {
	const struct policy_table *t = &policy->table;

	for (size_t i = 0; i < ARRAY_SIZE(apart); ++i) {
		uint32_t one = t->actions[policy_builtin_index(t, apart[i].one)].roles;
		uint32_t other = t->actions[policy_builtin_index(t, apart[i].other)].roles;

		ck_assert_msg(one != 0 && (one & other) == 0, "%s: %s", profile, apart[i].why);
	}
}

/* Nothing in it is looser than what stands there when it is left out. */
static void settings(void) {
	const struct policy_settings *s = &policy->settings;

	ck_assert_msg(s->isolation_required, "%s: a private broker is allowed", profile);
	for (uint32_t i = 0; i < s->n_seats; ++i) {
		ck_assert_msg((s->seats[i].mode & 0007) == 0, "%s: anybody may connect to %s",
			      profile, s->seats[i].name);
		ck_assert_msg(s->seats[i].group[0] || s->seats[i].user[0], "%s: %s is nobody's",
			      profile, s->seats[i].name);
		for (uint32_t j = 0; j < i; ++j)
			ck_assert_msg(strcmp(s->seats[i].group, s->seats[j].group) != 0,
				      "%s: two seats of one group", profile);
	}
	ck_assert_msg(s->passwords.min_length >= 12 && s->passwords.dictionary &&
			      s->passwords.argon2_memory_kib >= 65536,
		      "%s: passwords are weaker than the default", profile);
	ck_assert_msg(s->lockout.free_tries <= 5 && s->lockout.first_ms >= 300000 &&
			      s->lockout.code_tries <= 3,
		      "%s: guessing is easier than by default", profile);
	ck_assert_msg(s->journal.epoch_s <= 60 && s->journal.epoch_entries <= 256,
		      "%s: the open epoch is longer than by default", profile);
}

START_TEST(CF_11_every_profile_holds_against_everybody_in_every_state) {
	glob_t found;

	ck_assert_int_eq(glob(SOURCE_ROOT "/config/*/device.cfg", 0, NULL, &found), 0);
	ck_assert_uint_ge(found.gl_pathc, 1);
	for (size_t i = 0; i < found.gl_pathc; ++i) {
		*strrchr(found.gl_pathv[i], '/') = '\0';
		set_up(found.gl_pathv[i]);
		attack();
		duties();
		settings();
		policy = policy_free(policy);
	}
	globfree(&found);
}
END_TEST

/* Files of the service: what each must say, and what none may. */
static const struct {
	const char *why;
	const char *file;
	const char *text;
	bool there;
} texts[] = {
	{"the broker's state is its own", "tmpfiles.d/careward.conf",
	 "d /var/lib/careward 0700 careward careward", true},
	{"others cannot put sockets there", "tmpfiles.d/careward.conf",
	 "d /run/careward 0755 careward careward", true},
	{"the broker has no shell and no password", "sysusers.d/careward.conf", "u careward - ",
	 true},
	{"cards are another user's", "sysusers.d/careward.conf", "u careward-token - ", true},
	{"no network", "carewardd.service", "RestrictAddressFamilies=AF_UNIX", true},
	{"nothing of the system is written to", "carewardd.service", "ProtectSystem=strict", true},
	{"no environment", "carewardd.service", "Environment", false},
	{"no capability is kept", "carewardd.service", "AmbientCapabilities", false},
	{"nothing of a trial", "carewardd.service", "--embedded", false},
	{"nothing of a trial", "carewardd.init", "--embedded", false},
	{"nothing of a trial", "carewardd.init", "--user root", false},
};

START_TEST(CF_11_the_files_of_the_service_give_nothing_away) {
	char path[512], *text;
	size_t n;

	(void)snprintf(path, sizeof(path), "%s/config/%s", SOURCE_ROOT, texts[_i].file);
	text = slurp(path, &n);
	ck_assert_msg((memmem(text, n, texts[_i].text, strlen(texts[_i].text)) != NULL) ==
			      texts[_i].there,
		      "%s: %s: %s", texts[_i].file, texts[_i].why, texts[_i].text);
	free(text);
}
END_TEST

int main(void) {
	Suite *s = suite_create("attack");
	TCase *t = tcase_create("attack");
	SRunner *runner;
	int n;

	tcase_set_timeout(t, 240);
	tcase_add_test(t, CF_11_every_profile_holds_against_everybody_in_every_state);
	tcase_add_loop_test(t, CF_11_the_files_of_the_service_give_nothing_away, 0,
			    (int)ARRAY_SIZE(texts));
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	n = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
