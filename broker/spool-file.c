/* SPDX-License-Identifier: Apache-2.0 */

#include "broker/spool-file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/decide.h"
#include "common/cleanup.h"

static int read_at(int fd, void *p, size_t n, off_t at) {
	uint8_t *byte = p;
	size_t had = 0;

	while (had < n) {
		ssize_t r = pread(fd, byte + had, n - had, at + (off_t)had);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0) {
			/* A file that has not its full size yet: nothing was written there. */
			memset(byte + had, 0, n - had);
			return 0;
		}
		had += (size_t)r;
	}
	return 0;
}

static int write_at(int fd, const void *p, size_t n, off_t at) {
	const uint8_t *byte = p;
	size_t had = 0;

	while (had < n) {
		ssize_t r = pwrite(fd, byte + had, n - had, at + (off_t)had);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r < 0 ? -errno : -EIO;
		had += (size_t)r;
	}
	return 0;
}

int spool_file_open(int state_fd, int flags, int *ret_fd) {
	cleanup_(close_fdp) int fd = -1;
	struct stat st;

	fd = openat(state_fd, SPOOL_NAME, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return errno == ELOOP ? -EPERM : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1 || st.st_uid != geteuid() ||
	    (st.st_mode & (S_IRWXG | S_IRWXO)))
		return -EPERM;
	*ret_fd = fd;
	fd = -1; /* handed over */
	return 0;
}

static uint32_t header_crc(const struct spool_header *header) {
	return policy_crc32((const uint8_t *)header, offsetof(struct spool_header, crc), 0);
}

int spool_file_done(int fd, uint64_t *ret_done) {
	struct spool_header header;
	int r;

	r = read_at(fd, &header, sizeof(header), 0);
	if (r < 0)
		return r;
	if (header.magic != SPOOL_HEADER_MAGIC || header.version != SPOOL_VERSION ||
	    header.crc != header_crc(&header))
		header.done = 0;
	*ret_done = header.done;
	return 0;
}

int spool_file_set_done(int fd, uint64_t done) {
	struct spool_header header = {
		.magic = SPOOL_HEADER_MAGIC,
		.version = SPOOL_VERSION,
		.done = done,
	};
	int r;

	header.crc = header_crc(&header);
	r = write_at(fd, &header, sizeof(header), 0);
	if (r < 0)
		return r;
	return fdatasync(fd) < 0 ? -errno : 0;
}

int spool_file_read(int fd, struct spool_record ret_slots[SPOOL_SLOTS]) {
	return read_at(fd, ret_slots, SPOOL_SLOTS * sizeof(*ret_slots), SPOOL_FIRST);
}

int spool_file_write(int fd, const struct spool_record *record) {
	uint64_t slot = record->number % SPOOL_SLOTS;

	return write_at(fd, record, sizeof(*record),
	                (off_t)(SPOOL_FIRST + slot * sizeof(*record)));
}

static uint32_t record_crc(const struct spool_record *record) {
	const uint8_t *p = (const uint8_t *)record;
	size_t from = offsetof(struct spool_record, number);

	return policy_crc32(p + from, (uint32_t)(sizeof(*record) - from), 0);
}

enum spool_slot spool_slot_check(const struct spool_record *record, uint32_t slot) {
	if (record->magic == 0 && record->crc == 0 && record->number == 0)
		return SPOOL_EMPTY;
	if (record->magic != SPOOL_MAGIC || record->crc != record_crc(record))
		return SPOOL_TORN;
	if (record->number == 0 || record->number % SPOOL_SLOTS != slot)
		return SPOOL_TORN;
	if (record->seat >= LIMIT_SEATS || memchr(record->seat_name, 0, 24) == NULL ||
	    !ring_record_is_valid(&record->record))
		return SPOOL_TORN;
	return SPOOL_GOOD;
}

void spool_record_close(struct spool_record *record) {
	record->magic = SPOOL_MAGIC;
	record->crc = record_crc(record);
}
