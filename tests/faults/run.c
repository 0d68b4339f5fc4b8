/* SPDX-License-Identifier: Apache-2.0 */
/* Cells in namespaces of their own: whatever they leave behind is gone with them. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/faults/matrix.h"

#define CELL_MS 150000u /* and what the fault takes                                    */
#define JOBS_MAX 16u
#define TEMPLATE "template"

struct job {
	pid_t pid;
	int fd; /* -1: free                                                                */
	struct result *result;
	uint64_t began_ms;
	char dir[128];
	char rest[1024];
	size_t n_rest;
};

/* Whoever ends this program wants nothing to be left of it. */
static volatile sig_atomic_t told_to_end;

static void on_end(int signal) {
	told_to_end = 1;
}

static void make_page(const char *dir) {
	struct shim_page page = { .magic = SHIM_MAGIC };
	char path[160];
	int fd = -1;

	(void)snprintf(path, sizeof(path), "%s/page", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0 || write(fd, &page, sizeof(page)) != (ssize_t)sizeof(page))
		exit(2);
	(void)fchmod(fd, 0666);
	(void)close(fd);
}

/* In the new namespaces: this program once more, with the library preloaded. */
static void become(const struct options *o, const struct place *p, const char *dir, int fd) {
	char number[4][16], page[160];
	char *const argv[] = { (char *)(uintptr_t)o->program, (char *)(uintptr_t)"--cell", number[0],
		               number[1], number[2], (char *)(uintptr_t)dir, number[3],
		               (char *)(uintptr_t)(p ? "play" : TEMPLATE),
		               (char *)(uintptr_t)o->profile, (char *)(uintptr_t)o->carewardd,
		               (char *)(uintptr_t)(o->preload ? o->preload : ""), NULL };

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* A /run of its own: whoever loses his options falls back to it. */
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 ||
	    mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, NULL) < 0)
		_exit(3);
	(void)snprintf(number[0], 16, "%u", p ? p->fault : 0);
	(void)snprintf(number[1], 16, "%u", p ? p->moment : 0);
	(void)snprintf(number[2], 16, "%u", p ? p->variant : 0);
	(void)snprintf(number[3], 16, "%d", fd);
	(void)snprintf(page, sizeof(page), "%s/page", dir);
	(void)setenv(SHIM_PAGE_VARIABLE, page, 1);
	if (o->preload)
		(void)setenv("LD_PRELOAD", o->preload, 1);
	(void)execv(o->program, argv);
	_exit(4);
}

static void job_begin(const struct options *o, struct job *job, const struct place *p,
                      const char *name) {
	int ends[2];

	(void)snprintf(job->dir, sizeof(job->dir), "%s/%s", o->dir, name);
	if (mkdir(job->dir, 0755) < 0 || pipe(ends) < 0)
		exit(2);
	make_page(job->dir);
	(void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	job->fd = ends[0];
	job->n_rest = 0;
	job->began_ms = boot_now_ms();
	(void)fflush(stdout);
	job->pid = fork();
	if (job->pid == 0) {
		int moved = fcntl(ends[1], F_DUPFD, 40);
		int status = 0;
		pid_t child = -1;

		(void)close(ends[1]);
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNS | CLONE_NEWPID) < 0 ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
			_exit(5);
		child = fork();
		if (child == 0)
			become(o, p, job->dir, moved);
		(void)close(moved);
		(void)waitpid(child, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 6);
	}
	(void)close(ends[1]);
}

static void take_line(struct result *r, const char *line) {
	if (sscanf(line, "STRUCK %llu", (unsigned long long *)&r->struck) == 1 ||
	    sscanf(line, "OUTCOME %u", &r->outcome) == 1 ||
	    sscanf(line, "SLOWEST %llu", (unsigned long long *)&r->slowest_ns) == 1)
		return;
	if (strncmp(line, "SKIPPED ", 8) == 0)
		(void)snprintf(r->skipped, sizeof(r->skipped), "%s", line + 8);
	if (strcmp(line, "DONE") == 0)
		r->is_done = true;
	if (strncmp(line, "RED ", 4) != 0 && strncmp(line, "TOLD ", 5) != 0)
		return;
	r->is_red |= line[0] == 'R';
	if (r->n_lines < RESULT_LINES)
		(void)snprintf(r->lines[r->n_lines++], sizeof(r->lines[0]), "%s", line);
}

/* Return: false: it has ended. */
static bool job_read(struct job *job) {
	ssize_t n = read(job->fd, job->rest + job->n_rest, sizeof(job->rest) - 1 - job->n_rest);
	char *line = job->rest, *end = NULL;

	if (n <= 0)
		return false;
	job->n_rest += (size_t)n;
	job->rest[job->n_rest] = '\0';
	while ((end = strchr(line, '\n'))) {
		*end = '\0';
		take_line(job->result, line);
		line = end + 1;
	}
	job->n_rest = (size_t)(job->rest + job->n_rest - line);
	memmove(job->rest, line, job->n_rest);
	if (job->n_rest == sizeof(job->rest) - 1)
		job->n_rest = 0;
	return true;
}

