/* SPDX-License-Identifier: Apache-2.0 */
#include "ui-glue/messages/messages.h"

#include <stddef.h>
#include <string.h>

#include <careward/result.h>
#include <careward/sign_in.h>

struct numbered {
	unsigned number;
	const char *name;
	const char *words;
};

struct numbers {
	const struct numbered *list;
	size_t n;
};

static const struct numbered verdicts[] = {
	{ CW_DENY, "deny", "No." },
	{ CW_ALLOW, "allow", "Yes." },
	{ CW_SIGN_IN, "sign-in", "Sign in first." },
	{ CW_UNLOCK, "unlock", "Unlock the screen first." },
	{ CW_REAUTH, "re-authenticate", "Confirm first that it is you." },
	{ CW_CONFIRM, "confirm", "A confirmation is still missing." },
	{ CW_BREAK_GLASS, "break-glass", "Not in your role. In an emergency, break the glass." },
};

static const struct numbered reasons[] = {
	{ CW_REASON_NONE, "none", "Nothing is in the way." },
	{ CW_REASON_UNKNOWN_ACTION, "unknown-action", "This device has no such function." },
	{ CW_REASON_NO_SESSION, "no-session", "Nobody is signed in here." },
	{ CW_REASON_LOCKED, "locked", "The screen is locked." },
	{ CW_REASON_SUSPENDED, "suspended", "Suspended by an emergency: unlock it first." },
	{ CW_REASON_ROLE, "role", "Your role does not include this." },
	{ CW_REASON_ASSURANCE, "assurance", "This needs a stronger sign-in." },
	{ CW_REASON_STALE, "stale", "Your password is asked for once more." },
	{ CW_REASON_CONFIRMATION, "confirmation", "This has to be confirmed." },
	{ CW_REASON_WITNESS, "witness", "A second person has to check this." },
	{ CW_REASON_PRECONDITION, "precondition", "Not in the present state of the device." },
	{ CW_REASON_DEGRADED, "degraded", "Access control is not running: only care works." },
	{ CW_REASON_ALWAYS, "always", "Always allowed." },
	{ CW_REASON_GRANTED, "granted", "Allowed by role." },
	{ CW_REASON_EMERGENCY, "emergency", "Allowed because of the emergency." },
	{ CW_REASON_BAD_POLICY, "bad-policy", "The device has no valid configuration." },
	{ CW_REASON_OTHER_SESSION, "other-session", "Somebody else is signed in by now." },
	{ CW_REASON_NOT_RECORDED, "not-recorded", "It could not be recorded, so it was not done." },
};

static const struct numbered kinds[] = {
	{ CW_KIND_NONE, "none", "There is no such function." },
	{ CW_KIND_ALWAYS, "always", "Anybody may, at any moment." },
	{ CW_KIND_CARE, "care", "Care: by role; in an emergency anybody who breaks the glass." },
	{ CW_KIND_GUARDED, "guarded", "Guarded: by role, and never by breaking the glass." },
	{ CW_KIND_SENSITIVE, "sensitive",
	  "Sensitive: by role, after signing in once more, and confirmed." },
};

static const struct numbered assurances[] = {
	{ CW_ASSURANCE_NONE, "none", "nothing" },
	{ CW_ASSURANCE_BADGE, "badge", "a tapped badge" },
	{ CW_ASSURANCE_CODE, "code", "a badge and its code" },
	{ CW_ASSURANCE_PASSWORD, "password", "a password" },
	{ CW_ASSURANCE_STRONG, "strong", "a hardware token" },
};

static const struct numbered confirms[] = {
	{ CW_CONFIRM_NONE, "none", "no confirmation" },
	{ CW_CONFIRM_SAME_PERSON, "same-person", "confirmed once more by the same person" },
	{ CW_CONFIRM_SECOND_PERSON, "second-person", "confirmed by a second person" },
};

static const struct numbered factors[] = {
	{ CW_FACTOR_NONE, "none", "nothing" },
	{ CW_FACTOR_PASSWORD, "password", "password" },
	{ CW_FACTOR_BADGE, "badge", "badge" },
	{ CW_FACTOR_CODE, "code", "badge and code" },
	{ CW_FACTOR_SMARTCARD, "smartcard", "smartcard" },
	{ CW_FACTOR_FIDO2, "fido2", "security key" },
	{ CW_FACTOR_DIRECTORY, "directory", "hospital directory" },
	{ CW_FACTOR_RECOVERY, "recovery", "recovery code" },
};

