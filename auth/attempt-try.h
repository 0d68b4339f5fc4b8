/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_ATTEMPT_TRY_H
#define AUTH_ATTEMPT_TRY_H

/* What signin-try.c lends to the other files of the machine. */

#include "auth/attempt.h"

/* The answer is somebody's name. */
void person_take_name(struct attempt *a, struct person *person);

/*
 * person_prove() - has the worker said yes, and may the person be let in?
 *
 * The only place where PASSWORD_YES is looked at for a sign-in.
 *
 * Return: ATTEMPT_EV_RIGHT; ATTEMPT_EV_REFUSED (recorded, message set).
 */
enum attempt_event person_prove(struct attempt *a, const struct moment *now);

/*
 * person_admit() - the evidence was right: may the person be let in with it?
 *
 * Reads everything again. Sets is_proved, and nobody else does but the code that
 * nobody owns.
 *
 * Return: ATTEMPT_EV_RIGHT; ATTEMPT_EV_REFUSED (recorded, message set).
 */
enum attempt_event person_admit(struct attempt *a, const struct moment *now,
				enum cw_assurance assurance);

/* Somebody is proved: what that leads to on this route, for this person. */
enum attempt_event attempt_proved(struct attempt *a, const struct moment *now);

/* Refused, with its entry. Whatever the reason: one message. Return: ATTEMPT_EV_REFUSED. */
enum attempt_event person_refuse(struct attempt *a, const struct moment *now,
				 enum audit_outcome outcome, const char *why);

/* signin-pin.c: its PIN is locked: recorded, said, and something else is offered. */
enum attempt_event token_locked(struct attempt *a, const struct moment *now);

/* An entry of the try that is going on: of the second person it is a re-authentication. */
void try_entry(const struct attempt *a, const struct moment *now, enum audit_outcome outcome,
	       struct journal_entry *entry);

/* signin-witness.c: may this person be the witness? */
enum attempt_event witness_proved(struct attempt *a, const struct moment *now);

/* signin-token.c: the one of the look that is to sign; PIN and tries are the token's. */
void held_take(struct held *held, const struct token_candidate *c);
/* signin-token.c: what the token that was found has to be given. */
enum attempt_event after_look(const struct attempt *a);

/* signin-prove.c: does the token sign the words, not only that it is there? */
bool attempt_signs(const struct attempt *a);

/* signin-approve.c: what holds of the second person, who is proved. */
enum attempt_event second_proved(struct attempt *a, const struct moment *now);

/* signin-prove.c: the challenge is used up; was it fresh? */
bool challenge_holds(struct held *held, const struct moment *now);
/* The time by which certificates are judged. */
struct moment certificate_time(const struct attempt *a, const struct moment *now);

#endif
