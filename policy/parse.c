/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/parse.h"

#include <careward/result.h>

const char *const parse_assurance_names[CW_N_ASSURANCES] = {
	[CW_ASSURANCE_NONE] = "none",         [CW_ASSURANCE_BADGE] = "badge",
	[CW_ASSURANCE_CODE] = "code",         [CW_ASSURANCE_PASSWORD] = "password",
	[CW_ASSURANCE_STRONG] = "strong",
};

const char *const parse_confirm_names[CW_N_CONFIRMS] = {
	[CW_CONFIRM_NONE] = "none",
	[CW_CONFIRM_SAME_PERSON] = "same-person",
	[CW_CONFIRM_SECOND_PERSON] = "second-person",
};

const char *const parse_kind_names[CW_N_KINDS] = {
	[CW_KIND_NONE] = "none",       [CW_KIND_ALWAYS] = "always",
	[CW_KIND_CARE] = "care",       [CW_KIND_GUARDED] = "guarded",
	[CW_KIND_SENSITIVE] = "sensitive",
};

const struct word parse_kind_words[] = {
	{ "always", CW_KIND_ALWAYS },
	{ "care", CW_KIND_CARE },
	{ "guarded", CW_KIND_GUARDED },
	{ "sensitive", CW_KIND_SENSITIVE },
	{ NULL, 0 },
};

const struct word parse_care_words[] = {
	{ "none", CW_ASSURANCE_NONE },         { "badge", CW_ASSURANCE_BADGE },
	{ "code", CW_ASSURANCE_CODE },         { "password", CW_ASSURANCE_PASSWORD },
	{ "strong", CW_ASSURANCE_STRONG },     { NULL, 0 },
};

const struct word parse_assurance_words[] = {
	{ "password", CW_ASSURANCE_PASSWORD }, { "strong", CW_ASSURANCE_STRONG }, { NULL, 0 },
};

const struct word parse_confirm_words[] = {
	{ "same-person", CW_CONFIRM_SAME_PERSON },
	{ "second-person", CW_CONFIRM_SECOND_PERSON },
	{ NULL, 0 },
};
