/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOKENS_WATCH_H
#define TOKENS_WATCH_H

/*
 * The parts of the watcher: what they keep, and how they tell it
 *
 * One thread of poll() for everything but PC/SC, whose library only blocks and so
 * has a thread of its own (watch-pcsc.c). Nobody reads a clock: time is a timer
 * that ticks four times a second.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/input.h>

#include "tokens/token.h"

#define TICK_MS 250u
#define TICKS_BOUNCE 4u   /* the same badge again before is the same tap            */
#define TICKS_RETRY 4u    /* what is not there is looked for each second            */
#define TICKS_STALE 4u    /* half a line as old as this has lost its end            */
#define TICKS_ALIVE 4u    /* it is told each second that this loop runs             */
#define TICKS_SILENT 20u  /* a thread of PC/SC that says nothing for 5 s hangs       */

#define LINE_MAX_BYTES 128u
#define KEYS_MAX 8u        /* security keys that are plugged at once                */
#define PCSC_READERS_MAX 8u

/* A line that is being read. */
struct line {
	size_t n;
	bool spoilt;       /* too long, or bytes were lost: wait for its end         */
	uint8_t bytes[LINE_MAX_BYTES];
};

/*
 * line_take() - one byte of a reader
 *
 * CR, LF and ETX end a line, STX begins one; what is longer than LINE_MAX_BYTES
 * is dropped as a whole.
 *
 * Return: true when a line is whole: line->bytes, line->n; clear it after.
 */
bool line_take(struct line *line, uint8_t byte);
void line_clear(struct line *line);

/* What types like a keyboard: which keys are held. */
struct wedge {
	bool shift[2];
};

/* One event of the device. Return: as line_take(). */
bool wedge_take(struct wedge *wedge, struct line *line, const struct input_event *event);

/* One line of rules->readers. */
struct watch_reader {
	const struct reader_rules *rules;
	int fd;                /* SERIAL, WEDGE; -1: not there                         */
	bool gone;             /* told so                                              */
	uint64_t line_tick;    /* of the last byte                                     */
	struct line line;
	bool is_evdev;         /* WEDGE: an event device, not a tty                    */
	struct wedge wedge;
	/* The badge that was seen last. */
	uint64_t badge_tick;
	size_t n_badge;
	uint8_t badge[TOKEN_BADGE_MAX];
	/* USB_KEY, KEY_SOCKET: what is plugged. */
	char keys[KEYS_MAX][LIMIT_NAME];
};

struct pcsc;

struct watch {
	const struct token_rules *rules;
	void (*see)(const struct token_sight *sight, void *userdata);
	void *userdata;
	uint64_t tick;
	struct watch_reader readers[TOKEN_READERS_MAX];
	struct pcsc *pcsc;     /* NULL: no reader of that kind                         */
	int pcsc_fd;
	uint64_t pcsc_tick;    /* when its thread said something                       */
	bool pcsc_silent;
};

/* watch.c: telling. @name is cut. */
void watch_tell(struct watch *watch, uint32_t reader, enum token_sight_kind kind, const char *name);
/* Tells that a reader is gone or back, if that is new. */
void watch_tell_there(struct watch *watch, uint32_t reader, bool there);
/* A line of a badge reader: told if it is a badge, and not the one just seen. */
void watch_tell_line(struct watch *watch, uint32_t reader, enum badge_form form, const char *name,
		     const uint8_t *line, size_t n);
/* That badge is still there, or was until now. */
void watch_renew_badge(struct watch *watch, uint32_t reader);

/* watch-line.c: SERIAL and WEDGE. */
void watch_line_open(struct watch *watch, uint32_t reader);
void watch_line_ready(struct watch *watch, uint32_t reader);
void watch_line_tick(struct watch *watch, uint32_t reader);

/* watch-key.c: USB_KEY and KEY_SOCKET; @reader's path is a folder like /sys/class/hidraw
 * (empty: that one), or the socket. */
void watch_key_tick(struct watch *watch, uint32_t reader);

/* watch-pcsc.c. watch_pcsc_start(): Return: 0; -errno. */
int watch_pcsc_start(struct watch *watch);
void watch_pcsc_ready(struct watch *watch);
void watch_pcsc_tick(struct watch *watch);
/* Waits for the thread, but not for one that hangs. */
void watch_pcsc_stop(struct watch *watch);

#endif
