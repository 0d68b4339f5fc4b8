/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <careward/careward.h>

#include "run.h"

/*
 * Two seats as people use them: the command line asks, an application with the library
 * signs or refuses at the other seat; and the other way about.
 */

#define WORDS "Greatest rate 100 ml/h"

static struct caller service, ui;
static char recovery[64];
static char object[200], receipt[200];
static uint32_t broker_uid;

static const struct cw_action actions[] = {
	{ "therapy.start", CW_KIND_CARE },
	{ "settings.limits", CW_KIND_SENSITIVE },
	{ "therapy.high-risk-drug", CW_KIND_CARE },
};

static void begin(void) {
	FILE *f = NULL;

	broker_uid = world_has_two_uids() ? BROKER_UID : (uint32_t)getuid();
	world_start(&world);
	caller_open(&service, &world, "service");
	world_commission(&world, &service, recovery);
	caller_open(&ui, &world, "main");
	world_add(&service, &ui, "pia", "physician");
	world_add(&service, &ui, "paul", "physician");
	ck_assert_uint_eq(caller_call(&ui, "sign-out"), RESULT_OK);
	snprintf(object, sizeof(object), "%s/out", world.dir);
	ck_assert_int_eq(mkdir(object, 0777), 0);
	ck_assert_int_eq(chmod(object, 0777), 0);
	ck_assert_int_eq(chmod(world.dir, 0755), 0);
	snprintf(object, sizeof(object), "%s/out/limits", world.dir);
	snprintf(receipt, sizeof(receipt), "%s/out/receipt", world.dir);
	f = fopen(object, "we");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_gt(fprintf(f, "100\n"), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static void end(void) {
	caller_close(&ui);
	caller_close(&service);
	world_stop(&world);
}

/* ---- the command line ---------------------------------------------------------------- */

struct tool {
	pid_t pid;
	int out;
	char said[4096];
};

static void run_tool(struct tool *tool, const char *seat, const char *const *words,
		     const char *secrets) {
	char socket[200], uid[16];
	const char *fixed[] = { "careward", "--socket", socket, "--broker-uid", uid,
				"--password-fd", "7" };
	char *args[32] = { NULL };
	size_t n = 0;
	int out[2], in[2];

	snprintf(socket, sizeof(socket), "%s/%s", world.run, seat);
	snprintf(uid, sizeof(uid), "%u", broker_uid);
	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed) - (secrets[0] == '\0' ? 2 : 0); ++i)
		ck_assert_ptr_nonnull(args[n++] = strdup(fixed[i]));
	while (*words)
		ck_assert_ptr_nonnull(args[n++] = strdup(*words++));
	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
	ck_assert_int_eq(write(in[1], secrets, strlen(secrets)), (ssize_t)strlen(secrets));
	close(in[1]);
	tool->pid = fork();
	ck_assert_int_ge(tool->pid, 0);
	if (tool->pid == 0) {
		(void)dup2(in[0], 7);
		(void)dup2(out[1], STDOUT_FILENO);
		(void)dup2(out[1], STDERR_FILENO);
		if (world_has_two_uids() && (setgid(UI_UID) < 0 || setuid(UI_UID) < 0))
			_exit(98);
		(void)execv(TEST_CLI, args);
		_exit(99);
	}
	while (n > 0)
		free(args[--n]);
	close(in[0]);
	close(out[1]);
	tool->out = out[0];
	tool->said[0] = '\0';
}

/* Reads until it has said so, or has ended. */
static void wait_for(struct tool *tool, const char *text) {
	size_t n = strlen(tool->said);
	ssize_t r = 1;

	while ((!text || !strstr(tool->said, text)) && r > 0 && n < sizeof(tool->said) - 1) {
		struct pollfd p = { .fd = tool->out, .events = POLLIN };

		ck_assert_msg(poll(&p, 1, 30000) == 1, "careward says no more than: %s", tool->said);
		r = read(tool->out, tool->said + n, sizeof(tool->said) - 1 - n);
		n += r > 0 ? (size_t)r : 0;
		tool->said[n] = '\0';
	}
	ck_assert_msg(!text || strstr(tool->said, text), "careward says: %s", tool->said);
}

