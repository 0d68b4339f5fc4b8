/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <careward/sign_in.h>

#include "auth/receipt.h"
#include "install.h"

static void sha256(const void *p, size_t n, uint8_t ret[32]) {
	unsigned size = 0;

	ck_assert_int_eq(EVP_Digest(p, n, ret, &size, EVP_sha256(), NULL), 1);
	ck_assert_uint_eq(size, 32);
}

static char *read_file(const char *path, size_t *ret_n) {
	FILE *f = fopen(path, "re");
	char *text = calloc(1, 65536);

	ck_assert_msg(f && text, "cannot read %s", path);
	*ret_n = fread(text, 1, 65535, f);
	ck_assert_int_eq(fclose(f), 0);
	return text;
}

void file_sha256(const char *path, char ret_hex[65]) {
	uint8_t digest[32];
	size_t n = 0;
	char *text = read_file(path, &n);

	sha256(text, n, digest);
	free(text);
	for (size_t i = 0; i < sizeof(digest); ++i)
		snprintf(ret_hex + 2 * i, 3, "%02x", digest[i]);
}

char *config_text(const struct world *w, const char *file) {
	char path[256];
	size_t n = 0;

	snprintf(path, sizeof(path), "%s/%s", w->config, file);
	return read_file(path, &n);
}

char *text_with(const char *text, const char *from, const char *to) {
	const char *at = strstr(text, from);
	size_t room = strlen(text) + strlen(to) + 1;
	char *made = calloc(1, room);

	ck_assert_msg(at && made, "no such text: %s", from);
	snprintf(made, room, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	return made;
}

/* Approves exactly this text. Return: length of the receipt. */
static size_t approve(struct caller *c, const uint8_t digest[32],
		      uint8_t ret_receipt[APPROVAL_RECEIPT_MAX]) {
	const struct answer password = { CW_FIELD_PASSWORD, STAFF_PASSWORD };
	const struct answer yes = { CW_FIELD_CONFIRM, "yes" };
	const uint8_t *receipt = NULL;
	uint8_t buffer[512];
	struct frame_writer w;
	size_t n = 0;

	ck_assert_str_eq(caller_attempt(c, CW_PURPOSE_REAUTH, NULL, &password, 1), "signed-in");
	caller_begin(c, &w, buffer, sizeof(buffer), "authorize");
	frame_text(&w, "action", "careward.config");
	frame_bytes(&w, "digest", digest, 32);
	frame_text(&w, "words", "Install it?");
	caller_send(c, &w);
	ck_assert_uint_eq(caller_reply(c), RESULT_OK);
	ck_assert_str_eq(caller_converse(c, &yes, 1), "authorized");
	ck_assert_int_eq(frame_get_bytes(c->frame.body, "receipt", &receipt, &n), 0);
	ck_assert_uint_le(n, APPROVAL_RECEIPT_MAX);
	memcpy(ret_receipt, receipt, n);
	return n;
}

uint64_t config_install_as(struct caller *c, const char *kind, const char *text) {
	static uint8_t packet[LIMIT_FRAME], receipt[APPROVAL_RECEIPT_MAX];
	uint8_t digest[32];
	struct frame_writer w;
	size_t n = 0;

	sha256(text, strlen(text), digest);
	n = approve(c, digest, receipt);
	caller_begin(c, &w, packet, sizeof(packet), "config.install");
	frame_text(&w, "kind", kind);
	frame_bytes(&w, "content", text, strlen(text));
	frame_bytes(&w, "receipt", receipt, n);
	caller_send(c, &w);
	return caller_reply(c);
}