static const struct numbered fields[] = {
	{ CW_FIELD_NONE, "none", "" },
	{ CW_FIELD_NAME, "name", "Name" },
	{ CW_FIELD_PASSWORD, "password", "Password" },
	{ CW_FIELD_NEW_PASSWORD, "new-password", "New password" },
	{ CW_FIELD_NEW_PASSWORD_AGAIN, "new-password-again", "New password again" },
	{ CW_FIELD_CODE, "code", "Code" },
	{ CW_FIELD_PIN, "pin", "PIN" },
	{ CW_FIELD_TOUCH, "touch", "Touch the key" },
	{ CW_FIELD_INSERT, "insert", "Insert the card or tap the badge" },
	{ CW_FIELD_CHOICE, "choice", "Choose" },
	{ CW_FIELD_RECOVERY, "recovery", "Recovery code" },
	{ CW_FIELD_CONFIRM, "confirm", "yes or no" },
};

static const struct numbered trusts[] = {
	{ 0, "unknown", "the clock was not set" },
	{ 1, "suspicious", "the clock was changed" },
	{ 2, "trusted", "the clock was right" },
};

static const struct numbered findings[] = {
	{ 0, "ok", "The journal is whole." },
	{ 1, "entry-edited", "An entry was changed after it was written." },
	{ 2, "chain-broken", "An entry does not follow the one before it." },
	{ 3, "entry-missing", "An entry is missing." },
	{ 4, "entry-malformed", "An entry cannot be read." },
	{ 5, "column-differs", "What entries are looked up by was changed." },
	{ 6, "index-damaged", "An index does not agree with the journal." },
	{ 7, "seal-forged", "The signature of a seal is not genuine." },
	{ 8, "seal-missing", "A seal is missing." },
	{ 9, "seal-differs", "A seal does not belong to these entries." },
	{ 10, "truncated", "Entries are missing at the end." },
	{ 11, "text-differs", "A text was changed after it was written." },
	{ 12, "head-differs", "The head that was given is not part of this journal." },
	{ 13, "database-damaged", "The database is damaged." },
	{ 14, "anchor-differs", "This is not the journal that began with the anchor given." },
	{ 15, "rows-differ", "The list of emergencies is not what the journal says." },
};

static const struct numbered results[] = {
	{ 0, "ok", "Done." },
	{ 1, "denied", "Not allowed." },
	{ 2, "busy", "Too much at once: try again in a moment." },
	{ 3, "not-found", "There is no such thing." },
	{ 4, "invalid", "A value is wrong." },
	{ 5, "exists", "It exists already." },
	{ 6, "stale", "It has changed meanwhile." },
	{ 7, "not-recorded", "It could not be recorded, so nothing was changed." },
	{ 8, "not-ready", "The device is not ready for this." },
	{ 9, "failed", "A part of the device failed." },
	{ 10, "last-admin", "Nobody would be left to administer the device." },
};

#define LIST(a) { a, sizeof(a) / sizeof(a[0]) }

static const struct numbers numbers[MESSAGE_N_KINDS] = {
	[MESSAGE_VERDICT] = LIST(verdicts),     [MESSAGE_REASON] = LIST(reasons),
	[MESSAGE_KIND] = LIST(kinds),           [MESSAGE_ASSURANCE] = LIST(assurances),
	[MESSAGE_CONFIRM] = LIST(confirms),     [MESSAGE_FACTOR] = LIST(factors),
	[MESSAGE_FIELD] = LIST(fields),         [MESSAGE_TRUST] = LIST(trusts),
	[MESSAGE_FINDING] = LIST(findings),     [MESSAGE_RESULT] = LIST(results),
};

static const struct numbered *find(enum message_kind kind, unsigned long number) {
	static const struct numbered none = { 0, "unknown", "Something this program does not know." };

	if ((unsigned)kind >= MESSAGE_N_KINDS)
		return &none;
	for (size_t i = 0; i < numbers[kind].n; ++i)
		if (numbers[kind].list[i].number == number)
			return &numbers[kind].list[i];
	return &none;
}

