/* SPDX-License-Identifier: Apache-2.0 */
#include "ui-glue/demo/draw.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <curses.h>

#include "pump-actions.h"
#include "ui-glue/messages/messages.h"

#define WIDTH 80
#define TOUCH_MS 3000
#define BOX_TEXT 64u

enum {
	ROW_HEAD = 0,
	ROW_WHO = 1,
	ROW_PUMP = 2,
	ROW_ACTIONS = 4,
	ROW_NOTES = 15,
	ROW_ALARM = 20,
	ROW_EMERGENCY = 21,
	ROW_KEYS = 22,
	ROW_GLASS = 23,
};

/* Text that ends where the terminal ends; it would run on in the next line. */
__attribute__((format(printf, 3, 4))) static void
put(int row, int column, const char *format, ...) {
	char line[4 * WIDTH];
	va_list list;

	va_start(list, format);
	(void)vsnprintf(line, sizeof(line), format, list);
	va_end(list);
	if (column < COLS)
		(void)mvaddnstr(row, column, line, COLS - column);
}

/* The rows at the bottom are there in a terminal that is too small as well. */
static int bottom(int row) {
	return LINES > 4 && LINES <= ROW_GLASS ? row - ROW_GLASS + LINES - 1 : row;
}

/* A whole line in reverse. */
static void bar(int row, const char *text) {
	attron(A_REVERSE);
	put(row, 0, "%-*.*s", WIDTH, WIDTH, text);
	attroff(A_REVERSE);
}

static void draw_head(const struct pump *pump) {
	char line[WIDTH + 1];

	(void)snprintf(line, sizeof(line), " INFUSION PUMP%*s", 66,
	               pump->status.connected ? "" : "ACCESS CONTROL DOES NOT ANSWER ");
	bar(ROW_HEAD, line);
	if (!pump_is_silent(pump))
		put(ROW_WHO, 1, "%-40.40s", pump->name);
	put(ROW_PUMP, 1, "Therapy: %-8s Rate: %5.1f ml/h   Highest: %5.1f ml/h   Patient: %s",
	         pump->running ? "RUNNING" : "stopped", pump->rate, pump->limit,
	         pump->patient ? "there" : "gone");
	mvhline(ROW_PUMP + 1, 0, ACS_HLINE, WIDTH);
}

static void draw_actions(struct pump *pump) {
	const char *words = "";

	for (unsigned i = 0; i < CW_ACT_COUNT && i < 10; ++i) {
		enum cw_verdict verdict = pump_may(pump, i, &words);
		bool on = verdict == CW_ALLOW;

		attrset(on ? A_BOLD : A_DIM);
		put(ROW_ACTIONS + (int)i, 1, "%u  %-26s", (i + 1) % 10, pump_actions[i].label);
		attrset(A_NORMAL);
		if (on && CW_ACT_TABLE[i].kind == CW_KIND_ALWAYS)
			put(ROW_ACTIONS + (int)i, 32, "always; F%u: at once, whatever is open", i + 1);
		else
			put(ROW_ACTIONS + (int)i, 32, "%-47.47s", on ? "" : words);
	}
}

/* Under every dialog: a card may be asked for there. */
static void draw_hands(const struct pump *pump) {
	mvhline(ROW_NOTES - 1, 0, ACS_HLINE, WIDTH);
	if (pump->hands[0] != '\0')
		put(ROW_NOTES - 1, 0, " %-79.79s", pump->hands);
}

static void draw_notes(const struct pump *pump) {
	for (unsigned i = 0; i < PUMP_NOTES; ++i)
		put(ROW_NOTES + (int)i, 1, "%.78s", pump->notes[i]);
	if (pump->alarm[0] != '\0')
		put(bottom(ROW_ALARM), 1, "Alarm: %-71.70s", pump->alarm);
}

static void draw_bottom(const struct pump *pump, int64_t now_ms) {
	bool touched = pump->touched_ms != 0 && now_ms - pump->touched_ms <= TOUCH_MS;

	if (pump->status.emergency)
		bar(bottom(ROW_EMERGENCY), pump->status.still_needed
					   ? " EMERGENCY  Is it still needed? E ends it."
					   : " EMERGENCY  Care is open to everybody. E ends it.");
	put(bottom(ROW_KEYS), 1, "%-79s",
	         pump_is_silent(pump)
			 ? "Enter sign in    I by name    C patient comes or goes    Q leave"
			 : "Enter hand over  L lock  O sign out  H history  W password  C patient  Q leave");
	if (pump->status.emergency)
		bar(bottom(ROW_GLASS), " The glass is broken. Press E when the emergency is over.");
	else
		bar(bottom(ROW_GLASS), touched ? " Once more F10 (or Esc 0): BREAK THE GLASS"
				       : " EMERGENCY: press F10 twice (or Esc 0 twice) to break the glass");
}

