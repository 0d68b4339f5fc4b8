/* SPDX-License-Identifier: Apache-2.0 */
/* The profiles that are shipped: no error, no warning, and no half file (CF-05). */
#undef NDEBUG
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <careward/result.h>

#include "common/cleanup.h"
#include "policy/decide.h"
#include "policy/explain.h"
#include "support.h"

#define PROFILE SOURCE_ROOT "/config/infusion-pump/"

struct profile {
	char *text[N_FILES];
	size_t n[N_FILES];
};

static struct profile load(void) {
	struct profile p;

	p.text[DEVICE] = slurp(PROFILE "device.cfg", &p.n[DEVICE]);
	p.text[SITE] = slurp(PROFILE "site.cfg", &p.n[SITE]);
	p.text[PLACE] = slurp(PROFILE "place.cfg", &p.n[PLACE]);
	return p;
}

static void unload(struct profile *p) {
	for (int i = 0; i < N_FILES; ++i)
		free(p->text[i]);
}

static struct policy *compile_profile(const struct profile *p, enum file cut, size_t n,
                                      struct policy_messages *m) {
	struct policy_source sources[N_FILES];
	cleanup_(free_charp) char *piece = malloc(n + 1);
	struct policy *policy = NULL;

	ck_assert_ptr_nonnull(piece);
	memcpy(piece, p->text[cut], n);
	for (int i = 0; i < N_FILES; ++i)
		sources[i] = (struct policy_source){ file_names[i], p->text[i], p->n[i] };
	sources[cut].text = piece;
	sources[cut].n_text = n;
	(void)policy_compile(&sources[DEVICE], &sources[SITE], &sources[PLACE], 1, m, &policy);
	return policy;
}

START_TEST(profile_has_neither_error_nor_warning) {
	struct policy_messages *m = calloc(1, sizeof(*m));
	struct profile profile = load();
	struct policy *p;

	ck_assert_ptr_nonnull(m);
	p = compile_profile(&profile, PLACE, profile.n[PLACE], m);
	ck_assert_msg(p != NULL && m->n == 0, "%s", all_messages(m));
	ck_assert_int_eq(policy_action_index(&p->table, "therapy.stop"), 0);
	ck_assert_str_eq(p->settings.inventory, "PUMP-0001");
	p = policy_free(p);
	free(m);
	unload(&profile);
}
END_TEST

/* Cut anywhere: refused, or what is left out said nothing. */
START_TEST(cut_profile_is_never_taken_for_another_one) {
	struct policy_messages *m = calloc(1, sizeof(*m));
	struct profile profile = load();
	struct policy *whole = compile_profile(&profile, PLACE, profile.n[PLACE], m);
	size_t accepted = 0;

	ck_assert_ptr_nonnull(whole);
	for (size_t n = 0; n < profile.n[_i]; ++n) {
		struct policy *p;

		memset(m, 0, sizeof(*m));
		p = compile_profile(&profile, (enum file)_i, n, m);
		if (!p) {
			ck_assert_uint_gt(m->n_errors, 0);
			continue;
		}
		accepted++;
		memcpy(p->table.device_hash, whole->table.device_hash, 32);
		memcpy(p->table.site_hash, whole->table.site_hash, 32);
		p->table.checksum = whole->table.checksum;
		ck_assert_msg(memcmp(p, whole, sizeof(*p)) == 0, "%s, cut at %zu of %zu bytes",
		              file_names[_i], n, profile.n[_i]);
		p = policy_free(p);
	}
	/* Without the last newline, and without the last semicolon. */
	ck_assert_uint_le(accepted, 2);
	(void)policy_free(whole);
	free(m);
	unload(&profile);
}
END_TEST

/* The lines of site.cfg that are there to be taken in: without their #, with digests. */
static char *take_smartcards_in(const char *text) {
	static const char digest[] =
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	char *out = NULL;
	size_t n = 0;
	bool inside = false;
	FILE *f = open_memstream(&out, &n);

	ck_assert_ptr_nonnull(f);
	for (const char *p = text, *end; *p; p = *end ? end + 1 : end) {
		const char *dots = NULL;

		end = strchrnul(p, '\n');
		inside |= strncmp(p, "  # smartcard = {", 17) == 0;
		if (!inside) {
			(void)fprintf(f, "%.*s\n", (int)(end - p), p);
			continue;
		}
		inside = strncmp(p, "  # };", 6) != 0;
		p += 4;
		dots = memmem(p, (size_t)(end - p), "...", 3);
		if (dots)
			(void)fprintf(f, "%.*s%s%.*s\n", (int)(dots - p), p, digest,
			              (int)(end - dots - 3), dots + 3);
		else
			(void)fprintf(f, "%.*s\n", (int)(end - p), p);
	}
	(void)fclose(f);
	return out;
}

