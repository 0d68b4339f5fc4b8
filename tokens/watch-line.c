/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Readers that write lines: on a tty, or as a keyboard
 */

#include "tokens/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "common/cleanup.h"

#define STX 0x02
#define ETX 0x03

#define SPEED 9600u

void line_clear(struct line *line) {
	*line = (struct line){ .n = 0 };
}

bool line_take(struct line *line, uint8_t byte) {
	if (byte == STX) {
		line_clear(line);
		return false;
	}
	if (byte == '\r' || byte == '\n' || byte == ETX) {
		bool is_whole = line->n > 0 && !line->spoilt;

		if (!is_whole)
			line_clear(line);
		return is_whole;
	}
	if (line->n == sizeof(line->bytes))
		line->spoilt = true;
	else
		line->bytes[line->n++] = byte;
	return false;
}

/* What is printed on the keys of a US keyboard: readers are set to that one. */
static const struct {
	uint16_t code;
	uint8_t plain;
	uint8_t shifted;
} layout[] = {
	{ KEY_1, '1', '!' },	  { KEY_2, '2', '@' },	      { KEY_3, '3', '#' },
	{ KEY_4, '4', '$' },	  { KEY_5, '5', '%' },	      { KEY_6, '6', '^' },
	{ KEY_7, '7', '&' },	  { KEY_8, '8', '*' },	      { KEY_9, '9', '(' },
	{ KEY_0, '0', ')' },	  { KEY_A, 'a', 'A' },	      { KEY_B, 'b', 'B' },
	{ KEY_C, 'c', 'C' },	  { KEY_D, 'd', 'D' },	      { KEY_E, 'e', 'E' },
	{ KEY_F, 'f', 'F' },	  { KEY_G, 'g', 'G' },	      { KEY_H, 'h', 'H' },
	{ KEY_I, 'i', 'I' },	  { KEY_J, 'j', 'J' },	      { KEY_K, 'k', 'K' },
	{ KEY_L, 'l', 'L' },	  { KEY_M, 'm', 'M' },	      { KEY_N, 'n', 'N' },
	{ KEY_O, 'o', 'O' },	  { KEY_P, 'p', 'P' },	      { KEY_Q, 'q', 'Q' },
	{ KEY_R, 'r', 'R' },	  { KEY_S, 's', 'S' },	      { KEY_T, 't', 'T' },
	{ KEY_U, 'u', 'U' },	  { KEY_V, 'v', 'V' },	      { KEY_W, 'w', 'W' },
	{ KEY_X, 'x', 'X' },	  { KEY_Y, 'y', 'Y' },	      { KEY_Z, 'z', 'Z' },
	{ KEY_KP0, '0', '0' },	  { KEY_KP1, '1', '1' },      { KEY_KP2, '2', '2' },
	{ KEY_KP3, '3', '3' },	  { KEY_KP4, '4', '4' },      { KEY_KP5, '5', '5' },
	{ KEY_KP6, '6', '6' },	  { KEY_KP7, '7', '7' },      { KEY_KP8, '8', '8' },
	{ KEY_KP9, '9', '9' },	  { KEY_MINUS, '-', '_' },    { KEY_EQUAL, '=', '+' },
	{ KEY_COMMA, ',', '<' },  { KEY_DOT, '.', '>' },      { KEY_SLASH, '/', '?' },
	{ KEY_SPACE, ' ', ' ' },  { KEY_SEMICOLON, ';', ':' }, { KEY_APOSTROPHE, '\'', '"' },
	{ KEY_LEFTBRACE, '[', '{' }, { KEY_RIGHTBRACE, ']', '}' }, { KEY_BACKSLASH, '\\', '|' },
	{ KEY_KPMINUS, '-', '-' }, { KEY_KPPLUS, '+', '+' },  { KEY_KPSLASH, '/', '/' },
	{ KEY_KPDOT, '.', '.' },  { KEY_KPASTERISK, '*', '*' }, { KEY_GRAVE, '`', '~' },
	{ KEY_ENTER, '\n', '\n' }, { KEY_KPENTER, '\n', '\n' },
};

