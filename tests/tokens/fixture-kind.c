/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A kind of token that does what FIXTURE says, and does it badly once where
 * FIXTURE_ONCE names a file: the file is removed by who takes it.
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/tokens/fixture-card.h"
#include "tokens/confine.h"
#include "tokens/speech.h"
#include "wire/frame.h"

#define JOB_FD 3

extern char **environ;

static bool is_bad(const char *what) {
	const char *wanted = getenv("FIXTURE");
	const char *once = getenv("FIXTURE_ONCE");

	if (!wanted || strcmp(wanted, what) != 0)
		return false;
	return !once || unlink(once) == 0;
}

/* In every step: hang, crash, end. */
static void misbehave(const char *step) {
	char what[64];

	(void)snprintf(what, sizeof(what), "hang-%s", step);
	while (is_bad(what))
		for (;;)
			(void)pause();
	(void)snprintf(what, sizeof(what), "spin-%s", step);
	if (is_bad(what))
		for (volatile unsigned i = 0;; ++i)
			;
	(void)snprintf(what, sizeof(what), "crash-%s", step);
	if (is_bad(what)) {
		(void)signal(SIGSEGV, SIG_DFL);
		(void)raise(SIGSEGV);
	}
	(void)snprintf(what, sizeof(what), "exit-%s", step);
	if (is_bad(what))
		_exit(0);
	(void)snprintf(what, sizeof(what), "close-%s", step);
	if (is_bad(what)) {
		(void)close(JOB_FD);
		for (;;)
			(void)pause();
	}
}

static void say_frame(const char *name, enum frame_kind kind) {
	uint8_t buffer[256];
	struct frame_writer w;

	frame_begin(&w, buffer, sizeof(buffer), kind, 0, name);
	frame_bool(&w, "ok", true);
	frame_uint(&w, "error", 0);
	frame_uint(&w, "tries", 0);
	if (frame_end(&w) == 0)
		(void)send(JOB_FD, buffer, w.n, MSG_NOSIGNAL);
}

static void say_answer(void) {
	static uint8_t buffer[LIMIT_FRAME];
	static struct token_answer answer;
	size_t n;

	answer.factor = CW_FACTOR_SMARTCARD;
	n = speech_answer(buffer, &answer);
	(void)send(JOB_FD, buffer, n, MSG_NOSIGNAL);
}

/* Words out of place, in look and in sign. */
static void lie(const char *step) {
	static uint8_t large[LIMIT_FRAME + 1];
	static uint8_t buffer[LIMIT_FRAME];
	char what[64];
	size_t n;

	(void)snprintf(what, sizeof(what), "ok-%s", step);
	if (is_bad(what)) {
		say_frame("ok", FRAME_EVENT);
		say_frame("ok", FRAME_REPLY);
		say_frame("failed", FRAME_EVENT); /* "no error" is no failure        */
	}
	(void)snprintf(what, sizeof(what), "garbage-%s", step);
	if (is_bad(what))
		(void)send(JOB_FD, "\xff\x00\x7f garbage", 11, MSG_NOSIGNAL);
	(void)snprintf(what, sizeof(what), "large-%s", step);
	if (is_bad(what))
		(void)send(JOB_FD, large, sizeof(large), MSG_NOSIGNAL);
	(void)snprintf(what, sizeof(what), "answer-%s", step);
	if (is_bad(what))
		say_answer();
	(void)snprintf(what, sizeof(what), "touch-%s", step);
	if (is_bad(what))
		for (;;) {
			n = speech_touch(buffer);
			if (send(JOB_FD, buffer, n, MSG_NOSIGNAL) < 0)
				return;
		}
	(void)snprintf(what, sizeof(what), "found-%s", step);
	if (is_bad(what)) {
		n = speech_found(buffer, 3);
		(void)send(JOB_FD, buffer, n, MSG_NOSIGNAL);
	}
}

/* ---- what a helper may, written where the test reads it ----------------------------- */

static void *thread_main(void *data) {
	*(int *)data = 1;
	return NULL;
}

static void *wait_for_ever(void *data) {
	for (;;)
		(void)pause();
	return data;
}

static int can_thread(void) {
	pthread_t thread;
	int ran = 0;

	if (pthread_create(&thread, NULL, thread_main, &ran) != 0)
		return 0;
	(void)pthread_join(thread, NULL);
	return ran;
}

