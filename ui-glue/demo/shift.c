/* SPDX-License-Identifier: Apache-2.0 */
#include "ui-glue/demo/shift.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "pump-actions.h"
#include "ui-glue/demo/child.h"
#include "ui-glue/demo/shift-step.h"
#include "ui-glue/messages/messages.h"

/* What the nurse sets inside the emergency: the entry that is edited afterwards. */
#define EMERGENCY_RATE "rate 12.5 ml/h to 7.25"

void say(char *got, const char *text) {
	(void)snprintf(got, GOT_MAX, "%s", text);
}

void shift_pause(struct shift *s, int ms) {
	int64_t began = child_now_ms();

	(void)player_wait(&s->player, CW_EVENT_NONE, ms);
	s->paused_ms += child_now_ms() - began;
}

void say_verdict(char *got, enum cw_verdict verdict, enum cw_reason reason) {
	(void)snprintf(got, GOT_MAX, "%s (%s)", message_name(MESSAGE_VERDICT, (unsigned long)verdict),
	               message_name(MESSAGE_REASON, (unsigned long)reason));
}

/* ---- at the command line ------------------------------------------------------------ */

static const char *const exits[] = { "yes", "no", "usage", "unknown" };

static void say_exit(struct shift *s, const struct step *step, char *got, int status) {
	char text[GOT_MAX - 16];

	if (step->key && hospital_text(&s->hospital, step->key, text, sizeof(text)))
		(void)snprintf(got, GOT_MAX, "%s (%s)", status >= 0 && status < 4 ? exits[status] : "?",
		               text);
	else
		(void)snprintf(got, GOT_MAX, "%s", status >= 0 && status < 4 ? exits[status] : "?");
}

static void play_init(struct shift *s, const struct step *step, char *got) {
	say_exit(s, step, got, hospital_commission(&s->hospital));
}

void play_add(struct shift *s, const struct step *step, char *got) {
	say_exit(s, step, got, hospital_add(&s->hospital, step->who));
}

void play_first(struct shift *s, const struct step *step, char *got) {
	say_exit(s, step, got, hospital_first_sign_in(&s->hospital, step->who));
}

/* The one-time password alone: the line for the new one is missing. */
static void play_unchanged(struct shift *s, const struct step *step, char *got) {
	const char *const lines[] = { s->hospital.people[step->who].one_time, NULL };

	say(got, hospital_run(&s->hospital, WORDS("sign-in", s->hospital.people[step->who].name),
	                      lines) == 0 ? "in" : "not in");
}

static void play_careward(struct shift *s, const struct step *step, char *got) {
	say_exit(s, step, got, hospital_run(&s->hospital, step->words, NULL));
}

void play_careward_as(struct shift *s, const struct step *step, char *got) {
	say_exit(s, step, got, hospital_run_as(&s->hospital, step->who, step->words));
}

static void play_install(struct shift *s, const struct step *step, char *got) {
	char path[BROKER_PATH + 16];

	(void)snprintf(path, sizeof(path), "%s/site.cfg", s->broker.config);
	say_exit(s, step, got,
	         hospital_run_as(&s->hospital, step->who, WORDS("config", "install", path, "--yes")));
}

static void play_review(struct shift *s, const struct step *step, char *got) {
	int status = hospital_run_as(&s->hospital, step->who, WORDS("review", "list"));

	(void)hospital_text(&s->hospital, "id", s->review, sizeof(s->review));
	say_exit(s, step, got, status);
}

static void play_close(struct shift *s, const struct step *step, char *got) {
	say_exit(s, step, got,
	         hospital_run_as(&s->hospital, step->who,
	                         WORDS("review", "close", s->review, "--outcome", "justified", "--text",
	                               "The device was right to be opened.")));
}

