/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration files: looking for mistakes, putting in force. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include <careward/result.h>

#include "common/bytes.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include "common/owned-file.h"
#include "ui-glue/cli/cli.h"
#include "ui-glue/cli/nearest.h"
#include "ui-glue/cli/output.h"

/* Content up to here travels in the frame, more of it as sealed memory. */
#define IN_FRAME_MAX (LIMIT_FRAME - 2048u)

static const char *const kinds[] = { "device", "site", "place" };

struct file {
	const char *path;
	const char *kind;
	unsigned char *content; /* heap                                             */
	size_t n;
	int memory;     /* sealed, when it is large; -1                                   */
	uint8_t digest[32];
	const struct call_event *approval; /* NULL: none yet                        */
};

static void file_done(struct file *f) {
	free(f->content);
	if (f->memory >= 0)
		(void)close(f->memory);
}

/* The kind from --kind or the name of the file. NULL: said already. */
static const char *kind_of(struct cli *cli, const char *path) {
	const char *given = cli_option(cli, OPT_KIND), *base = strrchr(path, '/');
	const char *near = given ? nearest(given, kinds, ARRAY_SIZE(kinds)) : NULL;
	size_t n;

	base = base ? base + 1 : path;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); ++i) {
		n = strlen(kinds[i]);
		if (given && strcmp(given, kinds[i]) == 0)
			return kinds[i];
		if (!given && strncmp(base, kinds[i], n) == 0 && strcmp(base + n, ".cfg") == 0)
			return kinds[i];
	}
	if (near)
		(void)cli_usage(cli, "there is no kind \"%s\"; did you mean %s?", given, near);
	else if (given)
		(void)cli_usage(cli, "--kind is device, site or place, not \"%s\"", given);
	else
		(void)cli_usage(cli, "what is %s? Say --kind device, site or place", path);
	return NULL;
}

/* Reads a regular file of 1 to LIMIT_CONFIG bytes. Return: 0; -errno. */
static int read_content(const char *path, struct file *f) {
	const int how = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	cleanup_(close_fdp) int fd = fd_lift(open(path, how));
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size <= 0)
		return -ENODATA;
	if ((uint64_t)st.st_size > LIMIT_CONFIG)
		return -EFBIG;
	f->content = malloc((size_t)st.st_size);
	if (!f->content)
		return -ENOMEM;
	while (f->n < (size_t)st.st_size) {
		n = read(fd, f->content + f->n, (size_t)st.st_size - f->n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EAGAIN;
		f->n += (size_t)n;
	}
	return 0;
}