/* As many as there may be, with stacks that take no room; and never an end. */
static void make_threads(void) {
	pthread_attr_t small;
	pthread_t thread;
	unsigned n = 0;

	(void)pthread_attr_init(&small);
	(void)pthread_attr_setstacksize(&small, 64 << 10);
	while (n < 4096 && pthread_create(&thread, &small, wait_for_ever, NULL) == 0)
		++n;
	for (;;)
		(void)pause();
}

static int can_fork(void) {
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static int can_exec(void) {
	char *const arguments[] = {(char[]){"true"}, NULL};
	/* Only a call that is refused comes back; one that is not finds no file. */
	int r = execve("/nowhere/at/all", arguments, arguments);

	return !(r < 0 && errno == EPERM);
}

static int can_socket(int family) {
	int fd = socket(family, SOCK_STREAM, 0);

	if (fd >= 0)
		(void)close(fd);
	return fd >= 0 || errno != EPERM;
}

static int is_allowed(long r) {
	return !(r < 0 && errno == EPERM);
}

/* To the kernel the upper half of the number is nothing; to a filter it is. */
static int can_type(unsigned long request) {
	return is_allowed(syscall(SYS_ioctl, -1, request, ""));
}

/* A descriptor of ours in somebody else's process, to be closed there. */
static int can_hand_over(void) {
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec part = {.iov_base = (char[]){"x"}, .iov_len = 1};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	int ends[2] = {-1, -1};
	int can;

	(void)!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends);
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&control.header), &ends[0], sizeof(int));
	can = is_allowed(sendmsg(ends[1], &message, MSG_NOSIGNAL | MSG_DONTWAIT));
	(void)close(ends[0]);
	(void)close(ends[1]);
	return can;
}

static void put_rights(struct token_candidate *c) {
	struct rlimit files = {0}, core = {0}, memory = {0};

	(void)getrlimit(RLIMIT_NOFILE, &files);
	(void)getrlimit(RLIMIT_CORE, &core);
	(void)getrlimit(RLIMIT_AS, &memory);
	c->n_certificate = (size_t)snprintf(
		(char *)c->certificate, sizeof(c->certificate),
		"thread=%d fork=%d exec=%d unix=%d inet=%d inet6=%d packet=%d netlink=%d ptrace=%d "
		"mount=%d bpf=%d keyctl=%d kill=%d unshare=%d setsid=%d files=%lu core=%lu memory=%d "
		"dumpable=%d uid=%u fd0=%d fd5=%d type=%d wide-type=%d ioctl=%d hand-over=%d",
		can_thread(), can_fork(), can_exec(), can_socket(AF_UNIX), can_socket(AF_INET),
		can_socket(AF_INET6), can_socket(AF_PACKET), can_socket(AF_NETLINK),
		/* Where nothing refuses it, it would be stopped by its next signal. */
		!confine_has_filter() || is_allowed(syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0)),
		is_allowed(syscall(SYS_mount, "x", "/nowhere", "tmpfs", 0, 0)),
		is_allowed(syscall(SYS_bpf, 0, 0, 0)),
		is_allowed(syscall(SYS_keyctl, 0, 0, 0, 0, 0)),
		is_allowed(kill(getppid(), 0)), is_allowed(unshare(0)), is_allowed(setsid()),
		(unsigned long)files.rlim_cur, (unsigned long)core.rlim_cur,
		memory.rlim_cur != RLIM_INFINITY, prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), geteuid(),
		fcntl(0, F_GETFD) >= 0, fcntl(5, F_GETFD) >= 0, can_type(TIOCSTI),
		can_type(TIOCSTI | 1ul << 32), can_type(TIOCINQ) && can_type(TIOCSTI ^ 1),
		can_hand_over());
}

static void put_environment(struct token_candidate *c) {
	size_t n = 0;

	for (char **e = environ; *e && n < sizeof(c->certificate); ++e)
		n += (size_t)snprintf((char *)c->certificate + n, sizeof(c->certificate) - n, "%s\n",
				      *e);
	c->n_certificate = n;
}

/* ---- the kind ------------------------------------------------------------------------ */

static int fixture_open(const struct token_rules *rules, void **ret_kind) {
	static int opened;

	if (rules->smartcard.module[0] == '/' && !dlopen(rules->smartcard.module, RTLD_NOW))
		return -ENOENT;
	misbehave("open");
	if (is_bad("fail-open"))
		return -EIO;
	*ret_kind = &opened;
	return 0;
}