/* The entry of the emergency's use: its number is looked for again later. */
static void play_history(struct shift *s, const struct step *step, char *got) {
	int status = hospital_run_as(&s->hospital, step->who,
	                             WORDS("history", "--event", "emergency-use", "-n", "40"));
	char *place = strstr(s->hospital.out, EMERGENCY_RATE), *seq = NULL, *p = s->hospital.out;

	/* The last "seq" before the text is that of its entry. */
	while (place && (p = strstr(p, "\"seq\": ")) && p < place)
		seq = p++;
	if (seq)
		(void)snprintf(s->entry, sizeof(s->entry), "%.*s", (int)strcspn(seq + 7, ",\n"), seq + 7);
	(void)snprintf(got, GOT_MAX, "%s%s", status == 0 ? "yes" : "no", seq ? "" : " (not in it)");
}

/* ---- at the pump -------------------------------------------------------------------- */

void play_check(struct shift *s, const struct step *step, char *got) {
	enum cw_reason reason = CW_REASON_NONE;
	enum cw_verdict verdict = CW_DENY;

	shift_pause(s, 100);
	verdict = cw_check(s->player.cw, step->action, &reason);
	say_verdict(got, verdict, reason);
}

void play_use(struct shift *s, const struct step *step, char *got) {
	enum cw_reason reason = CW_REASON_NONE;
	enum cw_verdict verdict = player_use(&s->player, step->action, step->text, &reason);

	say_verdict(got, verdict, reason);
}

static void play_open(struct shift *s, const struct step *step, char *got) {
	bool connected = false;

	if (player_open(&s->player, s->broker.main, s->broker.uid) == 0)
		connected = player_wait(&s->player, CW_EVENT_CONNECTED, 10000);
	s->player.places = s->broker.places;
	say(got, connected ? "connected" : "not connected");
}

void say_attempt(struct shift *s, char *got, bool ended) {
	const struct cw_event *e = &s->player.last;

	if (!ended)
		say(got, "no end");
	else if (e->kind == CW_EVENT_SIGNED_IN)
		(void)snprintf(got, GOT_MAX, "signed in, %s, failures %u",
		               e->last_ms == 0 ? "never before" : "last known", e->failures);
	else if (e->kind == CW_EVENT_AUTHORIZED)
		say(got, "confirmed");
	else if (e->wait_ms > 0)
		(void)snprintf(got, GOT_MAX, "%.40s, locked", e->message);
	else
		say(got, e->message);
}

void play_sign_in(struct shift *s, const struct step *step, char *got) {
	const char *const right[] = { s->hospital.people[step->who].password, NULL };
	bool ended = player_sign_in(&s->player, CW_PURPOSE_SIGN_IN,
	                            s->hospital.people[step->who].name,
	                            step->answers ? step->answers : right);

	say_attempt(s, got, ended);
}

static void play_forced(struct shift *s, const struct step *step, char *got) {
	const struct person *p = &s->hospital.people[step->who];
	const char *const answers[] = { p->one_time, p->password, p->password, NULL };

	say_attempt(s, got, player_sign_in(&s->player, CW_PURPOSE_SIGN_IN, p->name, answers));
}

static void play_handover(struct shift *s, const struct step *step, char *got) {
	uint64_t before = cw_session(s->player.cw);

	play_sign_in(s, step, got);
	if (player_wait(&s->player, CW_EVENT_HANDOVER, 2000) && cw_session(s->player.cw) != before)
		say(got, "handed over");
}

void play_sign_out(struct shift *s, const struct step *step, char *got) {
	int r = cw_sign_out(s->player.cw);

	for (unsigned i = 0; i < 400 && cw_session(s->player.cw) != 0; ++i)
		(void)player_wait(&s->player, CW_EVENT_NONE, 5);
	say(got, r == 0 && cw_session(s->player.cw) == 0 ? "signed out" : "still there");
}

void play_signal(struct shift *s, const struct step *step, char *got) {
	int r = cw_signal(s->player.cw, "patient-connected", 0);

	shift_pause(s, 200);
	say(got, r == 0 ? "told" : strerror(-r));
}

