/* SPDX-License-Identifier: Apache-2.0 */
/* What names refer to, what may be made stricter, what is worth a warning. */
#undef NDEBUG
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <careward/result.h>

#include "common/cleanup.h"
#include "policy/names.h"
#include "support.h"

enum { THERAPY_START, THERAPY_STOP, SETTINGS_DISPLAY, SOFTWARE_UPDATE };
enum { NURSE, BIOMED, REVIEWER, ADMIN };

#define A_NEW(name_) { SITE, "actions", 0, "name", "\"" name_ "\"" }

/* Each is one error, in the file of the first change. */
static const struct {
	const char *why;
	struct change change[4];
	const char *fragment;
	bool at_key; /* the message names the line of the first change */
} errors[] = {
	/* Names of something else. */
	{ "unknown seat of a signal", { { DEVICE, "signals", 0, "seat", "\"mian\"" } },
	  "unknown seat \"mian\"; seats lists them; did you mean \"main\"?", false },
	{ "unknown patient signal", { { DEVICE, "", 0, "patient", "\"patiant\"" } },
	  "unknown signal \"patiant\"; signals lists them; did you mean \"patient\"?", false },
	{ "unknown signal in only_when",
	  { { DEVICE, "actions", SOFTWARE_UPDATE, "only_when", "[ \"!pateint\" ]" } },
	  "only_when names the unknown signal \"pateint\"; write \"x\" or \"!x\" of device.cfg's "
	  "signals; did you mean \"patient\"?", true },
	{ "a signal negated twice",
	  { { DEVICE, "actions", SOFTWARE_UPDATE, "only_when", "[ \"!!patient\" ]" } },
	  "unknown signal \"!patient\"", true },
	{ "an empty signal", { { SITE, "contexts", 1, "when", "[ \"\" ]" } },
	  "unknown signal \"\"", true },
	{ "unknown signal in when", { { SITE, "contexts", 1, "when", "[ \"patients\" ]" } },
	  "when names the unknown signal \"patients\"; write \"x\" or \"!x\" of device.cfg's "
	  "signals; did you mean \"patient\"?", true },
	{ "PO-02 unknown action", { { SITE, "roles", NURSE, "allow", "[ \"therapy.strat\" ]" } },
	  "\"therapy.strat\" matches no action of device.cfg; did you mean \"therapy.start\"?", true },
	{ "PO-02 action in capitals", { { SITE, "roles", NURSE, "allow", "[ \"Therapy.start\" ]" } },
	  "\"Therapy.start\" is no action", true },
	{ "PO-02 trailing space", { { SITE, "roles", NURSE, "allow", "[ \"therapy.start \" ]" } },
	  "\"therapy.start \" is no action", true },
	{ "PO-02 empty action", { { SITE, "roles", NURSE, "allow", "[ \"\" ]" } },
	  "\"\" is no action", true },
	{ "PO-17 a path upwards",
	  { { SITE, "roles", NURSE, "allow", "[ \"therapy/../careward.config\" ]" } },
	  "\"therapy/../careward.config\" is no action", true },
	{ "PO-17 a double dot", { { SITE, "roles", NURSE, "allow", "[ \"therapy..start\" ]" } },
	  "\"therapy..start\" is no action", true },
	{ "PO-17 a slash in front", { { SITE, "roles", NURSE, "allow", "[ \"/therapy.start\" ]" } },
	  "\"/therapy.start\" is no action", true },
	{ "everything at once", { { SITE, "roles", NURSE, "allow", "[ \"*\" ]" } },
	  "\"*\" is no action; write a name, or the beginning of one followed by .*", true },
	{ "a star in the middle", { { SITE, "roles", NURSE, "allow", "[ \"t*.start\" ]" } },
	  "is no action", true },
	{ "wildcard that matches nothing",
	  { { SITE, "roles", NURSE, "allow", "[ \"therapie.*\" ]" } },
	  "\"therapie.*\" matches no action of device.cfg", true },
	{ "wildcard below an action",
	  { { SITE, "roles", NURSE, "allow", "[ \"therapy.start.*\" ]" } },
	  "\"therapy.start.*\" matches no action of device.cfg; did you mean \"therapy.start\"?",
	  true },
	{ "deny of nothing", { { SITE, "roles", NURSE, "deny", "[ \"settings.display\" ]" } },
	  "deny of role \"nurse\" takes nothing away", true },
	{ "deny of an unknown action", { { SITE, "roles", NURSE, "deny", "[ \"settings.dipslay\" ]" } },
	  "did you mean \"settings.display\"?", true },
	{ "unknown role in inherits", { { SITE, "roles", BIOMED, "inherits", "[ \"nurze\" ]" } },
	  "inherits of role \"biomed\" names the unknown role \"nurze\"; did you mean \"nurse\"?",
	  true },
	{ "unknown role in creates", { { SITE, "roles", ADMIN, "creates", "[ \"nures\" ]" } },
	  "creates of role \"admin\" names the unknown role \"nures\"; did you mean \"nurse\"?",
	  true },
	{ "creates_for without creates", { { SITE, "roles", NURSE, "creates_for", "12" } },
	  "role \"nurse\" has creates_for but creates nobody", false },
	{ "a role that inherits itself", { { SITE, "roles", BIOMED, "inherits", "[ \"biomed\" ]" } },
	  "role \"biomed\" inherits itself in a circle", false },
	{ "a circle of three",
	  { { SITE, "roles", NURSE, "inherits", "[ \"biomed\" ]" },
	    { SITE, "roles", BIOMED, "inherits", "[ \"reviewer\" ]" },
	    { SITE, "roles", REVIEWER, "inherits", "[ \"nurse\" ]" } },
	  "role \"reviewer\" inherits itself in a circle", false },

	/* Twice the same. */
	{ "a seat twice", { { DEVICE, "seats", 1, "name", "\"main\"" } },
	  "seat \"main\" stands here for the second time", false },
	{ "a signal twice", { { DEVICE, "signals", 1, "name", "\"patient\"" } },
	  "signal \"patient\" stands here for the second time", false },
	{ "an action twice", { { DEVICE, "actions", 1, "name", "\"therapy.start\"" } },
	  "action \"therapy.start\" stands here for the second time; the first is on line", false },
	{ "a built-in action twice",
	  { { DEVICE, "actions", 4, "name", "\"careward.enrol\"" },
	    { DEVICE, "actions", 4, "kind", "\"guarded\"" },
	    { DEVICE, "actions", 5, "name", "\"careward.enrol\"" },
	    { DEVICE, "actions", 5, "kind", "\"guarded\"" } },
	  "action \"careward.enrol\" stands here for the second time", false },
	{ "an action of the site twice",
	  { A_NEW("settings.display"), { SITE, "actions", 1, "name", "\"settings.display\"" } },
	  "action \"settings.display\" stands here for the second time", false },
	{ "a role twice", { { SITE, "roles", BIOMED, "name", "\"nurse\"" } },
	  "role \"nurse\" stands here for the second time; the first is on line", false },
	{ "a context twice", { { SITE, "contexts", 1, "name", "\"routine\"" } },
	  "context \"routine\" stands here for the second time; the first is on line", false },
	{ "two contexts for the same moment",
	  { { SITE, "contexts", 2, "name", "\"night\"" },
	    { SITE, "contexts", 2, "when", "[ \"patient\" ]" } },
	  "context \"night\" has the same when as \"acute\"", false },

	/* Kinds and what goes with them. */
	{ "assurance of care", { { DEVICE, "actions", THERAPY_START, "assurance", "\"strong\"" } },
	  "assurance has no meaning for \"therapy.start\", which is care", false },
	{ "confirmation of guarded",
	  { { DEVICE, "actions", SETTINGS_DISPLAY, "confirm", "\"same-person\"" } },
	  "confirm has no meaning for \"settings.display\", which is guarded", false },
	{ "freshness of guarded", { { DEVICE, "actions", SETTINGS_DISPLAY, "fresh", "30" } },
	  "fresh has no meaning for \"settings.display\", which is guarded", false },
	{ "care that waits for a signal",
	  { { DEVICE, "actions", THERAPY_START, "only_when", "[ \"patient\" ]" } },
	  "only_when has no meaning for \"therapy.start\", which is care; always and care wait for "
	  "no signal", false },
	{ "always that waits for a signal",
	  { { DEVICE, "actions", THERAPY_STOP, "only_when", "[ \"patient\" ]" } },
	  "only_when has no meaning for \"therapy.stop\", which is always", false },
	{ "witness of guarded", { { DEVICE, "actions", SETTINGS_DISPLAY, "witness", "true" } },
	  "witness has no meaning for \"settings.display\", which is guarded", false },
	{ "a signal and its opposite",
	  { { DEVICE, "actions", SOFTWARE_UPDATE, "only_when", "[ \"patient\", \"!patient\" ]" } },
	  "only_when can never hold: it asks for \"patient\" and for \"!patient\"", true },
	{ "no action of Careward's own", { { DEVICE, "actions", 4, "name", "\"careward.exports\"" },
	                                   { DEVICE, "actions", 4, "kind", "\"guarded\"" } },
	  "unknown action \"careward.exports\"; names that begin with careward. are Careward's own; "
	  "did you mean \"careward.export\"?", false },
	{ "a built-in action made weaker",
	  { { DEVICE, "actions", 4, "name", "\"careward.config\"" },
	    { DEVICE, "actions", 4, "kind", "\"guarded\"" } },
	  "\"careward.config\" is sensitive; it can only be made stricter", false },
	{ "a built-in action made care", { { DEVICE, "actions", 4, "name", "\"careward.export\"" },
	                                   { DEVICE, "actions", 4, "kind", "\"care\"" } },
	  "\"careward.export\" is guarded; it can only be made stricter", false },

	/* A site makes things stricter only. */
	{ "unknown action of the site", { A_NEW("settings.dispaly") },
	  "unknown action \"settings.dispaly\"; device.cfg does not have it; did you mean "
	  "\"settings.display\"?", false },
	{ "a site changes the kind of care",
	  { A_NEW("therapy.start"), { SITE, "actions", 0, "kind", "\"guarded\"" } },
	  "\"therapy.start\" is care; only device.cfg says of what kind it is", false },
	{ "a site makes guarded care",
	  { A_NEW("settings.display"), { SITE, "actions", 0, "kind", "\"care\"" } },
	  "\"settings.display\" is guarded; only device.cfg says", false },
	{ "a site lowers an assurance",
	  { A_NEW("software.update"), { SITE, "actions", 0, "assurance", "\"password\"" } },
	  "assurance of \"software.update\" is at least \"strong\"; \"password\" would be weaker",
	  false },
	{ "a site lowers a confirmation",
	  { { SITE, "actions", 0, "confirm", "\"same-person\"" }, A_NEW("software.update"),
	    { DEVICE, "actions", SOFTWARE_UPDATE, "confirm", "\"second-person\"" } },
	  "confirm of \"software.update\" is at least \"second-person\"", false },
	{ "a site allows what is less fresh",
	  { { SITE, "actions", 0, "fresh", "60" }, A_NEW("software.update"),
	    { DEVICE, "actions", SOFTWARE_UPDATE, "fresh", "30" } },
	  "fresh of \"software.update\" is at most 30 seconds", false },
	{ "a site drops a witness",
	  { { SITE, "actions", 0, "witness", "false" }, A_NEW("therapy.start"),
	    { DEVICE, "actions", THERAPY_START, "witness", "true" } },
	  "device.cfg asks for a witness of \"therapy.start\"", false },
	{ "a site contradicts a precondition",
	  { { SITE, "actions", 0, "only_when", "[ \"patient\" ]" }, A_NEW("software.update"),
	    { DEVICE, "actions", SOFTWARE_UPDATE, "only_when", "[ \"!patient\" ]" } },
	  "only_when can never hold", true },
	{ "a site makes care wait",
	  { A_NEW("therapy.start"), { SITE, "actions", 0, "only_when", "[ \"patient\" ]" } },
	  "only_when has no meaning for \"therapy.start\"", false },

	/* Contexts. */
	{ "the first context with a when", { { SITE, "contexts", 0, "when", "[ \"patient\" ]" } },
	  "the first context, \"routine\", has no when", false },
	{ "another context without", { { SITE, "contexts", 1, "when", "[ ]" } },
	  "context \"acute\" needs when", false },
	{ "care below what the device allows", { { SITE, "contexts", 1, "care", "\"none\"" } },
	  "care of context \"acute\" is \"none\"; device.cfg allows no less than \"badge\"", false },
	{ "care below another minimum",
	  { { SITE, "contexts", 1, "care", "\"code\"" },
	    { DEVICE, "minimum", 0, "care", "\"password\"" } },
	  "device.cfg allows no less than \"password\"", false },
	{ "guarded below a password", { { SITE, "contexts", 1, "guarded", "\"badge\"" } },
	  "contexts.guarded is \"badge\"; it must be \"password\" or \"strong\"", true },
	{ "guarded action below a password",
	  { { DEVICE, "actions", SETTINGS_DISPLAY, "assurance", "\"code\"" } },
	  "actions.assurance is \"code\"; it must be \"password\" or \"strong\"", true },
	{ "no context at all", { { SITE, "contexts", 0, NULL, NULL } }, "contexts is missing",
	  false },

	/* Two values that contradict each other. */
	{ "privileged passwords shorter",
	  { { SITE, "passwords", 0, "min_length_privileged", "11" } },
	  "passwords.min_length_privileged is less than min_length", false },
	{ "no time to change", { { SITE, "passwords", 0, "min_age", "30" },
	                         { SITE, "passwords", 0, "max_age", "30" } },
	  "passwords.min_age is not less than max_age", false },
	{ "the longest wait is shorter than the first",
	  { { SITE, "lockout", 0, "longest", "299" } }, "lockout.longest is less than first", false },
	{ "kept longer than allowed", { { SITE, "journal", 0, "max_days", "89" } },
	  "journal.max_days is less than min_days", false },
	{ "a ninth reason",
	  { { SITE, "break_glass", 0, "reasons",
	      "[ \"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\", \"9\" ]" } },
	  "break_glass.reasons has 9 texts, more than REASONS_MAX (8)", true },
	{ "an empty reason", { { SITE, "break_glass", 0, "reasons", "[ \"One\", \" \" ]" } },
	  "each text must have 1 to 63 bytes", true },
};

