/* SPDX-License-Identifier: Apache-2.0 */
#include "ui-glue/demo/screen.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include <curses.h>

#include "pump-actions.h"
#include "ui-glue/demo/child.h"
#include "ui-glue/demo/draw.h"
#include "ui-glue/demo/hands.h"

#include <term.h> /* last: makes macros of words like "lines" */

#define ROWS 24
#define COLUMNS 80
#define ESCAPE 27
#define ESCAPE_MS 300 /* for the key that follows Esc                                 */

static volatile sig_atomic_t leaving;
static struct hands hands;

static void on_signal(int number) {
	leaving = number;
}

static void watch_signals(void) {
	struct sigaction action = { .sa_handler = on_signal };

	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGHUP, &action, NULL);
}

/* ---- keys -------------------------------------------------------------------------------- */

static void dialog_key(struct pump *pump, wint_t key, bool is_function) {
	char utf8[MB_LEN_MAX + 1];
	mbstate_t state = { 0 };
	size_t n;

	if (pump->dialog.prompt.field == CW_FIELD_CONFIRM && !is_function) {
		if (key == 'y' || key == 'Y') {
			pump_type(pump, "yes", 3);
			pump_answer(pump);
		} else if (key == 'n' || key == 'N') {
			pump_type(pump, "no", 2);
			pump_answer(pump);
		}
		return;
	}
	if (pump->dialog.prompt.field == CW_FIELD_CHOICE && !is_function) {
		if (key >= '1' && key <= '9')
			pump_choose(pump, (unsigned)(key - '1'));
		return;
	}
	if (is_function && key == KEY_BACKSPACE) {
		pump_rub_out(pump);
	} else if (!is_function && (key == 127 || key == 8)) {
		pump_rub_out(pump);
	} else if ((!is_function && (key == '\n' || key == '\r')) ||
	           (is_function && key == KEY_ENTER)) {
		pump_answer(pump);
	} else if (!is_function && key >= ' ') {
		n = wcrtomb(utf8, (wchar_t)key, &state);
		if (n != (size_t)-1)
			pump_type(pump, utf8, (unsigned)n);
	}
}

static const struct {
	wint_t key;
	void (*touch)(struct pump *pump);
} touches[] = {
	{ '\n', pump_touch_sign_in }, { '\r', pump_touch_sign_in },  { 'i', pump_touch_by_name },
	{ 'l', pump_touch_lock },     { 'o', pump_touch_sign_out },  { 'w', pump_touch_password },
	{ 'c', pump_touch_patient },  { 'e', pump_touch_end },
};

static void pump_key(struct pump *pump, wint_t key, int64_t now_ms) {
	if (key >= 'A' && key <= 'Z')
		key += 'a' - 'A';
	if (pump->reason_wanted && !pump->status.emergency && key >= '1' &&
	    key < '1' + pump_n_reasons) {
		pump_give_reason(pump, (unsigned)(key - '1'));
		return;
	}
	if (key == 'h' || (key == 'n' && pump->history_open)) {
		pump_touch_history(pump, key == 'n');
		return;
	}
	if (key >= '0' && key <= '9') {
		uint32_t action = key == '0' ? 9 : (uint32_t)(key - '1');

		if (action < CW_ACT_COUNT)
			pump_touch_action(pump, action, now_ms);
		return;
	}
	for (size_t i = 0; i < sizeof(touches) / sizeof(touches[0]); ++i)
		if (touches[i].key == key)
			touches[i].touch(pump);
}

/* F1 and so on do what does not wait, whatever is on the screen. Return: was it one? */
static bool always_key(struct pump *pump, wint_t key, int64_t now_ms) {
	uint32_t action = key - KEY_F(1);

	if (key < KEY_F(1) || action >= CW_ACT_COUNT || !pump_is_urgent(pump, action))
		return false;
	pump_touch_action(pump, action, now_ms);
	return true;
}

/* F7 to F9, or Esc and the digit: no key of the pump. Return: was it one? */
static bool hands_key(struct pump *pump, char digit) {
	char words[HANDS_LINE];

	if (!hands_move(&hands, digit, words))
		return false;
	pump_note(pump, "%s", words);
	return true;
}

/* A failure is on the screen: only these two keys mean anything. */
static void failed_key(struct pump *pump, wint_t key) {
	if (key == '\n' || key == '\r' || key == KEY_ENTER)
		pump_touch_again(pump);
}

