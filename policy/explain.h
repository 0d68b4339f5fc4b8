/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_EXPLAIN_H
#define POLICY_EXPLAIN_H

/*
 * Why may, or may not, somebody do something
 *
 * A pure function over a compiled policy: it builds the seat that was asked
 * about and lets policy_decide() judge it, so that the explanation can never
 * say something else than the device does.
 */

#include <stdbool.h>
#include <stdint.h>

#include <careward/result.h>

#include "policy/config.h"

/* A person that is asked about. Zeroed: nobody is signed in. */
struct policy_question {
	uint32_t action;    /* index                                                    */
	bool signed_in;     /* somebody is signed in, unlocked, at this moment          */
	uint32_t roles;     /* bits of that person's roles                              */
	uint8_t assurance;  /* enum cw_assurance of the sign-in                         */
	bool fresh;         /* re-authenticated just now, with that assurance           */
	bool confirmed;     /* the action was confirmed in the way that it asks for     */
	bool witnessed;     /* a witness was there                                      */
	bool emergency;     /* the glass is broken at the seat                          */
	uint32_t true_now;  /* signals known to be true                                 */
	uint32_t false_now; /* signals known to be false                                */
};

/* The answer in one context. */
struct policy_in_context {
	bool in_force;      /* it may be in force with the signals that were asked about */
	uint8_t needs;      /* enum cw_assurance that the action asks for in it          */
	enum cw_verdict verdict;
	enum cw_reason reason;
};

struct policy_explanation {
	enum cw_verdict verdict; /* with the signals that were asked about            */
	enum cw_reason reason;
	struct policy_action action; /* a copy: kind, only_when, confirmation, freshness */
	uint32_t roles_granting; /* bits of all roles that grant it                      */
	uint32_t roles_of_person; /* bits of the person's own roles that grant it        */
	/* For each role that grants it: other roles that it includes and that grant it. */
	uint32_t through[POLICY_ROLES_MAX];
	uint32_t signals_missing; /* bits of only_when's signals that do not hold, or are unknown */
	uint32_t n_contexts;
	struct policy_in_context contexts[POLICY_CONTEXTS_MAX];
};

/*
 * policy_explain() - answer one question
 * @policy:    compiled policy
 * @question:  who, in which state
 *
 * In @ret_explanation->contexts each context is judged as if it alone were in
 * force.
 *
 * Return: 0; -EINVAL when the action's index or a bit is out of range.
 */
int policy_explain(const struct policy *policy, const struct policy_question *question,
                   struct policy_explanation *ret_explanation);

#endif