static void play_lock(struct shift *s, const struct step *step, char *got) {
	struct cw_status status = { .size = sizeof(status) };
	int r = cw_lock(s->player.cw);

	for (unsigned i = 0; i < 400 && !status.locked; ++i) {
		(void)player_wait(&s->player, CW_EVENT_NONE, 5);
		(void)cw_status(s->player.cw, &status);
	}
	say(got, r == 0 && status.locked ? "locked" : "open");
}

static void play_unlock(struct shift *s, const struct step *step, char *got) {
	const char *const right[] = { s->hospital.people[step->who].password, NULL };
	struct cw_status status = { .size = sizeof(status) };

	say_attempt(s, got, player_sign_in(&s->player, CW_PURPOSE_UNLOCK, NULL, right));
	(void)cw_status(s->player.cw, &status);
	if (s->player.last.kind == CW_EVENT_SIGNED_IN && !status.locked)
		say(got, "unlocked");
}

static void play_reauth(struct shift *s, const struct step *step, char *got) {
	const char *const right[] = { s->hospital.people[step->who].password, NULL };
	uint64_t before = cw_session(s->player.cw);

	say_attempt(s, got, player_sign_in(&s->player, CW_PURPOSE_REAUTH, NULL, right));
	if (s->player.last.kind == CW_EVENT_SIGNED_IN && cw_session(s->player.cw) == before)
		say(got, "same session");
}

/* So many wrong passwords that the device stops listening to more. */
static void play_lockout(struct shift *s, const struct step *step, char *got) {
	const char *const wrong[] = { "not the password at all", NULL };
	unsigned tries = 0;

	do {
		if (!player_sign_in(&s->player, CW_PURPOSE_SIGN_IN,
		                    s->hospital.people[step->who].name, wrong))
			break;
	} while (++tries < 8 && s->player.last.wait_ms == 0);
	(void)snprintf(got, GOT_MAX, "%s after %u", s->player.last.wait_ms > 0 ? "locked" : "open",
	               tries);
}

static void count_entry(const struct cw_history_entry *entry, void *userdata) {
	unsigned *n = userdata;

	/* The last call is without entry: then nothing more comes. */
	if (entry && entry->seq != 0 && entry->event[0] != '\0')
		++*n;
}

static void play_read(struct shift *s, const struct step *step, char *got) {
	unsigned n = 0;

	player_forget(&s->player);
	if (cw_history(s->player.cw, 0, 5, count_entry, &n) < 0)
		return;
	for (unsigned i = 0; i < 40 && n < 5 && !player_saw(&s->player, CW_EVENT_ERROR); ++i)
		(void)player_wait(&s->player, CW_EVENT_NONE, 50);
	/* Whatever came: nobody calls back into this frame any more. */
	shift_pause(s, 200);
	(void)snprintf(got, GOT_MAX, "%u entries", n);
}

/* ---- two people, one limit ---------------------------------------------------------- */

static void play_approve(struct shift *s, const struct step *step, char *got) {
	static const char limit[] = "limit.rate.max=20.0 ml/h";
	const struct person *first = &s->hospital.people[step->who];
	const struct person *second = &s->hospital.people[step->second];
	const char *const answers[] = { first->password, "yes",  second->name, second->password,
					"yes",           NULL };
	unsigned n = sizeof(s->digest);

	if (EVP_Digest(limit, strlen(limit), s->digest, &n, EVP_sha256(), NULL) != 1)
		return;
	say_attempt(s, got,
	            player_approve(&s->player, CW_ACT_SETTINGS_LIMITS, s->digest,
	                           "Set the highest rate to 20.0 ml/h", answers));
}

