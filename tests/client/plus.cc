/* SPDX-License-Identifier: Apache-2.0 */
/* The library from C++: headers, linking, and care without a broker. */

#include <careward/careward.h>

static const cw_action actions[] = { { "therapy.start", CW_KIND_CARE } };

int main() {
	cw_options options = {};
	cw *c = nullptr;
	uint8_t id[16];

	options.size = sizeof(options);
	options.n_actions = 1;
	options.actions = actions;
	options.socket = "/nonexistent/careward";
	options.broker_uid = UINT32_MAX;
	if (cw_open(&options, &c) != 0)
		return 1;
	if (cw_check(c, 0, nullptr) != CW_BREAK_GLASS)
		return 2;
	(void)cw_break_glass(c, nullptr, id, nullptr);
	if (cw_check(c, 0, nullptr) != CW_ALLOW)
		return 3;
	return cw_close(c) == nullptr ? 0 : 4;
}
