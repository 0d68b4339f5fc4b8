/* SPDX-License-Identifier: Apache-2.0 */
#include "ui-glue/demo/pump.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#include "pump-actions.h"
#include "ui-glue/messages/messages.h"

#define TELL_MS 4000
#define TOUCH_MS 3000
#define NOTE_MS 60000
#define FAILED_MS 20000

/* ---- the pump itself -------------------------------------------------------------------- */

static void act_stop(struct pump *pump) {
	pump->running = false;
	pump_note(pump, "The therapy is stopped.");
}

static void act_pause(struct pump *pump) {
	pump_note(pump, "The alarm is silent for two minutes.");
}

static void act_start(struct pump *pump) {
	pump->running = true;
	pump_note(pump, "The therapy runs.");
}

static void act_rate(struct pump *pump) {
	pump->rate = pump->rate + 1.0 > pump->limit ? 1.0 : pump->rate + 1.0;
	pump_note(pump, "The rate is %.1f ml/h.", pump->rate);
}

static void act_bolus(struct pump *pump) {
	pump_note(pump, "A bolus of 2 ml is given.");
}

static void act_drug(struct pump *pump) {
	pump_note(pump, "The high-risk drug is chosen.");
}

static void act_limit(struct pump *pump) {
	pump->limit = pump->new_limit;
	pump_note(pump, "The highest rate is %.1f ml/h now.", pump->limit);
}

static void act_display(struct pump *pump) {
	pump->brightness = pump->brightness >= 100 ? 40 : pump->brightness + 20;
	pump_note(pump, "The brightness is %u %%.", pump->brightness);
}

static void act_export(struct pump *pump) {
	pump_note(pump, "The data is exported.");
}

static void act_update(struct pump *pump) {
	pump_note(pump, "The software is updated.");
}

const struct pump_action pump_actions[CW_ACT_COUNT] = {
	[CW_ACT_THERAPY_STOP] = { "Stop the therapy", act_stop },
	[CW_ACT_ALARM_PAUSE] = { "Silence the alarm", act_pause },
	[CW_ACT_THERAPY_START] = { "Start the therapy", act_start },
	[CW_ACT_THERAPY_RATE] = { "Change the rate", act_rate },
	[CW_ACT_THERAPY_BOLUS] = { "Give a bolus", act_bolus },
	[CW_ACT_THERAPY_HIGH_RISK_DRUG] = { "Choose a high-risk drug", act_drug, "high-risk drug, 2 mg" },
	[CW_ACT_SETTINGS_LIMITS] = { "Change the highest rate", act_limit },
	[CW_ACT_SETTINGS_DISPLAY] = { "Change the brightness", act_display },
	[CW_ACT_DATA_EXPORT] = { "Export data", act_export },
	[CW_ACT_SOFTWARE_UPDATE] = { "Update the software", act_update },
};

/* The short list of the site that is shipped with the pump. */
const char *const pump_reasons[] = { "Patient in danger", "Locked out", "My role does not allow it",
				     "Nobody else was there", "Test of the device" };
const unsigned pump_n_reasons = sizeof(pump_reasons) / sizeof(pump_reasons[0]);

/* ---- saying ----------------------------------------------------------------------------- */

void pump_note(struct pump *pump, const char *format, ...) {
	va_list list;

	memmove(pump->notes[0], pump->notes[1], sizeof(pump->notes) - sizeof(pump->notes[0]));
	va_start(list, format);
	(void)vsnprintf(pump->notes[PUMP_NOTES - 1], PUMP_LINE, format, list);
	va_end(list);
	pump->notes_until = 0;
}

static void forget_notes(struct pump *pump) {
	memset(pump->notes, 0, sizeof(pump->notes));
}

static void say_time(int64_t wall_ms, char *ret, size_t room) {
	time_t t = (time_t)(wall_ms / 1000);
	struct tm local;

	if (wall_ms == 0 || !localtime_r(&t, &local) ||
	    strftime(ret, room, "%Y-%m-%d %H:%M %Z", &local) == 0)
		(void)snprintf(ret, room, "never");
}

static void use(struct pump *pump, uint32_t action);

/* ---- events ----------------------------------------------------------------------------- */

