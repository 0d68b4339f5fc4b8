/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UI_GLUE_DEMO_PUMP_H
#define UI_GLUE_DEMO_PUMP_H

/*
 * The pump and its seat: what the screen shows, and what a touch does
 *
 * No terminal in here, no waiting: pump_dispatch() takes in what has come, the
 * other calls are what the person does. Times are milliseconds that only grow.
 */

#include <stdbool.h>
#include <stdint.h>

#include <careward/careward.h>

#include "ui-glue/demo/digits.h"

struct pump;

#define PUMP_NOTES 5u
#define PUMP_LINE 80u
#define PUMP_ENTRIES 8u /* of two lines each                                          */
#define PUMP_TYPED 256u

struct pump_action {
	const char *label;
	void (*act)(struct pump *pump); /* what the pump does once it is allowed       */
	const char *object; /* what it is done to, for the record; NULL: nothing to say    */
};

struct pump_dialog {
	bool open;
	struct cw_prompt prompt;
	char typed[PUMP_TYPED]; /* wiped when it is answered                         */
	unsigned n;
};

struct pump {
	struct cw *cw;
	struct cw_status status;
	/* The pump itself. */
	bool running;
	bool patient;
	double rate, limit;
	unsigned brightness;
	/* Who, while the screen is unlocked. */
	char name[64];
	/* The conversation. */
	uint64_t attempt;      /* 0: none                                              */
	enum cw_purpose purpose; /* of the last attempt; 0: an approval                  */
	uint32_t wanted;       /* action that an approval or a witness is for          */
	int64_t failed_until;  /* a failure is on the screen until a key; 0: none       */
	unsigned failed_lines; /* what the newest notes say about it                    */
	bool by_token;         /* begun by a tap, a card or a key                      */
	bool was_asked;        /* it has asked for something                           */
	bool approving;
	uint8_t digest[32];    /* of what is being approved                            */
	double new_limit;
	char claimed[64];      /* name that was typed last, for the glass              */
	struct pump_dialog dialog;
	struct digits digits;  /* typed while nothing asks for them                    */
	uint64_t serial;       /* of the use that is waited for; 0: none                */
	uint32_t used;         /* its action                                           */
	/* What is said. */
	char notes[PUMP_NOTES][PUMP_LINE];
	int64_t notes_until;   /* 0: they stay                                         */
	char alarm[PUMP_LINE];
	bool alarm_seen;       /* in the state as well: its end is to be seen there     */
	char hands[PUMP_LINE]; /* how virtual cards, keys and badges are moved; "": none   */
	/* The glass. */
	int64_t touched_ms;    /* first touch; 0: none                                 */
	uint8_t emergency[16];
	bool reason_wanted;
	/* The history. */
	struct cw_history_entry entries[PUMP_ENTRIES];
	unsigned n_entries;
	bool history_open, history_loading;
	int64_t now_ms;        /* of the last dispatch                                 */
	int64_t told_ms;       /* when the signals were told last                      */
};

extern const struct pump_action pump_actions[];
extern const char *const pump_reasons[];
extern const unsigned pump_n_reasons;

/* pump_open() - at this socket, whose broker has this uid. Return: 0; as cw_open(). */
int pump_open(struct pump *pump, const char *socket, uint32_t broker_uid);
void pump_close(struct pump *pump);

/* Takes in what has come. */
void pump_dispatch(struct pump *pump, int64_t now_ms);

/* Is the screen locked, or nobody there? Then it shows no name, time or count. */
bool pump_is_silent(const struct pump *pump);

/* May it, and in words why not. Return: the verdict; @ret_words "" when it may. */
enum cw_verdict pump_may(struct pump *pump, uint32_t action, const char **ret_words);

/* Does it wait for no dialog: what is always allowed, and care in an emergency? */
bool pump_is_urgent(const struct pump *pump, uint32_t action);

void pump_touch_action(struct pump *pump, uint32_t action, int64_t now_ms);
void pump_touch_sign_in(struct pump *pump);
void pump_touch_by_name(struct pump *pump); /* whatever lies in the reader           */
void pump_touch_password(struct pump *pump);
void pump_touch_lock(struct pump *pump);
void pump_touch_sign_out(struct pump *pump);
void pump_touch_patient(struct pump *pump);
void pump_touch_history(struct pump *pump, bool older);
/* After a failure: once more, or not. Until then no other key means anything. */
void pump_touch_again(struct pump *pump);
void pump_touch_back(struct pump *pump);
/* One of the two touches of the glass; the second within 3 s breaks it. */
void pump_touch_glass(struct pump *pump, int64_t now_ms);
void pump_touch_end(struct pump *pump);
void pump_give_reason(struct pump *pump, unsigned which);

/* The dialog: a character, the end of the answer, giving up. */
void pump_type(struct pump *pump, const char *utf8, unsigned n);
void pump_choose(struct pump *pump, unsigned which); /* of the choices, from 0            */
bool pump_is_pin(const struct pump *pump); /* digits alone where a name is asked for        */
void pump_rub_out(struct pump *pump);
void pump_answer(struct pump *pump);
void pump_cancel(struct pump *pump);

/* Something for the lines of messages; older ones move up. */
void pump_note(struct pump *pump, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
