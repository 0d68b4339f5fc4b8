/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CD-30: every function of libpcsclite that the watcher calls, at every call, fails in
 * several ways, lies, or fails for ever; and what looks for security keys, as well
 *
 * The library is a script: readers, what lies in them, and one fault. The watcher is
 * real. Whatever fails, no card is told that is not there, none stays that is gone,
 * nothing is left open, and what comes after is told as if nothing had been.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <winscard.h>

#include "common/bytes.h"
#include "common/cleanup.h"
#include "tests/tokens/run.h"
#include "tests/tokens/watching.h"
#include "tokens/watch.h"

#define READER "Desk Reader 00 00"
#define BADGE_ID "04a2245a6b1d80"
#define LONGEST_MS 60000
#define WAIT_MS 20  /* of the script, for one second of pcscd                           */
#define CALLS_MAX 6u

enum function { ESTABLISH, RELEASE, LIST, STATUS, CONNECT, TRANSMIT, DISCONNECT, N_FUNCTIONS };

static const char *const names[N_FUNCTIONS] = {
	"SCardEstablishContext", "SCardReleaseContext", "SCardListReaders", "SCardGetStatusChange",
	"SCardConnect",          "SCardTransmit",       "SCardDisconnect",
};

static const struct way {
	const char *words;
	LONG value;
	bool is_done; /* it has been done all the same                               */
	bool is_lie;  /* nothing has been done, and it says so                         */
} ways[] = {
	{ "says internal error", SCARD_F_INTERNAL_ERROR, false, false },
	{ "says that there is no service", SCARD_E_NO_SERVICE, false, false },
	{ "says that there are no readers", SCARD_E_NO_READERS_AVAILABLE, false, false },
	{ "says that nobody knows the reader", SCARD_E_UNKNOWN_READER, false, false },
	{ "says that the handle is none", SCARD_E_INVALID_HANDLE, false, false },
	{ "says that the card is gone", SCARD_W_REMOVED_CARD, false, false },
	{ "says that nothing has changed", SCARD_E_TIMEOUT, false, false },
	{ "says what nobody knows", 0x7d, false, false },
	{ "works and says internal error", SCARD_F_INTERNAL_ERROR, true, false },
	{ "does nothing and says ok", SCARD_S_SUCCESS, false, true },
};

enum content { NOTHING = 0, CARD, BADGE };

/* What pcscd would know, and the fault. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool there; /* the reader                                                    */
	bool is_news; /* ... since the last look                                       */
	enum content content;
	DWORD events;
	/* fault */
	enum function function;
	unsigned call; /* 0: none                                                    */
	bool for_ever;
	const struct way *way;
	unsigned calls[N_FUNCTIONS];
	unsigned struck;
	int contexts, handles;
} pcscd = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

/* Holds the lock. */
static const struct way *strike(enum function function) {
	unsigned n = ++pcscd.calls[function];

	if (pcscd.call == 0 || pcscd.function != function || n < pcscd.call ||
	    (n > pcscd.call && !pcscd.for_ever))
		return NULL;
	++pcscd.struck;
	return pcscd.way;
}

static LONG done(LONG result) {
	(void)pthread_mutex_unlock(&pcscd.lock);
	return result;
}

/* Return: the fault's answer is to be given, and nothing else be done. */
static bool begin_call(enum function function, const struct way **ret_way) {
	(void)pthread_mutex_lock(&pcscd.lock);
	*ret_way = strike(function);
	return *ret_way && !(*ret_way)->is_done;
}

static LONG answer(const struct way *way, LONG result) {
	return done(way ? way->value : result);
}

/* --- the library ---------------------------------------------------------------- */

LONG __wrap_SCardEstablishContext(DWORD scope, LPCVOID a, LPCVOID b, LPSCARDCONTEXT ret);
LONG __wrap_SCardEstablishContext(DWORD scope, LPCVOID a, LPCVOID b, LPSCARDCONTEXT ret) {
	const struct way *way;

	if (begin_call(ESTABLISH, &way)) {
		pcscd.contexts += way->is_lie ? 1 : 0; /* it will be released            */
		return answer(way, 0);
	}
	*ret = 77;
	pcscd.contexts += way ? 0 : 1;
	return answer(way, SCARD_S_SUCCESS);
}