static size_t count_changes(const struct change *change, size_t most) {
	size_t n = 0;

	while (n < most && change[n].section)
		n++;
	return n;
}

START_TEST(mistake_is_refused) {
	struct result result =
		compile_with(errors[_i].change, count_changes(errors[_i].change, 4));
	const struct policy_message *m =
		find_message(result.messages, POLICY_ERROR, errors[_i].fragment);

	ck_assert_msg(result.r < 0, "%s: accepted", errors[_i].why);
	ck_assert_msg(m != NULL, "%s: no \"%s\" in: %s", errors[_i].why, errors[_i].fragment,
	              all_messages(result.messages));
	ck_assert_str_eq(m->file, file_names[errors[_i].change[0].file]);
	if (errors[_i].at_key)
		ck_assert_msg(m->line == result.line, "%s: line %u, not %u", errors[_i].why, m->line,
		              result.line);
	result_done(&result);
}
END_TEST

static const struct {
	const char *why;
	struct change change[4];
	const char *fragment;
} warnings[] = {
	{ "one role for accounts and review",
	  { { SITE, "roles", ADMIN, "allow",
	      "[ \"careward.accounts\", \"careward.enrol\", \"careward.review\" ]" } },
	  "role \"admin\" holds both careward.accounts and careward.review" },
	{ "both by inheritance", { { SITE, "roles", ADMIN, "inherits", "[ \"reviewer\" ]" } },
	  "role \"admin\" holds both careward.accounts and careward.review" },
	{ "every therapy action is care", { { DEVICE, "actions", THERAPY_STOP, "kind", "\"care\"" } },
	  "every therapy action is care" },
	{ "a care action that nobody reaches",
	  { { SITE, "roles", NURSE, "allow", "[ \"therapy.stop\" ]" } },
	  "no role allows \"therapy.start\"; people will break the glass" },
	{ "another action that nobody reaches",
	  { { SITE, "roles", BIOMED, "deny", "[ \"software.update\" ]" } },
	  "no role allows \"software.update\"; nobody can do it" },
	{ "two seats of one user",
	  { { DEVICE, "seats", 1, "name", "\"b\"" }, { DEVICE, "seats", 1, "user", "\"pump\"" } },
	  "seats \"main\" and \"b\" are open to the same processes" },
	{ "two seats of one group",
	  { { DEVICE, "seats", 0, "user", NULL }, { DEVICE, "seats", 0, "group", "\"ui\"" },
	    { DEVICE, "seats", 1, "name", "\"b\"" }, { DEVICE, "seats", 1, "group", "\"ui\"" } },
	  "seats \"main\" and \"b\" are open to the same processes" },
	{ "a role that allows nothing", { { SITE, "roles", 4, "name", "\"guest\"" } },
	  "role \"guest\" allows nothing" },
	{ "a role that nobody may give", { { SITE, "roles", ADMIN, "creates", "[ \"admin\" ]" } },
	  "no role may give the role \"nurse\"" },
	{ "creates without the right to", { { SITE, "roles", NURSE, "creates", "[ \"nurse\" ]" } },
	  "role \"nurse\" has creates but not careward.accounts" },
};

