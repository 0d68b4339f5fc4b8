/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens from one device of the site to another. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd.h"
#include "ui-glue/cli/cli.h"
#include "ui-glue/cli/output.h"
#include "wire/memfd.h"

#define FILE_MAX (1u << 20)
#define KEY 32u

struct move {
	struct secret passphrase;
	bool has_key;
	uint8_t key[KEY];
	uint8_t *content;
	size_t n;
};

static void move_wipe(struct move *move) {
	free(move->content);
	explicit_bzero(move, sizeof(*move));
}

static void fill(struct cli *cli, struct frame_writer *w, const void *data) {
	const struct move *move = data;

	frame_bytes(w, "passphrase", move->passphrase.bytes, move->passphrase.n);
	if (move->has_key)
		frame_bytes(w, "device_key", move->key, sizeof(move->key));
}

/* Return: CLI_YES; CLI_UNKNOWN (said). */
static int ask_passphrase(struct cli *cli, const char *label, struct secret *ret) {
	int r = ask_line(&cli->asker, label, true, ret);

	if (r == 0)
		return CLI_YES;
	return cli_unknown(cli, "no passphrase: %s; --password-fd gives one",
	                   r == -ENXIO ? "there is no terminal to ask on" : "nothing was typed");
}

/* ---- export --------------------------------------------------------------------------- */

static int copy(struct cli *cli, const char *path, int fd, int memory, size_t n) {
	uint8_t buffer[4096];

	for (size_t done = 0; done < n;) {
		ssize_t got = pread(memory, buffer, sizeof(buffer), (off_t)done);

		if (got <= 0 || write(fd, buffer, (size_t)got) != got)
			return cli_unknown(cli, "%s: could not be written", path);
		done += (size_t)got;
	}
	return fsync(fd) < 0 ? cli_unknown(cli, "%s: %s", path, strerror(errno)) : CLI_YES;
}

