/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UI_GLUE_DEMO_HOSPITAL_H
#define UI_GLUE_DEMO_HOSPITAL_H

/*
 * The people of the demo's hospital, and what they do at the command line
 *
 * Everything here runs the careward program, as the engineer in the cellar
 * would; secrets go through its --password-fd.
 */

#include <stdbool.h>
#include <stddef.h>

#include "ui-glue/demo/broker.h"

struct person {
	const char *name;
	const char *display;
	const char *role;
	const char *password; /* the one that is chosen at the first sign-in          */
	char one_time[64];    /* as handed out; empty: none yet                       */
	bool has_changed;     /* to the one above                                     */
};

enum who {
	ADAMS = 0, /* administrator, the first account                                */
	LEE,
	KIM,
	OKAFOR,
	BERG,
	RUIZ,
	SORA,
	N_PEOPLE,
};

struct hospital {
	struct broker *broker;
	struct person people[N_PEOPLE];
	char recovery[64];
	char anchor[80];
	char out[65536];     /* what the command line said last                        */
};

void hospital_init(struct hospital *h, struct broker *broker);

/*
 * hospital_run() - run careward with these words, at the service seat
 * @words:  NULL-terminated, at most 16
 * @lines:  NULL, or what its prompts for secrets are answered with
 *
 * Return: its exit status; what it said is in h->out.
 */
int hospital_run(struct hospital *h, const char *const *words, const char *const *lines);

/* hospital_run() by somebody who signs in for it and has changed the password before. */
int hospital_run_as(struct hospital *h, enum who who, const char *const *words);

/* careward init; the account's one-time password is kept. Return: exit status. */
int hospital_commission(struct hospital *h);

/* careward user add, by the administrator. Return: exit status. */
int hospital_add(struct hospital *h, enum who who);

/* First sign-in at the command line: the one-time password is changed. Return: exit status. */
int hospital_first_sign_in(struct hospital *h, enum who who);

/*
 * hospital_text() - a text or number of the last answer, which was JSON
 * @key:  the first occurrence counts
 *
 * Return: true; false when there is none.
 */
bool hospital_text(const struct hospital *h, const char *key, char *ret_text, size_t room);

#endif
