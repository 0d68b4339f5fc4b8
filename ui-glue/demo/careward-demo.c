/* SPDX-License-Identifier: Apache-2.0 */
/*
 * careward-demo - an infusion pump with access control, on a terminal
 *
 * Written as a device's manufacturer would: against <careward/careward.h> and
 * the header that careward-compile made of device.cfg.
 */
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "ui-glue/demo/places.h"
#include "ui-glue/demo/screen.h"
#include "ui-glue/demo/shift.h"

enum { EXIT_USAGE = 2 };

static int usage(FILE *out, int status) {
	(void)fprintf(out, "usage: careward-demo [--script] [--with-card] [--with-key] [--with-badge]\n"
	              "                     [--broker FILE] [--cli FILE] [--config DIR] [--room DIR]\n\n"
	              "  --script      play a shift without a terminal, a line for each step\n"
	              "  --with-card   with a smartcard (./dev demo: a virtual one)\n"
	              "  --with-key    with a security key\n"
	              "  --with-badge  with a badge reader\n"
	              "  --broker FILE carewardd to start\n"
	              "  --cli FILE    careward to run\n"
	              "  --config DIR  device.cfg, site.cfg and place.cfg to copy\n"
	              "  --room DIR    where the virtual devices are; ./dev demo says so\n");
	return status;
}

/* As built, as long as the build is there; otherwise as installed. */
static const char *choose(const char *built, const char *installed) {
	return access(built, R_OK) == 0 ? built : installed;
}

int main(int argc, char **argv) {
	static const struct option options[] = {
		{ "script", no_argument, NULL, 's' },       { "broker", required_argument, NULL, 'b' },
		{ "cli", required_argument, NULL, 'c' },    { "config", required_argument, NULL, 'd' },
		{ "room", required_argument, NULL, 'r' },   { "with-card", no_argument, NULL, 'C' },
		{ "with-key", no_argument, NULL, 'K' },     { "with-badge", no_argument, NULL, 'B' },
		{ "help", no_argument, NULL, 'h' },         { NULL, 0, NULL, 0 },
	};
	struct places places = { .broker = choose(DEMO_BROKER, DEMO_BROKER_INSTALLED),
				 .cli = choose(DEMO_CLI, DEMO_CLI_INSTALLED),
				 .config = choose(DEMO_CONFIG, DEMO_CONFIG_INSTALLED),
				 .module = DEMO_OPENSC };
	bool script = false;
	int c;

	(void)setlocale(LC_ALL, "");
	/* Whoever reads no further: the broker is ended and everything removed all the same. */
	(void)signal(SIGPIPE, SIG_IGN);
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's':
			script = true;
			break;
		case 'b':
			places.broker = optarg;
			break;
		case 'c':
			places.cli = optarg;
			break;
		case 'd':
			places.config = optarg;
			break;
		case 'r':
			places.room = optarg;
			break;
		case 'C':
			places.with_card = true;
			break;
		case 'K':
			places.with_key = true;
			break;
		case 'B':
			places.with_badge = true;
			break;
		case 'h':
			return usage(stdout, 0);
		default:
			return usage(stderr, EXIT_USAGE);
		}
	}
	if (optind < argc)
		return usage(stderr, EXIT_USAGE);
	if (places.with_card || places.with_key || places.with_badge)
		places.token = choose(DEMO_TOKEN, DEMO_TOKEN_INSTALLED);
	if (script)
		return shift_play(&places);
	return screen_run(&places);
}
