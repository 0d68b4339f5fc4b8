/* SPDX-License-Identifier: Apache-2.0 */
#include "ui-glue/demo/broker.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ui-glue/demo/child.h"

#define START_TIMEOUT_MS 60000
#define STOP_TIMEOUT_MS 20000
#define READY_FD 8
#define OTHER_USER "nobody"
#define TOKEN_USER "uucp"  /* whom careward-token becomes: nobody that the broker is   */

static const char *const files[] = { "device.cfg", "site.cfg", "place.cfg" };

static int join(char ret[BROKER_PATH], const char *folder, const char *name) {
	int n = snprintf(ret, BROKER_PATH, "%s/%s", folder, name);

	return n < 0 || n >= BROKER_PATH ? -ENAMETOOLONG : 0;
}

/* Reads a whole file of less than 64 MB. Return: heap; NULL. */
static char *read_whole(const char *path, size_t *ret_n) {
	FILE *f = fopen(path, "re");
	struct stat st;
	char *p = NULL;

	if (!f)
		return NULL;
	if (fstat(fileno(f), &st) == 0 && st.st_size < 64 << 20)
		p = malloc((size_t)st.st_size + 1);
	if (p && fread(p, 1, (size_t)st.st_size, f) == (size_t)st.st_size) {
		*ret_n = (size_t)st.st_size;
	} else {
		free(p);
		p = NULL;
	}
	(void)fclose(f);
	return p;
}

static int write_whole(const char *path, const char *p, size_t n, mode_t mode) {
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	ssize_t done = fd < 0 ? -1 : write(fd, p, n);

	if (fd < 0)
		return -errno;
	(void)fchmod(fd, mode);
	(void)close(fd);
	return done == (ssize_t)n ? 0 : -EIO;
}

static int copy_file(const char *from, const char *to, mode_t mode) {
	size_t n = 0;
	char *p = read_whole(from, &n);
	int r = p ? write_whole(to, p, n, mode) : -ENOENT;

	free(p);
	return r;
}

/* As root the broker is somebody else; otherwise it is us. */
static void choose_user(struct broker *b) {
	const struct passwd *other = getuid() == 0 ? getpwnam(OTHER_USER) : NULL;

	b->uid = other ? (uint32_t)other->pw_uid : (uint32_t)getuid();
	b->other_user = other != NULL && other->pw_uid != getuid();
	(void)snprintf(b->uid_text, sizeof(b->uid_text), "%u", b->uid);
}

/* Once, or not at all. Return: 0; -ENOENT (@old does not stand there once); -errno. */
static int edit_config(const struct broker *b, const char *name, const char *old, const char *new) {
	char path[BROKER_PATH], *p = NULL, *place = NULL, *made = NULL;
	size_t n = 0;
	int r = join(path, b->config, name), length = 0;

	p = r == 0 ? read_whole(path, &n) : NULL;
	if (!p)
		return r < 0 ? r : -ENOENT;
	p[n] = '\0';
	place = strstr(p, old);
	if (!place || strstr(place + 1, old))
		r = -ENOENT;
	if (r == 0) {
		length = asprintf(&made, "%.*s%s%s", (int)(place - p), p, new, place + strlen(old));
		r = length < 0 ? -ENOMEM : write_whole(path, made, (size_t)length, 0644);
		if (length >= 0)
			free(made);
	}
	free(p);
	return r;
}

/* device.cfg: the virtual readers beside those that every device has. */
static int add_readers(const struct broker *b) {
	static const char usual[] = "{ kind = \"usb-key\"; }";
	const struct places *places = b->places;
	char text[1024], *end = text + sizeof(text), *p = text;

	if (!places->room || (!places->with_key && !places->with_badge))
		return 0;
	p += snprintf(p, (size_t)(end - p), "%s", usual);
	if (places->with_key)
		p += snprintf(p, (size_t)(end - p),
		              ",\n  { kind = \"key-socket\"; seat = \"main\"; path = \"%.200s/key\"; }",
		              places->room);
	if (places->with_badge)
		(void)snprintf(p, (size_t)(end - p),
		               ",\n  { kind = \"serial\"; seat = \"main\"; path = \"%.200s/tty\"; "
		               "form = \"hex\"; }", places->room);
	return edit_config(b, "device.cfg", usual, text);
}