START_TEST(profile_with_its_smartcards_taken_in_has_neither_error_nor_warning) {
	struct policy_messages *m = calloc(1, sizeof(*m));
	struct profile profile = load();
	cleanup_(free_charp) char *plain = profile.text[SITE];
	const struct smartcard_rules *card = NULL;
	struct policy *p;

	ck_assert_ptr_nonnull(m);
	profile.text[SITE] = take_smartcards_in(plain);
	profile.n[SITE] = strlen(profile.text[SITE]);
	p = compile_profile(&profile, SITE, profile.n[SITE], m);
	ck_assert_msg(p != NULL && m->n == 0, "%s", all_messages(m));
	card = &p->settings.tokens.smartcard;
	ck_assert(card->on);
	ck_assert_uint_eq(card->n_authorities, 2);
	ck_assert_uint_eq(card->n_lists, 1);
	ck_assert_uint_eq(card->n_environment, 1);
	(void)policy_free(p);
	free(m);
	unload(&profile);
}
END_TEST

#define YES CW_ALLOW

/* What the profile means at the bedside. */
static const struct {
	const char *why, *role, *action;
	uint8_t assurance;
	bool patient; /* known to be connected; otherwise known not to be */
	bool fresh, confirmed, emergency;
	enum cw_verdict expect;
} bedside[] = {
	{ "anybody stops", NULL, "therapy.stop", 0, true, false, false, false, YES },
	{ "nobody signed in, no care", NULL, "therapy.start", 0, true, false, false, false,
	  CW_SIGN_IN },
	{ "an emergency opens care", NULL, "therapy.start", 0, true, false, false, true, YES },
	{ "an emergency opens no settings", NULL, "settings.display", 0, true, false, false, true,
	  CW_SIGN_IN },
	{ "a tap opens care with a patient", "nurse", "therapy.rate", CW_ASSURANCE_BADGE, true,
	  false, false, false, YES },
	{ "a tap is not enough on a calm day", "nurse", "therapy.rate", CW_ASSURANCE_BADGE, false,
	  false, false, false, CW_REAUTH },
	{ "a password is enough", "nurse", "therapy.rate", CW_ASSURANCE_PASSWORD, false, false,
	  false, false, YES },
	{ "the engineer gives no care but by breaking the glass", "biomed", "therapy.rate",
	  CW_ASSURANCE_PASSWORD, true, false, false, false, CW_BREAK_GLASS },
	{ "a high-risk drug asks for a witness", "nurse", "therapy.high-risk-drug",
	  CW_ASSURANCE_PASSWORD, true, false, false, false, CW_CONFIRM },
	{ "limits ask for signing in once more", "physician", "settings.limits",
	  CW_ASSURANCE_PASSWORD, true, false, false, false, CW_REAUTH },
	{ "limits ask for a second person", "physician", "settings.limits", CW_ASSURANCE_PASSWORD,
	  true, true, false, false, CW_CONFIRM },
	{ "limits with all of it", "physician", "settings.limits", CW_ASSURANCE_PASSWORD, true, true,
	  true, false, YES },
	{ "no update with a patient", "service", "software.update", CW_ASSURANCE_STRONG, true, true,
	  true, false, CW_DENY },
	{ "an update without", "service", "software.update", CW_ASSURANCE_STRONG, false, true, true,
	  false, YES },
	{ "no update by password", "service", "software.update", CW_ASSURANCE_PASSWORD, false, true,
	  true, false, CW_REAUTH },
	{ "the administrator closes no review", "admin", "careward.review", CW_ASSURANCE_STRONG,
	  false, true, true, false, CW_DENY },
	{ "the reviewer makes no account", "reviewer", "careward.accounts", CW_ASSURANCE_STRONG,
	  false, true, true, false, CW_DENY },
	{ "the lead makes accounts", "lead", "careward.accounts", CW_ASSURANCE_PASSWORD, false, false,
	  false, false, YES },
};

START_TEST(profile_decides_as_it_says) {
	struct policy_messages *m = calloc(1, sizeof(*m));
	struct profile profile = load();
	struct policy *p = compile_profile(&profile, PLACE, profile.n[PLACE], m);
	struct policy_question q = { .signed_in = bedside[_i].role != NULL,
		                     .assurance = bedside[_i].assurance,
		                     .fresh = bedside[_i].fresh,
		                     .confirmed = bedside[_i].confirmed,
		                     .emergency = bedside[_i].emergency };
	struct policy_explanation e;
	int action;

	ck_assert_ptr_nonnull(p);
	action = policy_action_index(&p->table, bedside[_i].action);
	ck_assert_int_ge(action, 0);
	q.action = (uint32_t)action;
	if (bedside[_i].role)
		q.roles = 1u << policy_role_index(&p->table, bedside[_i].role);
	*(bedside[_i].patient ? &q.true_now : &q.false_now) = 1;
	ck_assert_int_eq(policy_explain(p, &q, &e), 0);
	ck_assert_msg(e.verdict == bedside[_i].expect, "%s: 0x%x, reason %d", bedside[_i].why,
	              e.verdict, e.reason);
	ck_assert_msg((e.verdict == CW_ALLOW) == (e.reason == CW_REASON_ALWAYS ||
	                                          e.reason == CW_REASON_GRANTED ||
	                                          e.reason == CW_REASON_EMERGENCY), "%s",
	              bedside[_i].why);
	p = policy_free(p);
	free(m);
	unload(&profile);
}
END_TEST