LONG __wrap_SCardReleaseContext(SCARDCONTEXT context);
LONG __wrap_SCardReleaseContext(SCARDCONTEXT context) {
	const struct way *way;

	(void)begin_call(RELEASE, &way);
	--pcscd.contexts;
	return answer(way, SCARD_S_SUCCESS);
}

LONG __wrap_SCardListReaders(SCARDCONTEXT context, LPCSTR groups, LPSTR list, LPDWORD n);
LONG __wrap_SCardListReaders(SCARDCONTEXT context, LPCSTR groups, LPSTR list, LPDWORD n) {
	static const char all[] = READER "\0";
	const struct way *way;

	if (begin_call(LIST, &way))
		return answer(way, 0);
	if (!pcscd.there)
		return answer(way, SCARD_E_NO_READERS_AVAILABLE);
	ck_assert_uint_ge(*n, sizeof(all));
	memcpy(list, all, sizeof(all));
	*n = sizeof(all);
	return answer(way, SCARD_S_SUCCESS);
}

static DWORD state_now(void) {
	return pcscd.events << 16 | (pcscd.content != NOTHING ? SCARD_STATE_PRESENT
							      : SCARD_STATE_EMPTY);
}

/* Return: SCARD_S_SUCCESS (something has changed); SCARD_E_UNKNOWN_READER; -1. */
static LONG look(SCARD_READERSTATE *states, DWORD n) {
	LONG result = pcscd.is_news ? SCARD_S_SUCCESS : -1;

	for (DWORD i = 1; i < n; ++i) {
		if (!pcscd.there || strcmp(states[i].szReader, READER) != 0)
			return SCARD_E_UNKNOWN_READER;
		states[i].dwEventState = state_now();
		if (states[i].dwEventState == states[i].dwCurrentState)
			continue;
		states[i].dwEventState |= SCARD_STATE_CHANGED;
		result = SCARD_S_SUCCESS;
	}
	pcscd.is_news = false;
	return result;
}

LONG __wrap_SCardGetStatusChange(SCARDCONTEXT context, DWORD ms, SCARD_READERSTATE *states,
				 DWORD n);
LONG __wrap_SCardGetStatusChange(SCARDCONTEXT context, DWORD ms, SCARD_READERSTATE *states,
				 DWORD n) {
	const struct way *way;
	struct timespec until;
	LONG result;

	if (begin_call(STATUS, &way))
		return answer(way, 0);
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += WAIT_MS * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	while ((result = look(states, n)) == -1)
		if (pthread_cond_timedwait(&pcscd.changed, &pcscd.lock, &until) != 0)
			return answer(way, SCARD_E_TIMEOUT);
	return answer(way, result);
}

LONG __wrap_SCardConnect(SCARDCONTEXT context, LPCSTR reader, DWORD share, DWORD wanted,
			 LPSCARDHANDLE ret, LPDWORD ret_protocol);
LONG __wrap_SCardConnect(SCARDCONTEXT context, LPCSTR reader, DWORD share, DWORD wanted,
			 LPSCARDHANDLE ret, LPDWORD ret_protocol) {
	const struct way *way;

	if (begin_call(CONNECT, &way)) {
		pcscd.handles += way->is_lie ? 1 : 0;
		return answer(way, 0);
	}
	if (pcscd.content == NOTHING)
		return answer(way, SCARD_E_NO_SMARTCARD);
	*ret = 4711;
	*ret_protocol = SCARD_PROTOCOL_T1;
	pcscd.handles += way ? 0 : 1;
	return answer(way, SCARD_S_SUCCESS);
}

LONG __wrap_SCardTransmit(SCARDHANDLE card, const SCARD_IO_REQUEST *pci, LPCBYTE p, DWORD n,
			  SCARD_IO_REQUEST *ret_pci, LPBYTE ret, LPDWORD ret_n);