static void escape(struct pump *pump) {
	if (pump->failed_until != 0)
		pump_touch_back(pump);
	else if (pump->dialog.open || pump->attempt != 0)
		pump_cancel(pump);
	else if (pump->history_open)
		pump->history_open = false;
	else
		pump->reason_wanted = false;
}

/* Nothing asks for what is typed now. Return: it is kept, or passed over. */
static bool is_typing(struct pump *pump, wint_t key, bool is_function, int64_t now_ms) {
	bool enter = is_function ? key == KEY_ENTER : key == '\n' || key == '\r';
	bool plain = pump->attempt == 0 && pump->failed_until == 0;
	struct digits *d = &pump->digits;

	/* A letter is a key of the pump on the plain screen, and no password. */
	if (!enter && (is_function || ((key < '0' || key > '9') && plain)))
		return false;
	if (enter || key < '0' || key > '9')
		return digits_other(d, enter, now_ms);
	if (digits_typed(d, (char)key, now_ms) && d->n == 2 && plain)
		pump_note(pump, "Keys in a row are taken for a code: none is pressed. F1 stops.");
	return true;
}

/* A digit that has stayed alone. */
static void due_key(struct pump *pump, int64_t now_ms) {
	bool open = pump->status.emergency && !pump->by_token;
	char digit;

	/* Those typed before a question are kept for it. */
	if (pump->attempt != 0 && (pump->dialog.open || !open))
		return;
	digit = digits_due(&pump->digits, now_ms);
	if (digit != 0 && (pump->failed_until == 0 || pump->status.emergency))
		pump_key(pump, (wint_t)digit, now_ms);
}

/* A key that is none of the glass. Return: false when the person leaves. */
static bool other_key(struct pump *pump, int r, wint_t key, int64_t now_ms) {
	if (r == KEY_CODE_YES && always_key(pump, key, now_ms))
		return true;
	if (r == KEY_CODE_YES && key >= KEY_F(7) && key <= KEY_F(9) &&
	    hands_key(pump, (char)('0' + (int)(key - KEY_F(0)))))
		return true;
	/* What nobody can see is answered by nobody; E and Q are left. */
	if (!draw_has_room() && !(r == OK && key != 0 && wcschr(L"eEqQ", (wchar_t)key)))
		return true;
	if (pump->dialog.open && draw_has_room()) {
		dialog_key(pump, key, r == KEY_CODE_YES);
		return true;
	}
	if (is_typing(pump, key, r == KEY_CODE_YES, now_ms))
		return true;
	if (pump->failed_until != 0) {
		failed_key(pump, key);
		return true;
	}
	/* The answer is being checked: what is typed meanwhile was meant for a dialog. */
	if (pump->attempt != 0)
		return true;
	if (r == OK && (key == 'q' || key == 'Q'))
		return false;
	if (r == OK)
		pump_key(pump, key, now_ms);
	return true;
}

/* Whatever is on the screen: the glass comes first. Return: it was that. */
static bool is_glass(struct pump *pump, int r, wint_t key, int64_t now_ms) {
	if (r != KEY_CODE_YES || key != KEY_F(10))
		return false;
	pump_touch_glass(pump, now_ms);
	return true;
}

/* Esc alone, or with the key that follows it. Return: as other_key(). */
static bool escape_key(struct pump *pump, int64_t now_ms) {
	wint_t key = 0;
	int r;

	timeout(ESCAPE_MS);
	r = get_wch(&key);
	timeout(0);
	if (r == OK && key == '0') {
		pump_touch_glass(pump, now_ms);
		return true;
	}
	if (r == OK && key >= '7' && key <= '9' && hands_key(pump, (char)key))
		return true;
	escape(pump);
	if (r == OK && key == ESCAPE)
		(void)unget_wch(ESCAPE);
	/* It was Esc, and then another key: one that stops must not get lost. */
	else if (r != ERR && !is_glass(pump, r, key, now_ms))
		return other_key(pump, r, key, now_ms);
	return true;
}

/* Return: false when the person leaves. */
static bool take_key(struct pump *pump, int64_t now_ms) {
	wint_t key = 0;
	int r = get_wch(&key);

	if (r == ERR)
		return true;
	if (pump->status.signed_in && !pump->status.locked)
		(void)cw_activity(pump->cw);
	if (is_glass(pump, r, key, now_ms))
		return true;
	if (r == OK && key == ESCAPE)
		return escape_key(pump, now_ms);
	return other_key(pump, r, key, now_ms);
}

