/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Cards and contactless badges, as pcscd tells
 *
 * Every call of libpcsclite may block, and some for ever if pcscd hangs: a thread
 * of its own makes them and says what it sees in packets. It keeps what it saw
 * while pcscd is away, so that a restart tells only what has changed. When it says
 * nothing for some seconds, the readers are told to be gone.
 */

#include "tokens/watch.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <winscard.h>

#include "common/bytes.h"
#include "common/cleanup.h"

#define WAIT_MS 1000u    /* of one question to pcscd                                 */
#define PAUSE_MS 1000    /* before pcscd is tried again, and after it came back      */
#define UNKNOWN_MS 100   /* before a reader that pcscd does not know is asked for again */
#define STOP_MS 3000     /* for the thread to end                                    */
#define NAMES_MAX 2048u  /* bytes of all readers' names                              */
#define UID_MAX 10u
#define PNP "\\\\?PnP?\\Notification"

enum word {
	WORD_ROUND, /* nothing has happened, and it is alive                          */
	WORD_DOWN,  /* no pcscd                                                       */
	WORD_UP,
	WORD_READER,
	WORD_NO_READER,
	WORD_IN,
	WORD_OUT,
	WORD_BADGE,
	WORD_BADGE_OUT,
};

/* What the thread says: one packet. */
struct saying {
	enum word word;
	char name[MAX_READERNAME];
	size_t n_uid;
	uint8_t uid[UID_MAX];
};

enum content { EMPTY = 0, CARD, BADGE };

/* A reader as the thread knows it. */
struct known {
	char name[MAX_READERNAME]; /* empty: a free place                                  */
	bool listed;
	enum content content;
	DWORD state;             /* as pcscd told it last, with its count of events      */
};

struct pcsc {
	int fd;                  /* the thread's end; closed by the other: stop          */
	bool ask_uid;            /* badges count at this site                            */
	pthread_t thread;
	/* The loop's own: readers that are there, for each rule. */
	char there[PCSC_READERS_MAX][MAX_READERNAME];
	bool up;
	/* The thread's own. */
	SCARDCONTEXT context;
	struct known known[PCSC_READERS_MAX];
};

/* --- the thread ----------------------------------------------------------- */

