/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_BROKER_INSTALL_H
#define TESTS_BROKER_INSTALL_H

/* Another configuration for a broker that runs, as an engineer installs it. */

#include "world.h"

/* SHA-256 of a file, in hexadecimal. Fails the test. */
void file_sha256(const char *path, char ret_hex[65]);
/* What stands in a file of the configuration; the caller frees. */
char *config_text(const struct world *w, const char *file);
/* The text with something replaced; the caller frees. Fails the test when it is not there. */
char *text_with(const char *text, const char *from, const char *to);
/* Somebody with careward.config and STAFF_PASSWORD is signed in at @c. Return: result. */
uint64_t config_install_as(struct caller *c, const char *kind, const char *text);

#endif