/* ---- running ----------------------------------------------------------------------------- */

static void run_pump(struct pump *pump) {
	struct pollfd wanted[2] = { { .fd = STDIN_FILENO, .events = POLLIN },
				    { .fd = cw_fd(pump->cw), .events = POLLIN } };
	bool staying = true;

	while (staying && !leaving) {
		int most = pump->digits.held != 0 ? 50 : 250;
		int own = cw_timeout_ms(pump->cw), wait = own >= 0 && own < most ? own : most;

		pump_dispatch(pump, child_now_ms());
		due_key(pump, child_now_ms());
		hands.is_touch_wanted = pump->dialog.open &&
					pump->dialog.prompt.field == CW_FIELD_TOUCH;
		hands_line(&hands, pump->hands);
		draw_pump(pump, child_now_ms());
		if (poll(wanted, 2, wait) < 0 && errno != EINTR)
			return;
		if (wanted[0].revents & (POLLHUP | POLLERR))
			return;
		/* Also without input: a changed size of the terminal comes as a key. */
		for (unsigned i = 0; staying && i < 64; ++i) {
			staying = take_key(pump, child_now_ms());
			if ((wanted[0].revents & POLLIN) == 0)
				break;
			if (poll(wanted, 1, 0) <= 0)
				break;
		}
	}
}

static bool show_commissioning(const struct hospital *h) {
	wint_t key = 0;

	timeout(200);
	while (!leaving) {
		draw_commissioning(h);
		if (get_wch(&key) == ERR)
			continue;
		if (key == 'q' || key == 'Q')
			return false;
		if (key == '\n' || key == '\r' || key == KEY_ENTER)
			return true;
	}
	return false;
}

/* The staff's accounts, by the command line, while the terminal is still a plain one. */
static int commission(struct hospital *h) {
	(void)printf("Commissioning the pump, as an engineer would ...\n");
	if (hospital_commission(h) != 0 || hospital_first_sign_in(h, ADAMS) != 0)
		return -EIO;
	for (unsigned i = LEE; i < N_PEOPLE && !leaving; ++i) {
		(void)printf("  account %s\n", h->people[i].name);
		(void)fflush(stdout);
		if (hospital_add(h, (enum who)i) != 0)
			return -EIO;
	}
	if (!leaving)
		hands_enrol(&hands, h);
	return 0;
}

static int start(struct broker *broker, struct hospital *h, const struct places *places) {
	int r = broker_prepare(broker, places);

	if (r == 0)
		r = broker_start(broker);
	if (r < 0) {
		(void)fprintf(stderr, "careward-demo: cannot start %s: %s\n", places->broker,
		              strerror(-r));
		return r;
	}
	hospital_init(h, broker);
	r = commission(h);
	if (r < 0)
		(void)fprintf(stderr, "careward-demo: commissioning failed: %s\n", h->out);
	return r;
}

static void show(struct pump *pump, const struct hospital *h) {
	if (!initscr())
		return;
	(void)cbreak();
	(void)noecho();
	(void)nonl();
	(void)keypad(stdscr, TRUE);
	(void)curs_set(0);
	(void)set_escdelay(25);
	if (show_commissioning(h)) {
		timeout(0);
		run_pump(pump);
	}
	(void)endwin();
}

/* initscr() ends the program where it knows no such terminal: asked before anything runs. */
static bool is_terminal_known(void) {
	int found = 0;

	if (setupterm(NULL, STDOUT_FILENO, &found) == OK) {
		(void)del_curterm(cur_term);
		return true;
	}
	(void)fprintf(stderr, "careward-demo: nothing is known here of a terminal \"%s\"; "
	              "try TERM=xterm\n", getenv("TERM") ? getenv("TERM") : "");
	return false;
}

int screen_run(const struct places *places) {
	static struct hospital h;
	static struct broker broker;
	static struct pump pump;
	int r;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		(void)fprintf(stderr, "careward-demo: this needs a terminal of %dx%d; "
		              "--script plays a shift without one\n", COLUMNS, ROWS);
		return 2;
	}
	if (!is_terminal_known())
		return 2;
	watch_signals();
	r = start(&broker, &h, places);
	if (r == 0)
		r = pump_open(&pump, broker.main, broker.uid);
	if (r == 0)
		show(&pump, &h);
	if (pump.cw)
		pump_close(&pump);
	broker_remove(&broker);
	explicit_bzero(&h, sizeof(h));
	return r == 0 ? 0 : 3;
}