static void on_signed_in(struct pump *pump, const struct cw_event *e) {
	char when[48];

	(void)snprintf(pump->name, sizeof(pump->name), "%.63s", e->text);
	/* Other processes of the seat are told who, and no more. */
	if (e->attempt == 0 || e->attempt != pump->attempt)
		return;
	pump->attempt = 0;
	pump->claimed[0] = '\0';
	forget_notes(pump);
	say_time(e->last_ms, when, sizeof(when));
	/* The session is the one that was told so when it began. */
	if (pump->purpose != CW_PURPOSE_SIGN_IN) {
		pump_note(pump, "Thank you: %.60s", e->text);
		return;
	}
	pump_note(pump, "Signed in: %.60s", e->text);
	if (pump->by_token && !pump->was_asked)
		pump_note(pump, "That was enough: no code and no PIN is asked for now.");
	pump_note(pump, "Last sign-in: %s. Failures since then: %u", when, e->failures);
	if (e->failures > 0) {
		say_time(e->failure_ms, when, sizeof(when));
		pump_note(pump, "The last failure was at %s.", when);
	}
	if (e->message[0] != '\0')
		pump_note(pump, "%s", message_text(e->message));
}

static void on_handover(struct pump *pump, const struct cw_event *e) {
	pump_note(pump, "Handed over: the screen stays as it was, nothing is confirmed any more.");
}

static void on_over(struct pump *pump, const struct cw_event *e) {
	unsigned long long s = (e->wait_ms + 999) / 1000;

	if (e->attempt != pump->attempt)
		return;
	pump->attempt = 0;
	pump->approving = false;
	if (strcmp(e->message, "witnessed") == 0 || strcmp(e->message, "password-changed") == 0) {
		pump_note(pump, "%s", message_text(e->message));
		/* What the two of them have looked at is what is done, now. */
		if (pump->purpose == CW_PURPOSE_WITNESS)
			use(pump, pump->wanted);
		return;
	}
	/* Whoever goes on typing a password must not press keys of the pump. */
	pump->failed_until = pump->now_ms + FAILED_MS;
	pump->failed_lines = e->wait_ms > 0 ? 3 : 1;
	pump_note(pump, "%s", message_text(e->message));
	if (e->wait_ms > 0) {
		pump_note(pump, "Too many failures: wait %llu min %llu s.", s / 60, s % 60);
		pump_note(pump, "In an emergency press F10 twice%s%.40s.",
		          pump->claimed[0] != '\0' ? ": it is recorded for " : "", pump->claimed);
	}
}

static void on_used(struct pump *pump, const struct cw_event *e) {
	if (pump->serial == 0 || e->serial != pump->serial)
		return;
	pump->serial = 0;
	if (e->verdict == CW_ALLOW)
		pump_actions[pump->used].act(pump);
	else
		pump_note(pump, "%s", message_words(MESSAGE_REASON, (unsigned long)e->reason));
}

static void on_authorized(struct pump *pump, const struct cw_event *e) {
	uint8_t receipt[4096];
	size_t n = sizeof(receipt);

	if (e->attempt != pump->attempt)
		return;
	pump->attempt = 0;
	pump->approving = false;
	pump->used = pump->wanted;
	if (cw_receipt(pump->cw, e->attempt, receipt, &n) < 0 ||
	    cw_redeem(pump->cw, receipt, n, pump->wanted, pump->digest, &pump->serial) < 0)
		pump_note(pump, "%s", message_text("failed"));
}

static void on_emergency(struct pump *pump, const struct cw_event *e) {
	memcpy(pump->emergency, e->emergency, sizeof(pump->emergency));
}

static void on_ended(struct pump *pump, const struct cw_event *e) {
	pump_note(pump, "The emergency has ended.");
	pump->reason_wanted = true;
}

static void on_reason(struct pump *pump, const struct cw_event *e) {
	memcpy(pump->emergency, e->emergency, sizeof(pump->emergency));
	pump->reason_wanted = true;
}

static void on_alarm(struct pump *pump, const struct cw_event *e) {
	(void)snprintf(pump->alarm, sizeof(pump->alarm), "%s", message_text(e->message));
}

static void on_error(struct pump *pump, const struct cw_event *e) {
	if (e->attempt != 0 && e->attempt == pump->attempt)
		pump->attempt = 0;
	if (pump->n_entries == 0)
		pump->history_open = false;
	if (e->message[0] == '\0' || e->reason != CW_REASON_NONE)
		pump_note(pump, "%s", message_words(MESSAGE_REASON, (unsigned long)e->reason));
	else
		pump_note(pump, "%s", message_text(e->message));
}