static void play_redeem(struct shift *s, const struct step *step, char *got) {
	enum cw_reason reason = CW_REASON_NONE;
	uint8_t digest[32];
	enum cw_verdict verdict;

	memcpy(digest, s->digest, sizeof(digest));
	if (step->text)
		digest[0] ^= 1;
	verdict = player_redeem(&s->player, CW_ACT_SETTINGS_LIMITS, digest, &reason);
	say(got, message_name(MESSAGE_VERDICT, (unsigned long)verdict));
}

/* ---- the emergency --------------------------------------------------------------------- */

static void play_break(struct shift *s, const struct step *step, char *got) {
	enum cw_recorded recorded = CW_RECORDED_NOT;

	player_forget(&s->player);
	if (cw_break_glass(s->player.cw, s->hospital.people[step->who].name, s->emergency,
	                   &recorded) != 0)
		return;
	say(got, recorded == CW_RECORDED_IN_RING ? "granted" : "granted, in this memory alone");
}

static void play_recorded(struct shift *s, const struct step *step, char *got) {
	bool came = player_saw(&s->player, CW_EVENT_EMERGENCY_RECORDED) ||
		    player_wait(&s->player, CW_EVENT_EMERGENCY_RECORDED, 10000);

	say(got, came ? "recorded" : "not recorded");
}

static void play_kill(struct shift *s, const struct step *step, char *got) {
	player_forget(&s->player);
	say(got, broker_kill_engine(&s->broker) == 0 ? "killed" : "not found");
}

static void play_back(struct shift *s, const struct step *step, char *got) {
	struct cw_status status = { .size = sizeof(status) };

	for (unsigned i = 0; i < 300 && !(player_saw(&s->player, CW_EVENT_DISCONNECTED) &&
	                                  status.connected); ++i) {
		(void)player_wait(&s->player, CW_EVENT_NONE, 50);
		(void)cw_status(s->player.cw, &status);
	}
	shift_pause(s, 500);
	(void)cw_status(s->player.cw, &status);
	(void)snprintf(got, GOT_MAX, "%s, %s", status.connected ? "back" : "gone",
	               status.emergency ? "emergency open" : "no emergency");
}

void play_end(struct shift *s, const struct step *step, char *got) {
	struct cw_status status = { .size = sizeof(status) };
	int r = cw_break_glass_end(s->player.cw, s->emergency);

	shift_pause(s, 500);
	(void)cw_status(s->player.cw, &status);
	say(got, r == 0 && !status.emergency ? "ended" : "still open");
}

static void play_reason(struct shift *s, const struct step *step, char *got) {
	int r = cw_break_glass_reason(s->player.cw, s->emergency, "Locked out", step->text);

	shift_pause(s, 500);
	say(got, r == 0 ? "given" : "not taken");
}

/* ---- the end ---------------------------------------------------------------------------- */

static void play_stop(struct shift *s, const struct step *step, char *got) {
	player_close(&s->player);
	(void)snprintf(got, GOT_MAX, "exit %d", broker_stop(&s->broker));
}

static void play_edit(struct shift *s, const struct step *step, char *got) {
	int r = broker_copy(&s->broker, &s->edited);

	if (r == 0)
		r = broker_edit(&s->edited, EMERGENCY_RATE);
	if (r == 0)
		r = broker_start(&s->edited);
	s->hospital.broker = &s->edited;
	say(got, r == 0 ? "edited" : strerror(-r));
}

static void play_verify_edited(struct shift *s, const struct step *step, char *got) {
	int status = hospital_run(&s->hospital, WORDS("verify"), NULL);
	char seq[32] = "", finding[32] = "";

	(void)hospital_text(&s->hospital, "seq", seq, sizeof(seq));
	(void)hospital_text(&s->hospital, "finding", finding, sizeof(finding));
	(void)snprintf(got, GOT_MAX, "%s (%s, entry %s)", exits[status & 3], finding, seq);
}

/* ---- the table ------------------------------------------------------------------------- */

