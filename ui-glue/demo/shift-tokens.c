/* SPDX-License-Identifier: Apache-2.0 */

/* The part of the shift that is played with a card, a security key and badges. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "pump-actions.h"
#include "ui-glue/demo/child.h"
#include "ui-glue/demo/hands.h"
#include "ui-glue/demo/room.h"
#include "ui-glue/demo/shift-step.h"
#include "ui-glue/messages/messages.h"

#define CARD_PIN HANDS_CARD_PIN
#define KEY_PIN HANDS_KEY_PIN
#define CODE HANDS_CODE
#define KIMS_BADGE "@reader tap " HANDS_BADGE
#define LEES_BADGE "@reader tap 04A1B2C4"
#define BOUNCE_MS 1500 /* the same badge within a second is one tap                   */
#define SKIP 77

#define UPDATE_WORDS "Install version 2.4.1 on this pump"
static const char update[] = "pump software 2.4.1";

unsigned shift_things(const struct places *places) {
	return (places->with_card ? WITH_CARD : 0) | (places->with_key ? WITH_KEY : 0) |
	       (places->with_badge ? WITH_BADGE : 0);
}

static int cannot(const char *why) {
	(void)fprintf(stderr, "careward-demo: NOT PLAYED: %s\n", why);
	return SKIP;
}

int shift_possible(const struct places *places) {
	struct stat st;

	if (shift_things(places) == 0)
		return 0;
	if (!places->room)
		return cannot("the script needs virtual cards, keys and badges: start it by "
		              "./dev demo --script --with-card --with-key --with-badge");
	if (access(places->token, X_OK) < 0)
		return cannot("careward-token is not there");
	if (places->with_card && stat(places->module, &st) < 0)
		return cannot("OpenSC's module is not there (package opensc-pkcs11)");
	if (places->with_card && (getuid() != 0 || st.st_uid != 0))
		return cannot("cards in a room of their own need root: careward-token loads no "
		              "module whose owner it cannot see; leave --with-card out");
	if (places->with_card && room_tell(places, "slot0", "pull") < 0)
		return cannot("the room has no card");
	if (places->with_key && (room_tell(places, "key-control", "reset") < 0 ||
	                         room_tell(places, "key-control", "set-pin " KEY_PIN) < 0))
		return cannot("the room has no security key");
	if (places->with_badge && room_tell(places, "reader", "state") < 0)
		return cannot("the room has no badge reader");
	return 0;
}

/* ---- conversations ---------------------------------------------------------------------- */

static void say_end(struct shift *s, char *got, bool ended) {
	struct cw_status status = { .size = sizeof(status) };

	if (!ended || s->player.last.kind != CW_EVENT_SIGNED_IN) {
		say_attempt(s, got, ended);
		return;
	}
	shift_pause(s, 100);
	(void)cw_status(s->player.cw, &status);
	(void)snprintf(got, GOT_MAX, "signed in (%s)",
	               message_name(MESSAGE_ASSURANCE, status.assurance));
}

/* Waits until the reader's word has come to the seat. Return: it has. */
static bool hand_and_wait(struct shift *s, const char *deed, const char *message) {
	int64_t until = child_now_ms() + 10000;

	if (player_hand(&s->player, deed) < 0)
		return false;
	while (child_now_ms() < until)
		if (player_wait(&s->player, CW_EVENT_TOKEN, 1000) &&
		    strcmp(s->player.last.message, message) == 0)
			return true;
	return false;
}

/* Whoever is there: what lies at the reader, or who is named by step->text. */
static bool talk(struct shift *s, const struct step *step) {
	enum cw_purpose purpose = step->purpose ? step->purpose : CW_PURPOSE_SIGN_IN;

	if (cw_sign_in_with(s->player.cw, purpose, step->factor, step->text,
	                    &s->player.attempt) < 0)
		return false;
	return player_talk(&s->player, step->answers, CW_EVENT_SIGNED_IN);
}

static void play_talk(struct shift *s, const struct step *step, char *got) {
	say_end(s, got, talk(s, step));
}

