/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a helper may say, and what it may be asked: packets of rubbish in every step
 *
 * The first byte says what the engine has asked; then packets, each behind two
 * bytes of length.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tokens/speech.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
	static const char *const requests[] = {"look", "watch"};
	static struct speech speech;
	static struct speech_request request;
	enum speech_kind kind = SPEECH_NONE;

	if (n < 1)
		return 0;
	memset(&speech, 0, sizeof(speech));
	speech_sent(&speech, requests[data[0] & 1]);
	for (size_t at = 1; at + 2 <= n;) {
		size_t length = (size_t)data[at] << 8 | data[at + 1];
		uint8_t *packet = NULL;
		int r;

		at += 2;
		if (length > n - at)
			length = n - at;
		/* Of exactly this size: what reads past its end is seen. */
		packet = malloc(length + (length == 0));
		if (!packet)
			return 0;
		memcpy(packet, data + at, length);
		at += length;
		(void)speech_heard(packet, length, &request);
		r = speech_take(&speech, packet, length, &kind);
		free(packet);
		if (r == 0 && kind == SPEECH_FOUND) {
			if (speech.found.n == 0 || speech.found.n > TOKEN_CANDIDATES_MAX)
				abort();
			speech_sent(&speech, "sign");
		}
		if (r == 0 && kind == SPEECH_ANSWER &&
		    (speech.answer.n_signature > TOKEN_SIGNATURE_MAX ||
		     speech.answer.n_statement > TOKEN_STATEMENT_MAX))
			abort();
	}
	return 0;
}