/* Sealed for good, so that the broker can read it without fear. */
static int seal_content(struct file *f) {
	int fd = fd_lift(memfd_create("careward-config", MFD_CLOEXEC | MFD_ALLOW_SEALING));
	size_t done = 0;

	if (fd < 0)
		return fd;
	f->memory = fd;
	while (done < f->n) {
		ssize_t n = write(fd, f->content + done, f->n - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0
		       ? -errno
		       : 0;
}

static int take_file(struct cli *cli, const char *path, struct file *f) {
	unsigned n_digest = sizeof(f->digest);
	int r;

	f->path = path;
	f->kind = kind_of(cli, path);
	if (!f->kind)
		return CLI_USAGE;
	r = read_content(path, f);
	if (r == 0 && f->n > IN_FRAME_MAX)
		r = seal_content(f);
	if (r == 0 && EVP_Digest(f->content, f->n, f->digest, &n_digest, EVP_sha256(), NULL) != 1)
		r = -EIO;
	switch (r) {
	case 0:
		return CLI_YES;
	case -EINVAL:
		return cli_unknown(cli, "%s is no regular file", path);
	case -ENODATA:
		return cli_unknown(cli, "%s is empty", path);
	case -EFBIG:
		return cli_unknown(cli, "%s is larger than %u bytes", path, LIMIT_CONFIG);
	case -EAGAIN:
		return cli_unknown(cli, "%s changes while it is read", path);
	default:
		return cli_unknown(cli, "%s: %s", path, strerror(-r));
	}
}

static void fill_file(struct cli *cli, struct frame_writer *w, const void *data) {
	const struct file *f = data;

	frame_text(w, "kind", f->kind);
	if (f->memory < 0)
		frame_bytes(w, "content", f->content, f->n);
	if (f->approval)
		frame_bytes(w, "receipt", f->approval->receipt, f->approval->n_receipt);
}

/* Is it the file that the broker itself reads? @ret_path: heap, its path as the broker has it. */
static bool is_in_place(const struct file *f, const char *directory, char **ret_path) {
	cleanup_(free_charp) char *given = NULL, *here = NULL, *there = NULL;
	const char *slash = strrchr(f->path, '/'), *base = slash ? slash + 1 : f->path;
	int n = slash ? (int)(slash - f->path) + 1 : 0;

	if (asprintf(ret_path, "%s/%s.cfg", directory, f->kind) < 0) {
		*ret_path = NULL;
		return false;
	}
	if (strcmp(base, strrchr(*ret_path, '/') + 1) != 0)
		return false;
	if (asprintf(&given, "%.*s.", n, f->path) < 0) {
		given = NULL;
		return false;
	}
	here = realpath(given, NULL);
	there = realpath(directory, NULL);
	return here && there && strcmp(here, there) == 0;
}

/*
 * The broker was asked about the content. Would it read the file, too, by owner, mode,
 * links and directories, as far as that can be told from here? In its place an error.
 */
static void add_place(const struct file *f, json_t *reply) {
	const char *directory = json_text(reply, "directory");
	json_t *messages = json_object_get(reply, "messages");
	cleanup_(free_charp) char *path = NULL;
	char why[OWNED_WHY] = "", text[OWNED_WHY + 64];
	bool in_place = false;
	struct stat st;
	int fd;

	if (directory[0] == '\0')
		return;
	in_place = is_in_place(f, directory, &path);
	fd = owned_file_open(in_place ? path : f->path, (uid_t)json_number(reply, "uid"),
			     LIMIT_CONFIG, &st, why);
	if (fd >= 0)
		(void)close(fd);
	if (fd != -EINVAL)
		return;
	(void)snprintf(text, sizeof(text), "%s%s",
		       in_place ? "" : "carewardd would not read it as it lies here: ", why);
	(void)json_array_append_new(messages,
				    json_pack("{s:s, s:i, s:s, s:s}", "file", f->path, "line", 0,
					      "severity", in_place ? "error" : "warning", "text", text));
	if (in_place)
		(void)json_object_set_new(reply, "errors",
					  json_integer(json_number(reply, "errors") + 1));
}

/* `file:line: error: text`, with the name of the file as it was given. */
static void print_messages(const struct file *f, const json_t *reply) {
	const json_t *messages = json_object_get(reply, "messages"), *m = NULL;
	char own[32];

	(void)snprintf(own, sizeof(own), "%s.cfg", f->kind);
	for (size_t i = 0; i < json_array_size(messages); ++i) {
		const char *name = NULL;

		m = json_array_get(messages, i);
		name = json_text(m, "file");
		output_clean(stdout, strcmp(name, own) == 0 ? f->path : name);
		if (json_number(m, "line") > 0)
			(void)printf(":%lld", (long long)json_number(m, "line"));
		(void)printf(": %s: ", json_text(m, "severity"));
		output_clean(stdout, json_text(m, "text"));
		(void)putchar('\n');
	}
}

static int print_check(struct cli *cli, const struct file *f, const json_t *reply, int status,
                       const char *done) {
	int64_t errors = json_number(reply, "errors");

	if (!json_object_get(reply, "messages"))
		return cli_refused(cli, reply, status);
	if (cli->json) {
		if (output_json(reply) < 0)
			return CLI_UNKNOWN;
	} else {
		print_messages(f, reply);
		if (errors > 0)
			(void)printf("%lld error%s: refused\n", (long long)errors, errors == 1 ? "" : "s");
		else
			(void)printf("%s: %s\n", f->path, done);
	}
	return errors > 0 ? CLI_NO : status;
}

int run_check(struct cli *cli, char **args, unsigned n) {
	cleanup_(file_done) struct file f = { .memory = -1 };
	struct ask ask = { VERB_CHECK, fill_file, &f, -1, 0 };
	json_t *reply = NULL;
	int status = take_file(cli, args[0], &f);

	if (status != CLI_YES)
		return status;
	ask.fd = f.memory;
	reply = cli_ask(cli, &ask, &status);
	if (!reply)
		return status;
	if (json_object_get(reply, "messages"))
		add_place(&f, reply);
	status = print_check(cli, &f, reply, status, "no errors");
	json_decref(reply);
	return status;
}

/* Is it the confirmation that is missing, or only the fresh sign-in that comes with it? */
static bool wants_approval(const json_t *reply) {
	const char *verdict = json_text(reply, "verdict");

	return strcmp(verdict, "confirm") == 0 || strcmp(verdict, "re-authenticate") == 0;
}

/* The broker keeps what was installed; the file in its place should be the same. */
static void print_copy(const struct file *f, const json_t *reply) {
	(void)printf("The file in the configuration directory is another one. Make it the same, as root:\n"
		     "    install -m 0644 ");
	output_clean(stdout, f->path);
	(void)putchar(' ');
	output_clean(stdout, json_text(reply, "directory"));
	(void)printf("/%s.cfg\nUntil then an alarm says that they differ; it ends within 10 s.\n", f->kind);
}

int run_install(struct cli *cli, char **args, unsigned n) {
	cleanup_(file_done) struct file f = { .memory = -1 };
	struct ask ask = { VERB_CONFIG_INSTALL, fill_file, &f, -1, 0 };
	struct call_event approval = { 0 };
	char hex[65], words[LIMIT_WORDS], object[LIMIT_OBJECT];
	json_t *reply = NULL;
	int status = take_file(cli, args[0], &f);

	if (status != CLI_YES)
		return status;
	ask.fd = f.memory;
	reply = cli_ask(cli, &ask, &status);
	if (reply && status == CLI_NO && wants_approval(reply)) {
		json_decref(reply);
		hex_encode(hex, f.digest, sizeof(f.digest));
		(void)snprintf(object, sizeof(object), "%s.cfg", f.kind);
		(void)snprintf(words, sizeof(words), "Install %s.cfg (%zu bytes, SHA-256 %s)", f.kind,
		               f.n, hex);
		status = cli_authorize(cli, "careward.config", f.digest, object, words, &approval);
		if (status != CLI_YES)
			return status;
		f.approval = &approval;
		reply = cli_ask(cli, &ask, &status);
	}
	if (!reply)
		return status;
	status = print_check(cli, &f, reply, status, "installed");
	if (status == CLI_YES && !cli->json && json_object_get(reply, "in_place") &&
	    !json_true_at(reply, "in_place"))
		print_copy(&f, reply);
	json_decref(reply);
	return status;
}