static void on_prompt(struct pump *pump, const struct cw_event *e) {
	struct cw_prompt prompt = { .size = sizeof(prompt) };

	if (e->attempt != pump->attempt || cw_prompt(pump->cw, e->attempt, &prompt) < 0)
		return;
	explicit_bzero(&pump->dialog, sizeof(pump->dialog));
	pump->dialog.prompt = prompt;
	pump->dialog.open = true;
	/* Typed after the tap, before the question: it was meant for this one and no other. */
	if (!pump->was_asked && (prompt.field == CW_FIELD_CODE || prompt.field == CW_FIELD_PIN))
		pump->dialog.n = (unsigned)digits_claim(&pump->digits, pump->dialog.typed,
		                                        sizeof(pump->dialog.typed) - 1);
	digits_wipe(&pump->digits);
	pump->was_asked = true;
}

/* Something lies at the reader, or was held to it: whoever it is wants to sign in. */
static void on_token(struct pump *pump, const struct cw_event *e) {
	static const char *const presented[] = { "card-inserted", "key-inserted", "badge-tapped" };

	for (size_t i = 0; i < sizeof(presented) / sizeof(presented[0]); ++i) {
		if (strcmp(e->message, presented[i]) != 0)
			continue;
		digits_presented(&pump->digits, pump->now_ms);
		if (pump->attempt != 0)
			break;
		pump_touch_sign_in(pump);
		pump->by_token = true;
		return;
	}
	pump_note(pump, "%s", message_text(e->message));
}

static void (*const handlers[])(struct pump *pump, const struct cw_event *e) = {
	[CW_EVENT_PROMPT] = on_prompt,
	[CW_EVENT_SIGNED_IN] = on_signed_in,
	[CW_EVENT_HANDOVER] = on_handover,
	[CW_EVENT_ATTEMPT_OVER] = on_over,
	[CW_EVENT_USED] = on_used,
	[CW_EVENT_AUTHORIZED] = on_authorized,
	[CW_EVENT_EMERGENCY] = on_emergency,
	[CW_EVENT_EMERGENCY_ENDED] = on_ended,
	[CW_EVENT_REASON_WANTED] = on_reason,
	[CW_EVENT_ALARM] = on_alarm,
	[CW_EVENT_ERROR] = on_error,
	[CW_EVENT_TOKEN] = on_token,
};

bool pump_is_silent(const struct pump *pump) {
	return !pump->status.signed_in || pump->status.locked || pump->status.suspended;
}

void pump_dispatch(struct pump *pump, int64_t now_ms) {
	struct cw_event event = { .size = sizeof(event) };
	bool was_silent = pump_is_silent(pump);

	pump->now_ms = now_ms;
	(void)cw_dispatch(pump->cw);
	while (cw_next_event(pump->cw, &event) == 1)
		if ((unsigned)event.kind < sizeof(handlers) / sizeof(handlers[0]) &&
		    handlers[event.kind])
			handlers[event.kind](pump, &event);
	pump->status.size = sizeof(pump->status);
	(void)cw_status(pump->cw, &pump->status);
	/* Told of it once, by an event that may be ahead of the state; its end is not told. */
	if (pump->status.connected && !pump->status.alarm && pump->alarm_seen)
		pump->alarm[0] = '\0';
	pump->alarm_seen = pump->status.alarm;
	if (pump->attempt == 0)
		explicit_bzero(&pump->dialog, sizeof(pump->dialog));
	if (pump->failed_until != 0 && now_ms > pump->failed_until)
		pump_touch_back(pump);
	/* A locked screen says nothing about anybody. */
	if (pump_is_silent(pump)) {
		pump->name[0] = '\0';
		pump->history_open = false;
		memset(pump->entries, 0, sizeof(pump->entries));
		if (!was_silent)
			forget_notes(pump);
		else if (pump->notes_until == 0)
			pump->notes_until = now_ms + NOTE_MS;
		else if (now_ms > pump->notes_until)
			forget_notes(pump);
	}
	if (now_ms - pump->told_ms > TELL_MS && pump->status.connected) {
		(void)cw_signal(pump->cw, "patient-connected", pump->patient ? 1 : 0);
		pump->told_ms = now_ms;
	}
}

/* ---- touching ------------------------------------------------------------------------- */