/* site.cfg: what the hospital of a trial would switch on. */
static int admit_tokens(const struct broker *b) {
	char text[1024], socket[BROKER_PATH] = "/run/pcscd/pcscd.comm";
	int r = b->places->room ? join(socket, b->places->room, "../pcscd/pcscd.comm") : 0;

	if (r < 0)
		return r;
	(void)snprintf(text, sizeof(text),
	               "tokens = {\n  smartcard = {\n    module = \"%.200s\";\n"
	               "    environment = [ \"PCSCLITE_CSOCK_NAME=%.250s\" ];\n"
	               "    recognise = \"key\";\n    enrolled_without_authority = true;\n  };\n",
	               b->places->module, socket);
	if (b->places->with_card)
		r = edit_config(b, "site.cfg", "tokens = {", text);
	if (r == 0 && b->places->with_badge)
		r = edit_config(b, "site.cfg", "code_digits = 0;", "code_digits = 4;");
	/* In everyday life care wants badge and code; with a patient, the badge alone. */
	if (r == 0 && b->places->with_badge)
		r = edit_config(b, "site.cfg", "care = \"password\";", "care = \"code\";");
	return r;
}

static int name_sockets(struct broker *b) {
	int r = join(b->main, b->run, "main");

	return r < 0 ? r : join(b->service, b->run, "service");
}

int broker_prepare(struct broker *broker, const struct places *places) {
	const char *base = access("/tmp", W_OK) == 0 ? "/tmp" : ".";
	char from[BROKER_PATH], to[BROKER_PATH];
	int r = 0;

	*broker = (struct broker){ .places = places };
	choose_user(broker);
	r = join(broker->root, base, "careward-demo-XXXXXX");
	if (r < 0)
		return r;
	keeper_sweep(base);
	if (!mkdtemp(broker->root)) {
		broker->root[0] = '\0';
		return -errno;
	}
	r = keeper_start(&broker->keeper, broker->root);
	if (r < 0)
		return r;
	/* The broker's user has to pass through. */
	if (chmod(broker->root, 0755) < 0)
		return -errno;
	if (join(broker->config, broker->root, "config") < 0 ||
	    join(broker->state, broker->root, "state") < 0 ||
	    join(broker->run, broker->root, "run") < 0 || name_sockets(broker) < 0)
		return -ENAMETOOLONG;
	if (mkdir(broker->config, 0755) < 0 || chmod(broker->config, 0755) < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && r == 0; ++i) {
		r = join(from, places->config, files[i]);
		if (r == 0)
			r = join(to, broker->config, files[i]);
		if (r == 0)
			r = copy_file(from, to, 0644);
	}
	if (r == 0)
		r = add_readers(broker);
	return r < 0 ? r : admit_tokens(broker);
}

static void become_broker(const struct broker *b, int ready, int log) {
	const char *args[16] = { b->places->broker, "--config", b->config, "--state", b->state,
				 "--run", b->run, "--ready-fd", "8" };
	char *const *argv = NULL;
	const char *const *list = args;
	size_t n = 9; /* so many stand there already */

	if (b->other_user) {
		args[n++] = "--user";
		args[n++] = OTHER_USER;
	}
	if (b->places->token) {
		args[n++] = "--token-helper";
		args[n++] = b->places->token;
	}
	if (b->places->token && b->other_user && getpwnam(TOKEN_USER)) {
		args[n++] = "--token-user";
		args[n++] = TOKEN_USER;
	}
	if (dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0 ||
	    dup2(ready, READY_FD) < 0)
		_exit(127);
	/* dup2() onto itself leaves it to be closed. */
	(void)fcntl(READY_FD, F_SETFD, 0);
	(void)signal(SIGPIPE, SIG_DFL);
	/* A key pressed at the terminal is for the screen, not for the broker. */
	(void)setsid();
	memcpy(&argv, &list, sizeof(argv));
	(void)execv(args[0], argv);
	_exit(127);
}

static int wait_ready(int fd) {
	struct pollfd wanted = { .fd = fd, .events = POLLIN };
	char c = 0;
	int r;

	do {
		r = poll(&wanted, 1, START_TIMEOUT_MS);
	} while (r < 0 && errno == EINTR);
	if (r == 0)
		return -ETIMEDOUT;
	return read(fd, &c, 1) == 1 ? 0 : -ECHILD;
}

