/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UI_GLUE_CLI_APPROVAL_DEMAND_H
#define UI_GLUE_CLI_APPROVAL_DEMAND_H

/* What whoever acts on a receipt wants it to be, besides genuine. */

#include "auth/receipt.h"
#include "ui-glue/cli/cli.h"

/*
 * demand_refuses() - the options --action, --two-persons and --by-token
 *
 * Return: NULL (as wanted), or the name of the field that is not.
 */
const char *demand_refuses(const struct cli *cli, const struct receipt *receipt);

/*
 * demand_once() - the option --once: is it new? Then it is not any more
 * @ret_field:  "once" with CLI_NO
 *
 * Durable before it says yes. Without the option: yes.
 *
 * Return: CLI_YES; CLI_NO (it was used); CLI_UNKNOWN (said already).
 */
int demand_once(struct cli *cli, const struct receipt *receipt, const char **ret_field);

#endif