static const struct step steps[] = {
	{ "careward status: the device waits to be set up", "yes (false)", play_careward,
	  .words = WORDS("status"), .key = "initialised" },
	{ "careward check: the pump's site.cfg has no errors", "yes (0)", play_careward,
	  .words = WORDS("check", DEMO_CONFIG "/site.cfg"), .key = "errors" },
	{ "commissioning: careward init makes the first account", "yes (ok)", play_init, .key = "result" },
	{ "a second init is refused", "no (already-initialised)", play_careward,
	  .words = WORDS("init", "mallory", "--role", "admin"), .key = "message" },
	{ "the one-time password alone opens nothing", "not in", play_unchanged, .who = ADAMS },
	{ "the administrator changes it, and is in", "yes (ok)", play_first, .who = ADAMS,
	  .key = "result" },
	{ "a nurse's account, with a one-time password", "yes (ok)", play_add, .who = LEE,
	  .key = "result" },
	{ "a second nurse's", "yes (ok)", play_add, .who = KIM, .key = "result" },
	{ "a physician's", "yes (ok)", play_add, .who = OKAFOR, .key = "result" },
	{ "a biomedical engineer's", "yes (ok)", play_add, .who = BERG, .key = "result" },
	{ "a reviewer's", "yes (ok)", play_add, .who = RUIZ, .key = "result" },
	{ "the engineer's first sign-in, at the service seat", "yes (ok)", play_first, .who = BERG,
	  .key = "result" },
	{ "the reviewer's first sign-in, at the service seat", "yes (ok)", play_first, .who = RUIZ,
	  .key = "result" },
	{ "the physician's first sign-in, at the service seat", "yes (ok)", play_first, .who = OKAFOR,
	  .key = "result" },
	{ "the second nurse's first sign-in", "yes (ok)", play_first, .who = KIM, .key = "result" },
	{ "an account that exists already is refused", "no (name-was-given-before)", play_add, .who = LEE,
	  .key = "message" },
	{ "explain: may a nurse change the limits?", "no (deny)", play_careward,
	  .words = WORDS("explain", "settings.limits", "--role", "nurse"), .key = "verdict" },
	{ "config install: engineer signs in again, confirms", "yes (0)", play_install, .who = BERG,
	  .key = "errors" },

	{ "the pump's screen finds its broker", "connected", play_open },
	{ "nobody is signed in: care asks for a sign-in", "sign-in (no-session)", play_check,
	  .action = CW_ACT_THERAPY_START },
	{ "always: stop works with nobody signed in", "allow (always)", play_use,
	  .action = CW_ACT_THERAPY_STOP, .text = "pump 1" },
	{ "nurse Lee's one-time password is changed, forced", "signed in, never before, failures 0",
	  play_forced, .who = LEE },
	{ "a nurse reads no history on the screen", "0 entries", play_read },
	{ "signs out", "signed out", play_sign_out },
	{ "somebody tries a wrong password for Lee", "refused", play_sign_in, .who = LEE,
	  .answers = WORDS("password123") },
	{ "Lee is told of the last sign-in and of the failure", "signed in, last known, failures 1",
	  play_sign_in, .who = LEE },
	{ "care, allowed: Lee starts the therapy", "allow (granted)", play_use,
	  .action = CW_ACT_THERAPY_START, .text = "pump 1" },
	{ "care that asks for a witness is not simply allowed", "confirm (witness)", play_check,
	  .action = CW_ACT_THERAPY_HIGH_RISK_DRUG },
	{ "guarded, allowed: Lee changes the brightness", "allow (granted)", play_use,
	  .action = CW_ACT_SETTINGS_DISPLAY, .text = "brightness 70 %" },
	{ "guarded, denied: a nurse exports no data", "deny (role)", play_use,
	  .action = CW_ACT_DATA_EXPORT, .text = "USB" },
	{ "sensitive, denied: a nurse changes no limits", "deny (role)", play_check,
	  .action = CW_ACT_SETTINGS_LIMITS },
	{ "the screen is locked", "locked", play_lock },
	{ "always: stop works on the locked screen; nothing denies it", "allow (always)", play_use,
	  .action = CW_ACT_THERAPY_STOP, .text = "pump 1" },
	{ "care on the locked screen asks to unlock", "unlock (locked)", play_check,
	  .action = CW_ACT_THERAPY_RATE },
	{ "Lee unlocks", "unlocked", play_unlock, .who = LEE },

	{ "handover: Dr Okafor takes over the running seat", "handed over", play_handover,
	  .who = OKAFOR },
	{ "re-authentication: it is still Dr Okafor", "same session", play_reauth, .who = OKAFOR },
	{ "sensitive: nobody is one's own second person", "same-person", play_approve, .who = OKAFOR,
	  .second = OKAFOR },
	{ "sensitive: Okafor and the engineer confirm the limit", "confirmed", play_approve,
	  .who = OKAFOR, .second = BERG },
	{ "the receipt for another value is refused", "deny", play_redeem, .text = "other" },
	{ "sensitive, allowed: the limit is set with the receipt", "allow", play_redeem },
	{ "a receipt is good once", "deny", play_redeem },
	{ "handover: the engineer takes over", "handed over", play_handover, .who = BERG },
	{ "care, denied: not in the role, the glass would open it", "break-glass (role)", play_check,
	  .action = CW_ACT_THERAPY_START },
	{ "sensitive, denied: a patient may be connected", "deny (precondition)", play_check,
	  .action = CW_ACT_SOFTWARE_UPDATE },
	{ "the pump says that the patient is gone", "told", play_signal },
	{ "sensitive, denied: no new software without a token", "re-authenticate (assurance)",
	  play_check, .action = CW_ACT_SOFTWARE_UPDATE },
	{ "history, on the pump's own screen", "5 entries", play_read },
	{ "the engineer signs out", "signed out", play_sign_out },
	{ .more = &shift_tokens },

	{ "lockout: wrong passwords for Lee", "locked after 5", play_lockout, .who = LEE },
	{ "even the right one has to wait now", "wait, locked", play_sign_in, .who = LEE },
	{ "break-glass: Lee opens care at once", "granted", play_break, .who = LEE },
	{ "care in the emergency", "allow (emergency)", play_use, .action = CW_ACT_THERAPY_START,
	  .text = "pump 1" },
	{ "care, and nothing more: no export", "sign-in (no-session)", play_check,
	  .action = CW_ACT_DATA_EXPORT },
	{ "its record is durable", "recorded", play_recorded },
	{ "the broker's engine is killed in the middle of it", "killed", play_kill },
	{ "care goes on while it is gone", "allow (emergency)", play_use, .action = CW_ACT_THERAPY_RATE,
	  .text = EMERGENCY_RATE },
	{ "the broker is back, the emergency is still open", "back, emergency open", play_back },
	{ "care in it, after the restart", "allow (emergency)", play_use, .action = CW_ACT_THERAPY_BOLUS,
	  .text = "2 ml" },
	{ "a person ends the emergency", "ended", play_end },
	{ "care asks for a sign-in again", "sign-in (no-session)", play_check,
	  .action = CW_ACT_THERAPY_RATE },
	{ "the reason is given at a quiet moment", "given", play_reason,
	  .text = "Pump alarm, patient in pain, my password was locked." },

	{ "the engineer may not see the reviews", "no (role)", play_careward_as, .who = BERG,
	  .words = WORDS("review", "list"), .key = "reason" },
	{ "the reviewer finds Lee's emergency", "yes (lee)", play_review, .who = RUIZ, .key = "claimed" },
	{ "the reviewer closes it as justified", "yes (ok)", play_close, .who = RUIZ, .key = "result" },
	{ "a review is closed once", "no (closed-before)", play_close, .who = RUIZ, .key = "message" },
	{ "history: the emergency is in it", "yes", play_history, .who = RUIZ },
	{ "a nurse may not read the history", "no (role)", play_careward_as, .who = KIM,
	  .words = WORDS("history"), .key = "reason" },
	{ .more = &shift_hanging },
	{ "verify: the journal is whole", "yes (ok)", play_careward, .words = WORDS("verify"),
	  .key = "finding" },
	{ "the broker is stopped", "exit 0", play_stop },
	{ "one byte of a copy is edited; a broker starts on it", "edited", play_edit },
	{ "verify names the entry", "no (entry-edited, entry #)", play_verify_edited },
};