LONG __wrap_SCardTransmit(SCARDHANDLE card, const SCARD_IO_REQUEST *pci, LPCBYTE p, DWORD n,
			  SCARD_IO_REQUEST *ret_pci, LPBYTE ret, LPDWORD ret_n) {
	static const uint8_t badge[] = { 0x04, 0xa2, 0x24, 0x5a, 0x6b, 0x1d, 0x80, 0x90, 0x00 };
	static const uint8_t no[] = { 0x6a, 0x81 };
	const struct way *way;
	bool is_badge;

	if (begin_call(TRANSMIT, &way))
		return answer(way, 0);
	is_badge = pcscd.content == BADGE;
	memcpy(ret, is_badge ? badge : no, is_badge ? sizeof(badge) : sizeof(no));
	*ret_n = is_badge ? sizeof(badge) : sizeof(no);
	return answer(way, SCARD_S_SUCCESS);
}

LONG __wrap_SCardDisconnect(SCARDHANDLE card, DWORD disposition);
LONG __wrap_SCardDisconnect(SCARDHANDLE card, DWORD disposition) {
	const struct way *way;

	(void)begin_call(DISCONNECT, &way);
	--pcscd.handles;
	return answer(way, SCARD_S_SUCCESS);
}

/* A second of the watcher's patience is a moment here. */
int __real_poll(struct pollfd *fds, nfds_t n, int ms);
int __wrap_poll(struct pollfd *fds, nfds_t n, int ms);
int __wrap_poll(struct pollfd *fds, nfds_t n, int ms) {
	return __real_poll(fds, n, n == 1 && ms == 1000 ? WAIT_MS : ms);
}

/* --- what happens at the desk ----------------------------------------------------- */

static struct watching w;
static bool card_is_in;
static const char *what = "";

static void put(enum content content) {
	(void)pthread_mutex_lock(&pcscd.lock);
	pcscd.content = content;
	++pcscd.events;
	(void)pthread_cond_broadcast(&pcscd.changed);
	(void)pthread_mutex_unlock(&pcscd.lock);
}

static void plug(bool there) {
	(void)pthread_mutex_lock(&pcscd.lock);
	pcscd.there = there;
	pcscd.is_news = true;
	(void)pthread_cond_broadcast(&pcscd.changed);
	(void)pthread_mutex_unlock(&pcscd.lock);
}

static void set_fault(enum function function, unsigned call, bool for_ever, const struct way *way) {
	(void)pthread_mutex_lock(&pcscd.lock);
	memset(pcscd.calls, 0, sizeof(pcscd.calls));
	pcscd.function = function;
	pcscd.call = call;
	pcscd.for_ever = for_ever;
	pcscd.way = way;
	pcscd.struck = 0;
	(void)pthread_mutex_unlock(&pcscd.lock);
}

static unsigned get(const unsigned *number) {
	unsigned n;

	(void)pthread_mutex_lock(&pcscd.lock);
	n = *number;
	(void)pthread_mutex_unlock(&pcscd.lock);
	return n;
}

/* Each sight fits to the ones before. */
static void fits(const struct token_sight *sight) {
	char hex[2 * TOKEN_BADGE_MAX + 1];

	if (sight->kind == TOKEN_SIGHT_CARD_IN) {
		ck_assert_msg(!card_is_in, "%s: a card came twice", what);
		card_is_in = true;
	} else if (sight->kind == TOKEN_SIGHT_CARD_OUT) {
		ck_assert_msg(card_is_in, "%s: a card went that never came", what);
		card_is_in = false;
	} else if (sight->kind == TOKEN_SIGHT_BADGE) {
		hex_encode(hex, sight->id, sight->n_id);
		ck_assert_msg(strcmp(hex, BADGE_ID) == 0, "%s: a badge %s", what, hex);
	}
}