static int end_tool(struct tool *tool) {
	int status = 0;

	wait_for(tool, NULL);
	close(tool->out);
	ck_assert_int_eq(waitpid(tool->pid, &status, 0), tool->pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define TOOL(tool, seat, secrets, ...)                                                             \
	run_tool(tool, seat, (const char *const[]){ __VA_ARGS__, NULL }, secrets)
#define APPROVE                                                                                    \
	"approve", "settings.limits", object, "--words", WORDS, "--receipt", receipt, "--as", "pia"

/* ---- an application ------------------------------------------------------------------ */

static struct cw *open_app(const char *seat) {
	static char socket[200];
	const struct cw_options options = {
		.size = sizeof(options),
		.n_actions = 3,
		.actions = actions,
		.seat = seat,
		.socket = socket,
		.broker_uid = broker_uid,
	};
	struct cw *cw = NULL;

	snprintf(socket, sizeof(socket), "%s/%s", world.run, seat);
	ck_assert_int_eq(cw_open(&options, &cw), 0);
	return cw;
}

static void next(struct cw *cw, struct cw_event *event) {
	*event = (struct cw_event){ .size = sizeof(*event) };
	for (int i = 0; i < 300; ++i) {
		struct pollfd p = { .fd = cw_fd(cw), .events = POLLIN };

		if (cw_next_event(cw, event) == 1)
			return;
		(void)poll(&p, 1, 100);
		(void)cw_dispatch(cw);
		event->size = sizeof(*event);
	}
	ck_abort_msg("the library tells nothing");
}

/* Answers what is asked by kind; what ends the conversation is in *@ret. */
static void talk(struct cw *cw, uint64_t attempt, const char *confirm, struct cw_event *ret) {
	struct cw_prompt prompt;
	const char *answer = NULL;

	for (;;) {
		next(cw, ret);
		if (ret->attempt != attempt)
			continue;
		if (ret->kind != CW_EVENT_PROMPT)
			return;
		prompt = (struct cw_prompt){ .size = sizeof(prompt) };
		ck_assert_int_eq(cw_prompt(cw, attempt, &prompt), 0);
		answer = prompt.field == CW_FIELD_CONFIRM ? confirm : STAFF_PASSWORD;
		if (prompt.field == CW_FIELD_CONFIRM)
			ck_assert_str_eq(prompt.text, WORDS);
		if (prompt.field == CW_FIELD_NAME)
			return;
		ck_assert_int_eq(cw_answer(cw, attempt, answer, strlen(answer)), 0);
	}
}

static void sign_in(struct cw *cw, const char *name) {
	struct cw_event event;
	uint64_t attempt = 0;

	do
		next(cw, &event);
	while (event.kind != CW_EVENT_CONNECTED);
	ck_assert_int_eq(cw_sign_in(cw, CW_PURPOSE_SIGN_IN, name, &attempt), 0);
	talk(cw, attempt, "", &event);
	ck_assert_int_eq(event.kind, CW_EVENT_SIGNED_IN);
}

static struct cw_open_approval seen;
static unsigned n_seen;
static bool all_seen;

static void see(const struct cw_open_approval *approval, void *userdata) {
	ck_assert_ptr_eq(userdata, &seen);
	if (!approval) {
		all_seen = true;
		return;
	}
	seen = *approval;
	++n_seen;
}

static void look(struct cw *cw) {
	n_seen = 0;
	all_seen = false;
	ck_assert_int_eq(cw_approvals(cw, see, &seen), 0);
	ck_assert_int_eq(cw_approvals(cw, see, &seen), -EBUSY);
	for (int i = 0; i < 300 && !all_seen; ++i) {
		struct pollfd p = { .fd = cw_fd(cw), .events = POLLIN };

		(void)poll(&p, 1, 100);
		(void)cw_dispatch(cw);
	}
	ck_assert(all_seen);
}

static void wait_kind(struct cw *cw, enum cw_event_kind kind, struct cw_event *event) {
	do
		next(cw, event);
	while (event->kind != kind);
}

START_TEST(the_command_line_asks_and_an_application_signs) {
	struct cw_event event;
	struct tool tool;
	uint64_t attempt = 0;
	struct stat st;
	struct cw *cw = NULL;

	begin();
	cw = open_app("service");
	sign_in(cw, "paul");
	look(cw);
	ck_assert_uint_eq(n_seen, 0);
	TOOL(&tool, "main", STAFF_PASSWORD "\n" STAFF_PASSWORD "\n", APPROVE, "--yes",
	     "--elsewhere");
	wait_kind(cw, CW_EVENT_APPROVALS, &event);
	look(cw);
	ck_assert_uint_eq(n_seen, 1);
	ck_assert_str_eq(seen.words, WORDS);
	ck_assert_str_eq(seen.object, "limits");
	ck_assert_str_eq(seen.name, "pia");
	ck_assert_str_eq(seen.seat, "main");
	ck_assert_uint_eq(seen.action, 1);
	ck_assert_uint_le(seen.left_ms, 120000);
	ck_assert_int_eq(cw_countersign(cw, seen.approval, CW_FACTOR_NONE, &attempt), 0);
	talk(cw, attempt, "yes", &event);
	ck_assert_int_eq(event.kind, CW_EVENT_ATTEMPT_OVER);
	ck_assert_str_eq(event.message, "countersigned");
	ck_assert_msg(end_tool(&tool) == 0, "%s", tool.said);
	ck_assert_ptr_nonnull(strstr(tool.said, "another seat"));
	ck_assert_int_eq(stat(receipt, &st), 0);
	ck_assert_int_gt(st.st_size, 400);
	TOOL(&tool, "main", "", "redeem", "settings.limits", object, "--receipt", receipt);
	ck_assert_msg(end_tool(&tool) == 0, "%s", tool.said);
	TOOL(&tool, "main", "", "redeem", "settings.limits", object, "--receipt", receipt);
	ck_assert_msg(end_tool(&tool) == 1, "%s", tool.said);
	ck_assert_ptr_null(cw_close(cw));
	end();
}
END_TEST

START_TEST(the_application_refuses_and_the_command_line_says_why) {
	struct cw_event event;
	struct tool tool;
	struct stat st;
	struct cw *cw = NULL;

	begin();
	cw = open_app("service");
	sign_in(cw, "paul");
	TOOL(&tool, "main", STAFF_PASSWORD "\n" STAFF_PASSWORD "\n", APPROVE, "--yes",
	     "--elsewhere");
	wait_kind(cw, CW_EVENT_APPROVALS, &event);
	look(cw);
	ck_assert_uint_eq(n_seen, 1);
	ck_assert_int_eq(cw_refuse(cw, seen.approval, "Not for this ward"), 0);
	ck_assert_msg(end_tool(&tool) == 1, "%s", tool.said);
	ck_assert_ptr_nonnull(strstr(tool.said, "The second person has refused it."));
	ck_assert_ptr_nonnull(strstr(tool.said, "Not for this ward"));
	ck_assert_int_lt(stat(receipt, &st), 0);
	/* It is gone, and saying no again is told to be late. */
	wait_kind(cw, CW_EVENT_APPROVALS, &event);
	look(cw);
	ck_assert_uint_eq(n_seen, 0);
	ck_assert_int_eq(cw_refuse(cw, seen.approval, NULL), 0);
	wait_kind(cw, CW_EVENT_ERROR, &event);
	ck_assert_str_eq(event.message, "no-such-approval");
	ck_assert_ptr_null(cw_close(cw));
	end();
}
END_TEST

START_TEST(an_application_asks_and_the_command_line_lists_signs_and_refuses) {
	const uint8_t digest[32] = { 5 };
	uint8_t got[4096];
	size_t n = sizeof(got);
	struct cw_event event;
	struct tool tool;
	uint64_t attempt = 0;
	char number[24];
	struct cw *cw = NULL;

	begin();
	cw = open_app("main");
	sign_in(cw, "pia");
	ck_assert_int_eq(cw_authorize(cw, 1, digest, "limits", WORDS, &attempt), 0);
	talk(cw, attempt, "yes", &event);
	ck_assert_str_eq(event.message, "ask-second-name");
	TOOL(&tool, "service", STAFF_PASSWORD "\n", "approval", "list", "--as", "paul");
	ck_assert_msg(end_tool(&tool) == 0, "%s", tool.said);
	ck_assert_msg(strstr(tool.said, WORDS) != NULL, "%s", tool.said);
	ck_assert_ptr_nonnull(strstr(tool.said, "asked by pia at seat main"));
	snprintf(number, sizeof(number), "%llu", strtoull(tool.said, NULL, 10));
	TOOL(&tool, "service", STAFF_PASSWORD "\n" STAFF_PASSWORD "\n", "approval", "sign", number,
	     "--as", "paul", "--yes");
	ck_assert_msg(end_tool(&tool) == 0, "%s", tool.said);
	wait_kind(cw, CW_EVENT_AUTHORIZED, &event);
	ck_assert_uint_eq(event.attempt, attempt);
	ck_assert_int_eq(cw_receipt(cw, attempt, got, &n), 0);

	ck_assert_int_eq(cw_authorize(cw, 1, digest, "limits", WORDS, &attempt), 0);
	talk(cw, attempt, "yes", &event);
	ck_assert_str_eq(event.message, "ask-second-name");
	TOOL(&tool, "service", STAFF_PASSWORD "\n", "approval", "list", "--as", "paul", "--format",
	     "json");
	ck_assert_msg(end_tool(&tool) == 0, "%s", tool.said);
	ck_assert_ptr_nonnull(strstr(tool.said, "\"approval\""));
	snprintf(number, sizeof(number), "%llu",
		 strtoull(strstr(tool.said, "\"approval\"") + 11, NULL, 10));
	TOOL(&tool, "service", STAFF_PASSWORD "\n", "approval", "refuse", number, "--as", "paul",
	     "--reason", "Too high");
	ck_assert_msg(end_tool(&tool) == 0, "%s", tool.said);
	wait_kind(cw, CW_EVENT_ATTEMPT_OVER, &event);
	ck_assert_str_eq(event.message, "second-refused");
	ck_assert_str_eq(event.text, "Too high");
	/* Nothing is there any more, and a number is a number. */
	TOOL(&tool, "service", STAFF_PASSWORD "\n", "approval", "sign", number, "--as", "paul");
	ck_assert_int_eq(end_tool(&tool), 1);
	TOOL(&tool, "service", "", "approval", "sign", "seven");
	ck_assert_int_eq(end_tool(&tool), 2);
	/* And who asked takes it back, with a reason. */
	ck_assert_int_eq(cw_authorize(cw, 1, digest, "limits", WORDS, &attempt), 0);
	talk(cw, attempt, "yes", &event);
	ck_assert_int_eq(cw_cancel_because(cw, attempt, "A slip"), 0);
	ck_assert_ptr_null(cw_close(cw));
	end();
}
END_TEST

static enum cw_verdict use_drug(struct cw *cw, const char *dose) {
	enum cw_verdict v = CW_DENY;
	enum cw_reason reason;
	struct cw_event event;

	ck_assert_int_eq(cw_use(cw, 2, dose, cw_session(cw), &v, &reason, NULL), 0);
	/* What was used up or not is on the page when the broker has answered. */
	ck_assert_uint_eq(caller_call(&ui, "status"), RESULT_OK);
	event.size = sizeof(event);
	for (int i = 0; i < 5; ++i) {
		(void)cw_dispatch(cw);
		usleep(20000);
	}
	while (cw_next_event(cw, &event) == 1)
		event.size = sizeof(event);
	if (v != CW_ALLOW)
		ck_assert_int_eq(reason, CW_REASON_WITNESS);
	return v;
}

START_TEST(PO_06_what_was_looked_at_is_what_is_given) {
	const char *const answers[] = { "paul", STAFF_PASSWORD };
	struct cw_event event;
	struct cw_prompt prompt;
	uint64_t attempt = 0;
	unsigned n = 0;
	struct cw *cw = NULL;

	begin();
	world_add(&service, &ui, "lena", "lead");
	cw = open_app("main");
	sign_in(cw, "pia");
	ck_assert_int_eq(use_drug(cw, "morphine 2 mg, channel A"), CW_CONFIRM);
	ck_assert_int_eq(cw_witness(cw, 2, "morphine 2 mg, channel A", &attempt), 0);
	for (;;) {
		next(cw, &event);
		if (event.attempt != attempt)
			continue;
		if (event.kind != CW_EVENT_PROMPT)
			break;
		prompt = (struct cw_prompt){ .size = sizeof(prompt) };
		ck_assert_int_eq(cw_prompt(cw, attempt, &prompt), 0);
		ck_assert_uint_lt(n, 2);
		ck_assert_int_eq(cw_answer(cw, attempt, answers[n], strlen(answers[n])), 0);
		++n;
	}
	ck_assert_str_eq(event.message, "witnessed");
	ck_assert_int_eq(cw_check(cw, 2, NULL), CW_ALLOW);
	ck_assert_int_eq(use_drug(cw, "morphine 20 mg, channel A"), CW_CONFIRM);
	ck_assert_int_eq(use_drug(cw, "morphine 2 mg, channel B"), CW_CONFIRM);
	ck_assert_int_eq(use_drug(cw, NULL), CW_CONFIRM);
	ck_assert_int_eq(use_drug(cw, "morphine 2 mg, channel A"), CW_ALLOW);
	ck_assert_int_eq(use_drug(cw, "morphine 2 mg, channel A"), CW_CONFIRM);
	caller_sign_in(&ui, "lena");
	ck_assert_uint_eq(history_count(&ui, "use"), 1);
	ck_assert_uint_ge(history_count(&ui, "denied"), 5);
	ck_assert_ptr_null(cw_close(cw));
	end();
}
END_TEST

int main(void) {
	const TTest *const tests[] = {
		the_command_line_asks_and_an_application_signs,
		the_application_refuses_and_the_command_line_says_why,
		an_application_asks_and_the_command_line_lists_signs_and_refuses,
		PO_06_what_was_looked_at_is_what_is_given,
	};

	return RUN_TESTS("broker elsewhere", tests);
}