static volatile sig_atomic_t leaving;

static void on_signal(int number) {
	leaving = number;
}

/* Interrupted, the broker is ended and everything removed all the same. */
static void watch_signals(void) {
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGHUP, &action, NULL);
}

/* "#" is the number of the entry that was edited, which nobody knows before. */
static void say_wanted(const struct shift *s, const struct step *step, char *wanted) {
	size_t n = strcspn(step->expected, "#");

	if (step->expected[n] == '#')
		(void)snprintf(wanted, GOT_MAX, "%.*s%s%s", (int)n, step->expected, s->entry,
		               step->expected + n + 1);
	else
		say(wanted, step->expected);
}

static void play_one(struct shift *s, const struct step *step) {
	char got[GOT_MAX] = "nothing";
	char wanted[GOT_MAX];
	int64_t began = child_now_ms(), took;
	bool right = false;

	s->paused_ms = 0;
	step->play(s, step, got);
	took = child_now_ms() - began - s->paused_ms;
	say_wanted(s, step, wanted);
	right = strcmp(got, wanted) == 0;
	(void)printf("%3u  %-60s %s %-38s %5lld ms\n", ++s->n, step->what, right ? "ok " : "NOT",
	             got, (long long)took);
	if (!right)
		(void)printf("     expected: %s\n", wanted);
	if (!right && s->hospital.out[0] != '\0')
		(void)printf("    the command line said last: %.300s\n", s->hospital.out);
	(void)fflush(stdout);
	s->right += right ? 1 : 0;
}

