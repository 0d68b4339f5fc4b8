/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

/*
 * The inside of a struct cw
 *
 *	open.c       making and ending one; embedded.c starts a private broker
 *	peer.c       who may be the broker
 *	link.c       the connection: connecting, greeting, sending, receiving
 *	event.c      the queue, and what the broker's events become
 *	reply.c      what the broker's replies become
 *	state.c      the pages, the overlay, cw_check() and cw_status()
 *	record.c     ring records: kept, sent, sent again
 *	emergency.c  break-glass
 *	use.c        cw_use() and the small requests
 *	approval.c   approvals: asking, signing at another seat, using
 *	attempt.c    conversations
 *	history.c    the login history
 *
 * All memory is taken in cw_open(). One thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <careward/careward.h>

#include "common/limits.h"
#include "policy/decide.h"
#include "wire/frame.h"
#include "wire/page.h"
#include "wire/protocol.h"
#include "wire/ring.h"

#define CLIENT_ACTIONS_MAX 512u
#define CLIENT_EVENTS 128u       /* the queue                                        */
#define CLIENT_EVENTS_HIGH 64u   /* from here on nothing more is read                */
#define CLIENT_PENDING 32u       /* requests that wait for a reply                   */
#define CLIENT_ATTEMPTS 8u
#define CLIENT_RECEIPT_MAX 4096u
#define CLIENT_IDS 16u           /* emergency ids drawn ahead                        */
#define CLIENT_KNOWN 32u         /* emergencies that are remembered                  */
#define CLIENT_DEADLINE_MS 2000u /* a START that is read later is not granted        */
#define CLIENT_PENDING_CARE 24u  /* of them uses of care at most                     */
#define CLIENT_GREETING_MS 5000u
#define CLIENT_ACTIVITY_MS 500u  /* one is enough                                    */
#define CLIENT_RETRY_FIRST_MS 50u
#define CLIENT_RETRY_LAST_MS 1000u
#define CLIENT_RESEND_BATCH 15u  /* records at once when they are sent again, and    */
#define CLIENT_RESEND_MS 600u    /* the pause: with a start below 32 a second        */
#define CLIENT_OFFER_MS 3000u    /* what was sent and is not recorded is said again   */

enum link_state {
	LINK_DOWN = 0,
	LINK_GREETING, /* hello was sent                                             */
	LINK_UP,
};

/* What a reply is an answer to. */
enum pending_what {
	PENDING_NONE = 0,
	PENDING_CARE,    /* always and care: recorded in the ring when no reply comes  */
	PENDING_USE,     /* guarded: CW_EVENT_USED                                     */
	PENDING_REDEEM,  /* CW_EVENT_USED                                              */
	PENDING_BEGIN,   /* an attempt begins                                          */
	PENDING_ATTEMPT, /* an answer or a cancellation                                */
	PENDING_HISTORY,
	PENDING_APPROVALS,
	PENDING_OTHER,   /* CW_EVENT_ERROR when it is refused                          */
};

struct pending {
	enum pending_what what;
	uint64_t serial;
	uint64_t attempt;          /* BEGIN, ATTEMPT: ours                           */
	struct ring_record record; /* CARE                                           */
};

enum attempt_state {
	ATTEMPT_FREE = 0,
	ATTEMPT_BEGINNING, /* the broker has not told its number yet                 */
	ATTEMPT_OPEN,
	ATTEMPT_ASKED,     /* a prompt waits for an answer                           */
	ATTEMPT_RECEIPT,   /* over, with a receipt to be fetched                     */
};

struct attempt {
	enum attempt_state state;
	bool cancelled;     /* while it was beginning                                */
	uint64_t number;    /* ours                                                  */
	uint64_t remote;    /* the broker's; 0: not told yet                         */
	struct cw_prompt prompt;
	size_t n_receipt;
	uint8_t receipt[CLIENT_RECEIPT_MAX];
};

struct known_emergency {
	uint8_t id[16];
	bool is_set;
	bool ended; /* final                                                         */
	bool end_owed; /* its end found the ring full                                */
	uint64_t end_boot_ms;
	int64_t end_wall_ms;
};

/* The emergency that was declared in this process. */
struct local_emergency {
	bool open;
	uint8_t id[16];
	struct ring_record start; /* said again on every new connection              */
	enum cw_recorded recorded;
	bool is_recorded; /* CW_EVENT_EMERGENCY_RECORDED was told                     */
};

