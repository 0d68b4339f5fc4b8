/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "auth/emergency-row.h"
#include "auth/layout.h"
#include "auth/row.h"

static int row_mac(struct store *store, const struct emergency_row *row, uint8_t ret_mac[32]) {
	uint8_t columns[96];
	struct layout_writer w = { .p = columns, .capacity = sizeof(columns) };

	layout_put(&w, row->id, sizeof(row->id));
	layout_put8(&w, row->seat);
	layout_put32(&w, row->state);
	layout_put64(&w, row->started_seq);
	layout_put64(&w, row->ended_seq);
	layout_put32(&w, row->identified);
	layout_put32(&w, row->uses);
	layout_put64(&w, (uint64_t)row->wall_ms);
	layout_put32(&w, row->review);
	layout_put32(&w, row->reviewer);
	return w.failed ? -EIO : store_mac(store, "emergency row", columns, w.n, ret_mac);
}

static bool fits(int64_t v, int64_t most) {
	return v >= 0 && v <= most;
}

int emergency_row_read(struct store *store, struct sqlite3_stmt *stmt,
		       struct emergency_row *ret_row) {
	struct emergency_row row = { 0 };
	int64_t v[9];
	uint8_t mac[32];
	int r;

	for (int i = 0; i < 9; ++i)
		v[i] = sqlite3_column_int64(stmt, i + 1);
	if (sqlite3_column_bytes(stmt, 0) != (int)sizeof(row.id) ||
	    sqlite3_column_bytes(stmt, 10) != (int)sizeof(mac))
		return -EBADMSG;
	if (!fits(v[0], UINT8_MAX) || !fits(v[1], EMERGENCY_LATE) || !fits(v[2], INT64_MAX) ||
	    !fits(v[3], INT64_MAX) || !fits(v[4], UINT32_MAX) || !fits(v[5], UINT32_MAX) ||
	    !fits(v[7], REVIEW_N - 1) || !fits(v[8], UINT32_MAX))
		return -EBADMSG;
	memcpy(row.id, sqlite3_column_blob(stmt, 0), sizeof(row.id));
	row.seat = (uint8_t)v[0];
	row.state = (enum emergency_state)v[1];
	row.started_seq = (uint64_t)v[2];
	row.ended_seq = (uint64_t)v[3];
	row.identified = (uint32_t)v[4];
	row.uses = (uint32_t)v[5];
	row.wall_ms = v[6];
	row.review = (enum review_state)v[7];
	row.reviewer = (uint32_t)v[8];
	r = row_mac(store, &row, mac);
	if (r < 0)
		return r;
	if (!equal_32(mac, sqlite3_column_blob(stmt, 10)))
		return -EBADMSG;
	*ret_row = row;
	return 0;
}

int emergency_row_load(struct store *store, const uint8_t id[16], struct emergency_row *ret_row) {
	cleanup_(sql_resetp) sqlite3_stmt *stmt = NULL;
	bool found = false;
	int r;

	r = store_prepare(store, "SELECT " EMERGENCY_COLUMNS " FROM emergencies WHERE id = ?1",
			  &stmt);
	if (r < 0)
		return r;
	if (sqlite3_bind_blob(stmt, 1, id, 16, SQLITE_STATIC) != SQLITE_OK)
		return -EIO;
	r = sql_row(stmt, &found);
	if (r < 0)
		return r;
	return found ? emergency_row_read(store, stmt, ret_row) : -ENOENT;
}

int emergency_row_store(struct store *store, const struct emergency_row *row) {
	const int64_t v[9] = {
		row->seat,
		row->state,
		(int64_t)row->started_seq,
		(int64_t)row->ended_seq,
		row->identified,
		row->uses,
		row->wall_ms,
		row->review,
		row->reviewer,
	};
	sqlite3_stmt *stmt = NULL;
	uint8_t mac[32];
	int r;

	r = row_mac(store, row, mac);
	if (r == 0)
		r = store_prepare(store,
				  "INSERT OR REPLACE INTO emergencies (" EMERGENCY_COLUMNS
				  ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
				  &stmt);
	if (r < 0)
		return r;
	if (sqlite3_bind_blob(stmt, 1, row->id, sizeof(row->id), SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_blob(stmt, 11, mac, sizeof(mac), SQLITE_STATIC) != SQLITE_OK)
		return -EIO;
	for (int i = 0; i < 9; ++i)
		if (sqlite3_bind_int64(stmt, i + 2, v[i]) != SQLITE_OK)
			return -EIO;
	return sql_done(stmt);
}

int emergency_record_is_known(struct store *store, const uint8_t id[16], uint64_t serial) {
	cleanup_(sql_resetp) sqlite3_stmt *stmt = NULL;
	bool found = false;
	int r;

	r = store_prepare(store, "SELECT 1 FROM emergency_records WHERE id = ?1 AND serial = ?2",
			  &stmt);
	if (r < 0)
		return r;
	if (sqlite3_bind_blob(stmt, 1, id, 16, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)serial) != SQLITE_OK)
		return -EIO;
	r = sql_row(stmt, &found);
	return r < 0 ? r : found;
}

int emergency_record_keep(struct store *store, const uint8_t id[16], uint64_t serial,
			  uint64_t seq) {
	sqlite3_stmt *stmt = NULL;
	int r;

	r = store_prepare(store,
			  "INSERT INTO emergency_records (id, serial, seq) VALUES (?1, ?2, ?3)",
			  &stmt);
	if (r < 0)
		return r;
	if (sqlite3_bind_blob(stmt, 1, id, 16, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)serial) != SQLITE_OK ||
	    sqlite3_bind_int64(stmt, 3, (sqlite3_int64)seq) != SQLITE_OK)
		return -EIO;
	return sql_done(stmt);
}

struct one_entry {
	int (*each)(const struct journal_entry *entry, void *userdata);
	void *userdata;
	bool found;
};

static int pass_one(const struct journal_entry *entry, void *userdata) {
	struct one_entry *one = userdata;

	one->found = true;
	return one->each(entry, one->userdata);
}

int emergency_entry(struct store *store, uint64_t seq, bool with_texts,
		    int (*each)(const struct journal_entry *entry, void *userdata),
		    void *userdata) {
	struct journal_filter filter = {
		.before = seq + 1,
		.after = seq - 1,
		.with_texts = with_texts,
	};
	struct one_entry one = { .each = each, .userdata = userdata };
	uint64_t next = 0;
	int r;

	if (seq == 0)
		return -ENOENT;
	r = journal_query(store, &filter, 1, pass_one, &one, &next);
	if (r != 0)
		return r;
	return one.found ? 0 : -ENOENT;
}

int emergency_entries(struct store *store, const uint8_t id[16], enum audit_event event,
		      bool with_texts,
		      int (*each)(const struct journal_entry *entry, void *userdata),
		      void *userdata) {
	struct journal_filter filter = {
		.event_from = event,
		.event_to = event,
		.has_emergency = true,
		.with_texts = with_texts,
	};

	memcpy(filter.emergency, id, sizeof(filter.emergency));
	for (;;) {
		uint64_t next = 0;
		int r = journal_query(store, &filter, LIMIT_HISTORY_PAGE, each, userdata, &next);

		if (r != 0 || next == 0)
			return r;
		filter.before = next;
	}
}