/* ---- boxes over the screen -------------------------------------------------------------- */

static void box_at(int row, int rows) {
	for (int i = 0; i < rows; ++i)
		put(row + i, 0, "%*s", WIDTH, "");
	mvhline(row, 6, ACS_HLINE, 68);
	mvhline(row + rows - 1, 6, ACS_HLINE, 68);
}

/* Words in the box, from @row to @last at most. Return: the row after them. */
static int wrapped(int row, int last, const char *text) {
	size_t n;

	while (*text != '\0' && row <= last) {
		n = strlen(text);
		if (n > BOX_TEXT) {
			n = BOX_TEXT;
			while (n > 0 && text[n] != ' ')
				--n;
			n = n > 0 ? n : BOX_TEXT;
		}
		put(row++, 8, "%.*s", (int)n, text);
		text += n;
		text += strspn(text, " ");
	}
	return row;
}

/* What all this is about, in the box's upper edge. */
static const char *title(const struct pump *pump) {
	static const char *const titles[] = {
		[0] = " Confirm ",
		[CW_PURPOSE_SIGN_IN] = " Sign in ",
		[CW_PURPOSE_REAUTH] = " Confirm that it is you ",
		[CW_PURPOSE_WITNESS] = " A second person checks: a tap, a card, or a name ",
		[CW_PURPOSE_CHANGE] = " Change your password ",
	};
	unsigned which = (unsigned)pump->purpose;

	return which < sizeof(titles) / sizeof(titles[0]) && titles[which] ? titles[which] : "";
}

/* What works while the box covers the pump's keys. */
static const char *urgent_keys(const struct pump *pump) {
	return pump->status.emergency ? "F1 stop  F2 silence  F3-F6 care" : "F1 stop  F2 silence";
}

/* The password is being checked: nothing that is typed now means anything. */
static void draw_checking(const struct pump *pump) {
	box_at(6, 4);
	put(6, 8, "%s", title(pump));
	put(7, 8, "One moment ...");
	put(8, 8, "Esc: give up    %s", urgent_keys(pump));
}

static void draw_failed(const struct pump *pump) {
	box_at(6, 8);
	put(6, 8, "%s", title(pump));
	for (unsigned i = 0; i < pump->failed_lines; ++i)
		put(7 + (int)i, 8, "%.64s", pump->notes[PUMP_NOTES - pump->failed_lines + i]);
	put(12, 8, "%s    %s", pump->purpose != 0 ? "Enter: once more    Esc: back" : "Enter: back",
	    urgent_keys(pump));
}

static void draw_choices(const struct pump *pump, int row) {
	const char *p = pump->dialog.prompt.text;

	for (unsigned i = 1; *p != '\0' && row < 12; ++i) {
		size_t n = strcspn(p, "\n");

		put(row++, 10, "%u  %.*s", i, n < 60 ? (int)n : 60, p);
		p += n + (p[n] == '\n');
	}
	put(12, 8, "Its number    Esc: give up    %s", urgent_keys(pump));
}

static void draw_dialog(const struct pump *pump) {
	const struct pump_dialog *d = &pump->dialog;
	unsigned long field = (unsigned long)d->prompt.field;
	unsigned characters = 0;
	/* Nothing is typed: the card, badge or key is moved. */
	bool is_hand = d->prompt.field == CW_FIELD_TOUCH || d->prompt.field == CW_FIELD_INSERT;

	box_at(6, 8);
	put(6, 8, "%s", title(pump));
	if (d->prompt.field == CW_FIELD_CHOICE) {
		draw_choices(pump, wrapped(7, 8, message_text(d->prompt.message)));
		return;
	}
	(void)wrapped(wrapped(7, 9, message_text(d->prompt.message)), 10, d->prompt.text);
	if (d->prompt.field == CW_FIELD_CONFIRM) {
		put(11, 8, "Y: yes    N: no    %s", urgent_keys(pump));
		return;
	}
	put(12, 8, "%s    %s", is_hand ? "Esc: give up" : "Enter: go on    Esc: give up",
	    urgent_keys(pump));
	if (is_hand)
		return;
	put(11, 8, "%s: ", message_words(MESSAGE_FIELD, field));
	for (unsigned i = 0; i < d->n; ++i)
		characters += ((unsigned char)d->typed[i] & 0xc0) != 0x80;
	if (d->prompt.is_secret || pump_is_pin(pump)) {
		for (unsigned i = 0; i < characters && i < 40; ++i)
			addch('*');
	} else {
		printw("%.*s", (int)(d->n < 40 ? d->n : 40), d->typed);
	}
	attron(A_REVERSE);
	addch(' ');
	attroff(A_REVERSE);
}