int pump_open(struct pump *pump, const char *socket, uint32_t broker_uid) {
	const struct cw_options options = { .size = sizeof(options),
					    .n_actions = CW_ACT_COUNT,
					    .actions = CW_ACT_TABLE,
					    .seat = "main",
					    .socket = socket,
					    .broker_uid = broker_uid };

	*pump = (struct pump){ .rate = 5.0, .limit = 25.0, .brightness = 60, .patient = true };
	return cw_open(&options, &pump->cw);
}

void pump_close(struct pump *pump) {
	pump->cw = cw_close(pump->cw);
	explicit_bzero(&pump->dialog, sizeof(pump->dialog));
}

enum cw_verdict pump_may(struct pump *pump, uint32_t action, const char **ret_words) {
	enum cw_reason reason = CW_REASON_NONE;
	enum cw_verdict verdict = cw_check(pump->cw, action, &reason);

	*ret_words = "";
	/* A locked screen does not tell the role of whoever locked it. */
	if (verdict != CW_ALLOW && pump->status.signed_in && pump->status.locked)
		reason = CW_REASON_LOCKED;
	if (verdict == CW_BREAK_GLASS && reason != CW_REASON_LOCKED)
		*ret_words = "Not in your role. In an emergency: F10 twice.";
	else if (verdict == CW_CONFIRM && reason == CW_REASON_WITNESS)
		*ret_words = "A second person checks it first.";
	else if (verdict != CW_ALLOW)
		*ret_words = message_words(MESSAGE_REASON, (unsigned long)reason);
	return verdict;
}

static void prepare(struct pump *pump, enum cw_purpose purpose) {
	pump->approving = pump->by_token = pump->was_asked = false;
	pump->purpose = purpose;
	pump->failed_until = 0;
	/* Failures that pile up would be a count on the locked screen. */
	if (pump_is_silent(pump))
		forget_notes(pump);
}

static void begin_with(struct pump *pump, enum cw_purpose purpose, enum cw_factor factor) {
	prepare(pump, purpose);
	if (cw_sign_in_with(pump->cw, purpose, factor, NULL, &pump->attempt) == 0)
		return;
	pump->attempt = 0;
	pump_note(pump, "%s", message_text("disconnected"));
}

static void begin(struct pump *pump, enum cw_purpose purpose) {
	begin_with(pump, purpose, CW_FACTOR_NONE);
}

/* Not CW_PURPOSE_UNLOCK, which asks for the owner alone: somebody else may stand here. */
void pump_touch_sign_in(struct pump *pump) {
	begin(pump, CW_PURPOSE_SIGN_IN);
}

void pump_touch_by_name(struct pump *pump) {
	begin_with(pump, CW_PURPOSE_SIGN_IN, CW_FACTOR_PASSWORD);
}

/* A second person, by whatever they have: a tap, a card, a name and a password. */
static void ask_witness(struct pump *pump, uint32_t action) {
	prepare(pump, CW_PURPOSE_WITNESS);
	pump->wanted = action;
	if (cw_witness(pump->cw, action, pump_actions[action].object, &pump->attempt) == 0)
		return;
	pump->attempt = 0;
	pump_note(pump, "%s", message_text("disconnected"));
}

void pump_touch_again(struct pump *pump) {
	pump->failed_until = 0;
	if (pump->purpose == CW_PURPOSE_WITNESS)
		ask_witness(pump, pump->wanted);
	else if (pump->purpose != 0)
		begin(pump, pump->purpose);
}

void pump_touch_back(struct pump *pump) {
	pump->failed_until = 0;
	if (pump_is_silent(pump))
		forget_notes(pump);
}

void pump_touch_password(struct pump *pump) {
	if (!pump_is_silent(pump))
		begin(pump, CW_PURPOSE_CHANGE);
}

/* What is confirmed is exactly this object, in exactly these words. */
static void approve(struct pump *pump, uint32_t action, const char *object, const char *words) {
	unsigned n = sizeof(pump->digest);

	prepare(pump, 0);
	if (EVP_Digest(object, strlen(object), pump->digest, &n, EVP_sha256(), NULL) != 1 ||
	    cw_authorize(pump->cw, action, pump->digest, object, words, &pump->attempt) < 0) {
		pump->attempt = 0;
		pump_note(pump, "%s", message_text("failed"));
		return;
	}
	pump->approving = true;
	pump->wanted = action;
}

