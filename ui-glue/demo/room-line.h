/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UI_GLUE_DEMO_ROOM_LINE_H
#define UI_GLUE_DEMO_ROOM_LINE_H

/* How one talks to a virtual device: one line there, one line back; both ends of it. */

#define ROOM_LINE 512

/* Up to a line break, which is cut off. Return: 0; -ECONNRESET; -errno. */
int room_read_line(int fd, char ret_line[static ROOM_LINE]);

/* Return: 0; -EMSGSIZE; -EIO. */
int room_write_line(int fd, const char *line);

/*
 * room_ask() - to the socket at @path, and what it answers
 * @seconds:  how long that may take
 *
 * Return: 0 ("ok ..."); -EPROTO (anything else); -ENAMETOOLONG; -errno.
 */
int room_ask(const char *path, const char *line, unsigned seconds,
	     char ret_answer[static ROOM_LINE]);

#endif