/* A tap, and then the code. */
static void play_tap(struct shift *s, const struct step *step, char *got) {
	uint64_t before = cw_session(s->player.cw);

	/* With nobody connected the code is asked for as well. */
	(void)cw_signal(s->player.cw, "patient-connected", 0);
	shift_pause(s, BOUNCE_MS);
	if (!hand_and_wait(s, step->hand, "badge-tapped")) {
		say(got, "nobody saw the badge");
		return;
	}
	say_end(s, got, talk(s, step));
	if (before != 0 && s->player.last.kind == CW_EVENT_SIGNED_IN &&
	    cw_session(s->player.cw) != before)
		say(got, "handed over");
}

/* A wrong PIN, and then nothing more: what the screen would say. */
static void play_wrong_pin(struct shift *s, const struct step *step, char *got) {
	(void)talk(s, step);
	if (s->player.tries == 255)
		(void)snprintf(got, GOT_MAX, "%.40s, tries not told", s->player.refusal);
	else
		(void)snprintf(got, GOT_MAX, "%.40s, %u tries left", s->player.refusal, s->player.tries);
}

static void play_enrol(struct shift *s, const struct step *step, char *got) {
	if (step->hand)
		(void)hand_and_wait(s, step->hand, "card-inserted");
	if (cw_enrol(s->player.cw, s->hospital.people[step->who].name, step->factor, step->text,
	             &s->player.attempt) < 0)
		return;
	say_attempt(s, got, player_talk(&s->player, step->answers, CW_EVENT_SIGNED_IN));
}

/* What a hand does, and what comes of it at the seat. */
static void play_hand(struct shift *s, const struct step *step, char *got) {
	struct cw_status status = { .size = sizeof(status) };

	shift_pause(s, BOUNCE_MS);
	if (player_hand(&s->player, step->hand) < 0) {
		say(got, "not done");
		return;
	}
	for (unsigned i = 0; i < 1000 && !status.locked; ++i) {
		(void)player_wait(&s->player, CW_EVENT_NONE, 5);
		(void)cw_status(s->player.cw, &status);
	}
	say(got, status.locked ? "locked" : "open");
}

/* A card that lies in the reader would be taken for whoever signs in next. */
static void play_take(struct shift *s, const struct step *step, char *got) {
	int r = player_hand(&s->player, step->hand);

	shift_pause(s, BOUNCE_MS);
	say(got, r == 0 ? "taken" : strerror(-r));
}

/* Back again: what the reader says, then the PIN. */
static void play_back_in(struct shift *s, const struct step *step, char *got) {
	uint64_t before = cw_session(s->player.cw);
	bool ended;

	if (!hand_and_wait(s, step->hand, "card-inserted")) {
		say(got, "nobody saw the card");
		return;
	}
	ended = talk(s, step);
	say_attempt(s, got, ended);
	if (ended && s->player.last.kind == CW_EVENT_SIGNED_IN &&
	    cw_session(s->player.cw) == before)
		say(got, "unlocked");
}

/* ---- two nurses, one drug ---------------------------------------------------------------- */

static void play_witness(struct shift *s, const struct step *step, char *got) {
	shift_pause(s, BOUNCE_MS);
	if (cw_witness(s->player.cw, step->action, step->text, &s->player.attempt) < 0)
		return;
	say_attempt(s, got, player_talk(&s->player, step->answers, CW_EVENT_SIGNED_IN));
}

/* The newest entry of this kind names the drug. */
static void play_in_history(struct shift *s, const struct step *step, char *got) {
	int status = hospital_run_as(&s->hospital, step->who, step->words);

	(void)snprintf(got, GOT_MAX, "%s", status != 0 ? "no"
					   : strstr(s->hospital.out, step->text) ? "recorded" : "not in it");
}

/* ---- new software ------------------------------------------------------------------------- */

static const char *away(const struct shift *s, const char *name, char ret[BROKER_PATH]) {
	(void)snprintf(ret, BROKER_PATH, "%.200s/elsewhere/%s", s->broker.root, name);
	return ret;
}

