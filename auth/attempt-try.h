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

#endif