/* Those of them that need no more than what is there. */
static void play_more(struct shift *s, const struct more *more) {
	unsigned there = shift_things(s->broker.places);

	for (size_t i = 0; i < more->n && !leaving && !ferror(stdout); ++i)
		if ((more->steps[i].needs & ~there) == 0)
			play_one(s, &more->steps[i]);
}

static void play_all(struct shift *s) {
	size_t n = sizeof(steps) / sizeof(steps[0]);

	for (size_t i = 0; i < n && !leaving && !ferror(stdout); ++i) {
		if (steps[i].play)
			play_one(s, &steps[i]);
		else if (shift_things(s->broker.places) != 0)
			play_more(s, steps[i].more);
	}
}

int shift_play(const struct places *places) {
	static struct shift s;
	int r = shift_possible(places);

	if (r != 0)
		return r;
	watch_signals();
	r = broker_prepare(&s.broker, places);
	if (r == 0)
		r = broker_start(&s.broker);
	if (r < 0) {
		(void)fprintf(stderr, "careward-demo: cannot start %s: %s; see %s/carewardd.log\n",
		              places->broker, strerror(-r), s.broker.root);
		return 3;
	}
	if (s.broker.other_user)
		(void)printf("The broker runs as user %u, this program as user %u.\n\n", s.broker.uid,
		             (unsigned)getuid());
	else
		(void)printf("The broker runs as the same user as this program: what keeps them apart "
		             "is NOT shown.\n\n");
	hospital_init(&s.hospital, &s.broker);
	play_all(&s);
	(void)printf("\n%u steps as expected, %u not\n", s.right, s.n - s.right);
	if (leaving)
		(void)printf("Interrupted: the rest was not played.\n");
	player_close(&s.player);
	(void)broker_stop(&s.edited);
	broker_remove(&s.broker);
	return s.right == s.n && !leaving && !ferror(stdout) ? 0 : 1;
}
