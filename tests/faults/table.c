/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The faults, and what is permitted under each: written before anything ran
 *
 * A step is what somebody does at the moment: signs in (at start, at sign-in), does
 * something guarded (while signed in), closes a review. Whatever the storage
 * cannot hold must not work. KEPT is the answer "granted, not yet recorded".
 */

#include <stdint.h>

#include "common/cleanup.h"
#include "tests/faults/strike.h"

#define HOW(name) .strike = strike_##name, .heal = heal_##name, .struck = struck_##name
#define NO (STEP_REFUSED | STEP_SILENT)
#define ANY (STEP_WORKS | NO)
/* Nothing can be written: no step that has to be, works; no press is acknowledged. */
#define NOT_WRITTEN (NO | KEPT)
#define WHATEVER (ANY | KEPT | RECORDED)
#define HEALTHY (STEP_WORKS | RECORDED)
/* A restart ends conversations and sessions: to be begun again. */
#define RESTARTED (ANY | KEPT | RECORDED)
#define STORAGE "storage-fails|database-missing-or-damaged"
#define GONE "disconnected|engine-was-restarted|entry:engine-died"
#define NOT_START (ALL_MOMENTS & ~(1u << AT_START))

const struct fault faults[] = {
	/* ---- storage ---- */
	/* The log has its room before it is needed: records go on until that is used up. */
	{ "disk full", "disk", "RS-01 BG-01", HOW(full), .moments = ALL_MOMENTS,
	  .permitted = WHATEVER, .told = STORAGE, .disk = DISK_SMALL, .needs_shim = true },
	{ "no inodes", "disk", "RS-08", HOW(inodes), .moments = ALL_MOMENTS,
	  .permitted = NOT_WRITTEN, .told = STORAGE, .disk = DISK_SMALL, .needs_shim = true },
	{ "read-only, mounted so", "disk", "RS-02", HOW(read_only), .moments = ALL_MOMENTS,
	  .permitted = NOT_WRITTEN, .told = STORAGE, .disk = DISK_SMALL, .needs_shim = true },
	{ "read-only, turned so", "disk", "RS-02", HOW(turned_read_only), .moments = ALL_MOMENTS,
	  .permitted = NOT_WRITTEN, .told = STORAGE, .needs_shim = true },
	{ "sync takes 2 s", "sync", "BG-04", HOW(sync), .argument = SYNC_SLOW,
	  .moments = ALL_MOMENTS, .permitted = WHATEVER, .needs_shim = true },
	/* A record that failed is told; what is done again by itself, as a seal, is not. */
	{ "sync fails once", "sync", "BG-01", HOW(sync), .argument = SYNC_FAIL_ONCE,
	  .moments = ALL_MOMENTS, .permitted = WHATEVER, .needs_shim = true },
	{ "sync fails for good", "sync", "BG-01", HOW(sync), .argument = SYNC_FAIL,
	  .moments = ALL_MOMENTS, .permitted = NOT_WRITTEN, .told = STORAGE, .needs_shim = true },
	{ "sync hangs", "sync", "BG-04", HOW(sync), .argument = SYNC_HANG,
	  .moments = ALL_MOMENTS, .permitted = NOT_WRITTEN, .told = GONE "|runs-without-journal",
	  .stay_ms = 5500, .needs_shim = true },
	{ "sync hangs until the engine is killed", "sync", "BG-04", HOW(sync),
	  .argument = SYNC_HANG, .moments = ALL_MOMENTS, .permitted = NOT_WRITTEN, .told = GONE,
	  .stay_ms = 14000, .needs_shim = true, .long_only = true },
	{ "file system frozen", "sync", "BG-04", HOW(frozen), .moments = NOT_START,
	  .permitted = NOT_WRITTEN, .told = GONE "|runs-without-journal", .disk = DISK_LOOP,
	  .stay_ms = 5500 },
	{ "file system frozen for long", "sync", "BG-04", HOW(frozen), .moments = NOT_START,
	  .permitted = NOT_WRITTEN, .told = "runs-without-journal", .disk = DISK_LOOP,
	  .stay_ms = 16000, .long_only = true },

	/* ---- memory and descriptors ---- */
	{ "one allocation fails", "memory", "RS-04", HOW(memory), .argument = 1,
	  .moments = ALL_MOMENTS, .permitted = RESTARTED, .variants = 350, .rotates = true,
	  .needs_shim = true },
	{ "no memory from then on", "memory", "RS-04", HOW(memory), .argument = UINT32_MAX,
	  .moments = ALL_MOMENTS, .permitted = RESTARTED, .variants = 20, .needs_shim = true },
	{ "no descriptors", "files", "BG-04", HOW(files), .moments = ALL_MOMENTS,
	  .permitted = RESTARTED, .needs_shim = true },

	/* ---- processes ---- */
	{ "engine killed", "engine", "BG-04", HOW(killed), .moments = ALL_MOMENTS,
	  .permitted = RESTARTED, .told = GONE },
	{ "engine stopped", "engine", "BG-04", HOW(stopped), .moments = ALL_MOMENTS,
	  .permitted = NO | KEPT, .told = GONE, .stay_ms = 5500 },
	{ "engine stopped until it is killed", "engine", "BG-04", HOW(stopped),
	  .moments = ALL_MOMENTS, .permitted = RESTARTED, .told = GONE, .stay_ms = 12000,
	  .long_only = true },
	{ "engine loops", "engine", "BG-04", HOW(loops), .moments = ALL_MOMENTS,
	  .permitted = NO | KEPT, .told = GONE, .stay_ms = 5500, .needs_shim = true },
	{ "engine 25 ms late", "engine", "BG-04", HOW(late), .argument = 25,
	  .moments = ALL_MOMENTS, .permitted = HEALTHY | KEPT, .needs_shim = true },
	{ "engine restarted every 100 ms", "engine", "BG-04", HOW(restarts),
	  .moments = ALL_MOMENTS, .permitted = RESTARTED, .told = GONE, .stay_ms = 1500 },
	{ "supervisor killed, too", "engine", "BG-04", HOW(all_killed), .moments = ALL_MOMENTS,
	  .permitted = NO | KEPT, .told = GONE },

	/* ---- the socket ---- */
	{ "socket missing", "socket", "BG-04", HOW(missing_socket), .moments = ALL_MOMENTS,
	  .permitted = NO | KEPT | RECORDED, .told = GONE },
	{ "socket refuses", "socket", "BG-04", HOW(refused), .moments = ALL_MOMENTS,
	  .permitted = NO | KEPT, .told = "disconnected" },
	{ "socket squatted by a stranger", "socket", "BG-04", HOW(squatted),
	  .moments = ALL_MOMENTS, .permitted = NO | KEPT, .told = "broker-foreign" },

	/* ---- the database ---- */
	{ "database missing", "database", "BG-04", HOW(missing_database), .moments = ALL_MOMENTS,
	  .permitted = NOT_WRITTEN, .told = "database-missing-or-damaged" },
	{ "database locked by another process", "database", "BG-04", HOW(locked),
	  .moments = ALL_MOMENTS, .permitted = NOT_WRITTEN, .told = "database-missing-or-damaged" },
	{ "database empty", "database", "JR-02", HOW(emptied), .moments = ALL_MOMENTS,
	  .permitted = NOT_WRITTEN, .told = "database-missing-or-damaged" },
	{ "an entry edited", "database", "JR-03", HOW(edited), .moments = ALL_MOMENTS,
	  .permitted = WHATEVER, .told = "verify", .variants = 30 },
	{ "database damaged in its header", "database", "BG-04", HOW(header),
	  .moments = ALL_MOMENTS, .permitted = NOT_WRITTEN, .told = "database-missing-or-damaged" },
	{ "database replaced by an older copy", "database", "JR-02", HOW(older),
	  .moments = NOT_START, .permitted = NOT_WRITTEN, .told = "database-missing-or-damaged" },

	/* ---- the configuration ---- */
	{ "a file of the configuration missing", "configuration", "BG-04 CF-09", HOW(config),
	  .argument = SPOIL_MISSING, .moments = ALL_MOMENTS, .permitted = RESTARTED,
	  .told = "configuration-refused", .variants = 3 },
	{ "a file of the configuration cut short", "configuration", "CF-05 CF-09", HOW(config),
	  .argument = SPOIL_CUT, .moments = ALL_MOMENTS, .permitted = RESTARTED,
	  .told = "configuration-refused|configuration-is-not-the-installed-one", .variants = 3 },
	{ "device.cfg forged", "configuration", "CF-09", HOW(config), .argument = SPOIL_FORGED,
	  .moments = ALL_MOMENTS, .permitted = RESTARTED,
	  .told = "configuration-is-not-the-installed-one" },
	{ "device.cfg forged by a stranger who may write", "configuration", "CF-03 CF-09",
	  HOW(config), .argument = SPOIL_STRANGER, .moments = ALL_MOMENTS,
	  .permitted = RESTARTED, .told = "configuration-refused" },
	{ "a file that is not the installed one", "configuration", "CF-09", HOW(config),
	  .argument = SPOIL_OTHER, .moments = ALL_MOMENTS, .permitted = RESTARTED,
	  .told = "configuration-is-not-the-installed-one", .variants = 3 },
	{ "installed content forged in the database", "configuration", "CF-09", HOW(content),
	  .moments = ALL_MOMENTS, .permitted = NO | KEPT | RECORDED,
	  .told = "configuration-is-not-the-installed-one|no-configuration" },

	/* ---- the clock ---- */
#define CLOCK(when, s)                                                                             \
	{ "clock at " when, "clock", "TM-01 TM-06", HOW(clock), .argument = (s), .moments = ALL_MOMENTS, \
	  .permitted = HEALTHY | KEPT, .told = "clock-is-not-trusted", .needs_shim = true }
	CLOCK("1970", 0),
	CLOCK("1999", 946684799),
	CLOCK("the release less 1 s", FAULTS_BUILD_EPOCH - 1),
	CLOCK("2106", INT64_C(4294967296)),
	CLOCK("9999", INT64_C(253402300799)),
	CLOCK("the end of time", INT64_MAX),
	{ "clock at 2038", "clock", "TM-01", HOW(clock), .argument = INT64_C(2147483648),
	  .moments = NOT_START, .permitted = HEALTHY | KEPT, .told = "clock-is-not-trusted",
	  .needs_shim = true },
	/* Nothing is known that speaks against it. */
	{ "clock at 2038 from the start", "clock", "TM-01", HOW(clock),
	  .argument = INT64_C(2147483648), .moments = 1u << AT_START,
	  .permitted = HEALTHY | KEPT, .needs_shim = true },
	{ "clock at the last entry less 1 s", "clock", "TM-01", HOW(clock_near), .argument = -1,
	  .moments = ALL_MOMENTS, .permitted = HEALTHY | KEPT, .needs_shim = true },
	{ "clock at the last entry and 1 s", "clock", "TM-01", HOW(clock_near), .argument = 1,
	  .moments = ALL_MOMENTS, .permitted = HEALTHY | KEPT, .needs_shim = true },

	/* ---- pages ---- */
	{ "policy page with one byte changed", "page", "BG-04", HOW(flip), .argument = FLIP_POLICY,
	  .moments = ALL_MOMENTS, .permitted = HEALTHY | NO | KEPT, .variants = 256,
	  .rotates = true, .reopens = true, .needs_shim = true },
	{ "state page with one byte changed", "page", "BG-04", HOW(flip), .argument = FLIP_STATE,
	  .moments = ALL_MOMENTS, .permitted = WHATEVER | MAY_OFFER, .variants = 296,
	  .rotates = true, .reopens = true, .needs_shim = true },
	{ "F_SEAL_FUTURE_WRITE refused", "page", "BG-04", HOW(seal), .moments = ALL_MOMENTS,
	  .permitted = RESTARTED, .reopens = true, .needs_shim = true },

	/* ---- the screen's own process ---- */
#define BARE(what, argument_)                                                                      \
	{ "screen without " what, "screen", "CF-14", HOW(bare), .argument = (argument_),           \
	  .moments = ALL_MOMENTS, .permitted = WHATEVER, .reopens = true }
	BARE("HOME", BARE_HOME),
	BARE("TERM", BARE_TERM),
	BARE("any environment", BARE_ALL),
	BARE("descriptors 0 to 2", BARE_FILES),
};
const unsigned n_faults = ARRAY_SIZE(faults);