struct cw {
	/* What the application gave. */
	const struct cw_action *actions;
	uint32_t n_actions;
	uint32_t broker_uid;
	bool root_is_right;    /* or root                                              */
	char path[108];
	char app[64];

	/* The connection. */
	int epoll_fd;
	int socket_fd;
	enum link_state link;
	bool broken;           /* found while sending: cw_dispatch() closes it         */
	bool refused_told;     /* a broker of a foreign uid was told of                */
	int embedded_pid;      /* 0: none                                              */
	uint64_t hello_serial;
	uint64_t deadline_ms;  /* DOWN: try again; GREETING: give up                   */
	uint64_t retry_ms;
	uint64_t up_ms;        /* UP: since when                                       */
	uint64_t serial;       /* of the last request                                  */
	struct pending pending[CLIENT_PENDING];

	uint64_t activity_ms;  /* when the last one was told                           */

	/* The pages. */
	const struct policy_table *table;
	const struct state_page *page;
	struct policy_state last; /* last good copy                                    */
	bool has_last;
	uint64_t last_generation; /* of the page, that last was read from; 0: of none   */
	uint16_t table_index[CLIENT_ACTIONS_MAX]; /* index + 1; 0: not in the table    */
	struct policy_state paired; /* last good copy that is of the table           */
	bool has_paired;
	const struct policy_table *next; /* told, and the page is not of it yet        */
	uint16_t next_index[CLIENT_ACTIONS_MAX];
	const struct policy_table *spent; /* to be unmapped when there is time          */
	uint32_t told;            /* what STATE was told of: see state_phase()         */

	/* Break-glass. */
	struct ring *ring;
	int ring_fd;
	uint64_t record_serial;
	uint64_t resend_from;  /* records from this serial on are to be sent; 0: none   */
	uint64_t resend_at_ms;
	uint64_t offer_at_ms;   /* look then whether all was recorded and granted; 0: no */
	uint8_t boot_id[16];
	uint32_t pid;
	uint8_t ids[CLIENT_IDS][16];
	uint32_t ids_left;
	uint8_t id_base[16];   /* for when the ids are used up                         */
	uint64_t id_counter;
	struct local_emergency local;
	struct known_emergency known[CLIENT_KNOWN];
	uint32_t known_next;

	/* Conversations and answers. */
	uint64_t attempt_number;
	struct attempt attempts[CLIENT_ATTEMPTS];
	void (*each)(const struct cw_history_entry *entry, void *userdata);
	void *each_userdata;
	struct cw_history_entry entry;
	void (*each_open)(const struct cw_open_approval *approval, void *userdata);
	void *each_open_userdata;
	struct cw_open_approval open;

	struct cw_event events[CLIENT_EVENTS];
	uint32_t events_first;
	uint32_t n_events;

	uint8_t raw[1 + sizeof(struct ring_record)];
	uint8_t out[LIMIT_FRAME];
	uint8_t in[LIMIT_FRAME];
};

/* text.c: text that fits */

/* Copies @from; what is not UTF-8 becomes '?', what is too long is cut between letters. */
void text_fit(char *to, size_t room, const char *from);
/* Return: true when @text is NULL, or UTF-8 that fits in @room with its NUL. */
bool text_is_fit(const char *text, size_t room);
uint64_t clock_boot_ms(void);

/* open.c */
void ids_draw(struct cw *cw);

/* peer.c. passwd_uid() - Return: the uid of a user of that file; UINT32_MAX: none. */
uint32_t passwd_uid(const char *path, const char *name);
bool peer_is_right(struct cw *cw, int fd);

/* embedded.c. Return: a connected socket; -errno. */
int embedded_start(const struct cw_options *options, int *ret_pid);

/*
 * link.c
 *
 * link_connect() - one try; on failure the next one is set. @fd: connected already (taken
 * over), or -1. Return: 0 (greeting); -errno.
 * link_down() - closes; every request that waits is answered as the header says.
 * frame_send() - ends and sends the frame begun by frame_start(). Return: 0; -EAGAIN;
 * -ENOTCONN; -EINVAL (does not fit).
 */