static int write_away(const struct shift *s, const char *name, const void *p, size_t n) {
	char path[BROKER_PATH];
	FILE *f;
	size_t done;

	(void)mkdir(away(s, "", path), 0755);
	f = fopen(away(s, name, path), "we");
	if (!f)
		return -errno;
	done = fwrite(p, 1, n, f);
	return fclose(f) == 0 && done == n ? 0 : -EIO;
}

static void play_no_receipt(struct shift *s, const struct step *step, char *got) {
	static const uint8_t none[64];
	enum cw_reason reason = CW_REASON_NONE;
	unsigned n = sizeof(s->digest);

	if (EVP_Digest(update, sizeof(update) - 1, s->digest, &n, EVP_sha256(), NULL) != 1)
		return;
	say(got, message_name(MESSAGE_VERDICT,
	                      (unsigned long)player_redeem_this(&s->player, none, sizeof(none),
	                                                        CW_ACT_SOFTWARE_UPDATE, s->digest,
	                                                        &reason)));
}

static void play_approve(struct shift *s, const struct step *step, char *got) {
	bool ended;

	(void)cw_signal(s->player.cw, "patient-connected", 0);
	shift_pause(s, 200);
	if (cw_authorize(s->player.cw, CW_ACT_SOFTWARE_UPDATE, s->digest, "pump-2.4.1", UPDATE_WORDS,
	                 &s->player.attempt) < 0)
		return;
	ended = player_talk(&s->player, step->answers, CW_EVENT_AUTHORIZED);
	say_attempt(s, got, ended);
	s->n_receipt = sizeof(s->receipt);
	if (!ended || cw_receipt(s->player.cw, s->player.attempt, s->receipt, &s->n_receipt) < 0)
		s->n_receipt = 0;
}

static void play_write(struct shift *s, const struct step *step, char *got) {
	int r = s->n_receipt == 0 ? -ENOENT : write_away(s, "receipt", s->receipt, s->n_receipt);

	if (r == 0)
		r = write_away(s, "update", update, sizeof(update) - 1);
	if (r == 0)
		r = write_away(s, "changed", "pump software 2.4.2", sizeof(update) - 1);
	say(got, r == 0 ? "written" : strerror(-r));
}

/* No socket, no database, no configuration: receipt and object are all there is. */
static void play_verify(struct shift *s, const struct step *step, char *got) {
	char folder[BROKER_PATH];
	const char *const args[] = { "/usr/bin/env", "-i", "-C", away(s, "", folder),
				     s->broker.places->cli, "approval", "verify", "receipt",
				     "--object", step->text, NULL };
	int status = child_run(args, NULL, s->hospital.out, sizeof(s->hospital.out));
	bool both = strstr(s->hospital.out, "signed by the person's smartcard") &&
		    strstr(s->hospital.out, "signed by the person's security key");

	if (status == 0)
		say(got, both && strstr(s->hospital.out, UPDATE_WORDS) ? "valid (card and key)"
								       : "valid, but of what?");
	else
		(void)snprintf(got, GOT_MAX, "%s", status == 1 ? "refused" : "no answer");
}

static void play_redeem_update(struct shift *s, const struct step *step, char *got) {
	enum cw_reason reason = CW_REASON_NONE;
	uint8_t digest[32];
	enum cw_verdict verdict;

	memcpy(digest, s->digest, sizeof(digest));
	digest[0] ^= step->text ? 1 : 0;
	(void)cw_signal(s->player.cw, "patient-connected", 0);
	shift_pause(s, 200);
	verdict = player_redeem_this(&s->player, s->receipt, s->n_receipt, CW_ACT_SOFTWARE_UPDATE,
	                             digest, &reason);
	say(got, message_name(MESSAGE_VERDICT, (unsigned long)verdict));
}

/* ---- a reader that hangs -------------------------------------------------------------------- */

