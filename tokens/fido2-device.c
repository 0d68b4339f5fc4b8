/* SPDX-License-Identifier: Apache-2.0 */
/* Security keys: where they are, how they are reached, what their errors mean. */
#include "tokens/fido2.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd.h"

#define REPORT 64u

/* Everything that is not here is TOKEN_BROKEN. */
static const struct {
	int fido;
	enum token_error error;
} errors[] = {
	{ FIDO_OK, TOKEN_OK },
	/* A key that is gone and one that says nothing look the same. */
	{ FIDO_ERR_TX, TOKEN_REMOVED },
	{ FIDO_ERR_RX, TOKEN_REMOVED },
	{ FIDO_ERR_CHANNEL_BUSY, TOKEN_BUSY },
	{ FIDO_ERR_CREDENTIAL_EXCLUDED, TOKEN_ENROLLED },
	{ FIDO_ERR_NO_CREDENTIALS, TOKEN_NO_CREDENTIAL },
	{ FIDO_ERR_INVALID_CREDENTIAL, TOKEN_NO_CREDENTIAL },
	{ FIDO_ERR_TIMEOUT, TOKEN_NOT_TOUCHED },
	{ FIDO_ERR_USER_ACTION_TIMEOUT, TOKEN_NOT_TOUCHED },
	{ FIDO_ERR_ACTION_TIMEOUT, TOKEN_NOT_TOUCHED },
	{ FIDO_ERR_OPERATION_DENIED, TOKEN_CANCELLED },
	{ FIDO_ERR_KEEPALIVE_CANCEL, TOKEN_CANCELLED },
	{ FIDO_ERR_PIN_INVALID, TOKEN_PIN_WRONG },
	{ FIDO_ERR_UV_INVALID, TOKEN_PIN_WRONG }, /* the finger; its tries are told       */
	{ FIDO_ERR_PIN_BLOCKED, TOKEN_PIN_LOCKED },
	{ FIDO_ERR_PIN_AUTH_BLOCKED, TOKEN_PIN_BLOCKED },
	{ FIDO_ERR_PIN_NOT_SET, TOKEN_PIN_UNSET },
	{ FIDO_ERR_PIN_REQUIRED, TOKEN_PIN_NEEDED },
	{ FIDO_ERR_UV_BLOCKED, TOKEN_PIN_NEEDED }, /* no finger any more, but the PIN      */
	{ FIDO_ERR_PIN_POLICY_VIOLATION, TOKEN_PIN_INVALID },
	{ FIDO_ERR_UNSUPPORTED_ALGORITHM, TOKEN_UNSUPPORTED },
	{ FIDO_ERR_UNSUPPORTED_OPTION, TOKEN_UNSUPPORTED },
	{ FIDO_ERR_INVALID_OPTION, TOKEN_UNSUPPORTED },
	{ FIDO_ERR_INVALID_COMMAND, TOKEN_UNSUPPORTED },
	{ FIDO_ERR_KEY_STORE_FULL, TOKEN_UNSUPPORTED },
};

enum token_error fido2_error(int fido) {
	for (size_t i = 0; i < ARRAY_SIZE(errors); ++i)
		if (errors[i].fido == fido)
			return errors[i].error;
	return TOKEN_BROKEN;
}

/* --- a key behind a socket ------------------------------------------------- */

/* libfido2 holds a handle as a pointer that is not NULL; a descriptor is 3 or more. */
static int handle_fd(void *handle) {
	return (int)(intptr_t)handle;
}