static enum token_error fixture_look(void *kind, const struct token_look *look,
				     struct token_found *ret_found) {
	struct token_candidate *c = &ret_found->candidates[0];

	misbehave("look");
	lie("look");
	if (is_bad("absent"))
		return TOKEN_ABSENT;
	if (is_bad("reader-gone"))
		return TOKEN_READER_GONE;
	ret_found->n = 1;
	c->index = 7;
	c->tries_left = 3;
	c->needs_pin = true;
	(void)snprintf(c->reader, sizeof(c->reader), "Reader \xff\xfe %d", (int)getpid());
	(void)snprintf(c->label, sizeof(c->label), "%d", (int)getpid());
	if (fixture_has_card())
		fixture_card_look(c);
	if (getenv("FIXTURE_THREAD")) /* may this one have another thread?           */
		c->n_certificate = (size_t)snprintf((char *)c->certificate, sizeof(c->certificate),
						    "thread=%d", can_thread());
	if (is_bad("rights"))
		put_rights(c);
	else if (is_bad("environment"))
		put_environment(c);
	return TOKEN_OK;
}

static void bomb(void) {
	for (;;)
		if (fork() < 0 && errno == EPERM)
			return;
}

static enum token_error fixture_sign(void *kind, struct token_sign *sign,
				     const struct token_talk *talk, struct token_answer *ret_answer,
				     uint32_t *ret_tries) {
	misbehave("sign");
	lie("sign");
	if (is_bad("threads-sign"))
		make_threads();
	if (is_bad("bomb"))
		bomb();
	if (is_bad("touch"))
		talk->touch(talk->userdata);
	if (is_bad("twice"))
		say_answer();
	if (is_bad("pin-wrong") || sign->pin.n != 4) {
		*ret_tries = 2;
		return TOKEN_PIN_WRONG;
	}
	if (fixture_has_card()) {
		secret_wipe(&sign->pin);
		return fixture_card_sign(sign, ret_answer);
	}
	ret_answer->factor = is_bad("other-factor") ? CW_FACTOR_FIDO2 : CW_FACTOR_SMARTCARD;
	ret_answer->n_signature = 32;
	memcpy(ret_answer->signature, sign->digest, 32);
	secret_wipe(&sign->pin);
	return TOKEN_OK;
}

static void fixture_close(void *kind) {
	misbehave("close");
}

static const struct token_kind fixture = {
	.name = "fixture",
	.factor = CW_FACTOR_SMARTCARD,
	.open = fixture_open,
	.look = fixture_look,
	.sign = fixture_sign,
	.close = fixture_close,
};

const struct token_kind *const token_kinds[] = {&fixture, NULL};

int token_watch(const struct token_rules *rules, int stop_fd,
		void (*see)(const struct token_sight *sight, void *userdata), void *userdata) {
	struct token_sight sight = {.kind = TOKEN_SIGHT_BADGE, .name = "desk", .n_id = 4};
	const struct token_sight alive = {.kind = TOKEN_SIGHT_ALIVE};
	struct pollfd stop = {.fd = stop_fd, .events = POLLIN};

	misbehave("watch");
	lie("watch");
	if (is_bad("card-watch")) { /* a card, and then nothing more is to be heard */
		const struct token_sight card = {.kind = TOKEN_SIGHT_CARD_IN, .name = "desk"};

		see(&card, userdata);
		return 0;
	}
	if (is_bad("stay-watch")) { /* a card, and a watcher that stays              */
		const struct token_sight card = {.kind = TOKEN_SIGHT_CARD_IN, .name = "desk"};

		see(&card, userdata);
		sight.id[0] = 2;
	}
	while (is_bad("flood-watch") || sight.id[0] < 2) {
		see(&sight, userdata);
		++sight.id[0];
	}
	for (unsigned i = 1; poll(&stop, 1, 20) == 0; ++i) {
		if (fixture_card_is_pulled()) {
			see(&(struct token_sight){.kind = TOKEN_SIGHT_CARD_OUT,
						  .name = FIXTURE_CARD_READER},
			    userdata);
			fixture_card_told();
		}
		if (i % 50 == 0 && !is_bad("mute-watch"))
			see(&alive, userdata);
	}
	return 0;
}
