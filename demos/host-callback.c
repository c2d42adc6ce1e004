/* A program with callbacks of its own, in which one callback resolves a future that a task awaits.
 *
 * The host has an event_base and a sensor: a pipe, on which readings arrive, and a callback on it.  The
 * callback hands each reading to whoever asked for one, and that is all it knows of weft:
 *
 *     weft_future_set_int(sensor->wanted, reading);
 *
 * The task says what happens to them, in one piece: it asks for three, one after the other, and prints the
 * mean.  weft adopts the base, and never runs it: that is the host's event_base_dispatch, as before.
 *
 *     class Sensor:                                   struct sensor
 *         def next(self):                             sensor_next
 *             self.wanted = loop.create_future()
 *             return self.wanted
 *         def on_readable(self):                      on_readable
 *             self.wanted.set_result(...)
 *     reading = await sensor.next()                   WEFT_AWAIT(f, sensor_next(f->sensor));
 *
 * It prints:
 *     task: got 20
 *     task: got 25
 *     task: got 30
 *     task: the mean is 25
 *     host: dispatch is over
 */
#include <stdio.h>
#include <unistd.h>
#include <event2/event.h>
#include <weft.h>

/* ---- the host: a pipe, a timer that writes to it, and a callback that reads ------------------------- */

struct sensor {
    int ends[2];
    struct event *readable, *tick;
    unsigned char reading;
    weft_loop *loop;
    weft_future *wanted; /* the next reading; NULL: nobody has asked */
};

static void on_tick(evutil_socket_t fd, short events, void *arg)
{
    struct sensor *s = arg;

    (void)fd, (void)events;
    s->reading += 5;
    if (write(s->ends[1], &s->reading, 1) != 1)
        perror("write");
}

static void on_readable(evutil_socket_t fd, short events, void *arg)
{
    struct sensor *s = arg;
    unsigned char reading;

    (void)events;
    if (read(fd, &reading, 1) != 1 || !s->wanted)
        return;
    weft_future_set_int(s->wanted, reading); /* the task goes on soon, and not within this call */
    weft_future_unref(s->wanted);
    s->wanted = NULL;
}

/* The bridge: a future for the next reading.  One reference is the callback's, one the caller's. */
static weft_future *sensor_next(struct sensor *s)
{
    s->wanted = weft_future_new(s->loop);
    return weft_future_ref(s->wanted);
}

/* ---- the task ----------------------------------------------------------------------------------------- */

struct mean {
    weft_gen gen;
    struct sensor *sensor;
    int count, sum;
};

static weft_step mean(void *frame)
{
    struct mean *f = frame;

    WEFT_BEGIN(f);
    for (f->count = 0; f->count < 3; f->count++) {
        WEFT_AWAIT(f, sensor_next(f->sensor));
        printf("task: got %d\n", (int)weft_sent_int(f));
        f->sum += (int)weft_sent_int(f);
    }
    printf("task: the mean is %d\n", f->sum / f->count);
    event_del(f->sensor->tick); /* nothing is left then, and dispatch returns */
    event_del(f->sensor->readable);
    WEFT_END(f);
}
WEFT_GEN_TYPE(mean);

int main(void)
{
    struct event_base *base = event_base_new();
    struct sensor s = {.reading = 15};
    const struct timeval tenth = {.tv_usec = 100000};

    if (!base || pipe(s.ends) < 0 || !(s.loop = weft_loop_new(base)))
        return 1;
    s.tick = event_new(base, -1, EV_PERSIST, on_tick, &s);
    s.readable = event_new(base, s.ends[0], EV_READ | EV_PERSIST, on_readable, &s);
    event_add(s.tick, &tenth);
    event_add(s.readable, NULL);
    weft_spawn(s.loop, WEFT_CALL(mean, .sensor = &s));
    event_base_dispatch(base);
    printf("host: dispatch is over\n");

    weft_loop_shutdown(s.loop, 1); /* or unref would destroy the tasks that are left */
    weft_loop_unref(s.loop);       /* before the base */
    event_free(s.tick);
    event_free(s.readable);
    event_base_free(base);
    close(s.ends[0]);
    close(s.ends[1]);
    return 0;
}
