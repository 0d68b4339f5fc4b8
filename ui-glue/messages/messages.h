/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UI_GLUE_MESSAGES_H
#define UI_GLUE_MESSAGES_H

/*
 * The words of every answer
 *
 * The broker says message ids and numbers; whatever shows them to a person takes
 * the English sentence from here. Nothing here is ever NULL.
 */

#include <stdbool.h>

/* Kinds of numbers that have a published name and a sentence. */
enum message_kind {
	MESSAGE_VERDICT = 0, /* enum cw_verdict                                        */
	MESSAGE_REASON,      /* enum cw_reason                                         */
	MESSAGE_KIND,        /* enum cw_kind                                           */
	MESSAGE_ASSURANCE,   /* enum cw_assurance                                      */
	MESSAGE_CONFIRM,     /* enum cw_confirm                                        */
	MESSAGE_FACTOR,      /* enum cw_factor                                         */
	MESSAGE_FIELD,       /* enum cw_field: its sentence is what to ask             */
	MESSAGE_TRUST,       /* of a clock: 0 unknown, 1 suspicious, 2 trusted         */
	MESSAGE_FINDING,     /* of verification                                        */
	MESSAGE_RESULT,      /* "result" of a reply                                    */
	MESSAGE_N_KINDS,
};

/*
 * message_name() - the published name of a number, for machines
 *
 * Return: the name; "unknown" for a number that has none.
 */
const char *message_name(enum message_kind kind, unsigned long number);

/*
 * message_words() - the sentence for a number, for people
 *
 * Return: the sentence; a sentence that says so for a number that has none.
 */
const char *message_words(enum message_kind kind, unsigned long number);

/*
 * message_text() - the sentence for a message id
 * @id:  as it came from the broker; NULL is fine
 *
 * Return: the sentence; @id itself when this list does not have it, "" for NULL.
 */
const char *message_text(const char *id);

/* Does the list have this id? */
bool message_is_known(const char *id);

#endif
