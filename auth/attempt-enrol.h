/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_ATTEMPT_ENROL_H
#define AUTH_ATTEMPT_ENROL_H

/*
 * The insides of an enrolment, for the files signin-enrol*.c
 */

#include "auth/attempt-try.h"
#include "common/bytes.h"

/*
 * enrol_begin() - whose it will be
 *
 * Return: 0; -EINVAL (no such account, a label without an end); -EIO.
 */
int enrol_begin(struct attempt *a, const struct enrol_request *request);

/* Over, with an entry. @why: machine text. Return: ATTEMPT_EV_REFUSED. */
enum attempt_event enrol_refuse(struct attempt *a, const struct moment *now, const char *why,
				const char *message);

#endif
