/* SPDX-License-Identifier: Apache-2.0 */

#include "auth/attempt.h"

/*
 * Only the transitions that move forward are written down. Every cell left out
 * is zeroes, which is ATTEMPT_ST_OVER: what is not foreseen here is over.
 */
_Static_assert(ATTEMPT_ST_OVER == 0, "an empty cell must mean that it is over");
_Static_assert(ATTEMPT_OVER == 0, "zeroed memory wants nothing");

#define TO(state, action)                                                                          \
	{ ATTEMPT_ST_##state, action }
#define GIVEN_UP                                                                                   \
	[ATTEMPT_EV_CANCEL] = TO(OVER, note_cancel), [ATTEMPT_EV_TIMEOUT] = TO(OVER, note_timeout)

#define ENROL_GIVEN_UP                                                                             \
	[ATTEMPT_EV_CANCEL] = TO(OVER, enrol_cancel),                                              \
	[ATTEMPT_EV_TIMEOUT] = TO(OVER, enrol_timeout)

/* Somebody may be proved by any of these. */
#define WAYS                                                                                       \
	[ATTEMPT_EV_ASK_NAME] = TO(NAME, ask_name),                                                \
	[ATTEMPT_EV_ASK_PASSWORD] = TO(PASSWORD, ask_password),                                    \
	[ATTEMPT_EV_CHOOSE] = TO(CHOICE, ask_choice),                                              \
	[ATTEMPT_EV_INSERT] = TO(INSERT, ask_insert), [ATTEMPT_EV_LOOK] = TO(LOOKING, look),       \
	[ATTEMPT_EV_BADGE] = TO(NAMED, take_badge)

static const struct attempt_cell table[ATTEMPT_N_STATES][ATTEMPT_N_EVENTS] = {
	[ATTEMPT_ST_BEGIN] = {
		WAYS,
		[ATTEMPT_EV_ASK_CODE] = TO(CODE, ask_code),
		[ATTEMPT_EV_CONFIRM] = TO(CONFIRM, start_confirm),
		[ATTEMPT_EV_ENROL] = TO(ENROL, enrol_start),
	},
	/* Who it is. */
	[ATTEMPT_ST_NAME] = {
		[ATTEMPT_EV_ANSWER] = TO(NAMED, take_name),
		[ATTEMPT_EV_PRESENTED] = TO(NAMED, take_presented),
		GIVEN_UP,
	},
	[ATTEMPT_ST_NAMED] = {
		WAYS,
		[ATTEMPT_EV_ASK_DIGITS] = TO(DIGITS, ask_digits),
		[ATTEMPT_EV_TAPPED] = TO(JUDGED, judge_badge),
		[ATTEMPT_EV_SECOND] = TO(SECOND, ask_second),
		GIVEN_UP, /* too many faults */
	},
	[ATTEMPT_ST_CHOICE] = {
		[ATTEMPT_EV_ANSWER] = TO(NAMED, take_choice),
		[ATTEMPT_EV_PRESENTED] = TO(NAMED, take_presented),
		GIVEN_UP,
	},
	[ATTEMPT_ST_PASSWORD] = {
		[ATTEMPT_EV_ANSWER] = TO(TRYING, try_password),
		[ATTEMPT_EV_PRESENTED] = TO(NAMED, take_presented),
		GIVEN_UP,
	},
	[ATTEMPT_ST_DIGITS] = {
		[ATTEMPT_EV_ANSWER] = TO(TRYING, try_password),
		GIVEN_UP,
	},
	/* A token. What a helper says is looked at where it was asked for, and nowhere else. */
	[ATTEMPT_ST_INSERT] = {
		[ATTEMPT_EV_ANSWER] = TO(NAMED, look_again),
		[ATTEMPT_EV_PRESENTED] = TO(NAMED, take_presented),
		GIVEN_UP,
	},
	[ATTEMPT_ST_LOOKING] = {
		[ATTEMPT_EV_FOUND] = TO(LOOKED, take_found),
		[ATTEMPT_EV_TOKEN_FAILED] = TO(LOOKED, judge_failed),
		GIVEN_UP,
	},
	[ATTEMPT_ST_LOOKED] = {
		[ATTEMPT_EV_WARN] = TO(WARNED, ask_last_try),
		[ATTEMPT_EV_ASK_PIN] = TO(PIN, ask_pin),
		[ATTEMPT_EV_SIGN] = TO(SIGNING, let_sign),
		[ATTEMPT_EV_READ] = TO(SECOND_READS, ask_second_confirm),
		[ATTEMPT_EV_INSERT] = TO(INSERT, ask_insert),
		[ATTEMPT_EV_LOOK] = TO(LOOKING, look),
		[ATTEMPT_EV_ASK_NAME] = TO(NAME, ask_name),
		[ATTEMPT_EV_ASK_PASSWORD] = TO(PASSWORD, ask_password),
		[ATTEMPT_EV_SECOND] = TO(SECOND, ask_second),
		GIVEN_UP, /* too many faults, or no to the last try */
	},
	[ATTEMPT_ST_WARNED] = {
		[ATTEMPT_EV_ANSWER] = TO(LOOKED, take_last_try),
		[ATTEMPT_EV_TOKEN_FAILED] = TO(LOOKED, judge_failed),
		GIVEN_UP,
	},
	[ATTEMPT_ST_PIN] = {
		[ATTEMPT_EV_ANSWER] = TO(LOOKED, take_pin),
		[ATTEMPT_EV_TOKEN_FAILED] = TO(LOOKED, judge_failed),
		GIVEN_UP,
	},
	[ATTEMPT_ST_SIGNING] = {
		[ATTEMPT_EV_TOUCHED] = TO(SIGNING, show_touch),
		[ATTEMPT_EV_SIGNED] = TO(JUDGED, judge_token),
		[ATTEMPT_EV_TOKEN_FAILED] = TO(LOOKED, judge_failed),
		GIVEN_UP,
	},
	[ATTEMPT_ST_TRYING] = {
		[ATTEMPT_EV_HASHED] = TO(JUDGED, judge),
		[ATTEMPT_EV_BUSY] = TO(OVER, note_busy),
		GIVEN_UP,
	},
	[ATTEMPT_ST_JUDGED] = {
		[ATTEMPT_EV_RIGHT] = TO(OVER, finish),
		[ATTEMPT_EV_MUST_CHANGE] = TO(NEW, ask_new),
		[ATTEMPT_EV_CONFIRM] = TO(CONFIRM, start_confirm),
		[ATTEMPT_EV_SECOND_PROVED] = TO(SECOND_CONFIRM, ask_second_confirm),
		[ATTEMPT_EV_APPROVED] = TO(APPROVING, confirm_signed),
	},
	/* A new password. */
	[ATTEMPT_ST_NEW] = {
		[ATTEMPT_EV_ANSWER] = TO(AGAIN, take_new),
		[ATTEMPT_EV_FAULT] = TO(ADMIN, ask_admin),
		GIVEN_UP,
	},
	[ATTEMPT_ST_AGAIN] = {
		[ATTEMPT_EV_ANSWER] = TO(MAKING, take_again),
		[ATTEMPT_EV_FAULT] = TO(NEW, ask_new),
		GIVEN_UP,
	},
	[ATTEMPT_ST_MAKING] = {
		[ATTEMPT_EV_HASHED] = TO(MADE, judge_new),
		[ATTEMPT_EV_FAULT] = TO(NEW, ask_new),
		[ATTEMPT_EV_BUSY] = TO(NEW, busy_new),
		GIVEN_UP,
	},
	[ATTEMPT_ST_MADE] = {
		[ATTEMPT_EV_RIGHT] = TO(OVER, finish),
		[ATTEMPT_EV_FAULT] = TO(NEW, ask_new),
		[ATTEMPT_EV_CONFIRM] = TO(CONFIRM, start_confirm),
		GIVEN_UP, /* too many faults */
	},
	/* Recovery. */
	[ATTEMPT_ST_CODE] = {
		[ATTEMPT_EV_ANSWER] = TO(CODE_TRYING, try_password),
		GIVEN_UP,
	},
	[ATTEMPT_ST_CODE_TRYING] = {
		[ATTEMPT_EV_HASHED] = TO(CODE_JUDGED, judge_code),
		[ATTEMPT_EV_BUSY] = TO(OVER, note_busy),
		GIVEN_UP,
	},
	[ATTEMPT_ST_CODE_JUDGED] = {
		[ATTEMPT_EV_RIGHT] = TO(ADMIN, ask_admin),
	},
	[ATTEMPT_ST_ADMIN] = {
		[ATTEMPT_EV_ANSWER] = TO(NEW, take_admin),
		GIVEN_UP,
	},
	/* Approval. */
	[ATTEMPT_ST_CONFIRM] = {
		[ATTEMPT_EV_ANSWER] = TO(APPROVING, take_confirm),
		GIVEN_UP,
	},
	[ATTEMPT_ST_APPROVING] = {
		[ATTEMPT_EV_RIGHT] = TO(OVER, give),
		[ATTEMPT_EV_SECOND] = TO(SECOND, ask_second),
		/* The first person's token signs what was just shown. */
		[ATTEMPT_EV_LOOK] = TO(LOOKING, look),
		[ATTEMPT_EV_CHOOSE] = TO(CHOICE, ask_choice),
	},
	[ATTEMPT_ST_SECOND] = {
		[ATTEMPT_EV_ANSWER] = TO(NAMED, take_second),
		[ATTEMPT_EV_PRESENTED] = TO(NAMED, take_presented),
		GIVEN_UP,
	},
	[ATTEMPT_ST_SECOND_READS] = {
		[ATTEMPT_EV_ANSWER] = TO(LOOKED, take_second_reads),
		[ATTEMPT_EV_TOKEN_FAILED] = TO(LOOKED, judge_failed),
		GIVEN_UP,
	},
	[ATTEMPT_ST_SECOND_CONFIRM] = {
		[ATTEMPT_EV_ANSWER] = TO(APPROVING, take_second_confirm),
		GIVEN_UP,
	},
	/* Enrolment. Nobody is proved here, and no session comes of it. */
	[ATTEMPT_ST_ENROL] = {
		[ATTEMPT_EV_INSERT] = TO(ENROL_INSERT, ask_insert),
		[ATTEMPT_EV_LOOK] = TO(ENROL_LOOKING, enrol_look),
		[ATTEMPT_EV_CHOOSE] = TO(ENROL_CHOICE, enrol_ask_choice),
		[ATTEMPT_EV_WARN] = TO(ENROL_WARNED, ask_last_try),
		[ATTEMPT_EV_ASK_PIN] = TO(ENROL_PIN, ask_pin),
		[ATTEMPT_EV_SIGN] = TO(ENROL_SIGNING, enrol_sign),
		[ATTEMPT_EV_ASK_DIGITS] = TO(ENROL_CODE, enrol_ask_code),
		[ATTEMPT_EV_FAULT] = TO(ENROL_CODE, enrol_ask_code),
		[ATTEMPT_EV_RIGHT] = TO(OVER, enrol_finish),
		ENROL_GIVEN_UP,
	},
	[ATTEMPT_ST_ENROL_INSERT] = {
		[ATTEMPT_EV_ANSWER] = TO(ENROL, enrol_again),
		[ATTEMPT_EV_PRESENTED] = TO(ENROL, enrol_presented),
		ENROL_GIVEN_UP,
	},
	[ATTEMPT_ST_ENROL_LOOKING] = {
		[ATTEMPT_EV_FOUND] = TO(ENROL, enrol_found),
		[ATTEMPT_EV_TOKEN_FAILED] = TO(ENROL, enrol_failed),
		ENROL_GIVEN_UP,
	},
	[ATTEMPT_ST_ENROL_CHOICE] = {
		[ATTEMPT_EV_ANSWER] = TO(ENROL, enrol_choose),
		ENROL_GIVEN_UP,
	},
	[ATTEMPT_ST_ENROL_WARNED] = {
		[ATTEMPT_EV_ANSWER] = TO(ENROL, take_last_try),
		[ATTEMPT_EV_TOKEN_FAILED] = TO(ENROL, enrol_failed),
		ENROL_GIVEN_UP,
	},
	[ATTEMPT_ST_ENROL_PIN] = {
		[ATTEMPT_EV_ANSWER] = TO(ENROL, take_pin),
		[ATTEMPT_EV_TOKEN_FAILED] = TO(ENROL, enrol_failed),
		ENROL_GIVEN_UP,
	},
	[ATTEMPT_ST_ENROL_SIGNING] = {
		[ATTEMPT_EV_TOUCHED] = TO(ENROL_SIGNING, show_touch),
		[ATTEMPT_EV_SIGNED] = TO(ENROL, enrol_judge),
		[ATTEMPT_EV_TOKEN_FAILED] = TO(ENROL, enrol_failed),
		ENROL_GIVEN_UP,
	},
	[ATTEMPT_ST_ENROL_CODE] = {
		[ATTEMPT_EV_ANSWER] = TO(ENROL_AGAIN, enrol_take_code),
		ENROL_GIVEN_UP,
	},
	[ATTEMPT_ST_ENROL_AGAIN] = {
		[ATTEMPT_EV_ANSWER] = TO(ENROL_MAKING, enrol_take_again),
		[ATTEMPT_EV_FAULT] = TO(ENROL_CODE, enrol_ask_code),
		ENROL_GIVEN_UP,
	},
	[ATTEMPT_ST_ENROL_MAKING] = {
		[ATTEMPT_EV_HASHED] = TO(ENROL, enrol_judge_code),
		[ATTEMPT_EV_FAULT] = TO(ENROL_CODE, enrol_ask_code),
		[ATTEMPT_EV_BUSY] = TO(ENROL_CODE, enrol_busy),
		ENROL_GIVEN_UP,
	},
};

const struct attempt_cell *attempt_cell(unsigned state, unsigned event) {
	static const struct attempt_cell empty;

	if (state >= ATTEMPT_N_STATES || event >= ATTEMPT_N_EVENTS)
		return &empty;
	return &table[state][event];
}

/*
 * Routes: every request that can end in a session or change a verifier.
 * X(purpose, name, opens a session, first, right, event, session, unlocked, tokens, badges,
 * find, finish)
 * forced_change is not a column: there is no route without it.
 */
#define ROUTES(X)                                                                                  \
	X(SIGN_IN, "sign-in", true, ASK_NAME, RIGHT, EVENT_SIGN_IN, false, false, true, true,       \
	  person_find, finish_sign_in)                                                             \
	X(UNLOCK, "unlock", true, ASK_PASSWORD, RIGHT, EVENT_UNLOCK, true, false, true, true,      \
	  person_find, finish_unlock)                                                              \
	X(REAUTH, "re-authentication", false, ASK_PASSWORD, RIGHT, EVENT_REAUTH, true, true, true, \
	  true, person_find, finish_reauth)                                                        \
	X(CHANGE, "change", false, ASK_PASSWORD, MUST_CHANGE, EVENT_PASSWORD_CHANGED, true, true,  \
	  false, false, person_find, finish_change)                                                \
	X(RECOVER, "recovery", false, ASK_CODE, RIGHT, EVENT_RECOVERY, false, false, false,        \
	  false, person_find_recovery, finish_recover)                                             \
	X(ENROL, "enrolment", false, ENROL, RIGHT, EVENT_TOKEN_ENROLLED, true, true, true, true,   \
	  person_find, finish_enrol)                                                               \
	X(WITNESS, "witness", false, ASK_NAME, RIGHT, EVENT_WITNESS, true, true, true, true,       \
	  person_find, finish_witness)                                                             \
	X(COUNTERSIGN, "countersigning", false, ASK_PASSWORD, RIGHT, EVENT_REAUTH, true, true,     \
	  true, false, person_find, finish_countersign)

#define ROUTE(p, n, opens, f, right_, e, session_, unlocked, tokens_, badges_, find_, finish_)     \
	{                                                                                          \
		.row = { .purpose = p, .name = n, .forced_change = true, .opens_session = opens }, \
		.first = ATTEMPT_EV_##f, .right = ATTEMPT_EV_##right_, .event = e,                 \
		.needs_session = session_, .needs_unlocked = unlocked, .takes_tokens = tokens_,    \
		.takes_badges = badges_, .find = find_, .finish = finish_,                         \
	}

enum route_index {
#define X(symbol, ...) ROUTE_##symbol,
	ROUTES(X)
#undef X
		ROUTE_APPROVAL,
	N_ROUTES,
};

static const struct route routes[] = {
#define X(symbol, ...) [ROUTE_##symbol] = ROUTE(CW_PURPOSE_##symbol, __VA_ARGS__),
	ROUTES(X)
#undef X
		[ROUTE_APPROVAL] = ROUTE(ATTEMPT_APPROVAL, "approval", false, ASK_PASSWORD, CONFIRM,
					 EVENT_REAUTH, true, true, true, false, person_find,
					 finish_reauth),
};

_Static_assert(sizeof(routes) / sizeof(*routes) == N_ROUTES, "every purpose has its row");
_Static_assert((int)N_ROUTES == (int)CW_PURPOSE_COUNTERSIGN + 1, "a purpose was added: give it a row");

/* -Wswitch-enum: a purpose without a case, and so without a row, does not compile. */
const struct route *attempt_route_of(enum cw_purpose purpose) {
	if (purpose == ATTEMPT_APPROVAL)
		return &routes[ROUTE_APPROVAL];
	switch (purpose) {
#define X(symbol, ...)                                                                             \
	case CW_PURPOSE_##symbol:                                                                  \
		return &routes[ROUTE_##symbol];
		ROUTES(X)
#undef X
		break;
	}
	return NULL;
}

const struct attempt_route *attempt_route(enum cw_purpose purpose) {
	const struct route *route = attempt_route_of(purpose);

	return route ? &route->row : NULL;
}