/* Until this is told; what comes before has to fit. */
static void until(enum token_sight_kind kind, enum token_sight_kind or_kind) {
	struct token_sight sight;

	do {
		ck_assert_msg(watching_next(&w, LONGEST_MS, &sight), "%s: %u is not told", what, kind);
		fits(&sight);
	} while (sight.kind != kind && sight.kind != or_kind);
}

/* A card, and a badge. Where its id cannot be asked for, a badge is but a card. */
static void one_round(bool may_be_card) {
	enum token_sight_kind badge = may_be_card ? TOKEN_SIGHT_CARD_IN : TOKEN_SIGHT_BADGE;

	put(CARD);
	until(TOKEN_SIGHT_CARD_IN, TOKEN_SIGHT_CARD_IN);
	put(NOTHING);
	until(TOKEN_SIGHT_CARD_OUT, TOKEN_SIGHT_CARD_OUT);
	/* The same badge within a second is the same tap. */
	if (may_be_card || !card_is_in)
		put(BADGE);
	until(TOKEN_SIGHT_BADGE, badge);
	put(NOTHING);
	if (card_is_in)
		until(TOKEN_SIGHT_CARD_OUT, TOKEN_SIGHT_CARD_OUT);
}

/* A second, so that the next badge is another tap. */
static void rest(void) {
	const struct timespec t = { .tv_sec = 1, .tv_nsec = 300000000 };

	(void)nanosleep(&t, NULL);
}

static void begin(void) {
	w = (struct watching){ .rules = { .n_readers = 1, .badge.on = true } };
	w.rules.readers[0].kind = READER_PCSC;
	pcscd.there = true;
	pcscd.content = NOTHING;
	card_is_in = false;
}

static void stop(void) {
	watching_stop(&w);
	ck_assert_msg(pcscd.contexts == 0 && pcscd.handles == 0, "%s: %d contexts, %d handles left",
		      what, pcscd.contexts, pcscd.handles);
}

static void one_fault(enum function function, unsigned call, const struct way *way) {
	char text[128];

	(void)snprintf(text, sizeof(text), "%s %u %s", names[function], call, way->words);
	what = text;
	begin();
	set_fault(function, call, false, way);
	watching_start(&w);
	one_round(true);
	plug(false);
	until(TOKEN_SIGHT_READER_GONE, TOKEN_SIGHT_READER_GONE);
	plug(true);
	until(TOKEN_SIGHT_READER_BACK, TOKEN_SIGHT_READER_BACK);
	/* A context is given up only at the end, and where another fault has made it. */
	if (function != RELEASE)
		ck_assert_msg(get(&pcscd.struck) > 0, "%s: it did not strike", what);
	set_fault(function, 0, false, NULL);
	put(CARD);
	until(TOKEN_SIGHT_CARD_IN, TOKEN_SIGHT_CARD_IN);
	put(NOTHING);
	until(TOKEN_SIGHT_CARD_OUT, TOKEN_SIGHT_CARD_OUT);
	stop();
	what = "";
}

/* How often each function is called when nothing fails, and not more than is of use. */
static unsigned calls_of(enum function function) {
	unsigned n;

	begin();
	what = "nothing fails";
	set_fault(function, 0, false, NULL);
	watching_start(&w);
	one_round(false);
	n = get(&pcscd.calls[function]);
	stop();
	n += function == RELEASE ? 1 : 0;
	ck_assert_msg(n > 0, "%s is never called", names[function]);
	return n < CALLS_MAX ? n : CALLS_MAX;
}

START_TEST(CD_30_each_call_of_pcscd_fails_in_turn_and_the_truth_is_told) {
	unsigned n = calls_of((enum function)_i);

	for (unsigned call = 1; call <= n; ++call)
		for (size_t i = 0; i < ARRAY_SIZE(ways); ++i)
			one_fault((enum function)_i, call, &ways[i]);
}
END_TEST

/* From the first card on: the reader is told as gone, nobody spins, and it comes back. */
static const struct {
	enum function function;
	const struct way *way;
} for_ever[] = {
	{ ESTABLISH, &ways[1] }, { LIST, &ways[0] },   { LIST, &ways[2] },
	{ STATUS, &ways[0] },    { STATUS, &ways[3] },
};