int broker_start(struct broker *broker) {
	char path[BROKER_PATH];
	int ends[2], log = -1, r = 0;
	pid_t pid;

	r = join(path, broker->root, "carewardd.log");
	if (r < 0)
		return r;
	log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (log < 0)
		return -errno;
	if (pipe2(ends, O_CLOEXEC) < 0) {
		(void)close(log);
		return -errno;
	}
	pid = fork();
	if (pid == 0)
		become_broker(broker, ends[1], log);
	(void)close(ends[1]);
	(void)close(log);
	if (pid < 0) {
		(void)close(ends[0]);
		return -EAGAIN;
	}
	broker->pid = pid;
	keeper_watch(&broker->keeper, pid);
	r = wait_ready(ends[0]);
	(void)close(ends[0]);
	if (r < 0)
		(void)broker_stop(broker);
	return r;
}

int broker_stop(struct broker *broker) {
	int64_t until = child_now_ms() + STOP_TIMEOUT_MS;
	int status = 0;
	pid_t r = 0;

	if (broker->pid == 0)
		return 0;
	(void)kill(broker->pid, SIGTERM);
	while ((r = waitpid(broker->pid, &status, WNOHANG)) == 0 && child_now_ms() < until)
		(void)usleep(5000);
	if (r == 0) {
		(void)kill(broker->pid, SIGKILL);
		(void)waitpid(broker->pid, &status, 0);
	}
	broker->pid = 0;
	if (r < 0)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* A number of /proc/PID/status. Return: it; -1. */
static long status_of(const char *pid, const char *key) {
	char path[64], line[256];
	long value = -1;
	FILE *f = NULL;

	(void)snprintf(path, sizeof(path), "/proc/%.20s/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0)
			value = strtol(line + strlen(key), NULL, 10);
	if (f)
		(void)fclose(f);
	return value;
}

/* The engine is the supervisor's child that has workers. */
static pid_t find_engine(const struct broker *broker) {
	DIR *folder = opendir("/proc");
	const struct dirent *entry = NULL;
	pid_t found = 0;

	while (folder && (entry = readdir(folder)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
		    status_of(entry->d_name, "PPid:") == broker->pid &&
		    status_of(entry->d_name, "Threads:") > 1)
			found = (pid_t)strtol(entry->d_name, NULL, 10);
	if (folder)
		(void)closedir(folder);
	return found;
}

int broker_kill_engine(const struct broker *broker) {
	pid_t pid = broker->pid != 0 ? find_engine(broker) : 0;

	if (pid <= 0)
		return -ESRCH;
	return kill(pid, SIGKILL) < 0 ? -errno : 0;
}

int broker_copy(const struct broker *broker, struct broker *ret_copy) {
	char from[BROKER_PATH], to[BROKER_PATH];
	const struct dirent *entry = NULL;
	struct broker copy = *broker;
	DIR *folder = NULL;
	int r = 0;

	copy.pid = 0;
	if (join(copy.state, broker->root, "edited") < 0 || join(copy.run, broker->root, "run2") < 0 ||
	    name_sockets(&copy) < 0)
		return -ENAMETOOLONG;
	if (mkdir(copy.state, 0700) < 0 || chmod(copy.state, 0700) < 0)
		return -errno;
	folder = opendir(broker->state);
	if (!folder)
		return -errno;
	while (r == 0 && (entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		r = join(from, broker->state, entry->d_name);
		if (r == 0)
			r = join(to, copy.state, entry->d_name);
		if (r == 0)
			r = copy_file(from, to, 0600);
		if (r == 0 && broker->other_user && chown(to, broker->uid, (gid_t)-1) < 0)
			r = -errno;
	}
	(void)closedir(folder);
	if (r == 0 && broker->other_user && chown(copy.state, broker->uid, (gid_t)-1) < 0)
		r = -errno;
	if (r == 0)
		*ret_copy = copy;
	return r;
}

int broker_edit(const struct broker *broker, const char *text) {
	char path[BROKER_PATH], *p = NULL, *place = NULL;
	size_t n = 0, n_text = strlen(text);
	int r = join(path, broker->state, "careward.db");

	p = r == 0 ? read_whole(path, &n) : NULL;
	if (!p)
		return -ENOENT;
	place = memmem(p, n, text, n_text);
	if (!place || memmem(place + n_text, n - (size_t)(place - p) - n_text, text, n_text))
		r = -ENOENT;
	if (r == 0) {
		place[n_text - 1] = '9';
		r = write_whole(path, p, n, 0600);
	}
	free(p);
	return r;
}

void broker_remove(struct broker *broker) {
	(void)broker_stop(broker);
	keeper_end(&broker->keeper);
	if (broker->root[0] != '\0')
		keeper_remove(broker->root);
	broker->root[0] = '\0';
}