static void job_end(struct job *job) {
	struct result *r = job->result;
	char command[256];
	int status = 0;

	(void)close(job->fd);
	job->fd = -1;
	(void)waitpid(job->pid, &status, 0);
	r->ms = (unsigned)(boot_now_ms() - job->began_ms);
	if (!r->is_done && !r->skipped[0] && !r->is_red) {
		r->is_red = true;
		(void)snprintf(r->lines[r->n_lines++], sizeof(r->lines[0]),
		               "RED ground: it ended with status %#x", (unsigned)status);
	}
	if (strstr(job->dir, TEMPLATE))
		return;
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", job->dir);
	(void)!system(command);
}

static void say(const struct result *r, unsigned number) {
	const struct fault *f = &faults[r->place.fault];
	char outcome[128];

	outcome_print(outcome, sizeof(outcome), r->outcome);
	printf("%sok %u - %s %s", r->is_red ? "not " : "", number, f->name,
	       moments[r->place.moment].name);
	if (f->variants > 1)
		printf(" (%u)", r->place.variant);
	if (r->skipped[0])
		printf(" # SKIP %s\n", r->skipped);
	else
		printf(": struck %llu, %s, slowest call %llu us, %u ms\n",
		       (unsigned long long)r->struck, outcome,
		       (unsigned long long)r->slowest_ns / 1000, r->ms);
	for (unsigned i = 0; i < r->n_lines && r->is_red; ++i)
		printf("# %s\n", r->lines[i]);
	(void)fflush(stdout);
}

static void poll_jobs(struct job *jobs, unsigned n, unsigned *n_said) {
	struct pollfd p[JOBS_MAX];

	for (unsigned i = 0; i < n; ++i)
		p[i] = (struct pollfd){ .fd = jobs[i].fd, .events = POLLIN };
	(void)poll(p, n, 1000);
	for (unsigned i = 0; i < n; ++i) {
		uint64_t most = 0;

		if (jobs[i].fd < 0)
			continue;
		most = CELL_MS + faults[jobs[i].result->place.fault].stay_ms;
		if (boot_now_ms() - jobs[i].began_ms > most) {
			take_line(jobs[i].result, "RED ground: it did not come to an end");
			(void)kill(jobs[i].pid, SIGKILL);
		}
		if (p[i].revents && !job_read(&jobs[i])) {
			job_end(&jobs[i]);
			if (n_said)
				say(jobs[i].result, ++*n_said);
		}
	}
}

static bool make_template(const struct options *o) {
	struct result result = { 0 };
	struct job job = { .result = &result };

	job_begin(o, &job, NULL, TEMPLATE);
	while (job.fd >= 0)
		poll_jobs(&job, 1, NULL);
	for (unsigned i = 0; i < result.n_lines; ++i)
		printf("# %s\n", result.lines[i]);
	return result.is_done;
}

unsigned matrix_run(const struct options *o, const struct place *places, unsigned n,
                    struct result *results) {
	struct job jobs[JOBS_MAX];
	unsigned n_jobs = o->jobs < JOBS_MAX ? o->jobs : JOBS_MAX;
	unsigned next = 0, said = 0, red = 0;

	if (!make_template(o)) {
		printf("Bail out! no device could be set up\n");
		return n;
	}
	for (unsigned i = 0; i < n_jobs; ++i)
		jobs[i] = (struct job){ .fd = -1 };
	(void)signal(SIGTERM, on_end);
	(void)signal(SIGINT, on_end);
	while (said < n && !told_to_end) {
		for (unsigned i = 0; i < n_jobs && next < n; ++i) {
			char name[32];

			if (jobs[i].fd >= 0)
				continue;
			(void)snprintf(name, sizeof(name), "cell-%u", next);
			results[next].place = places[next];
			jobs[i].result = &results[next];
			job_begin(o, &jobs[i], &places[next++], name);
		}
		poll_jobs(jobs, n_jobs, &said);
	}
	for (unsigned i = 0; i < n_jobs; ++i)
		if (jobs[i].fd >= 0)
			(void)kill(jobs[i].pid, SIGKILL);
	for (unsigned i = 0; i < n; ++i)
		red += results[i].is_red;
	return told_to_end ? n : red;
}

void matrix_cell(const struct options *o, int argc, char **argv) {
	static struct cell cell;
	char path[256];
	int fd;

	if (argc != 11)
		_exit(7);
	(void)unsetenv("LD_PRELOAD");
	cell.fault = &faults[strtoul(argv[2], NULL, 10)];
	cell.moment_number = (unsigned)strtoul(argv[3], NULL, 10);
	cell.moment = &moments[cell.moment_number];
	cell.variant = (unsigned)strtoul(argv[4], NULL, 10);
	cell.dir = argv[5];
	cell.report = (int)strtol(argv[6], NULL, 10);
	cell.profile = argv[8];
	cell.carewardd = argv[9];
	cell.preload = argv[10][0] ? argv[10] : NULL;
	(void)fcntl(cell.report, F_SETFD, FD_CLOEXEC);
	(void)snprintf(path, sizeof(path), "%s/page", cell.dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	cell.shim = mmap(NULL, sizeof(*cell.shim), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd < 0 || cell.shim == MAP_FAILED)
		_exit(8);
	(void)close(fd);
	if (strcmp(argv[7], TEMPLATE) == 0) {
		template_make(&cell);
		_exit(0);
	}
	(void)snprintf(path, sizeof(path), "%s/../" TEMPLATE, cell.dir);
	cell.template = path;
	if (cell.fault->needs_shim && !cell.preload) {
		(void)dprintf(cell.report, "SKIPPED nothing can be preloaded into this build\n");
		_exit(0);
	}
	_exit(cell_play(&cell));
}
