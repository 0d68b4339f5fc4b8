/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FAULTS_STRIKE_H
#define TESTS_FAULTS_STRIKE_H

/* How each fault is struck, healed, and proved to have struck; used by table.c alone. */

#include "tests/faults/faults.h"

#define STRIKE(name)                                                                               \
	const char *strike_##name(struct cell *cell);                                              \
	void heal_##name(struct cell *cell);                                                       \
	uint64_t struck_##name(struct cell *cell)

/* strike-disk.c */
STRIKE(full);
STRIKE(inodes);
STRIKE(read_only);
STRIKE(turned_read_only);
STRIKE(sync);   /* argument: enum shim_sync                                          */
STRIKE(frozen);

/* strike-process.c */
STRIKE(memory); /* argument: how many allocations fail, from the variant's on        */
STRIKE(files);
STRIKE(killed);
STRIKE(stopped);
STRIKE(loops);
STRIKE(late);   /* argument: milliseconds                                            */
STRIKE(restarts);
STRIKE(all_killed);

/* strike-link.c */
STRIKE(missing_socket);
STRIKE(refused);
STRIKE(squatted);
STRIKE(flip);   /* argument: enum shim_flip; its byte is the variant's               */
STRIKE(seal);
STRIKE(bare);   /* argument: enum bare                                               */
STRIKE(clock);      /* argument: seconds since 1970                                  */
STRIKE(clock_near); /* argument: seconds from now                                    */
enum bare { BARE_HOME = 1, BARE_TERM, BARE_ALL, BARE_FILES };

/* strike-files.c */
STRIKE(missing_database);
STRIKE(locked);
STRIKE(emptied);
STRIKE(edited); /* the variant's entry                                               */
STRIKE(header);
STRIKE(older);
STRIKE(content);
STRIKE(config);      /* argument: enum spoil; the variant's file                     */
enum spoil { SPOIL_MISSING = 1, SPOIL_CUT, SPOIL_FORGED, SPOIL_STRANGER, SPOIL_OTHER };

/* Starts the broker when it does not run: at the start a process has to be there first. */
void strike_running(struct cell *cell);

#endif