/* The attempt is begun, and goes on without an answer. */
static void play_begin(struct shift *s, const struct step *step, char *got) {
	int r = hand_and_wait(s, "@slot0 insert", "card-inserted") ? 0 : -ETIME;

	if (r == 0)
		r = player_hand(&s->player, step->hand);
	if (r == 0)
		r = cw_sign_in_with(s->player.cw, CW_PURPOSE_SIGN_IN, step->factor, NULL,
		                    &s->player.attempt);
	s->player.answers = NULL;
	player_forget(&s->player);
	say(got, r == 0 ? "waiting" : strerror(-r));
}

static void play_glass(struct shift *s, const struct step *step, char *got) {
	enum cw_recorded recorded = CW_RECORDED_NOT;

	if (cw_break_glass(s->player.cw, s->hospital.people[step->who].name, s->emergency,
	                   &recorded) == 0)
		say(got, recorded == CW_RECORDED_IN_RING ? "granted" : "granted, in this memory alone");
}

/* A clear word within the deadline of site.cfg, and somewhat more. */
static void play_late(struct shift *s, const struct step *step, char *got) {
	bool ended = player_talk(&s->player, NULL, CW_EVENT_SIGNED_IN);

	(void)player_hand(&s->player, step->hand);
	say(got, ended && s->player.last.kind == CW_EVENT_SIGNED_IN ? "signed in"
		 : s->player.refusal[0] != '\0'                      ? s->player.refusal
		 : ended                                            ? s->player.last.message
								    : "no end");
}

/* ---- the tables --------------------------------------------------------------------------- */

#define CARD .needs = WITH_CARD, .factor = CW_FACTOR_SMARTCARD
#define KEY .needs = WITH_KEY, .factor = CW_FACTOR_FIDO2
#define BADGE .needs = WITH_BADGE
#define BOTH .needs = WITH_CARD | WITH_KEY