static void *socket_open(const char *path) {
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_(close_fdp) int fd = -1;
	int taken;

	if (strlen(path) >= sizeof(address.sun_path))
		return NULL;
	memcpy(address.sun_path, path, strlen(path));
	fd = fd_lift(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return NULL;
	taken = fd;
	fd = -1; /* handed over */
	return (void *)(intptr_t)taken;
}

static void socket_close(void *handle) {
	(void)close(handle_fd(handle));
}

/* Waits at most @ms; -1: for ever. */
static bool is_ready(int fd, short events, int ms) {
	struct pollfd it = { .fd = fd, .events = events };
	int r;

	do {
		r = poll(&it, 1, ms);
	} while (r < 0 && errno == EINTR);
	return r == 1;
}

static int socket_read(void *handle, unsigned char *p, size_t n, int ms) {
	int fd = handle_fd(handle);
	uint8_t report[REPORT + 1];
	ssize_t got;

	if (n < REPORT || !is_ready(fd, POLLIN, ms))
		return -1;
	got = recv(fd, report, sizeof(report), MSG_DONTWAIT);
	if (got != (ssize_t)REPORT)
		return -1; /* gone, or not a report                                      */
	memcpy(p, report, REPORT);
	return (int)REPORT;
}

/* The report's number comes first; the socket takes it with or without. */
static int socket_write(void *handle, const unsigned char *p, size_t n) {
	return send(handle_fd(handle), p, n, MSG_NOSIGNAL) == (ssize_t)n ? (int)n : -1;
}

static const fido_dev_io_t socket_io = {
	.open = socket_open,
	.close = socket_close,
	.read = socket_read,
	.write = socket_write,
};

/* --- all of them ----------------------------------------------------------- */

/* Takes @dev over. */
static enum token_error add_device(struct fido2_devices *devices, fido_dev_t *dev, const char *path,
				   const char *name, int ms) {
	struct fido2_device *it = &devices->list[devices->n];
	int r;

	r = fido_dev_set_timeout(dev, ms);
	if (r == FIDO_OK)
		r = fido_dev_open(dev, path);
	if (r != FIDO_OK) {
		fido_dev_free(&dev);
		/* "Internal" is what it says when there is nothing behind the path. */
		return r == FIDO_ERR_INTERNAL ? TOKEN_ABSENT : fido2_error(r);
	}
	*it = (struct fido2_device){ .dev = dev };
	(void)snprintf(it->name, sizeof(it->name), "%.63s", name ? name : "");
	++devices->n;
	return TOKEN_OK;
}

static enum token_error open_socket(struct fido2_devices *devices, const char *path, int ms) {
	fido_dev_t *dev = fido_dev_new();
	const char *slash = strrchr(path, '/');

	if (!dev || fido_dev_set_io_functions(dev, &socket_io) != FIDO_OK) {
		fido_dev_free(&dev);
		return TOKEN_BROKEN;
	}
	return add_device(devices, dev, path, slash ? slash + 1 : path, ms);
}

static enum token_error open_usb(struct fido2_devices *devices, int ms) {
	fido_dev_info_t *infos = fido_dev_info_new(FIDO2_DEVICES_MAX);
	enum token_error error = TOKEN_ABSENT;
	size_t n = 0;

	if (!infos)
		return TOKEN_BROKEN;
	if (fido_dev_info_manifest(infos, FIDO2_DEVICES_MAX, &n) != FIDO_OK)
		n = 0;
	/* It may claim more than it was given room for. */
	for (size_t i = 0; i < n && i < FIDO2_DEVICES_MAX && devices->n < FIDO2_DEVICES_MAX; ++i) {
		const fido_dev_info_t *info = fido_dev_info_ptr(infos, i);
		const char *path = info ? fido_dev_info_path(info) : NULL;
		fido_dev_t *dev = path ? fido_dev_new() : NULL;

		error = TOKEN_BROKEN;
		if (dev)
			error = add_device(devices, dev, path, fido_dev_info_product_string(info),
					   ms);
	}
	fido_dev_info_free(&infos, FIDO2_DEVICES_MAX);
	return error;
}

enum token_error fido2_devices_open(const struct token_rules *rules, uint32_t seats, int ms,
				    struct fido2_devices *devices) {
	enum token_error worst = TOKEN_ABSENT;
	bool usb = false;

	for (uint32_t i = 0; i < rules->n_readers && i < TOKEN_READERS_MAX; ++i) {
		const struct reader_rules *reader = &rules->readers[i];
		enum token_error error = TOKEN_ABSENT;

		if ((reader->seats & seats) == 0)
			continue; /* another seat's                                          */
		if (reader->kind == READER_KEY_SOCKET && devices->n < FIDO2_DEVICES_MAX)
			error = open_socket(devices, reader->path, ms);
		if (error != TOKEN_OK && error != TOKEN_ABSENT)
			worst = error;
		usb |= reader->kind == READER_USB_KEY;
	}
	if (usb) {
		enum token_error error = open_usb(devices, ms);

		if (error != TOKEN_OK && error != TOKEN_ABSENT)
			worst = error;
	}
	return devices->n > 0 ? TOKEN_OK : worst;
}

void fido2_devices_close(struct fido2_devices *devices) {
	for (uint32_t i = 0; i < devices->n; ++i) {
		fido_dev_t *dev = devices->list[i].dev;

		/* One that still waits for a touch would be busy for the next helper. */
		(void)fido_dev_cancel(dev);
		(void)fido_dev_close(dev);
		fido_dev_free(&dev);
	}
	memset(devices, 0, sizeof(*devices));
}