static void approve_limit(struct pump *pump) {
	char object[64], words[128];

	pump->new_limit = pump->limit >= 40.0 ? 20.0 : pump->limit + 5.0;
	(void)snprintf(object, sizeof(object), "limit.rate.max=%.1f ml/h", pump->new_limit);
	(void)snprintf(words, sizeof(words), "Set the highest rate from %.1f to %.1f ml/h",
	               pump->limit, pump->new_limit);
	approve(pump, CW_ACT_SETTINGS_LIMITS, object, words);
}

static void approve_update(struct pump *pump) {
	approve(pump, CW_ACT_SOFTWARE_UPDATE, "pump-2.4.1", "Install version 2.4.1 on this pump");
}

static void (*const approvals[CW_ACT_COUNT])(struct pump *pump) = {
	[CW_ACT_SETTINGS_LIMITS] = approve_limit,
	[CW_ACT_SOFTWARE_UPDATE] = approve_update,
};

static void use(struct pump *pump, uint32_t action) {
	enum cw_verdict verdict = CW_DENY;
	enum cw_reason reason = CW_REASON_NONE;
	uint64_t serial = 0;
	/* A witness is good for exactly what was looked at. */
	const char *object = pump_actions[action].object;
	int r = cw_use(pump->cw, action, object, cw_session(pump->cw), &verdict, &reason, &serial);

	if (r == -EINPROGRESS) {
		pump->serial = serial;
		pump->used = action;
	} else if (r == 0 && verdict == CW_ALLOW) {
		pump_actions[action].act(pump);
	} else {
		pump_note(pump, "%s", message_words(MESSAGE_REASON, (unsigned long)reason));
	}
}

bool pump_is_urgent(const struct pump *pump, uint32_t action) {
	uint32_t kind = CW_ACT_TABLE[action].kind;

	return kind == CW_KIND_ALWAYS || (kind == CW_KIND_CARE && pump->status.emergency);
}

void pump_touch_action(struct pump *pump, uint32_t action, int64_t now_ms) {
	const char *words = "";
	enum cw_verdict verdict = pump_may(pump, action, &words);
	bool approved = verdict == CW_CONFIRM || verdict == CW_REAUTH;

	if (pump->attempt != 0 && !pump_is_urgent(pump, action))
		return;
	if (verdict == CW_ALLOW)
		use(pump, action);
	else if (pump->attempt != 0)
		return;
	/* A dialog that opens by mistake would lie over the care that is given now. */
	else if (pump->status.emergency)
		pump_note(pump, "In an emergency care alone is open. Enter signs in.");
	else if (verdict == CW_SIGN_IN || verdict == CW_UNLOCK)
		pump_touch_sign_in(pump);
	else if (approved && approvals[action])
		approvals[action](pump);
	else if (verdict == CW_CONFIRM && CW_ACT_TABLE[action].kind == CW_KIND_CARE)
		ask_witness(pump, action);
	else if (verdict == CW_REAUTH)
		begin(pump, CW_PURPOSE_REAUTH);
	else
		pump_note(pump, "%s", words);
}

void pump_touch_lock(struct pump *pump) {
	if (pump->status.signed_in && cw_lock(pump->cw) == 0)
		forget_notes(pump);
}

void pump_touch_sign_out(struct pump *pump) {
	if (pump->status.signed_in && cw_sign_out(pump->cw) == 0)
		forget_notes(pump);
}

void pump_touch_patient(struct pump *pump) {
	pump->patient = !pump->patient;
	pump->told_ms = -TELL_MS;
	pump_note(pump, "The sensor says: a patient is %s.", pump->patient ? "connected" : "not there");
}

static void on_entry(const struct cw_history_entry *entry, void *userdata) {
	struct pump *pump = userdata;

	if (!entry)
		pump->history_loading = false;
	else if (pump->n_entries < PUMP_ENTRIES)
		pump->entries[pump->n_entries++] = *entry;
}

void pump_touch_history(struct pump *pump, bool older) {
	uint64_t before = older && pump->n_entries > 0 ? pump->entries[pump->n_entries - 1].seq : 0;

	if (pump_is_silent(pump)) {
		pump_note(pump, "%s", message_words(MESSAGE_REASON, CW_REASON_NO_SESSION));
		return;
	}
	if (cw_history(pump->cw, before, PUMP_ENTRIES, on_entry, pump) < 0)
		return;
	pump->n_entries = 0;
	pump->history_open = pump->history_loading = true;
}

/* ---- the glass ---------------------------------------------------------------------------- */