START_TEST(doubt_is_a_warning) {
	struct result result =
		compile_with(warnings[_i].change, count_changes(warnings[_i].change, 4));

	ck_assert_msg(result.r == 0, "%s: %s", warnings[_i].why, all_messages(result.messages));
	ck_assert_msg(find_message(result.messages, POLICY_WARNING, warnings[_i].fragment) != NULL,
	              "%s: no \"%s\" in: %s", warnings[_i].why, warnings[_i].fragment,
	              all_messages(result.messages));
	result_done(&result);
}
END_TEST

/* PO-03 */
static const struct {
	const char *why, *pattern, *name;
	bool expect;
} patterns[] = {
	{ "the name itself", "therapy.start", "therapy.start", true },
	{ "a longer name", "therapy.start", "therapy.starts", false },
	{ "one segment behind", "therapy.*", "therapy.start", true },
	{ "two segments behind", "therapy.*", "therapy.drug.high", true },
	{ "no segment behind", "therapy.*", "therapy", false },
	{ "no segment behind the dot", "therapy.*", "therapy.", false },
	{ "no dot", "therapy.*", "therapy_x", false },
	{ "an empty segment", "therapy.*", "therapy..x", false },
	{ "an empty segment at the end", "therapy.*", "therapy.x.", false },
	{ "another beginning", "therapy.*", "xtherapy.start", false },
	{ "a deeper prefix", "therapy.drug.*", "therapy.drug.high", true },
	{ "a deeper prefix, less", "therapy.drug.*", "therapy.drug", false },
	{ "a star is not an action", "*", "therapy", false },
	{ "a dot and a star", ".*", "therapy", false },
	{ "a star in a name is a letter nowhere", "therapy*", "therapy.start", false },
};