const char *message_name(enum message_kind kind, unsigned long number) {
	return find(kind, number)->name;
}

const char *message_words(enum message_kind kind, unsigned long number) {
	return find(kind, number)->words;
}

static const struct {
	const char *id;
	const char *words;
} texts[] = {
	/* Asking. Where the label says it all, there is no sentence. */
	{ "", "" },
	{ "ask-name", "" },
	{ "ask-password", "" },
	{ "ask-new-password", "Choose a new password." },
	{ "ask-new-password-forced",
	  "This password can only be changed. Choose one that nobody else knows." },
	{ "ask-new-password-again", "" },
	{ "ask-recovery-code", "The recovery code was written down when the device was set up." },
	{ "ask-admin-name", "A new administrator is made. Choose a name." },
	{ "ask-second-name", "A second person has to confirm this." },
	{ "ask-second-password", "The second person's password." },
	{ "ask-witness-name", "A second person: check it, and say who you are." },
	{ "confirm", "Is this what you want?" },
	{ "confirm-second", "The second person: do you confirm this?" },
	/* Asking for what somebody holds. */
	{ "insert-card", "Insert the card." },
	{ "insert-key", "Plug in the security key." },
	{ "tap-badge", "Hold the badge to the reader." },
	{ "ask-pin", "" },
	{ "ask-code", "" },
	{ "ask-name-for-key", "Whose security key is it?" },
	{ "pin-at-reader", "Type the PIN at the reader." },
	{ "pin-last-try", "One more wrong PIN locks the card or key. Type it all the same?" },
	{ "touch-key", "Touch the security key." },
	{ "choose-token", "Which one do you use?" },
	{ "choose-to-enrol", "Which one? Type its number." },
	{ "ask-new-code", "The person chooses the digits and types them. Nobody else looks." },
	{ "ask-new-code-again", "The same digits once more." },
	{ "enrol-sign-once", "The key is set up. Now it has to sign once." },
	/* What a token or a reader says. */
	{ "token-absent", "No card or security key was found." },
	{ "token-removed", "The card or key was taken away too early." },
	{ "reader-unavailable", "The reader does not answer." },
	{ "pin-wrong", "The PIN was wrong." },
	{ "pin-locked", "The PIN of this card or key is locked. Whoever gave it out can help." },
	{ "pin-invalid", "That cannot be the PIN: it is empty, too short or too long." },
	{ "pin-needed", "A PIN is needed." },
	{ "pin-unset", "It has no PIN yet: set one first." },
	{ "pin-blocked", "Too many wrong PINs: take the key out and put it in again." },
	{ "not-touched", "Nobody touched the key in time." },
	{ "token-unknown", "This card or key is not known to this device." },
	{ "token-unsupported", "There is nothing on it that this device can use." },
	{ "token-cancelled", "It was cancelled at the reader." },
	{ "token-failed", "The card, key or reader failed." },
	{ "token-late", "The card or key took too long. Try again." },
	{ "token-enrolled", "This key is enrolled for this person already." },
	{ "module-unusable", "The device cannot use cards or keys: its software for them fails." },
	{ "not-offered", "This site does not offer that way of signing in." },
	{ "token-not-enrolled", "You have no card or security key that is enrolled here." },
	{ "card-inserted", "A card was inserted." },
	{ "card-removed", "The card was removed." },
	{ "badge-tapped", "A badge was read." },
	{ "key-inserted", "A security key was plugged in." },
	{ "key-removed", "The security key was removed." },
	{ "reader-back", "The reader answers again." },
	/* Enrolling. */
	{ "enrolled", "Enrolled." },
	{ "enrol-refused", "It did not prove what it has to: not enrolled." },
	{ "enrol-chain", "It was not issued by an authority that this site trusts." },
	{ "enrol-validity", "Its certificate is not valid now." },
	{ "enrol-usage", "Its certificate is not for signing in." },
	{ "enrol-weak", "Its key is too weak." },
	{ "enrol-revoked", "Its certificate was revoked." },
	{ "enrol-list", "Whether it was revoked cannot be told: the list is missing or old." },
	{ "enrol-not-verified", "The key did not check who holds it." },
	{ "enrol-synced", "This key can be copied, and the site takes none that can." },
	{ "enrol-attestation", "This kind of key is not on the site's list." },
	{ "token-taken", "It is enrolled already, for this person or for somebody else." },
	{ "too-many-tokens", "This person has too many cards, keys and badges: revoke one first." },
	{ "code-off", "This site does not use badge codes." },
	{ "code-length", "It has too few or too many digits." },
	{ "code-digits", "A code has digits and nothing else." },
	{ "code-trivial", "Too easy to guess: not 1111, 1234 or 9876." },
	{ "code-like-badge", "It can be read off the badge." },
	{ "code-differs", "The two were not the same." },
	/* A new password that is not taken. */
	{ "password-bad-text", "A password is text, without control characters." },
	{ "password-classes", "It needs more kinds of characters." },
	{ "password-differs", "The two were not the same." },
	{ "password-in-dictionary", "It is too easy to guess." },
	{ "password-like-name", "It contains a name that belongs to you or to the device." },
	{ "password-like-old", "It is too much like the old one." },
	{ "password-reused", "It was used before." },
	{ "password-too-long", "It is too long." },
	{ "password-too-short", "It is too short. So many characters are the least:" },
	{ "password-too-soon", "The password was changed only a short time ago." },
	{ "password-unchecked", "It cannot be checked now: a part of the device failed." },
	{ "name-invalid", "This is no name that an account can have." },
	{ "name-taken", "This name was given before, and names are given once." },
	/* How it went. */
	{ "token-refused",
	  "Not recognised: this card, key, badge or code does not open this device." },
	{ "no-such-reader", "No badge reader types into this application." },
	{ "badge-unreadable",
	  "The badge cannot be read: its number does not have the form that is set for this reader." },
	{ "no-witness-asked", "This does not need a second person." },
	{ "witnessed", "Checked by a second person." },
	{ "witness-too-weak",
	  "That is not enough here: the second person needs a code, a password, a card or a key." },
	{ "signed-in", "Signed in." },
	{ "unlocked", "Unlocked." },
	{ "re-authenticated", "Thank you." },
	{ "password-changed", "The password was changed." },
	{ "recovered", "A new administrator was made, with an alarm." },
	{ "approved", "Confirmed." },
	{ "countersigned", "Confirmed. The seat that asked has the receipt." },
	{ "second-refused", "The second person has refused it." },
	{ "approval-gone", "That is no longer asked for." },
	{ "no-such-approval", "Nothing of this number waits for you." },
	{ "waiting-elsewhere", "Waiting for a second person, who signs at another seat." },
	{ "refused", "Name or password is wrong." },
	{ "wait", "Too many failures: please wait." },
	{ "busy", "Too much at once: try again in a moment." },
	{ "cancelled", "Given up." },
	{ "timed-out", "Nobody answered in time." },
	{ "stale", "Something has changed meanwhile: begin again." },
	{ "not-confirmed", "Not confirmed: nothing was done." },
	{ "not-entitled", "Your role does not include this." },
	{ "paired", "These two cannot confirm together: one set up the other's account." },
	{ "same-person", "The second person has to be somebody else." },
	{ "second-must-change", "The second person has to change the password first." },
	{ "not-recorded", "It could not be recorded, so it was not done." },
	{ "disconnected", "Access control does not answer." },
	{ "broker-foreign", "Somebody else pretends to be the access control: nothing is asked." },
	{ "done", "Done." },
	{ "storage-failed", "The device cannot record this now." },
	{ "failed", "A part of the device failed." },
	/* Why something is refused. */
	{ "account-has-ended", "This account has ended for good." },
	{ "already-initialised", "The device was set up before." },
	{ "passphrase-too-short", "The passphrase has fewer than 12 characters, or is no text." },
	{ "passphrase-or-file-wrong",
	  "The passphrase is another one, or the file is damaged or cut off: nothing was changed." },
	{ "not-a-token-file", "This is no file of tokens, or its device did not sign it." },
	{ "confirm-device-key", "Compare the device key with the one that the export showed." },
	{ "other-device-key", "Another device made this file: nothing was changed." },
	{ "older-export", "This file, or a newer one of that device, was imported before." },
	{ "too-many-tokens-for-a-file", "There are more tokens than one file holds." },
	{ "bad-label", "This is no label: too long, or with control characters." },
	{ "bad-name", "This is no name that an account can have." },
	{ "cannot-read-the-journal", "The journal cannot be read." },
	{ "changed-meanwhile", "Somebody changed it meanwhile: look again." },
	{ "closed-before", "This review was closed before." },
	{ "disk-full", "The storage is full." },
	{ "emergency-is-open", "The emergency is still open." },
	{ "invalid-value", "A value is wrong." },
	{ "last-administrator", "Nobody would be left to administer the device." },
	{ "name-was-given-before", "This name was given before, and names are given once." },
	{ "no-database", "The device has no database." },
	{ "no-memory", "The device is short of memory: try again in a moment." },
	{ "no-policy", "The device has no valid configuration." },
	{ "no-role-or-bad-validity", "An account needs a role, and has to end after it begins." },
	{ "no-role-that-grants-careward.accounts",
	  "The first account needs a role that may make accounts (careward.accounts)." },
	{ "no-session", "Nobody is signed in here." },
	{ "no-such-attempt", "This conversation is over." },
	{ "not-a-receipt-of-this-device", "This is no receipt of this device." },
	{ "not-found", "There is no such thing." },
	{ "not-initialised", "The device is not set up: run careward init." },
	{ "read-only", "The storage can only be read." },
	{ "row-damaged", "The record of this account is damaged." },
	{ "signal-of-another-seat", "Another seat sets this signal." },
	{ "too-many-roles", "Too many roles for one account." },
	{ "unknown-account", "There is no such account." },
	{ "unknown-action", "There is no such action." },
	{ "unknown-context", "There is no such context." },
	{ "unknown-event", "There is no such event." },
	{ "unknown-role", "There is no such role." },
	{ "unknown-signal", "There is no such signal." },
	{ "unknown-token-number", "There is no token of this number." },
	{ "verification-is-running", "The journal is being verified already: try again later." },
	/* Results of requests, where nothing else is said. */
	{ "ok", "Done." },
	{ "denied", "Not allowed." },
	{ "exists", "It exists already." },
	{ "invalid", "A value is wrong." },
	{ "last-admin", "Nobody would be left to administer the device." },
	{ "not-ready", "The device is not ready for this." },
	/* Notices and alarms. */
	{ "password-was-reset", "An administrator reset your password." },
	{ "database-missing-or-damaged", "The database is missing or damaged: care goes on." },
	{ "database-of-a-newer-release",
	  "The database is of a newer release of this software: care goes on." },
	{ "storage-fails", "The storage fails: care goes on, the rest is refused." },
	{ "runs-without-journal", "Nothing can be recorded: care goes on." },
	{ "not-oneself", "Nobody changes his own account; another administrator does." },
	{ "role-not-held", "This account does not have that role." },
	{ "ends-in-the-past", "It would have ended already: give a time that is still to come." },
	{ "receipt-was-used", "This receipt was used already; it is good for once." },
	{ "configuration-refused", "A configuration file is refused: see careward status." },
	{ "configuration-is-not-the-installed-one",
	  "A configuration file differs from the installed one: see careward status." },
	{ "no-configuration", "There is no valid configuration: only care works." },
	{ "clock-is-not-trusted", "The clock is not right." },
	{ "not-isolated", "Access control runs inside the application: for trials only." },
	{ "engine-was-restarted", "Access control had to be restarted." },
	{ "records-were-lost", "Some records were lost." },
	{ "recovery-code-was-used", "The recovery code was used." },
	{ "tokens-unavailable", "Cards, keys or readers do not work; passwords do." },
	{ "emergencies-were-changed",
	  "The list of emergencies is not what the journal says: run careward verify." },
	{ "card-authorities-unusable",
	  "Cards may be refused: an authority or a revocation list cannot be used. Passwords work." },
};

static const char *text_of(const char *id) {
	for (size_t i = 0; id && i < sizeof(texts) / sizeof(texts[0]); ++i)
		if (strcmp(texts[i].id, id) == 0)
			return texts[i].words;
	return NULL;
}

const char *message_text(const char *id) {
	const char *words = text_of(id);

	if (words)
		return words;
	return id ? id : "";
}

bool message_is_known(const char *id) {
	return text_of(id) != NULL;
}
