/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UI_GLUE_DEMO_SHIFT_STEP_H
#define UI_GLUE_DEMO_SHIFT_STEP_H

/* What the files of the shift share: a table of steps, and how they are played. */

#include "ui-glue/demo/hospital.h"
#include "ui-glue/demo/player.h"

#define GOT_MAX 64u

/* What a step needs besides the pump. */
#define WITH_CARD 1u
#define WITH_KEY 2u
#define WITH_BADGE 4u

struct shift {
	struct broker broker;
	struct broker edited;
	struct hospital hospital;
	struct player player;
	uint8_t emergency[16];
	char review[40];
	char entry[32];      /* number of the entry that was edited                       */
	uint8_t digest[32];  /* of what is approved                                       */
	uint8_t receipt[4096]; /* of the update                                           */
	size_t n_receipt;
	int64_t paused_ms;   /* of the step: waiting that is the script's own              */
	unsigned n;          /* steps that were played                                    */
	unsigned right;      /* that went as expected                                     */
};

struct more;

struct step {
	const char *what;
	const char *expected;
	/* NULL: not one step but those of `more`, where there is anything to play them with */
	void (*play)(struct shift *s, const struct step *step, char *got);
	enum who who;
	enum who second;     /* who confirms                                                */
	uint32_t action;
	const char *text;
	const char *const *words; /* of a command line; NULL-terminated                  */
	const char *const *answers; /* to prompts                                        */
	const char *key;          /* whose value in the answer is the verdict              */
	const struct more *more;
	unsigned needs;           /* WITH_*                                                */
	enum cw_purpose purpose;  /* 0: to sign in                                         */
	enum cw_factor factor;
	const char *hand;         /* what a hand does first: "@DEVICE LINE"                */
};

struct more {
	const struct step *steps;
	size_t n;
};

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* Steps with cards, keys and badges: an ordinary day, and a helper that hangs. */
extern const struct more shift_tokens, shift_hanging;

/* Return: bits of what the command line asked for. */
unsigned shift_things(const struct places *places);

/* shift_possible() - can it be played? Says so if not. Return: 0; 77 (what is missing is said). */
int shift_possible(const struct places *places);

/* Waits for nothing but time: what passes is not counted as the step's. */
void shift_pause(struct shift *s, int ms);

/* Into @got, of GOT_MAX bytes. */
void say(char *got, const char *text);
void say_verdict(char *got, enum cw_verdict verdict, enum cw_reason reason);
void say_attempt(struct shift *s, char *got, bool ended);

/* Steps that both files play. */
void play_add(struct shift *s, const struct step *step, char *got);
void play_first(struct shift *s, const struct step *step, char *got);
void play_careward_as(struct shift *s, const struct step *step, char *got);
void play_check(struct shift *s, const struct step *step, char *got);
void play_use(struct shift *s, const struct step *step, char *got);
void play_sign_in(struct shift *s, const struct step *step, char *got);
void play_sign_out(struct shift *s, const struct step *step, char *got);
void play_signal(struct shift *s, const struct step *step, char *got);
void play_end(struct shift *s, const struct step *step, char *got);

#endif