START_TEST(pattern_covers_whole_segments) {
	ck_assert_msg(pattern_covers(patterns[_i].pattern, patterns[_i].name) ==
	                      patterns[_i].expect, "%s", patterns[_i].why);
}
END_TEST

static const struct {
	const char *name;
	bool good, good_pattern;
} names[] = {
	{ "a", true, true },      { "", false, false },       { ".", false, false },
	{ ".a", false, false },   { "a.", false, false },     { "a..b", false, false },
	{ "a.b-c_d", true, true }, { "A", false, false },     { "a b", false, false },
	{ "a\n", false, false },  { "a/b", false, false },    { "\303\274", false, false },
	{ "a.*", false, true },   { "*", false, false },      { ".*", false, false },
	{ "a..*", false, false }, { "a.*.b", false, false },  { "a*", false, false },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true, true },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false, false },
};

START_TEST(name_has_its_letters_and_length) {
	ck_assert_msg(name_is_good(names[_i].name) == names[_i].good, "%s", names[_i].name);
	ck_assert_msg(pattern_is_good(names[_i].name) == names[_i].good_pattern, "%s",
	              names[_i].name);
}
END_TEST

START_TEST(nearest_name_is_near) {
	static const char known[][POLICY_NAME_SIZE] = { "nurse", "physician", "biomed", "lead" };

	ck_assert_str_eq(policy_nearest("nures", known, 4), "nurse");
	ck_assert_str_eq(policy_nearest("Nurse", known, 4), "nurse");
	ck_assert_str_eq(policy_nearest("physican", known, 4), "physician");
	ck_assert_str_eq(policy_nearest("lead", known, 4), "lead");
	ck_assert_ptr_null(policy_nearest("surgeon", known, 4));
	ck_assert_ptr_null(policy_nearest("", known, 4));
	ck_assert_ptr_null(policy_nearest("nurse", known, 0));
}
END_TEST

