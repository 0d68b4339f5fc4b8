/* SPDX-License-Identifier: Apache-2.0 */
#include "ui-glue/demo/hospital.h"

#include <stdio.h>
#include <string.h>

#include "ui-glue/demo/child.h"

#define WORDS_MAX 16u

/* At least 15 characters for whoever may do more than care; nothing out of a dictionary. */
static const struct person staff[N_PEOPLE] = {
	[ADAMS] = { "adams", "Ada Adams", "admin", "four brass kettles sing" },
	[LEE] = { "lee", "Nurse Lee", "nurse", "green marmalade 41 hats" },
	[KIM] = { "kim", "Nurse Kim", "nurse", "slow harbour 77 lanterns" },
	[OKAFOR] = { "okafor", "Dr Okafor", "physician", "seven quiet orchards by noon" },
	[BERG] = { "berg", "B. Berg (biomed)", "biomed", "rusty anvil under 3 willows" },
	[SORA] = { "sora", "S. Sora (service)", "service", "eleven copper gates at dusk" },
	[RUIZ] = { "ruiz", "R. Ruiz (review)", "reviewer", "nobody paints the moon twice" },
};

void hospital_init(struct hospital *h, struct broker *broker) {
	memset(h, 0, sizeof(*h));
	h->broker = broker;
	memcpy(h->people, staff, sizeof(h->people));
}

int hospital_run(struct hospital *h, const char *const *words, const char *const *lines) {
	const char *args[WORDS_MAX + 10] = { h->broker->places->cli };
	size_t n = 1;

	for (size_t i = 0; i < WORDS_MAX && words[i]; ++i)
		args[n++] = words[i];
	args[n++] = "--socket";
	args[n++] = h->broker->service;
	args[n++] = "--broker-uid";
	args[n++] = h->broker->uid_text;
	args[n++] = "--format";
	args[n++] = "json";
	if (lines) {
		args[n++] = "--password-fd";
		args[n++] = "9";
	}
	args[n] = NULL;
	return child_run(args, lines, h->out, sizeof(h->out));
}

int hospital_run_as(struct hospital *h, enum who who, const char *const *words) {
	const char *all[WORDS_MAX] = { NULL };
	const char *const lines[] = { h->people[who].password, h->people[who].password, NULL };
	size_t n = 0;

	while (words[n] && n + 3 < WORDS_MAX) {
		all[n] = words[n];
		++n;
	}
	all[n++] = "--as";
	all[n] = h->people[who].name;
	return hospital_run(h, all, lines);
}

int hospital_commission(struct hospital *h) {
	struct person *adams = &h->people[ADAMS];
	const char *const words[] = { "init", adams->name, "--role", adams->role, NULL };
	int status = hospital_run(h, words, NULL);

	if (status == 0 && (!hospital_text(h, "secret", adams->one_time, sizeof(adams->one_time)) ||
	                    !hospital_text(h, "recovery", h->recovery, sizeof(h->recovery)) ||
	                    !hospital_text(h, "anchor", h->anchor, sizeof(h->anchor))))
		return 3;
	return status;
}

int hospital_add(struct hospital *h, enum who who) {
	struct person *p = &h->people[who];
	const char *const words[] = { "user", "add", p->name, "--role", p->role, "--display",
				      p->display, NULL };
	int status = hospital_run_as(h, ADAMS, words);

	if (status == 0 && !hospital_text(h, "secret", p->one_time, sizeof(p->one_time)))
		return 3;
	return status;
}

int hospital_first_sign_in(struct hospital *h, enum who who) {
	const struct person *p = &h->people[who];
	const char *const words[] = { "sign-in", p->name, NULL };
	const char *const out[] = { "sign-out", NULL };
	const char *const lines[] = { p->one_time, p->password, p->password, NULL };
	int status = hospital_run(h, words, lines);

	return status == 0 ? hospital_run(h, out, NULL) : status;
}

bool hospital_text(const struct hospital *h, const char *key, char *ret_text, size_t room) {
	char pattern[64];
	const char *p = NULL;
	size_t n = 0;

	(void)snprintf(pattern, sizeof(pattern), "\"%s\": ", key);
	p = strstr(h->out, pattern);
	if (!p)
		return false;
	p += strlen(pattern);
	p += *p == '"';
	n = strcspn(p, "\",\n}");
	(void)snprintf(ret_text, room, "%.*s", (int)n, p);
	return n > 0;
}