void pump_touch_glass(struct pump *pump, int64_t now_ms) {
	enum cw_recorded recorded = CW_RECORDED_NOT;

	if (pump->touched_ms == 0 || now_ms - pump->touched_ms > TOUCH_MS) {
		pump->touched_ms = now_ms > 0 ? now_ms : 1;
		return;
	}
	pump->touched_ms = 0;
	if (pump->attempt != 0)
		pump_cancel(pump);
	(void)cw_break_glass(pump->cw, pump->claimed[0] != '\0' ? pump->claimed : NULL,
	                     pump->emergency, &recorded);
	pump->failed_until = 0;
	forget_notes(pump);
	pump_note(pump, "Care is open to everybody. E ends it.");
	if (recorded == CW_RECORDED_NOT)
		pump_note(pump, "It is not recorded yet: only this screen knows.");
}

void pump_touch_end(struct pump *pump) {
	if (!pump->status.emergency)
		return;
	if (cw_break_glass_end(pump->cw, pump->emergency) < 0)
		pump_note(pump, "There is no emergency to end.");
	pump->reason_wanted = true;
}

void pump_give_reason(struct pump *pump, unsigned which) {
	int r = which < pump_n_reasons ? cw_break_glass_reason(pump->cw, pump->emergency,
	                                                       pump_reasons[which], NULL)
				       : -EINVAL;

	if (r == -ENOSPC)
		return; /* it is asked for again */
	pump->reason_wanted = false;
	pump->claimed[0] = '\0';
	pump_note(pump, r == 0 ? "Thank you." : "The reason was not taken.");
}

/* ---- the dialog ---------------------------------------------------------------------------- */

void pump_type(struct pump *pump, const char *utf8, unsigned n) {
	struct pump_dialog *d = &pump->dialog;

	if (!d->open || d->n + n >= sizeof(d->typed))
		return;
	memcpy(d->typed + d->n, utf8, n);
	d->n += n;
}

void pump_rub_out(struct pump *pump) {
	struct pump_dialog *d = &pump->dialog;

	while (d->n > 0 && ((unsigned char)d->typed[d->n - 1] & 0xc0) == 0x80)
		d->typed[--d->n] = '\0';
	if (d->n > 0)
		d->typed[--d->n] = '\0';
}

bool pump_is_pin(const struct pump *pump) {
	const struct pump_dialog *d = &pump->dialog;

	return d->prompt.field == CW_FIELD_NAME && pump->by_token && d->n > 0 &&
	       strspn(d->typed, "0123456789") == d->n;
}

void pump_answer(struct pump *pump) {
	struct pump_dialog *d = &pump->dialog;
	int r;

	if (!d->open || d->prompt.field == CW_FIELD_TOUCH || d->prompt.field == CW_FIELD_INSERT)
		return; /* a hand moves something; the screen answers nothing */
	/* Typed before the name was asked for: it would be in the journal, as one. */
	if (pump_is_pin(pump)) {
		explicit_bzero(d->typed, sizeof(d->typed));
		d->n = 0;
		(void)snprintf(d->prompt.text, sizeof(d->prompt.text),
		               "That is a PIN, and no name. The PIN comes after it.");
		return;
	}
	/* The glass is recorded for who signs in here, not for a second person. */
	if (d->prompt.field == CW_FIELD_NAME && pump->purpose == CW_PURPOSE_SIGN_IN)
		(void)snprintf(pump->claimed, sizeof(pump->claimed), "%.*s",
		               d->n < 63 ? (int)d->n : 63, d->typed);
	r = cw_answer(pump->cw, d->prompt.attempt, d->typed, d->n);
	if (r == -EAGAIN)
		return;
	explicit_bzero(d, sizeof(*d));
}

void pump_choose(struct pump *pump, unsigned which) {
	const char *p = pump->dialog.prompt.text;

	for (; which > 0 && p; --which) {
		p = strchr(p, '\n');
		p = p ? p + 1 : NULL;
	}
	if (!p || *p == '\0')
		return;
	pump->dialog.n = 0;
	pump_type(pump, p, (unsigned)strcspn(p, "\n"));
	pump_answer(pump);
}

void pump_cancel(struct pump *pump) {
	(void)cw_cancel(pump->cw, pump->attempt);
	pump->attempt = 0;
	pump->approving = false;
	explicit_bzero(&pump->dialog, sizeof(pump->dialog));
}