START_TEST(index_of_a_name_is_exact) {
	struct result result = compile_with(NULL, 0);
	const struct policy_table *t = &result.policy->table;

	ck_assert_int_eq(policy_action_index(t, "therapy.stop"), THERAPY_STOP);
	ck_assert_int_eq(policy_action_index(t, "therapy.sto"), -ENOENT);
	ck_assert_int_eq(policy_action_index(t, "therapy.stop "), -ENOENT);
	ck_assert_int_eq(policy_action_index(t, ""), -ENOENT);
	ck_assert_int_eq(policy_role_index(t, "admin"), ADMIN);
	ck_assert_int_eq(policy_role_index(t, "Admin"), -ENOENT);
	ck_assert_int_eq(policy_signal_index(t, "standby"), 1);
	ck_assert_int_eq(policy_signal_index(t, "!standby"), -ENOENT);
	ck_assert_int_eq(policy_context_index(t, "acute"), 1);
	ck_assert_int_eq(policy_context_index(t, "chronic"), -ENOENT);
	ck_assert_int_eq(policy_seat_index(t, "main"), 0);
	ck_assert_int_eq(policy_seat_index(t, "side"), -ENOENT);
	result_done(&result);
}
END_TEST

/* libconfig itself names the line where it read on, which is one too far here. */
START_TEST(mistake_in_a_long_list_has_its_own_line) {
	static const char text[] = "site = { name = \"s\"; };\n"
				   "roles = (\n"
				   "  { name = \"nurse\";\n"
				   "    allow = [ \"therapy.start\",\n"
				   "              \"therapy.strat\",\n"
				   "\n"
				   "              \"therapy.stpo\"\n"
				   "\n"
				   "            ]; } );\n"
				   "contexts = ( { name = \"routine\"; } );\n"
				   "end = true;\n";
	struct result result = compile_text(SITE, text, strlen(text));
	const struct policy_message *first =
		find_message(result.messages, POLICY_ERROR, "therapy.strat");
	const struct policy_message *second =
		find_message(result.messages, POLICY_ERROR, "therapy.stpo");

	ck_assert_msg(first && second, "%s", all_messages(result.messages));
	ck_assert_uint_eq(first->line, 5);
	ck_assert_uint_eq(second->line, 7);
	result_done(&result);
}
END_TEST

