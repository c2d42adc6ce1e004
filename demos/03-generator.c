/* 3. A generator, without a loop: driven by hand, and in both forms.
 *
 *     def total(count):                               struct total { weft_gen gen; int count, i, sum; };
 *         sum = 0
 *         for i in range(count):
 *             sum += yield i                          WEFT_YIELD(f, weft_from_int(f->i));
 *         return sum                                  WEFT_RETURN(f, weft_from_int(f->sum));
 *
 *     g = total(2)                                    g = WEFT_CALL(total, .count = 2)
 *     g.send(None); g.send(10); ...                   weft_gen_send(g, weft_from_int(10), &value) > 0
 *     except StopIteration as stop: stop.value        it returns 0, and value is the result
 *
 * It prints:
 *     0, send 10; 1, send 20; total 30
 *     0, send 10; 1, send 20; total 30
 */
#include <stdio.h>
#include <weft.h>

struct total {
    weft_gen gen;
    int count, i, sum;
};

static weft_step total(void *frame)
{
    struct total *f = frame;

    WEFT_BEGIN(f);
    for (f->i = 0; f->i < f->count; f->i++) {
        WEFT_YIELD(f, weft_from_int(f->i));
        f->sum += (int)weft_sent_int(f);
    }
    WEFT_RETURN(f, weft_from_int(f->sum));
    WEFT_END(f);
}
WEFT_GEN_TYPE(total);

/* The same as what it is, a state machine.  START -> SENT -> (SENT ...) -> done */
struct machine {
    weft_gen gen;
    int count, i, sum;
};

static weft_step machine(void *frame)
{
    enum { START, SENT };
    struct machine *f = frame;

    if (f->gen.state == SENT) {
        if (f->gen.error)
            return weft_raise(&f->gen, f->gen.error);
        f->sum += (int)weft_sent_int(f);
        f->i++;
    }
    if (f->i == f->count)
        return weft_return(&f->gen, weft_from_int(f->sum));
    f->gen.state = SENT;
    return weft_yield(&f->gen, weft_from_int(f->i));
}
WEFT_GEN_TYPE(machine);

static void drive(weft_gen *g)
{
    void *value;
    int number = 0;

    while (weft_gen_send(g, weft_from_int(number), &value) > 0)
        printf("%d, send %d; ", (int)weft_int(value), number += 10);
    printf("total %d\n", (int)weft_int(value));
    weft_gen_close(g);
}

int main(void)
{
    drive(WEFT_CALL(total, .count = 2));
    drive(WEFT_CALL(machine, .count = 2));
    return 0;
}