static void draw_reason(void) {
	box_at(5, (int)pump_n_reasons + 5);
	put(6, 8, "The emergency is over. Why was the glass broken?");
	for (unsigned i = 0; i < pump_n_reasons; ++i)
		put(7 + (int)i, 10, "%u  %s", i + 1, pump_reasons[i]);
	put(8 + (int)pump_n_reasons, 8, "Esc: later    F1 stops the therapy, F2 silences the alarm");
}

static void draw_history(const struct pump *pump) {
	char when[32];
	struct tm local;

	for (int row = ROW_PUMP; row < ROW_ALARM; ++row)
		put(row, 0, "%*s", WIDTH, "");
	put(ROW_PUMP, 1, "%s", pump->history_loading ? "History ..." : "History, newest first");
	for (unsigned i = 0; i < pump->n_entries; ++i) {
		const struct cw_history_entry *e = &pump->entries[i];
		time_t t = (time_t)(e->wall_ms / 1000);

		if (!localtime_r(&t, &local) ||
		    strftime(when, sizeof(when), "%d %b %H:%M:%S", &local) == 0)
			when[0] = '\0';
		put(ROW_PUMP + 1 + 2 * (int)i, 1, "%5llu %s%c %-24.24s %s", (unsigned long long)e->seq,
		    when, e->clock_trusted ? ' ' : '?', e->event, e->outcome);
		put(ROW_PUMP + 2 + 2 * (int)i, 7, "%.30s%s%.24s%s%.24s", e->name,
		    e->action[0] != '\0' ? "  " : "", e->action, e->object[0] != '\0' ? "  " : "",
		    e->object);
	}
	put(bottom(ROW_ALARM), 1, "%-78s", "N: older    Esc: back");
}

bool draw_has_room(void) {
	return LINES > ROW_GLASS && COLS >= WIDTH;
}

/* A dialog would be cut off, and what is typed into it as well. Return: it is too small. */
static bool draw_too_small(const struct pump *pump) {
	if (draw_has_room())
		return false;
	put(ROW_ACTIONS, 1, "This terminal has %d x %d characters,", COLS, LINES);
	put(ROW_ACTIONS + 1, 1, "the pump's screen needs %d x %d.", WIDTH, ROW_GLASS + 1);
	put(ROW_ACTIONS + 2, 1, "%s", urgent_keys(pump));
	return true;
}

void draw_pump(struct pump *pump, int64_t now_ms) {
	erase();
	draw_head(pump);
	if (draw_too_small(pump)) {
		draw_bottom(pump, now_ms);
		refresh();
		return;
	}
	draw_actions(pump);
	draw_notes(pump);
	if (pump->history_open)
		draw_history(pump);
	else
		draw_hands(pump);
	if (pump->reason_wanted && !pump->status.emergency && !pump->dialog.open)
		draw_reason();
	if (pump->dialog.open)
		draw_dialog(pump);
	else if (pump->attempt != 0)
		draw_checking(pump);
	else if (pump->failed_until != 0)
		draw_failed(pump);
	draw_bottom(pump, now_ms);
	refresh();
}

void draw_commissioning(const struct hospital *h) {
	int row = 4;

	erase();
	bar(ROW_HEAD, " INFUSION PUMP - commissioning, done by the command line careward");
	put(2, 1, "%-8s %-18s %-10s %s", "name", "shown as", "role", "one-time password");
	mvhline(3, 0, ACS_HLINE, WIDTH);
	for (unsigned i = LEE; i < N_PEOPLE; ++i) {
		const struct person *p = &h->people[i];

		put(row++, 1, "%-8s %-18s %-10s %s%s", p->name, p->display, p->role,
		         p->has_changed ? p->password : p->one_time,
		         p->has_changed ? " (changed)" : "");
	}
	put(row + 1, 1, "%-8s %-18s %-10s %s", h->people[ADAMS].name, h->people[ADAMS].display,
	         h->people[ADAMS].role, "changed already, to:");
	put(row + 2, 39, "%s", h->people[ADAMS].password);
	if (h->people[KIM].has_changed || h->people[SORA].has_changed ||
	    h->people[BERG].has_changed)
		put(row + 3, 1, "berg has the card, sora the key, kim the badge: the pump says how to move them.");
	put(row + 4, 1, "Recovery code:  %s", h->recovery);
	put(row + 5, 1, "Anchor:         %.32s", h->anchor);
	put(row + 6, 1, "                %.32s", h->anchor + 32);
	put(row + 8, 1, "A one-time password can do nothing but be changed. A new one has 12 characters");
	put(row + 9, 1, "or more, 15 for whoever may do more than care, as all of these may.");
	put(row + 10, 1, "Command line at this device: %.50s VERB", h->broker->places->cli);
	put(row + 11, 5, "--socket %.50s --broker-uid %.8s", h->broker->service,
	         h->broker->uid_text);
	bar(bottom(ROW_GLASS), " Enter: to the pump    Q: leave");
	refresh();
}
