/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UI_GLUE_DEMO_PLACES_H
#define UI_GLUE_DEMO_PLACES_H

#include <stdbool.h>

/* Where the programs and files are that the demo starts from. */
struct places {
	const char *broker; /* carewardd                                              */
	const char *cli;    /* careward                                               */
	const char *config; /* directory of device.cfg, site.cfg, place.cfg            */
	const char *room;   /* NULL: real readers; else where the virtual ones are     */
	const char *token;  /* careward-token                                         */
	const char *module; /* PKCS#11 module of the cards                            */
	bool with_card;     /* asked for on the command line                           */
	bool with_key;
	bool with_badge;
};

#endif