START_TEST(CD_30_what_fails_for_ever_is_told_and_does_not_spin) {
	unsigned before, after;

	what = names[for_ever[_i].function];
	begin();
	set_fault(for_ever[_i].function, 0, false, NULL);
	watching_start(&w);
	one_round(false);
	set_fault(for_ever[_i].function, 1, true, for_ever[_i].way);
	if (for_ever[_i].function == ESTABLISH)
		set_fault(STATUS, 1, true, &ways[1]);
	put(CARD);
	until(TOKEN_SIGHT_READER_GONE, TOKEN_SIGHT_READER_GONE);
	before = get(&pcscd.struck);
	ck_assert_uint_gt(before, 0);
	rest();
	after = get(&pcscd.struck);
	/* A call needs some microseconds: a loop that does not wait makes many thousands. */
	ck_assert_msg(after - before < 1000, "%s: called %u times", what, after - before);
	set_fault(STATUS, 0, false, NULL);
	until(TOKEN_SIGHT_READER_BACK, TOKEN_SIGHT_READER_BACK);
	if (!card_is_in)
		until(TOKEN_SIGHT_CARD_IN, TOKEN_SIGHT_CARD_IN);
	put(NOTHING);
	until(TOKEN_SIGHT_CARD_OUT, TOKEN_SIGHT_CARD_OUT);
	stop();
}
END_TEST

/* --- security keys ------------------------------------------------------------------ */

/* What watch-key.c asks of the C library; 0: it is asked as ever. */
static struct {
	const char *function;
	unsigned call;
	int error;
	unsigned calls;
	unsigned struck;
} libc;

static bool fails(const char *function) {
	if (!libc.function || strcmp(libc.function, function) != 0 || ++libc.calls != libc.call)
		return false;
	++libc.struck;
	errno = libc.error;
	return true;
}

DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);
DIR *__wrap_opendir(const char *path) {
	return fails("opendir") ? NULL : __real_opendir(path);
}

struct dirent *__real_readdir64(DIR *folder);
struct dirent *__wrap_readdir64(DIR *folder);
struct dirent *__wrap_readdir64(DIR *folder) {
	return fails("readdir") ? NULL : __real_readdir64(folder);
}

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...) {
	return fails("open") ? -1 : __real_open64(path, flags, 0600);
}

ssize_t __real_read(int fd, void *p, size_t n);
ssize_t __wrap_read(int fd, void *p, size_t n);
ssize_t __wrap_read(int fd, void *p, size_t n) {
	return fails("read") ? -1 : __real_read(fd, p, n);
}

int __real_stat64(const char *path, struct stat *st);
int __wrap_stat64(const char *path, struct stat *st);
int __wrap_stat64(const char *path, struct stat *st) {
	return fails("stat") ? -1 : __real_stat64(path, st);
}

static unsigned keys_in, keys_out;

static void see_key(const struct token_sight *sight, void *userdata) {
	keys_in += sight->kind == TOKEN_SIGHT_KEY_IN;
	keys_out += sight->kind == TOKEN_SIGHT_KEY_OUT;
}

static const struct {
	const char *function;
	int error;
	bool may_go; /* it is told as gone, and as back at the next look               */
} key_faults[] = {
	{ "opendir", EMFILE, false }, { "opendir", ENOMEM, false }, { "opendir", ENOENT, true },
	{ "readdir", EIO, false },    { "open", EMFILE, false },    { "open", EACCES, false },
	{ "read", EIO, false },       { "stat", ENOENT, true },     { "stat", EACCES, true },
};

static const uint8_t fido[] = { 0x06, 0xd0, 0xf1, 0x09, 0x01, 0xa1, 0x01 };