/* Roles four deep, with a deny in the middle. */
START_TEST(deny_holds_for_the_role_and_those_who_inherit_it) {
	static const struct change changes[] = {
		{ SITE, "roles", 4, "name", "\"top\"" },
		{ SITE, "roles", 4, "inherits", "[ \"middle\" ]" },
		{ SITE, "roles", 5, "name", "\"middle\"" },
		{ SITE, "roles", 5, "inherits", "[ \"biomed\", \"nurse\" ]" },
		{ SITE, "roles", 5, "deny", "[ \"settings.*\" ]" },
	};
	struct result result = compile_with(changes, ARRAY_SIZE(changes));
	const struct policy *p = result.policy;

	ck_assert_msg(result.r == 0, "%s", all_messages(result.messages));
	ck_assert_uint_eq(p->table.actions[SETTINGS_DISPLAY].roles, 1u << BIOMED);
	ck_assert_uint_eq(p->table.actions[THERAPY_START].roles, 1u << NURSE | 1u << 4 | 1u << 5);
	ck_assert_uint_eq(p->settings.roles[4].inherits,
	                  1u << 4 | 1u << 5 | 1u << BIOMED | 1u << NURSE);
	ck_assert(p->settings.roles[4].privileged);
	ck_assert(!p->settings.roles[NURSE].privileged);
	ck_assert(p->settings.roles[BIOMED].privileged);
	ck_assert(p->settings.roles[ADMIN].privileged);
	result_done(&result);
}
END_TEST

