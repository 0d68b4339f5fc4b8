/* SPDX-License-Identifier: Apache-2.0 */
/* Warnings about tokens: what a biomedical engineer would want to be asked. */
#include "policy/compile.h"

#include <careward/result.h>

#include "common/cleanup.h"

#define KIND(k) (1u << (k))

static bool has_reader(const struct token_rules *t, uint32_t kinds) {
	for (uint32_t i = 0; i < t->n_readers; ++i)
		if ((kinds & KIND(t->readers[i].kind)) != 0)
			return true;
	return false;
}

/* A factor that nobody can present at this device. */
static void warn_no_reader(const struct compile *c) {
	const struct token_rules *t = &c->p->settings.tokens;
	const struct parsed_tokens *p = &c->site.tokens;
	const struct {
		bool on;
		uint32_t kinds, line;
		const char *what, *readers;
	} factors[] = {
		{ t->smartcard.on, KIND(READER_PCSC), p->smartcard.item.line, "smartcard",
		  "\"pcsc\"" },
		{ t->security_key.on, KIND(READER_USB_KEY) | KIND(READER_KEY_SOCKET),
		  p->security_key.item.line, "security_key", "\"usb-key\"" },
		{ t->badge.on, KIND(READER_PCSC) | KIND(READER_SERIAL) | KIND(READER_WEDGE),
		  p->badge.item.line, "badge", "\"pcsc\", \"serial\" or \"wedge\"" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(factors); ++i)
		if (factors[i].on && !has_reader(t, factors[i].kinds))
			warn(&c->site_file.r, factors[i].line, "tokens.%s is on, but device.cfg has no "
			     "reader of kind %s; this device cannot read it", factors[i].what,
			     factors[i].readers);
}

static bool something_is_strong(const struct token_rules *t) {
	return t->smartcard.on || (t->security_key.on &&
	                           t->security_key.verification == KEY_VERIFY_REQUIRED);
}

/* Somebody has to be able to do what asks for a token with a PIN. */
static void warn_nobody_is_strong(const struct compile *c) {
	const struct policy_table *t = &c->p->table;

	if (something_is_strong(&c->p->settings.tokens))
		return;
	for (uint32_t i = 0; i < t->n_actions; ++i) {
		const struct policy_action *a = &t->actions[i];

		if ((a->kind == CW_KIND_SENSITIVE || a->kind == CW_KIND_GUARDED) &&
		    a->assurance == CW_ASSURANCE_STRONG && a->roles != 0)
			warn(&c->site_file.r, c->site.tokens.item.line,
			     "\"%s\" asks for \"strong\", which no token of this site proves; nobody "
			     "can do it. Add tokens.smartcard or tokens.security_key",
			     t->action_names[i]);
	}
	for (uint32_t i = 0; i < c->site.n_contexts; ++i)
		if (c->site.contexts[i].guarded == CW_ASSURANCE_STRONG)
			warn(&c->site_file.r, c->site.contexts[i].item.line,
			     "context \"%s\" asks for \"strong\", which no token of this site proves; "
			     "only care is possible in it", c->site.contexts[i].name);
}

static void warn_contexts(const struct compile *c) {
	const struct badge_rules *badge = &c->p->settings.tokens.badge;

	for (uint32_t i = 0; i < c->site.n_contexts; ++i) {
		const struct parsed_context *p = &c->site.contexts[i];

		if (badge->on && p->care == CW_ASSURANCE_NONE)
			warn(&c->site_file.r, p->item.line, "context \"%s\" asks nothing for care "
			     "although there are badges; care = \"badge\" would at least leave a name",
			     p->name);
		if (p->care == CW_ASSURANCE_CODE && (!badge->on || badge->code_digits == 0))
			warn(&c->site_file.r, p->item.line, "context \"%s\" asks for a code, and nobody "
			     "has one: set tokens.badge.code_digits, or people need a password",
			     p->name);
	}
}

/* Rules that let in what others would refuse. */
static void warn_lenient(const struct compile *c) {
	const struct token_rules *t = &c->p->settings.tokens;
	const struct smartcard_rules *card = &t->smartcard;
	const struct security_key_rules *key = &t->security_key;
	const struct parsed_tokens *p = &c->site.tokens;
	const struct {
		bool said;
		uint32_t line;
		const char *text;
	} rules[] = {
		{ key->on && key->verification == KEY_VERIFY_NEVER, p->security_key.item.line,
		  "security keys are asked for no PIN (verification = \"never\"): whoever finds one "
		  "can use it, so they count as badges, and never as strong" },
		{ key->on && key->synced, p->security_key.item.line,
		  "security keys that can be copied (synced = true) count; a signature does not say "
		  "which copy made it" },
		{ card->on && card->missing == REVOCATION_RECORD, p->smartcard.item.line,
		  "revocation.missing is \"record\": a card that was revoked signs in while the list "
		  "is not there" },
		{ card->on && card->stale == REVOCATION_RECORD, p->smartcard.item.line,
		  "revocation.stale is \"record\": a card that was revoked after the last list signs "
		  "in" },
		{ card->on && card->service && !t->service_authority.file[0],
		  p->smartcard.item.line,
		  "tokens.smartcard.service is true, but device.cfg names no service_authority; no "
		  "card of the maker's people counts" },
		{ card->on && card->service && policy_role_index(&c->p->table, "service") < 0,
		  p->smartcard.item.line,
		  "tokens.smartcard.service is true, but there is no role \"service\"" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); ++i)
		if (rules[i].said)
			warn(&c->site_file.r, rules[i].line, "%s", rules[i].text);
}

void check_tokens(const struct compile *c) {
	warn_no_reader(c);
	warn_nobody_is_strong(c);
	warn_contexts(c);
	warn_lenient(c);
}