/* The whole file, or none. */
static int write_file(struct cli *cli, const char *path, int memory, size_t n) {
	cleanup_(close_fdp) int fd = -1;
	int status;

	fd = fd_lift(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
	if (fd < 0)
		return cli_unknown(cli, "%s: %s", path, strerror(-fd));
	status = copy(cli, path, fd, memory, n);
	if (status != CLI_YES)
		(void)unlink(path);
	return status;
}

static int take_export(struct cli *cli, const char *path, int memory, json_t *reply, int status) {
	if (status != CLI_YES)
		return cli_refused(cli, reply, status);
	status = write_file(cli, path, memory, (size_t)json_number(reply, "size"));
	if (status != CLI_YES)
		return status;
	if (cli->json)
		return output_json(reply) == 0 ? CLI_YES : CLI_UNKNOWN;
	(void)printf("Tokens:      %llu\nDevice key:  %s\n",
	             (unsigned long long)json_number(reply, "tokens"),
	             json_text(reply, "device_key"));
	(void)printf("The other device shows this key as well: compare the two.\n");
	return CLI_YES;
}

int run_token_export(struct cli *cli, char **args, unsigned n) {
	cleanup_(close_fdp) int memory = -1;
	cleanup_(move_wipe) struct move move = { 0 };
	cleanup_(secret_wipe) struct secret again = { 0 };
	struct ask ask = { VERB_TOKEN_EXPORT, fill, &move, -1, 0 };
	json_t *reply = NULL;
	int status;

	if (access(args[0], F_OK) == 0)
		return cli_usage(cli, "%s: exists already", args[0]);
	memory = memfd_make("careward-tokens", 1);
	if (memory < 0)
		return cli_unknown(cli, "no memory: %s", strerror(-memory));
	ask.fd = memory;
	status = ask_passphrase(cli, "Passphrase of the site", &move.passphrase);
	if (status == CLI_YES)
		status = ask_passphrase(cli, "The same again", &again);
	if (status != CLI_YES)
		return status;
	if (again.n != move.passphrase.n ||
	    memcmp(again.bytes, move.passphrase.bytes, again.n) != 0)
		return cli_usage(cli, "the two passphrases were not the same");
	reply = cli_ask(cli, &ask, &status);
	if (!reply)
		return status;
	status = take_export(cli, args[0], memory, reply, status);
	json_decref(reply);
	return status;
}

/* ---- import --------------------------------------------------------------------------- */

static int read_file(struct cli *cli, const char *path, struct move *move) {
	cleanup_(close_fdp) int fd = fd_lift(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return cli_unknown(cli, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > (off_t)FILE_MAX)
		return cli_usage(cli, "%s: is no file of tokens", path);
	move->content = malloc((size_t)st.st_size);
	if (!move->content)
		return cli_unknown(cli, "no memory");
	move->n = (size_t)st.st_size;
	if (pread(fd, move->content, move->n, 0) != (ssize_t)move->n)
		return cli_unknown(cli, "%s: could not be read", path);
	return CLI_YES;
}

static bool key_from(const char *hex, uint8_t ret_key[KEY]) {
	unsigned byte = 0;

	if (strlen(hex) != (size_t)2 * KEY || strspn(hex, "0123456789abcdef") != (size_t)2 * KEY)
		return false;
	for (size_t i = 0; i < KEY; ++i) {
		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			return false;
		ret_key[i] = (uint8_t)byte;
	}
	return true;
}

static int not_confirmed(struct cli *cli) {
	(void)cli_usage(cli, "not confirmed: nothing was changed");
	return CLI_NO;
}

/* The key of the file has to be that of the device that it is said to come from. */
static int confirm_key(struct cli *cli, const json_t *reply, struct move *move) {
	cleanup_(secret_wipe) struct secret answer = { 0 };
	const char *hex = json_text(reply, "device_key");
	char line[160];

	if (!key_from(hex, move->key))
		return cli_unknown(cli, "the broker's answer cannot be read");
	(void)snprintf(line, sizeof(line), "Device key:  %s (%llu tokens)", hex,
	               (unsigned long long)json_number(reply, "tokens"));
	ask_say(line);
	if (cli->options[OPT_YES].n == 0) {
		if (ask_line(&cli->asker, "Is this the key that the export showed? yes or no", false,
		             &answer) < 0)
			return cli_unknown(cli, "cannot ask; --device-key or --yes answers");
		if (answer.n != 3 || memcmp(answer.bytes, "yes", 3) != 0)
			return not_confirmed(cli);
	}
	move->has_key = true;
	return CLI_YES;
}

static int finish_import(struct cli *cli, json_t *reply, int status) {
	if (status != CLI_YES)
		return cli_refused(cli, reply, status);
	if (cli->json)
		return output_json(reply) == 0 ? CLI_YES : CLI_UNKNOWN;
	(void)printf("New here:      %llu\nRevoked:       %llu\nKnown before:  %llu\nLeft out:      %llu\n",
	             (unsigned long long)json_number(reply, "imported"),
	             (unsigned long long)json_number(reply, "revoked"),
	             (unsigned long long)json_number(reply, "known"),
	             (unsigned long long)json_number(reply, "skipped"));
	return CLI_YES;
}

int run_token_import(struct cli *cli, char **args, unsigned n) {
	const char *hex = cli_option(cli, OPT_DEVICE_KEY);
	cleanup_(close_fdp) int memory = -1;
	cleanup_(move_wipe) struct move move = { 0 };
	struct ask ask = { VERB_TOKEN_IMPORT, fill, &move, -1, 0 };
	json_t *reply = NULL;
	int status = CLI_YES;

	if (hex && !key_from(hex, move.key))
		return cli_usage(cli, "--device-key: 64 hexadecimal digits");
	move.has_key = hex != NULL;
	status = read_file(cli, args[0], &move);
	if (status == CLI_YES)
		status = ask_passphrase(cli, "Passphrase of the site", &move.passphrase);
	if (status != CLI_YES)
		return status;
	memory = memfd_make("careward-tokens", move.n);
	if (memory < 0 || pwrite(memory, move.content, move.n, 0) != (ssize_t)move.n)
		return cli_unknown(cli, "no memory");
	ask.fd = memory;
	reply = cli_ask(cli, &ask, &status);
	if (reply && status == CLI_NO && strcmp(json_text(reply, "message"), "confirm-device-key") == 0) {
		status = confirm_key(cli, reply, &move);
		json_decref(reply);
		reply = status == CLI_YES ? cli_ask(cli, &ask, &status) : NULL;
	}
	if (!reply)
		return status;
	status = finish_import(cli, reply, status);
	json_decref(reply);
	return status;
}