int link_connect(struct cw *cw, int fd, uint64_t now);
void link_down(struct cw *cw, uint64_t now);
void frame_start(struct cw *cw, struct frame_writer *w, const char *verb);
int frame_send(struct cw *cw, struct frame_writer *w);
/* As frame_send(), and waits for the reply as @what. */
int request_send(struct cw *cw, struct frame_writer *w, enum pending_what what, uint64_t attempt,
                 uint64_t *ret_serial);
struct pending *pending_find(struct cw *cw, uint64_t serial);
/* NULL: none is free; uses of care leave room for the rest. */
struct pending *pending_free(struct cw *cw, enum pending_what what);

/* event.c. The event is zeroed; NULL: the queue is full. */
struct cw_event *event_push(struct cw *cw, enum cw_event_kind kind);
/* Return: 0; -EBADMSG: a protocol error. @fd: borrowed, or -1. */
int event_take(struct cw *cw, const struct frame *frame, int fd, uint64_t now);

/* reply.c. Return: 0; -EBADMSG. */
int reply_take(struct cw *cw, const struct frame *frame);
void pending_fail(struct cw *cw);

/* state.c */
void state_refresh(struct cw *cw);
void state_now(struct cw *cw, struct policy_state *ret_state);
bool broker_is_alive(const struct cw *cw, uint64_t now);
/* Drops the pages of an earlier connection and takes these. NULL table: no policy. */
void pages_take(struct cw *cw, const struct policy_table *table, const struct state_page *page);
void table_take(struct cw *cw, const struct policy_table *table);
/* Unmaps what is no longer asked: not while somebody waits for a decision. */
void tables_tidy(struct cw *cw);
enum cw_verdict action_decide(struct cw *cw, uint32_t action, const struct policy_state *state,
                              uint64_t now, enum cw_reason *ret_reason);
/* Says STATE when a deadline of the state has passed. */
void state_tick(struct cw *cw, uint64_t now);
/* When state_tick() has work again; UINT64_MAX: not by itself. */
uint64_t state_deadline(const struct cw *cw, uint64_t now);

/* record.c */
void record_begin(struct cw *cw, struct ring_record *record, enum record_kind kind,
                  const struct policy_state *state, const uint8_t emergency[16]);
/* Keeps it in the ring and tells the broker, if there is one. Return: false: ring full. */
bool record_keep(struct cw *cw, struct ring_record *record);
/* Every record that is still kept is to be sent on this new connection. */
void record_resend_all(struct cw *cw, uint64_t now);
void record_resend(struct cw *cw, uint64_t now);
/* A living broker hears again what it has not recorded, or not granted. */
void record_offer(struct cw *cw, uint64_t now);
bool record_has_room(const struct cw *cw);
void record_released(struct cw *cw, const uint8_t emergency[16], uint64_t serial);

/* emergency.c */
bool id_is_zero(const uint8_t id[16]);
bool emergency_is_ended(const struct cw *cw, const uint8_t id[16]);
/* Return: true when it is news. */
bool emergency_began(struct cw *cw, const uint8_t id[16]);
bool emergency_ended(struct cw *cw, const uint8_t id[16]);
void emergency_remember(struct cw *cw, const uint8_t id[16]);
/* Keeps the ends that found the ring full, as far as there is room now. */
void emergency_say_ends(struct cw *cw);

/* attempt.c */
struct attempt *attempt_by_number(struct cw *cw, uint64_t number);
struct attempt *attempt_by_remote(struct cw *cw, uint64_t remote);
/* Tells the application that it is over, and forgets it. @message: NULL: none. */
/* Sends what begins an attempt; its number is the application's from now on. */
int attempt_begin(struct cw *cw, struct frame_writer *w, uint64_t *ret_attempt);
struct cw_event *attempt_over(struct cw *cw, struct attempt *attempt, const char *message);
void attempt_begun(struct cw *cw, uint64_t number, uint64_t remote);

/* reply.c, for events of the same form: a verdict that is none of ours is CW_DENY. */
enum cw_verdict verdict_read(struct frame_span body, enum cw_reason *ret_reason);

/* history.c. Return: 0; -EBADMSG. @frame: NULL: refused, or nobody is there. */
int history_take(struct cw *cw, const struct frame *frame);

/* approval.c. NULL: refused, or gone. Return: 0; -EBADMSG. */
int approvals_take(struct cw *cw, const struct frame *frame);

#endif