/* Return: 0; -1 (nobody listens any more). */
static int say(const struct pcsc *pcsc, enum word word, const struct known *k, const uint8_t *uid,
	       size_t n_uid) {
	struct saying saying = { .word = word, .n_uid = n_uid };

	if (k)
		memcpy(saying.name, k->name, sizeof(saying.name));
	if (n_uid > 0)
		memcpy(saying.uid, uid, n_uid);
	return send(pcsc->fd, &saying, sizeof(saying), MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* Return: 0; -1 (stop). */
static int pause_thread(const struct pcsc *pcsc, int ms) {
	struct pollfd wait = { .fd = pcsc->fd, .events = POLLIN };

	return poll(&wait, 1, ms) == 0 ? 0 : -1;
}

/*
 * The id of what lies on a contactless reader, which answers the command itself.
 * Four bytes that begin with 08 are drawn anew at each tap: no badge's.
 *
 * Return: bytes; 0: none.
 */
static size_t ask_uid(SCARDCONTEXT context, const char *name, uint8_t ret_uid[UID_MAX]) {
	static const uint8_t command[] = { 0xff, 0xca, 0x00, 0x00, 0x00 };
	uint8_t answer[258];
	DWORD n = sizeof(answer), protocol = 0;
	SCARDHANDLE card = 0;
	LONG rv = SCardConnect(context, name, SCARD_SHARE_SHARED,
			       SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &card, &protocol);

	if (rv != SCARD_S_SUCCESS)
		return 0;
	rv = SCardTransmit(card, protocol == SCARD_PROTOCOL_T0 ? SCARD_PCI_T0 : SCARD_PCI_T1,
			   command, sizeof(command), NULL, answer, &n);
	(void)SCardDisconnect(card, SCARD_LEAVE_CARD);
	if (rv != SCARD_S_SUCCESS || n < 2 + 4 || n > 2 + UID_MAX || answer[n - 2] != 0x90 ||
	    answer[n - 1] != 0x00)
		return 0;
	if (n == 2 + 4 && answer[0] == 0x08)
		return 0;
	memcpy(ret_uid, answer, n - 2);
	return n - 2;
}

static int come(const struct pcsc *pcsc, struct known *k) {
	uint8_t uid[UID_MAX];
	size_t n = pcsc->ask_uid ? ask_uid(pcsc->context, k->name, uid) : 0;

	k->content = n > 0 ? BADGE : CARD;
	return say(pcsc, n > 0 ? WORD_BADGE : WORD_IN, k, uid, n);
}

static int go(const struct pcsc *pcsc, struct known *k) {
	enum content was = k->content;

	k->content = EMPTY;
	if (was == EMPTY)
		return 0;
	return say(pcsc, was == BADGE ? WORD_BADGE_OUT : WORD_OUT, k, NULL, 0);
}

/* pcscd counts events in the upper half: one that went and came between two looks shows. */
static int compare(const struct pcsc *pcsc, struct known *k, DWORD state) {
	bool present = (state & SCARD_STATE_PRESENT) != 0 && (state & SCARD_STATE_MUTE) == 0;
	bool is_other = k->state != 0 && (k->state >> 16) != (state >> 16);
	int r = 0;

	k->state = state & ~(DWORD)SCARD_STATE_CHANGED;
	if (k->content != EMPTY && (!present || is_other))
		r = go(pcsc, k);
	if (r == 0 && present && k->content == EMPTY)
		r = come(pcsc, k);
	return r;
}

static struct known *find(struct pcsc *pcsc, const char *name) {
	for (size_t i = 0; i < PCSC_READERS_MAX; ++i)
		if (strcmp(pcsc->known[i].name, name) == 0)
			return &pcsc->known[i];
	return NULL;
}

/* Readers that came and went. Return: 0; -1 (stop); 1 (pcscd is gone). */
static int list_readers(struct pcsc *pcsc) {
	char names[NAMES_MAX + 2] = ""; /* it ends, whatever was written into it         */
	DWORD n = NAMES_MAX;
	LONG rv = SCardListReaders(pcsc->context, NULL, names, &n);
	int r = 0;

	if (rv != SCARD_S_SUCCESS && rv != SCARD_E_NO_READERS_AVAILABLE)
		return 1;
	if (rv != SCARD_S_SUCCESS)
		names[0] = '\0';
	for (size_t i = 0; i < PCSC_READERS_MAX; ++i)
		pcsc->known[i].listed = false;
	for (const char *name = names; *name && r == 0; name += strlen(name) + 1) {
		struct known *k = find(pcsc, name);
		bool is_new = !k;

		if (is_new)
			k = find(pcsc, "");
		if (!k || strlen(name) >= sizeof(k->name))
			continue;
		(void)snprintf(k->name, sizeof(k->name), "%s", name);
		k->listed = true;
		if (is_new)
			r = say(pcsc, WORD_READER, k, NULL, 0);
	}
	for (size_t i = 0; i < PCSC_READERS_MAX && r == 0; ++i) {
		struct known *k = &pcsc->known[i];

		if (k->name[0] == '\0' || k->listed)
			continue;
		r = go(pcsc, k);
		if (r == 0)
			r = say(pcsc, WORD_NO_READER, k, NULL, 0);
		*k = (struct known){ .listed = false };
	}
	return r;
}

/* Waits for the next change. Return: 0; -1 (stop); 1 (pcscd is gone). */
static int wait_change(struct pcsc *pcsc) {
	SCARD_READERSTATE states[PCSC_READERS_MAX + 1] = { { .szReader = PNP } };
	struct known *of[PCSC_READERS_MAX + 1] = { NULL };
	DWORD n = 1;
	LONG rv;
	int r;

	for (size_t i = 0; i < PCSC_READERS_MAX; ++i)
		if (pcsc->known[i].name[0]) {
			of[n] = &pcsc->known[i];
			states[n].szReader = pcsc->known[i].name;
			states[n++].dwCurrentState = pcsc->known[i].state;
		}
	rv = SCardGetStatusChange(pcsc->context, WAIT_MS, states, n);
	if (rv == SCARD_E_UNKNOWN_READER || rv == SCARD_E_READER_UNAVAILABLE) {
		/* Where the list still has it, pcscd does not know its own readers: no round. */
		r = list_readers(pcsc);
		return r == 0 ? pause_thread(pcsc, UNKNOWN_MS) : r;
	}
	if (rv != SCARD_S_SUCCESS && rv != SCARD_E_TIMEOUT)
		return 1;
	r = say(pcsc, WORD_ROUND, NULL, NULL, 0);
	for (DWORD i = 1; i < n && r == 0 && rv == SCARD_S_SUCCESS; ++i)
		if (states[i].dwEventState & SCARD_STATE_CHANGED)
			r = compare(pcsc, of[i], states[i].dwEventState);
	/* Also when nothing has changed: a list that was wrong once is not wrong for ever. */
	return r == 0 ? list_readers(pcsc) : r;
}

/* Return: -1 (stop); 1 (pcscd is gone). */
static int serve_context(struct pcsc *pcsc, bool was_down) {
	int r = 0;

	/* A pcscd that has just begun does not know its readers and cards yet. */
	if (was_down)
		r = pause_thread(pcsc, PAUSE_MS);
	for (size_t i = 0; i < PCSC_READERS_MAX; ++i)
		pcsc->known[i].state = SCARD_STATE_UNAWARE; /* counts begin anew */
	if (r == 0)
		r = say(pcsc, WORD_UP, NULL, NULL, 0);
	if (r == 0)
		r = list_readers(pcsc);
	while (r == 0)
		r = wait_change(pcsc);
	return r;
}

static void *run_thread(void *userdata) {
	struct pcsc *pcsc = userdata;
	bool was_down = false;
	int r = 0;

	while (r >= 0) {
		if (SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &pcsc->context) ==
		    SCARD_S_SUCCESS) {
			r = serve_context(pcsc, was_down);
			(void)SCardReleaseContext(pcsc->context);
		}
		was_down = true;
		if (r >= 0 && (say(pcsc, WORD_DOWN, NULL, NULL, 0) < 0 ||
			       pause_thread(pcsc, PAUSE_MS) < 0))
			r = -1;
	}
	(void)close(pcsc->fd);
	return NULL;
}

/* --- the loop ------------------------------------------------------------- */

/* A rule is there when pcscd is, and any of its readers. */
static void tell_there(struct watch *watch) {
	const struct pcsc *pcsc = watch->pcsc;
	bool there[TOKEN_READERS_MAX] = { false };
	uint32_t reader = 0;

	for (size_t i = 0; i < PCSC_READERS_MAX; ++i)
		if (pcsc->there[i][0] && token_pcsc_rule(watch->rules, pcsc->there[i], &reader))
			there[reader] = pcsc->up && !watch->pcsc_silent;
	for (uint32_t i = 0; i < watch->rules->n_readers; ++i)
		if (watch->rules->readers[i].kind == READER_PCSC)
			watch_tell_there(watch, i, there[i]);
}

static void keep_name(struct pcsc *pcsc, const char *name, bool there) {
	for (size_t i = 0; i < PCSC_READERS_MAX; ++i)
		if (strcmp(pcsc->there[i], there ? "" : name) == 0) {
			(void)snprintf(pcsc->there[i], MAX_READERNAME, "%s", there ? name : "");
			return;
		}
}

static void hear(struct watch *watch, const struct saying *saying) {
	char hex[2 * UID_MAX + 1];
	uint32_t reader = 0;
	bool known = token_pcsc_rule(watch->rules, saying->name, &reader);

	switch (saying->word) {
	case WORD_UP:
	case WORD_DOWN:
		watch->pcsc->up = saying->word == WORD_UP;
		break;
	case WORD_READER:
	case WORD_NO_READER:
		keep_name(watch->pcsc, saying->name, saying->word == WORD_READER);
		break;
	case WORD_IN:
	case WORD_OUT:
		if (known)
			watch_tell(watch, reader,
				   saying->word == WORD_IN ? TOKEN_SIGHT_CARD_IN
							   : TOKEN_SIGHT_CARD_OUT,
				   saying->name);
		break;
	case WORD_BADGE:
		hex_encode(hex, saying->uid, saying->n_uid);
		if (known)
			watch_tell_line(watch, reader, BADGE_HEX, saying->name,
					(const uint8_t *)hex, 2 * saying->n_uid);
		break;
	case WORD_BADGE_OUT:
		if (known)
			watch_renew_badge(watch, reader);
		break;
	case WORD_ROUND:
	default:
		break;
	}
}

int watch_pcsc_start(struct watch *watch) {
	struct pcsc *pcsc = calloc(1, sizeof(*pcsc));
	int ends[2], r;

	if (!pcsc)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		r = -errno;
		free(pcsc);
		return r;
	}
	pcsc->fd = ends[1];
	pcsc->ask_uid = watch->rules->badge.on;
	r = pthread_create(&pcsc->thread, NULL, run_thread, pcsc);
	if (r != 0) {
		(void)close(ends[0]);
		(void)close(ends[1]);
		free(pcsc);
		return -r;
	}
	watch->pcsc = pcsc;
	watch->pcsc_fd = ends[0];
	return 0;
}

