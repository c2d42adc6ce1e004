/* core/events.h - libevent underneath a loop. */
#ifndef WEFT_CORE_EVENTS_H
#define WEFT_CORE_EVENTS_H

#include <stdbool.h>
#include <weft/loop.h>

struct weft__events; /* our own; errors of all of these: -ENOMEM; what the backend says */

int weft__events_open(weft_loop *loop);
void weft__events_close(weft_loop *loop);
/* Before libevent looks at its events: ours are added as they are needed. */
void weft__events_arm(weft_loop *loop, bool block);
/* Whether libevent has events that may bring something; those that count as idle may not. */
bool weft__events_awaited(const weft_loop *loop);
struct event;
struct timeval;
/* Add an event.  Errors: -ENOMEM; what the backend says. */
int weft__event_add(struct event *event, const struct timeval *timeout);
/* Add an event that the loop cannot do without: else it polls, until the part is asked to arm it again.  Returns
 * whether it is added. */
bool weft__event_add_or_poll(weft_loop *loop, struct event *event, const struct timeval *timeout);
/* Whether an event that we have added is gone from its base: then the base was freed under us.  Looks at the
 * event alone. */
bool weft__event_gone(const struct event *event, bool added);
/* Whether the host has freed the base under us.  Then no event of ours may be touched any more. */
bool weft__events_gone(weft_loop *loop);

/* The number of references has changed: listen to other threads, or no longer. */
void weft__loop_listen(weft_loop *loop);

#endif