START_TEST(explanation_names_roles_contexts_and_signals) {
	struct policy_messages *m = calloc(1, sizeof(*m));
	struct profile profile = load();
	struct policy *p = compile_profile(&profile, PLACE, profile.n[PLACE], m);
	struct policy_question q = { .signed_in = true, .assurance = CW_ASSURANCE_BADGE };
	struct policy_explanation e;
	uint32_t nurse, physician, lead;

	ck_assert_ptr_nonnull(p);
	nurse = 1u << policy_role_index(&p->table, "nurse");
	physician = 1u << policy_role_index(&p->table, "physician");
	lead = 1u << policy_role_index(&p->table, "lead");
	q.roles = physician | 1u << policy_role_index(&p->table, "admin");

	q.action = (uint32_t)policy_action_index(&p->table, "therapy.start");
	ck_assert_int_eq(policy_explain(p, &q, &e), 0);
	ck_assert_uint_eq(e.roles_granting, nurse | physician | lead);
	ck_assert_uint_eq(e.roles_of_person, physician);
	ck_assert_uint_eq(e.through[policy_role_index(&p->table, "physician")], nurse);
	ck_assert_uint_eq(e.through[policy_role_index(&p->table, "nurse")], 0);
	ck_assert_uint_eq(e.n_contexts, 2);
	ck_assert(e.contexts[0].in_force && e.contexts[1].in_force); /* nothing is known */
	ck_assert_uint_eq(e.contexts[0].needs, CW_ASSURANCE_PASSWORD);
	ck_assert_uint_eq(e.contexts[0].verdict, CW_REAUTH);
	ck_assert_uint_eq(e.contexts[1].needs, CW_ASSURANCE_BADGE);
	ck_assert_uint_eq(e.contexts[1].verdict, CW_ALLOW);
	ck_assert_uint_eq(e.verdict, CW_ALLOW); /* unknown is decided for care */

	q.action = (uint32_t)policy_action_index(&p->table, "software.update");
	ck_assert_int_eq(policy_explain(p, &q, &e), 0);
	ck_assert_uint_eq(e.signals_missing, 1);
	ck_assert_uint_eq(e.roles_of_person, 0);
	ck_assert_uint_eq(e.contexts[1].needs, CW_ASSURANCE_STRONG);
	q.false_now = 1;
	ck_assert_int_eq(policy_explain(p, &q, &e), 0);
	ck_assert_uint_eq(e.signals_missing, 0);
	ck_assert(e.contexts[0].in_force && !e.contexts[1].in_force);
	p = policy_free(p);
	free(m);
	unload(&profile);
}
END_TEST

START_TEST(question_out_of_range_is_refused) {
	struct policy_messages *m = calloc(1, sizeof(*m));
	struct profile profile = load();
	struct policy *p = compile_profile(&profile, PLACE, profile.n[PLACE], m);
	struct policy_question questions[] = {
		{ .action = UINT32_MAX }, { .roles = 1u << 31 }, { .true_now = 1u << 2 },
		{ .false_now = 1u << 2 }, { .true_now = 1, .false_now = 1 },
		{ .assurance = CW_N_ASSURANCES },
	};
	struct policy_explanation e = { .verdict = CW_SIGN_IN };

	ck_assert_ptr_nonnull(p);
	for (size_t i = 0; i < ARRAY_SIZE(questions); ++i) {
		ck_assert_int_eq(policy_explain(p, &questions[i], &e), -EINVAL);
		ck_assert_int_eq(e.verdict, CW_SIGN_IN);
	}
	p = policy_free(p);
	free(m);
	unload(&profile);
}
END_TEST

int main(void) {
	Suite *suite = suite_create("config-profile");
	TCase *tc = tcase_create("profile");
	SRunner *sr;
	int failed;

	tcase_set_timeout(tc, 240);
	tcase_add_test(tc, profile_has_neither_error_nor_warning);
	tcase_add_test(tc, profile_with_its_smartcards_taken_in_has_neither_error_nor_warning);
	tcase_add_loop_test(tc, cut_profile_is_never_taken_for_another_one, 0, N_FILES);
	tcase_add_loop_test(tc, profile_decides_as_it_says, 0, (int)ARRAY_SIZE(bedside));
	tcase_add_test(tc, explanation_names_roles_contexts_and_signals);
	tcase_add_test(tc, question_out_of_range_is_refused);
	suite_add_tcase(suite, tc);
	sr = srunner_create(suite);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
