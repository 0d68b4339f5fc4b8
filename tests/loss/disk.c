/* SPDX-License-Identifier: Apache-2.0 */
#include "disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES 4096u
#define PENDING 65536u

/* Bytes that grow by themselves. */
struct bytes {
	uint8_t *p;
	size_t n, room;
};

struct file {
	uint64_t inode;
	bool ignored; /* SQLite's shared index is made anew after each cut           */
	struct bytes now, durable;
	const struct log_op **pending; /* since the last sync                       */
	unsigned n_pending;
};

/* A name and what it leads to: an index of files[]. */
struct name {
	char name[LOG_NAME];
	unsigned file;
};

struct names {
	struct name list[IMAGE_FILES];
	unsigned n;
};

/* A change of the directory. */
struct change {
	enum log_kind kind;
	char name[LOG_NAME], to[LOG_NAME];
	unsigned file;
};

struct disk {
	struct file *files;
	unsigned n_files;
	struct names now, durable;
	struct change pending[256];
	unsigned n_pending;
	const struct log_op *last; /* write                                         */
};

uint64_t random_next(uint64_t *state) {
	uint64_t x = *state += 0x9e3779b97f4a7c15u;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static void *must(void *p) {
	if (!p)
		abort();
	return p;
}

static void bytes_resize(struct bytes *b, size_t n) {
	if (n > b->room) {
		b->room = n + n / 2 + 4096;
		b->p = must(realloc(b->p, b->room));
	}
	if (n > b->n)
		memset(b->p + b->n, 0, n - b->n);
	b->n = n;
}

static void bytes_put(struct bytes *b, size_t at, const uint8_t *p, size_t n) {
	if (at + n > b->n)
		bytes_resize(b, at + n);
	memcpy(b->p + at, p, n);
}

static const uint8_t *payload(const struct log_op *op) {
	return (const uint8_t *)(op + 1);
}

/* The whole of one operation. */
static void apply(struct bytes *b, const struct log_op *op) {
	if (op->kind == LOG_WRITE)
		bytes_put(b, (size_t)op->at, payload(op), op->n);
	else if (op->kind == LOG_TRUNCATE || (size_t)op->at > b->n)
		bytes_resize(b, (size_t)op->at);
}

/* ---- names ------------------------------------------------------------------------ */

static struct name *find_name(struct names *names, const char *name) {
	for (unsigned i = 0; i < names->n; ++i)
		if (strcmp(names->list[i].name, name) == 0)
			return &names->list[i];
	return NULL;
}

static void drop_name(struct names *names, const char *name) {
	struct name *found = find_name(names, name);

	if (found)
		*found = names->list[--names->n];
}

static void put_name(struct names *names, const char *name, unsigned file) {
	struct name *found = find_name(names, name);

	if (!found) {
		if (names->n == IMAGE_FILES)
			abort();
		found = &names->list[names->n++];
		memcpy(found->name, name, LOG_NAME);
	}
	found->file = file;
}

static void change_names(struct names *names, const struct change *c) {
	if (c->kind == LOG_CREATE)
		put_name(names, c->name, c->file);
	if (c->kind == LOG_UNLINK || c->kind == LOG_RENAME)
		drop_name(names, c->name);
	if (c->kind == LOG_RENAME)
		put_name(names, c->to, c->file);
}

/* ---- operations -------------------------------------------------------------------- */

struct disk *disk_new(void) {
	struct disk *disk = must(calloc(1, sizeof(*disk)));

	disk->files = must(calloc(FILES, sizeof(*disk->files)));
	return disk;
}

void disk_free(struct disk *disk) {
	for (unsigned i = 0; i < disk->n_files; ++i) {
		free(disk->files[i].now.p);
		free(disk->files[i].durable.p);
		free(disk->files[i].pending);
	}
	free(disk->files);
	free(disk);
}

/* The newest of that inode: a file system gives numbers again. */
static struct file *find_file(struct disk *disk, uint64_t inode) {
	for (unsigned i = disk->n_files; i > 0; --i)
		if (disk->files[i - 1].inode == inode)
			return &disk->files[i - 1];
	return NULL;
}

static unsigned new_file(struct disk *disk, const struct log_op *op) {
	size_t n = strlen(op->name);

	if (disk->n_files == FILES)
		abort();
	disk->files[disk->n_files] = (struct file){
		.inode = op->inode,
		.ignored = n > 4 && strcmp(op->name + n - 4, "-shm") == 0,
	};
	return disk->n_files++;
}

static bool step_names(struct disk *disk, const struct log_op *op) {
	struct change *c = &disk->pending[disk->n_pending];
	const struct name *found = find_name(&disk->now, op->name);

	if (disk->n_pending + 1 == sizeof(disk->pending) / sizeof(disk->pending[0]))
		abort();
	*c = (struct change){ .kind = (enum log_kind)op->kind };
	memcpy(c->name, op->name, LOG_NAME);
	memcpy(c->to, op->to, LOG_NAME);
	c->file = op->kind == LOG_CREATE ? new_file(disk, op) : found ? found->file : 0;
	++disk->n_pending;
	change_names(&disk->now, c);
	return true;
}

static bool step_bytes(struct disk *disk, const struct log_op *op) {
	struct file *file = find_file(disk, op->inode);

	if (!file || file->ignored)
		return false;
	if (!file->pending)
		file->pending = must(calloc(PENDING, sizeof(*file->pending)));
	if (file->n_pending == PENDING)
		abort();
	file->pending[file->n_pending++] = op;
	apply(&file->now, op);
	disk->last = op;
	return true;
}

static bool step_sync(struct disk *disk, const struct log_op *op) {
	struct file *file = find_file(disk, op->inode);

	if (!file || file->ignored)
		return false;
	for (unsigned i = 0; i < file->n_pending; ++i)
		apply(&file->durable, file->pending[i]);
	file->n_pending = 0;
	return true;
}

static bool step_sync_dir(struct disk *disk, const struct log_op *op) {
	disk->durable = disk->now;
	disk->n_pending = 0;
	return true;
}

bool disk_step(struct disk *disk, const struct log_op *op) {
	static bool (*const steps[LOG_KINDS])(struct disk *, const struct log_op *) = {
		[LOG_CREATE] = step_names,    [LOG_WRITE] = step_bytes,
		[LOG_TRUNCATE] = step_bytes,  [LOG_ALLOCATE] = step_bytes,
		[LOG_SYNC] = step_sync,       [LOG_SYNC_DIR] = step_sync_dir,
		[LOG_UNLINK] = step_names,    [LOG_RENAME] = step_names,
	};

	disk->last = NULL;
	return op->kind < LOG_KINDS && steps[op->kind] && steps[op->kind](disk, op);
}

/* ---- cuts -------------------------------------------------------------------------- */

/* Those sectors of a write that arrived. */
static void apply_some(struct bytes *b, const struct log_op *op, uint64_t *seed) {
	size_t at = (size_t)op->at, end = at + op->n;

	if (op->kind != LOG_WRITE) {
		if (random_next(seed) % 2)
			apply(b, op);
		return;
	}
	while (at < end) {
		size_t n = DISK_SECTOR - at % DISK_SECTOR;

		if (n > end - at)
			n = end - at;
		if (random_next(seed) % 2)
			bytes_put(b, at, payload(op) + (at - (size_t)op->at), n);
		at += n;
	}
}

/* The last write arrived up to some byte. */
static void apply_torn(struct bytes *b, const struct log_op *op, uint64_t *seed) {
	if (op->kind == LOG_WRITE && op->n > 0)
		bytes_put(b, (size_t)op->at, payload(op), random_next(seed) % op->n);
}

static void cut_file(const struct disk *disk, const struct file *file, enum disk_cut cut,
                     uint64_t *seed, struct bytes *ret) {
	uint64_t all = random_next(seed) % 4; /* some files are lucky, some are not    */

	bytes_resize(ret, 0);
	if (file->durable.n > 0)
		bytes_put(ret, 0, file->durable.p, file->durable.n);
	for (unsigned i = 0; cut != DISK_SYNCED && i < file->n_pending; ++i) {
		const struct log_op *op = file->pending[i];

		if (cut == DISK_TORN && op == disk->last)
			apply_torn(ret, op, seed);
		else if (cut == DISK_SOME && all != 0)
			apply_some(ret, op, seed);
		else if (cut != DISK_SOME || i % 2 == 0)
			apply(ret, op);
	}
}

static struct names cut_names(const struct disk *disk, enum disk_cut cut, uint64_t *seed) {
	struct names names = disk->durable;

	if (cut == DISK_ALL || cut == DISK_TORN)
		return disk->now;
	for (unsigned i = 0; cut == DISK_SOME && i < disk->n_pending; ++i)
		if (random_next(seed) % 2)
			change_names(&names, &disk->pending[i]);
	return names;
}

void disk_cut(const struct disk *disk, enum disk_cut cut, uint64_t seed, struct image *ret_image) {
	struct names names = cut_names(disk, cut, &seed);

	ret_image->n = 0;
	for (unsigned i = 0; i < names.n; ++i) {
		const struct file *file = &disk->files[names.list[i].file];
		struct image_file *to = &ret_image->files[ret_image->n];
		struct bytes bytes = { 0 };

		if (file->ignored)
			continue;
		cut_file(disk, file, cut, &seed, &bytes);
		memcpy(to->name, names.list[i].name, LOG_NAME);
		to->p = bytes.p;
		to->n = bytes.n;
		++ret_image->n;
	}
}

/* ---- images ------------------------------------------------------------------------ */

void image_free(struct image *image) {
	for (unsigned i = 0; i < image->n; ++i)
		free(image->files[i].p);
	image->n = 0;
}

static uint64_t mix(uint64_t h, const void *p, size_t n) {
	const uint8_t *at = p;
	uint64_t word;

	for (; n >= 8; n -= 8, at += 8) {
		memcpy(&word, at, 8);
		h = (h ^ word) * 0x9fb21c651e98df25u;
		h ^= h >> 32;
	}
	for (; n > 0; --n, ++at)
		h = (h ^ *at) * 0x100000001b3u;
	return h;
}

/* The order of the names does not count. */
uint64_t image_hash(const struct image *image) {
	uint64_t sum = 0;

	for (unsigned i = 0; i < image->n; ++i) {
		const struct image_file *f = &image->files[i];
		uint64_t h = mix(0xcbf29ce484222325u + f->n, f->name, strlen(f->name));

		sum += mix(h, f->p, f->n);
	}
	return sum;
}

static int empty_out(int dirfd) {
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;

	if (!dir)
		return -errno;
	while ((d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.' && unlinkat(dirfd, d->d_name, 0) < 0)
			break;
	(void)closedir(dir);
	return d ? -EIO : 0;
}

int image_lay_out(const struct image *image, int dirfd) {
	int r = empty_out(dirfd);

	for (unsigned i = 0; r == 0 && i < image->n; ++i) {
		const struct image_file *f = &image->files[i];
		int fd = openat(dirfd, f->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

		if (fd < 0 || write(fd, f->p, f->n) != (ssize_t)f->n)
			r = -EIO;
		if (fd >= 0)
			(void)close(fd);
	}
	return r;
}