/* Two keys, one that was there and one that comes, with the @call-th call failing. */
static bool one_key_fault(struct watch *watch, const char *folder, unsigned call, int i) {
	bool struck;

	keys_in = keys_out = 0;
	hid_plug(folder, "hidraw0", fido, sizeof(fido));
	watch_key_tick(watch, 0);
	ck_assert_uint_eq(keys_in, 1);
	hid_plug(folder, "hidraw1", fido, sizeof(fido));
	libc.calls = libc.struck = 0;
	libc.call = call;
	libc.error = key_faults[i].error;
	libc.function = key_faults[i].function;
	watch_key_tick(watch, 0);
	libc.function = NULL;
	struck = libc.struck > 0;
	ck_assert_msg(keys_out == 0 || key_faults[i].may_go, "%s %u: told as gone",
		      key_faults[i].function, call);
	watch_key_tick(watch, 0);
	ck_assert_msg(keys_in == 2 + keys_out, "%s %u: %u came, %u went", key_faults[i].function,
		      call, keys_in, keys_out);
	hid_unplug(folder, "hidraw0");
	hid_unplug(folder, "hidraw1");
	watch_key_tick(watch, 0);
	ck_assert_uint_eq(keys_in, keys_out);
	return struck;
}

START_TEST(each_call_that_looks_for_keys_fails_in_turn_and_the_next_look_tells_the_truth) {
	static struct token_rules rules = { .n_readers = 1 };
	static struct watch watch = { .rules = &rules, .see = see_key };
	char folder[] = "/tmp/careward-keys-XXXXXX";
	unsigned call = 1;

	if (strcmp(key_faults[_i].function, "stat") == 0)
		return; /* the next test */
	ck_assert_ptr_nonnull(mkdtemp(folder));
	rules.readers[0].kind = READER_USB_KEY;
	(void)snprintf(rules.readers[0].path, TOKEN_PATH_MAX, "%s", folder);
	watch.readers[0].rules = &rules.readers[0];
	while (one_key_fault(&watch, folder, call, _i))
		++call;
	ck_assert_uint_gt(call, 1);
	(void)rmdir(folder);
}
END_TEST

START_TEST(a_socket_that_cannot_be_looked_at_is_gone_until_it_can) {
	static struct token_rules rules = { .n_readers = 1 };
	static struct watch watch = { .rules = &rules, .see = see_key };

	if (strcmp(key_faults[_i].function, "stat") != 0)
		return;
	/* Some socket that every system has is not needed: a look at nothing changes nothing. */
	keys_in = keys_out = 0;
	rules.readers[0].kind = READER_KEY_SOCKET;
	(void)snprintf(rules.readers[0].path, TOKEN_PATH_MAX, "/nowhere");
	watch.readers[0].rules = &rules.readers[0];
	(void)snprintf(watch.readers[0].keys[0], LIMIT_NAME, "socket");
	libc.calls = libc.struck = 0;
	libc.call = 1;
	libc.error = key_faults[_i].error;
	libc.function = "stat";
	watch_key_tick(&watch, 0);
	libc.function = NULL;
	ck_assert_uint_eq(libc.struck, 1);
	ck_assert_uint_eq(keys_out, 1);
	watch_key_tick(&watch, 0);
	ck_assert_uint_eq(keys_out, 1);
	ck_assert_uint_eq(keys_in, 0);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("watch-calls");
	TCase *t = tcase_create("call");

	tcase_set_timeout(t, 280);
	tcase_add_loop_test(t, CD_30_each_call_of_pcscd_fails_in_turn_and_the_truth_is_told, 0,
			    N_FUNCTIONS);
	tcase_add_loop_test(t, CD_30_what_fails_for_ever_is_told_and_does_not_spin, 0,
			    ARRAY_SIZE(for_ever));
	tcase_add_loop_test(
		t, each_call_that_looks_for_keys_fails_in_turn_and_the_next_look_tells_the_truth, 0,
		ARRAY_SIZE(key_faults));
	tcase_add_loop_test(t, a_socket_that_cannot_be_looked_at_is_gone_until_it_can, 0,
			    ARRAY_SIZE(key_faults));
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