bool wedge_take(struct wedge *wedge, struct line *line, const struct input_event *event) {
	/* Events were lost: whatever this line was, it is not one now. */
	if (event->type == EV_SYN && event->code == SYN_DROPPED) {
		*wedge = (struct wedge){ .shift = { false } };
		line->spoilt = true;
		return false;
	}
	if (event->type != EV_KEY)
		return false;
	if (event->code == KEY_LEFTSHIFT || event->code == KEY_RIGHTSHIFT) {
		wedge->shift[event->code == KEY_RIGHTSHIFT] = event->value != 0;
		return false;
	}
	if (event->value != 1)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(layout); ++i)
		if (layout[i].code == event->code)
			return line_take(line, wedge->shift[0] || wedge->shift[1]
						       ? layout[i].shifted
						       : layout[i].plain);
	return false;
}

static bool speed_of(uint32_t speed, speed_t *ret_speed) {
	static const struct {
		uint32_t speed;
		speed_t code;
	} speeds[] = {
		{ 0, B9600 },	    { 1200, B1200 },   { 2400, B2400 },	  { 4800, B4800 },
		{ 9600, B9600 },    { 19200, B19200 }, { 38400, B38400 }, { 57600, B57600 },
		{ 115200, B115200 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(speeds); ++i)
		if (speeds[i].speed == speed) {
			*ret_speed = speeds[i].code;
			return true;
		}
	return false;
}

/* Bytes as they come, 8 bits, nothing echoed, the line's own handshake ignored. */
static int set_raw(int fd, uint32_t speed) {
	struct termios t;
	speed_t code = B0;

	if (tcgetattr(fd, &t) < 0)
		return -errno;
	if (!speed_of(speed, &code))
		return -EINVAL;
	cfmakeraw(&t);
	t.c_cflag |= CLOCAL | CREAD;
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	if (cfsetspeed(&t, code) < 0 || tcsetattr(fd, TCSANOW, &t) < 0)
		return -errno;
	(void)tcflush(fd, TCIFLUSH);
	return 0;
}

static bool is_evdev(int fd) {
	int version = 0;

	return ioctl(fd, EVIOCGVERSION, &version) == 0;
}

/* Digits of a badge must not reach whoever else reads keyboards. Return: 0; -errno. */
static int take_over(struct watch_reader *r, int fd) {
	if (r->rules->kind == READER_WEDGE && is_evdev(fd)) {
		r->is_evdev = true;
		return ioctl(fd, EVIOCGRAB, 1) < 0 ? -errno : 0;
	}
	r->is_evdev = false;
	return set_raw(fd, r->rules->speed);
}

void watch_line_open(struct watch *watch, uint32_t reader) {
	struct watch_reader *r = &watch->readers[reader];
	cleanup_(close_fdp) int fd = -1;

	fd = open(r->rules->path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || take_over(r, fd) < 0) {
		watch_tell_there(watch, reader, false);
		return;
	}
	r->fd = fd;
	fd = -1; /* handed over */
	line_clear(&r->line);
	r->wedge = (struct wedge){ .shift = { false } };
	watch_tell_there(watch, reader, true);
}

static void close_reader(struct watch *watch, uint32_t reader) {
	close_fdp(&watch->readers[reader].fd);
	watch->readers[reader].fd = -1;
	watch_tell_there(watch, reader, false);
}

static void tell_if_whole(struct watch *watch, uint32_t reader, bool is_whole) {
	struct watch_reader *r = &watch->readers[reader];

	r->line_tick = watch->tick;
	if (!is_whole)
		return;
	watch_tell_line(watch, reader, r->rules->form, r->rules->path, r->line.bytes, r->line.n);
	line_clear(&r->line);
}

void watch_line_ready(struct watch *watch, uint32_t reader) {
	struct watch_reader *r = &watch->readers[reader];
	struct input_event events[16];
	uint8_t bytes[sizeof(events)];
	ssize_t n = read(r->fd, bytes, sizeof(bytes));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		close_reader(watch, reader);
		return;
	}
	if (!r->is_evdev) {
		for (ssize_t i = 0; i < n; ++i)
			tell_if_whole(watch, reader, line_take(&r->line, bytes[i]));
		return;
	}
	memcpy(events, bytes, (size_t)n);
	for (size_t i = 0; i < (size_t)n / sizeof(events[0]); ++i)
		tell_if_whole(watch, reader, wedge_take(&r->wedge, &r->line, &events[i]));
}

void watch_line_tick(struct watch *watch, uint32_t reader) {
	struct watch_reader *r = &watch->readers[reader];

	if (r->line.n > 0 && watch->tick - r->line_tick >= TICKS_STALE)
		line_clear(&r->line);
}