/* One item more than fits is refused by the name of the limit; exactly as many are not. */
static const struct {
	enum file file;
	const char *section, *key, *value, *limit;
	int base, max;
} limits[] = {
	{ DEVICE, "seats", NULL, NULL, "POLICY_SEATS_MAX (8)", 1, 8 },
	{ DEVICE, "signals", "seat", "\"main\"", "POLICY_SIGNALS_MAX (32)", 2, 32 },
	{ DEVICE, "actions", "kind", "\"care\"", "POLICY_ACTIONS_MAX (512)", 4, 505 },
	{ SITE, "roles", NULL, NULL, "POLICY_ROLES_MAX (32)", 4, 32 },
	{ SITE, "contexts", NULL, NULL, "POLICY_CONTEXTS_MAX (32)", 2, 32 },
};

static struct result compile_many(size_t limit, int n) {
	struct change *changes = calloc((size_t)n * 2, sizeof(*changes));
	char(*values)[32] = calloc((size_t)n, sizeof(*values));
	const char *section = limits[limit].section;
	enum file file = limits[limit].file;
	size_t k = 0;
	struct result result;

	ck_assert(changes && values);
	for (int i = limits[limit].base; i < n; ++i) {
		const char *key = limits[limit].key, *value = limits[limit].value;

		(void)snprintf(values[i], sizeof(values[i]), "\"name%d\"", i);
		changes[k++] = (struct change){ file, section, i, "name", values[i] };
		if (key)
			changes[k++] = (struct change){ file, section, i, key, value };
	}
	result = compile_with(changes, k);
	free(changes);
	free(values);
	return result;
}

START_TEST(limit_is_refused_by_its_name) {
	struct result fits = compile_many((size_t)_i, limits[_i].max);
	struct result over = compile_many((size_t)_i, limits[_i].max + 1);

	ck_assert_ptr_null(find_message(fits.messages, POLICY_ERROR, limits[_i].limit));
	ck_assert_msg(find_message(over.messages, POLICY_ERROR, limits[_i].limit) != NULL, "%s: %s",
	              limits[_i].limit, all_messages(over.messages));
	ck_assert_int_lt(over.r, 0);
	result_done(&fits);
	result_done(&over);
}
END_TEST

int main(void) {
	Suite *suite = suite_create("config-checks");
	TCase *tc = tcase_create("checks");
	SRunner *sr;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, mistake_is_refused, 0, (int)ARRAY_SIZE(errors));
	tcase_add_loop_test(tc, doubt_is_a_warning, 0, (int)ARRAY_SIZE(warnings));
	tcase_add_loop_test(tc, pattern_covers_whole_segments, 0, (int)ARRAY_SIZE(patterns));
	tcase_add_loop_test(tc, name_has_its_letters_and_length, 0, (int)ARRAY_SIZE(names));
	tcase_add_test(tc, nearest_name_is_near);
	tcase_add_test(tc, index_of_a_name_is_exact);
	tcase_add_test(tc, mistake_in_a_long_list_has_its_own_line);
	tcase_add_test(tc, deny_holds_for_the_role_and_those_who_inherit_it);
	tcase_add_loop_test(tc, limit_is_refused_by_its_name, 0, (int)ARRAY_SIZE(limits));
	suite_add_tcase(suite, tc);
	sr = srunner_create(suite);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