void watch_pcsc_ready(struct watch *watch) {
	struct saying saying;
	ssize_t n = recv(watch->pcsc_fd, &saying, sizeof(saying), MSG_DONTWAIT);

	if (n != sizeof(saying))
		return;
	watch->pcsc_tick = watch->tick;
	watch->pcsc_silent = false;
	hear(watch, &saying);
	/* Not at each reader of a list: the ones that follow are not gone. */
	if (saying.word == WORD_ROUND || saying.word == WORD_DOWN || saying.word == WORD_NO_READER)
		tell_there(watch);
}

void watch_pcsc_tick(struct watch *watch) {
	if (watch->pcsc_silent || watch->tick - watch->pcsc_tick < TICKS_SILENT)
		return;
	watch->pcsc_silent = true;
	tell_there(watch);
}

void watch_pcsc_stop(struct watch *watch) {
	struct pollfd wait = { .fd = watch->pcsc_fd };
	struct pcsc *pcsc = watch->pcsc;

	/* Whether it pauses or speaks, the thread learns of it; then it closes its end. */
	(void)send(watch->pcsc_fd, "", 1, MSG_NOSIGNAL);
	(void)shutdown(watch->pcsc_fd, SHUT_RD);
	if (poll(&wait, 1, STOP_MS) > 0) {
		(void)pthread_join(pcsc->thread, NULL);
		free(pcsc);
	} else {
		/* It hangs in the library with what is its own; the process ends soon. */
		(void)pthread_detach(pcsc->thread);
	}
	watch->pcsc = NULL;
	close_fdp(&watch->pcsc_fd);
	watch->pcsc_fd = -1;
}