static const struct step day[] = {
	{ "a technician's account", "yes (ok)", play_add, .who = SORA, .key = "result", KEY },
	{ "her first sign-in, at the service seat", "yes (ok)", play_first, .who = SORA,
	  .key = "result", KEY },
	{ "the administrator signs in to hand out tokens",
	  "signed in, last known, failures 0", play_sign_in, .who = ADAMS },
	{ "enrol: a card for the engineer", "enrolled", play_enrol, .who = BERG,
	  .hand = "@slot0 insert", .answers = WORDS("1", CARD_PIN), CARD },
	{ "enrol: a security key for the technician", "enrolled", play_enrol, .who = SORA,
	  .answers = WORDS(KEY_PIN), KEY },
	{ "enrol: a badge for nurse Kim", "enrolled", play_enrol, .who = KIM,
	  .factor = CW_FACTOR_BADGE, .answers = WORDS(KIMS_BADGE), BADGE },
	{ "enrol: her code", "enrolled", play_enrol, .who = KIM, .factor = CW_FACTOR_CODE,
	  .answers = WORDS(CODE, CODE), BADGE },
	{ "enrol: a badge for nurse Lee", "enrolled", play_enrol, .who = LEE,
	  .factor = CW_FACTOR_BADGE, .answers = WORDS(LEES_BADGE), BADGE },
	{ "enrol: another code", "enrolled", play_enrol, .who = LEE, .factor = CW_FACTOR_CODE,
	  .answers = WORDS("8264", "8264"), BADGE },
	{ "the administrator signs out", "signed out", play_sign_out },

	{ "card: the engineer signs in with its PIN", "signed in (strong)", play_talk,
	  .answers = WORDS(CARD_PIN), CARD },
	{ "card pulled: the screen is locked", "locked", play_hand, .hand = "@slot0 pull", CARD },
	{ "always: stop works all the same", "allow (always)", play_use,
	  .action = CW_ACT_THERAPY_STOP, .text = "pump 1", CARD },
	{ "card put in again: it unlocks", "unlocked", play_back_in, .purpose = CW_PURPOSE_UNLOCK,
	  .hand = "@slot0 insert", .answers = WORDS(CARD_PIN), CARD },
	{ "the engineer signs out", "signed out", play_sign_out, CARD },
	{ "a wrong PIN of the card", "pin-wrong, tries not told", play_wrong_pin,
	  .answers = WORDS("654321"), CARD },
	{ "key: the technician signs in with its PIN and a touch", "signed in (strong)", play_talk,
	  .text = "sora", .answers = WORDS(KEY_PIN), KEY },
	{ "the technician signs out", "signed out", play_sign_out, KEY },
	{ "a wrong PIN of the key: the screen shows the tries left", "pin-wrong, 7 tries left", play_wrong_pin, .text = "sora",
	  .answers = WORDS("00000000"), KEY },

	{ "badge and code: Kim", "signed in (code)", play_tap, .hand = KIMS_BADGE,
	  .answers = WORDS(CODE), BADGE },
	{ "badge and code open care", "allow (granted)", play_use, .action = CW_ACT_THERAPY_START,
	  .text = "pump 1", BADGE },
	{ "the second nurse's tap hands over", "handed over", play_tap, .hand = LEES_BADGE,
	  .answers = WORDS("8264"), BADGE },
	{ "the high-risk drug asks for a witness", "confirm (witness)", play_check,
	  .action = CW_ACT_THERAPY_HIGH_RISK_DRUG, BADGE },
	{ "witness: Kim looks, and taps", "witnessed", play_witness,
	  .action = CW_ACT_THERAPY_HIGH_RISK_DRUG, .text = "morphine 2 mg",
	  .answers = WORDS(KIMS_BADGE, CODE), BADGE },
	{ "then it is allowed", "allow (granted)", play_use,
	  .action = CW_ACT_THERAPY_HIGH_RISK_DRUG, .text = "morphine 2 mg", BADGE },
	{ "once", "confirm (witness)", play_check, .action = CW_ACT_THERAPY_HIGH_RISK_DRUG, BADGE },
	{ "and the journal says who looked at what", "recorded", play_in_history, .who = RUIZ,
	  .words = WORDS("history", "--event", "witness", "-n", "5"), .text = "morphine 2 mg",
	  BADGE },
	{ "Lee's own tap locks", "locked", play_hand, .hand = LEES_BADGE, BADGE },
	{ "Lee's session ends", "signed out", play_sign_out, BADGE },

	{ "new software: the engineer signs in by card", "signed in (strong)", play_talk,
	  .answers = WORDS(CARD_PIN), .needs = WITH_CARD | WITH_KEY,
	  .factor = CW_FACTOR_SMARTCARD },
	{ "without a receipt it is refused", "deny", play_no_receipt, BOTH },
	{ "the engineer's card and the technician's key sign it", "confirmed", play_approve,
	  .answers = WORDS("yes", CARD_PIN, "sora", "security key", "yes", KEY_PIN), BOTH },
	{ "the receipt is written to a file", "written", play_write, BOTH },
	{ "approval verify, where there is no broker", "valid (card and key)", play_verify,
	  .text = "update", BOTH },
	{ "approval verify: a changed object", "refused", play_verify, .text = "changed", BOTH },
	{ "the pump refuses a changed object as well", "deny", play_redeem_update, .text = "changed",
	  BOTH },
	{ "and installs what was approved", "allow", play_redeem_update, BOTH },
	{ "once", "deny", play_redeem_update, BOTH },
	{ "the engineer goes", "signed out", play_sign_out, BOTH },
	{ "and takes the card along", "taken", play_take, .hand = "@slot0 pull", CARD },
};

static const struct step hanging[] = {
	{ "a card that hangs: its sign-in waits", "waiting", play_begin, .hand = "@slot0 delay 60000",
	  CARD },
	{ "meanwhile break-glass opens care", "granted", play_glass, .who = KIM, CARD },
	{ "care in the emergency", "allow (emergency)", play_use, .action = CW_ACT_THERAPY_RATE,
	  .text = "rate 5.0 ml/h", CARD },
	{ "the sign-in ends with a clear word", "token-late", play_late, .hand = "@slot0 clear",
	  CARD },
	{ "the emergency is ended", "ended", play_end, CARD },
};

const struct more shift_tokens = { day, sizeof(day) / sizeof(day[0]) };
const struct more shift_hanging = { hanging, sizeof(hanging) / sizeof(hanging[0]) };
