/* SPDX-License-Identifier: Apache-2.0 */

/* Keys in files: durable, private, gone when erased. */

#undef NDEBUG

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "common/cleanup.h"
#include "tests/audit/fixture.h"

static int read_file(const char *name, uint8_t *p, size_t n) {
	cleanup_(close_fdp) int fd = openat(fx.keysfd, name, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : (int)read(fd, p, n);
}

START_TEST(a_second_device_key_is_refused) {
	uint8_t before[33], after[33];

	ck_assert_int_eq(read_file("device.key", before, sizeof(before)), 32);
	ck_assert_int_eq(keystore_file_create(fx.keysfd), -EEXIST);
	ck_assert_int_eq(read_file("device.key", after, sizeof(after)), 32);
	ck_assert_mem_eq(before, after, 32);
}
END_TEST

/* HKDF by RFC 5869, with HMAC alone. */
START_TEST(a_derived_key_is_hkdf_of_the_device_key) {
	uint8_t device[32], prk[32], okm[32], key[32], again[32], other[32],
		info[16] = "some label";
	unsigned n = 0;

	ck_assert_int_eq(read_file("device.key", device, sizeof(device)), 32);
	(void)HMAC(EVP_sha256(), "careward device key 1", 21, device, 32, prk, &n);
	info[10] = 1;
	(void)HMAC(EVP_sha256(), prk, 32, info, 11, okm, &n);
	ck_assert_int_eq(fx.ks->ops->derive(fx.ks, "some label", key), 0);
	ck_assert_mem_eq(key, okm, 32);
	ck_assert_int_eq(fx.ks->ops->derive(fx.ks, "some label", again), 0);
	ck_assert_mem_eq(key, again, 32);
	ck_assert_int_eq(fx.ks->ops->derive(fx.ks, "some labem", other), 0);
	ck_assert_mem_ne(key, other, 32);
}
END_TEST

START_TEST(an_epoch_key_is_stored_once_loaded_and_erased) {
	const uint8_t seed[32] = { 1, 2, 3 }, second[32] = { 4 };
	uint8_t got[32];

	ck_assert_int_eq(fx.ks->ops->epoch_load(fx.ks, 7, got), -ENOENT);
	ck_assert_int_eq(fx.ks->ops->epoch_store(fx.ks, 7, seed), 0);
	ck_assert_int_eq(fx.ks->ops->epoch_store(fx.ks, 7, second), -EEXIST);
	ck_assert_int_eq(fx.ks->ops->epoch_load(fx.ks, 7, got), 0);
	ck_assert_mem_eq(got, seed, 32);
	ck_assert_int_eq(fx.ks->ops->epoch_load(fx.ks, 70, got), -ENOENT);
	ck_assert_int_eq(fx.ks->ops->epoch_erase(fx.ks, 7), 0);
	ck_assert_int_eq(fx.ks->ops->epoch_load(fx.ks, 7, got), -ENOENT);
	ck_assert_int_eq(fx.ks->ops->epoch_erase(fx.ks, 7), 0);
	ck_assert_int_eq(fx.ks->ops->epoch_store(fx.ks, UINT64_MAX, seed), 0);
	ck_assert_int_eq(fx.ks->ops->epoch_load(fx.ks, UINT64_MAX, got), 0);
}
END_TEST

START_TEST(cf06_what_a_crash_left_is_not_taken_for_a_key) {
	const uint8_t seed[32] = { 1, 2, 3 };
	uint8_t got[32];
	int fd = openat(fx.keysfd, "epoch-7.key.new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_eq(write(fd, "half", 4), 4);
	(void)close(fd);
	ck_assert_int_eq(fx.ks->ops->epoch_load(fx.ks, 7, got), -ENOENT);
	ck_assert_int_eq(fx.ks->ops->epoch_store(fx.ks, 7, seed), 0);
	ck_assert_int_eq(fx.ks->ops->epoch_load(fx.ks, 7, got), 0);
	ck_assert_mem_eq(got, seed, 32);
	ck_assert_int_lt(faccessat(fx.keysfd, "epoch-7.key.new", F_OK, 0), 0);
}
END_TEST

static void symlinked(void) {
	ck_assert_int_eq(renameat(fx.keysfd, "device.key", fx.keysfd, "k"), 0);
	ck_assert_int_eq(symlinkat("k", fx.keysfd, "device.key"), 0);
}

static void hard_linked(void) {
	ck_assert_int_eq(linkat(fx.keysfd, "device.key", fx.keysfd, "k", 0), 0);
}

static void readable(void) {
	ck_assert_int_eq(fchmodat(fx.keysfd, "device.key", 0640, 0), 0);
}

static void directory_open(void) {
	ck_assert_int_eq(fchmod(fx.keysfd, 0750), 0);
}

static void emptied(void) {
	cleanup_(close_fdp) int fd =
		openat(fx.keysfd, "device.key", O_WRONLY | O_TRUNC | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
}

static void longer(void) {
	cleanup_(close_fdp) int fd =
		openat(fx.keysfd, "device.key", O_WRONLY | O_APPEND | O_CLOEXEC);

	ck_assert_int_eq(write(fd, "x", 1), 1);
}

static void absent(void) {
	ck_assert_int_eq(unlinkat(fx.keysfd, "device.key", 0), 0);
}

static void fifo(void) {
	absent();
	ck_assert_int_eq(mkfifoat(fx.keysfd, "device.key", 0600), 0);
}

static void somebody_elses(void) {
	if (geteuid() == 0)
		ck_assert_int_eq(fchownat(fx.keysfd, "device.key", 12345, 0, 0), 0);
	else
		readable(); /* only root can give files away */
}

static const struct {
	const char *why;
	void (*do_it)(void);
	int expect;
} refusals[] = {
	{"CF-01 a symbolic link is refused",          symlinked,      -EPERM  },
	{ "CF-01 a second name is refused",           hard_linked,    -EPERM  },
	{ "CF-01 a FIFO is refused, without waiting", fifo,           -EPERM  },
	{ "CF-02 somebody else's file is refused",    somebody_elses, -EPERM  },
	{ "CF-03 a file open to a group is refused",  readable,       -EPERM  },
	{ "CF-03 a directory open to a group too",    directory_open, -EPERM  },
	{ "CF-05 an empty file is refused",           emptied,        -EBADMSG},
	{ "a longer file is refused",                 longer,         -EBADMSG},
	{ "no file is no key",                        absent,         -ENOENT },
};

START_TEST(a_doubtful_key_is_refused) {
	struct keystore *ks = NULL;
	uint8_t key[32] = { 77 };
	int r;

	refusals[_i].do_it();
	r = keystore_file_open(fx.keysfd, &ks);
	ck_assert_msg(r == refusals[_i].expect, "%s: %d, want %d", refusals[_i].why, r,
		      refusals[_i].expect);
	ck_assert_ptr_null(ks);
	/* One that was opened before does not go on with it either. */
	if (refusals[_i].do_it != directory_open)
		ck_assert_int_eq(fx.ks->ops->derive(fx.ks, "x", key), -EIO);
	ck_assert_uint_eq(key[0], refusals[_i].do_it == directory_open ? key[0] : 77);
}
END_TEST

START_TEST(cf15_the_mode_is_fixed_whatever_the_umask) {
	static const mode_t masks[] = { 000, 077, 0777 };
	const uint8_t seed[32] = { 9 };
	struct stat st;

	(void)umask(masks[_i]);
	ck_assert_int_eq(fx.ks->ops->epoch_store(fx.ks, 3, seed), 0);
	ck_assert_int_eq(fstatat(fx.keysfd, "epoch-3.key", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
}
END_TEST

START_TEST(after_destroying_nothing_is_left) {
	const uint8_t seed[32] = { 9 };
	uint8_t got[32];

	ck_assert_int_eq(fx.ks->ops->epoch_store(fx.ks, 3, seed), 0);
	ck_assert_int_eq(fx.ks->ops->epoch_store(fx.ks, 4, seed), 0);
	ck_assert_int_eq(fx.ks->ops->destroy(fx.ks), 0);
	ck_assert_int_eq(fx.ks->ops->derive(fx.ks, "x", got), -EIO);
	ck_assert_int_eq(fx.ks->ops->epoch_load(fx.ks, 3, got), -ENOENT);
	ck_assert_int_eq(fx.ks->ops->epoch_load(fx.ks, 4, got), -ENOENT);
	ck_assert_int_lt(faccessat(fx.keysfd, "device.key", F_OK, 0), 0);
	ck_assert_int_eq(fx.ks->ops->destroy(fx.ks), 0);
}
END_TEST

int main(void) {
	Suite *suite = suite_create("keystore-file");
	TCase *tc = tcase_create("keystore-file");

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_add_test(tc, a_second_device_key_is_refused);
	tcase_add_test(tc, a_derived_key_is_hkdf_of_the_device_key);
	tcase_add_test(tc, an_epoch_key_is_stored_once_loaded_and_erased);
	tcase_add_test(tc, cf06_what_a_crash_left_is_not_taken_for_a_key);
	tcase_add_loop_test(tc, a_doubtful_key_is_refused, 0, (int)ARRAY_SIZE(refusals));
	tcase_add_loop_test(tc, cf15_the_mode_is_fixed_whatever_the_umask, 0, 3);
	tcase_add_test(tc, after_destroying_nothing_is_left);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
