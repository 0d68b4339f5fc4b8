/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "broker/worker.h"

#define WORKER_QUEUE_MAX 16u
#define WORKER_STACK (1024u * 1024u)

struct worker {
	uv_thread_t thread;
	uv_mutex_t lock;
	uv_cond_t wake;
	uv_async_t *finished; /* freed by its own close callback                    */
	struct arena *arena;   /* the thread's                                        */
	struct arena *next;    /* to be taken over before the next task; NULL: none   */
	uint32_t limit;
	bool stop;
	/* ring of tasks: [first, first + n_done) are done, then up to n wait or run */
	uint32_t first, n_done, n;
	struct worker_task tasks[WORKER_QUEUE_MAX];
};

static struct worker_task *task_at(struct worker *w, uint32_t i) {
	return &w->tasks[(w->first + i) % WORKER_QUEUE_MAX];
}

static void worker_main(void *data) {
	struct worker *w = data;

	uv_mutex_lock(&w->lock);
	while (!w->stop) {
		struct worker_task task;

		if (w->n_done == w->n) {
			uv_cond_wait(&w->wake, &w->lock);
			continue;
		}
		task = *task_at(w, w->n_done);
		if (w->next) {
			arena_free(w->arena);
			w->arena = w->next;
			w->next = NULL;
		}
		uv_mutex_unlock(&w->lock);
		task.run(task.data, w->arena);
		uv_mutex_lock(&w->lock);
		++w->n_done;
		(void)uv_async_send(w->finished);
	}
	uv_mutex_unlock(&w->lock);
}

static void on_finished(uv_async_t *async) {
	struct worker *w = async->data;
	struct worker_task task;

	for (;;) {
		uv_mutex_lock(&w->lock);
		if (w->n_done == 0) {
			uv_mutex_unlock(&w->lock);
			return;
		}
		task = *task_at(w, 0);
		w->first = (w->first + 1) % WORKER_QUEUE_MAX;
		--w->n_done;
		--w->n;
		uv_mutex_unlock(&w->lock);
		task.done(task.data);
	}
}

static void on_closed(uv_handle_t *handle) {
	free(handle);
}

int worker_new(uv_loop_t *loop, uint32_t n_queue, struct worker **ret_worker) {
	uv_thread_options_t options = { .flags = UV_THREAD_HAS_STACK_SIZE,
					.stack_size = WORKER_STACK };
	struct worker *w = calloc(1, sizeof(*w));
	uv_async_t *async = calloc(1, sizeof(*async));

	if (!w || !async) {
		free(w);
		free(async);
		return -ENOMEM;
	}
	w->limit = n_queue < WORKER_QUEUE_MAX ? n_queue : WORKER_QUEUE_MAX;
	w->finished = async;
	async->data = w;
	if (uv_mutex_init(&w->lock) < 0 || uv_cond_init(&w->wake) < 0 ||
	    uv_async_init(loop, async, on_finished) < 0) {
		free(w);
		free(async);
		return -ENOMEM;
	}
	if (uv_thread_create_ex(&w->thread, &options, worker_main, w) < 0) {
		uv_close((uv_handle_t *)async, on_closed);
		free(w);
		return -EAGAIN;
	}
	*ret_worker = w;
	return 0;
}

void worker_set_arena(struct worker *worker, struct arena *arena) {
	uv_mutex_lock(&worker->lock);
	arena_free(worker->next);
	worker->next = arena;
	uv_mutex_unlock(&worker->lock);
}

int worker_submit(struct worker *worker, const struct worker_task *task) {
	int r = -EBUSY;

	uv_mutex_lock(&worker->lock);
	if (worker->n < worker->limit) {
		*task_at(worker, worker->n) = *task;
		++worker->n;
		uv_cond_signal(&worker->wake);
		r = 0;
	}
	uv_mutex_unlock(&worker->lock);
	return r;
}

/* Those that nobody has collected: not begun, or done when the loop had ended. */
static void abandon_all(struct worker *w) {
	for (uint32_t i = 0; i < w->n; ++i) {
		const struct worker_task *task = task_at(w, i);

		if (task->abandon)
			task->abandon(task->data);
	}
	w->n = w->n_done = 0;
}

struct worker *worker_free(struct worker *worker) {
	if (!worker)
		return NULL;
	uv_mutex_lock(&worker->lock);
	worker->stop = true;
	uv_cond_signal(&worker->wake);
	uv_mutex_unlock(&worker->lock);
	uv_thread_join(&worker->thread);
	abandon_all(worker);
	arena_free(worker->arena);
	arena_free(worker->next);
	uv_close((uv_handle_t *)worker->finished, on_closed);
	uv_cond_destroy(&worker->wake);
	uv_mutex_destroy(&worker->lock);
	free(worker);
	return NULL;
}
