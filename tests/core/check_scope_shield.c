/* check_scope_shield.c - requests that a shield holds back: whose a cancel is, inside and after it.
 *
 * A test is a body written as a word, when others ask it to cancel, and what it then says.
 */
#include <stdlib.h>

#include "support/combine_bodies.h"

enum { DEPTH = 5 };

/* Runs its script, letter by letter:
 *
 *   d3 e3 n   enter a scope with a deadline in 3 s, a level-triggered one, one without
 *   s s3      a shield, without a deadline, or with one
 *   x         leave the innermost scope with the error at hand; says what became of it
 *   a3        sleep for 3 s; says "0" or the error, which is at hand from then on
 *   h         the error at hand is handled
 *   c u       ask oneself to cancel; withdraw a request
 *   g G       enter a group; leave it with the error at hand, and say what it gave
 *   k3 f3     a child that sleeps for 3 s; that fails then
 *   t         says the time
 */
struct script {
    weft_gen gen;
    const char *at;
    weft_scope scopes[DEPTH];
    int depth;
    weft_group *group;
    int error;
    char letter;
};

static weft_step script(void *frame);

static void script_cleanup(void *frame)
{
    weft_group_unref(((struct script *)frame)->group);
}

static const weft_gen_type script_type = {
    .name = "script", .size = sizeof(struct script), .resume = script, .cleanup = script_cleanup};

static const char *short_name(int error)
{
    return error ? weft_errname(error) + sizeof("WEFT_E") - 1 : "0";
}

static double number(struct script *f, double otherwise)
{
    return *f->at >= '0' && *f->at <= '9' ? *f->at++ - '0' : otherwise;
}

static void enter(struct script *f, unsigned flags)
{
    ck_assert_int_lt(f->depth, DEPTH);
    ck_assert_int_eq(weft_scope_enter(&f->scopes[f->depth++], number(f, WEFT_NEVER), flags), 0);
}

static void leave(struct script *f)
{
    f->error = weft_scope_exit(&f->scopes[--f->depth], f->error);
    say("x:%s", short_name(f->error));
}

/* What needs no wait. */
static void act(struct script *f)
{
    switch (f->letter) {
    case 'd':
    case 'n':
        enter(f, 0);
        break;
    case 'e':
        enter(f, WEFT_SCOPE_LEVEL);
        break;
    case 's':
        enter(f, WEFT_SCOPE_SHIELD);
        break;
    case 'x':
        leave(f);
        break;
    case 'h':
        f->error = 0;
        break;
    case 'c':
        weft_future_cancel(weft_current_task(), NULL);
        break;
    case 'u':
        say("u:%d", weft_task_uncancel(weft_current_task()));
        break;
    case 'g':
        f->group = weft_group_new(WEFT_FAIL_FAST);
        ck_assert_int_eq(weft_group_enter(f->group), 0);
        break;
    case 'k':
        ck_assert_int_eq(weft_group_spawn(f->group, WEFT_CALL(child, .seconds = number(f, 0))), 0);
        break;
    case 'f':
        ck_assert_int_eq(weft_group_spawn(f->group, WEFT_CALL(child, .seconds = number(f, 0),
                                                              .error = WEFT_EFULL)),
                         0);
        break;
    case 't':
        say("@%g", weft_loop_time(NULL));
        break;
    default:
        ck_abort_msg("no such letter: %c", f->letter);
    }
}

static weft_step script(void *frame)
{
    struct script *f = frame;

    WEFT_BEGIN(f);
    while ((f->letter = *f->at)) {
        f->at++;
        if (f->letter == 'a') {
            WEFT_TRY_AWAIT(f, weft_sleep(NULL, number(f, 0)));
            say("%s", short_name(weft_failed(f)));
            if (weft_failed(f))
                f->error = weft_failed(f);
        } else if (f->letter == 'G') {
            WEFT_TRY_AWAIT(f, weft_group_exit(f->group, f->error));
            f->error = weft_failed(f);
            say("G:%s", short_name(f->error));
        } else {
            act(f);
        }
    }
    say("n%d", weft_task_cancelling(weft_current_task()));
    WEFT_END(f);
}

static void ask(void *arg)
{
    weft_future_cancel(arg, "others");
}

static void withdraw(void *arg)
{
    weft_task_uncancel(arg);
}

/* One script, asked at each time of `asked` (and, in lower case, unasked): "2 5 u6". */
static void runs(const char *text, const char *asked, const char *expected)
{
    weft_task *task = weft_task_new(loop, weft_gen_copy(&script_type, &(struct script){.at = text}));
    double now = weft_loop_time(loop), from = now;
    const char *before = trace();
    size_t length = strlen(before);

    for (; *asked; asked += strcspn(asked, " "), asked += strspn(asked, " ")) {
        bool undo = *asked == 'u';
        double when = strtod(asked + undo, NULL);

        ck_assert_int_eq(weft_call_at(loop, from + when, undo ? withdraw : ask, task, NULL), 0);
    }
    run_all();
    ck_assert_msg(strcmp(trace() + length + (length > 0), expected) == 0, "%s: %s instead of %s",
                  text, trace() + length + (length > 0), expected);
    weft_future_unref(task);
}

/* ---- an inner scope's own deadline ---- */

/* 247, 129: trio's move_on_after in a shielded cleanup */
RULE(a_deadline_inside_a_shield_that_holds_a_request_is_a_timeout)
{
    runs("sd2a5xax", "", "CANCELLED x:TIMEDOUT 0 x:TIMEDOUT n0");
    runs("sd2a5xhaxa", "1", "CANCELLED x:TIMEDOUT 0 x:0 CANCELLED n1");
    runs("sd2a5xhaxa", "0.5 1 1.5", "CANCELLED x:TIMEDOUT 0 x:0 CANCELLED n3");
}
END_RULE

/* 247 */
RULE(a_request_that_comes_after_the_deadline_changes_nothing_of_it)
{
    runs("sd2a5ha4xxa", "3", "CANCELLED 0 x:0 x:0 CANCELLED n1");
    runs("sd2a5xha4xa", "3", "CANCELLED x:TIMEDOUT 0 x:0 CANCELLED n1");
}
END_RULE

/* 247 */
RULE(so_it_is_in_nested_shields_and_for_a_shields_own_deadline)
{
    runs("ssd2a5xhxxa", "1", "CANCELLED x:TIMEDOUT x:0 x:0 CANCELLED n1");
    runs("s2a5xha", "1", "CANCELLED x:TIMEDOUT CANCELLED n1");
    runs("s9s2a5xhaxa", "1", "CANCELLED x:TIMEDOUT 0 x:0 CANCELLED n1");
    runs("sd9d2a5xhxxa", "1", "CANCELLED x:TIMEDOUT x:0 x:0 CANCELLED n1");
    runs("sd3d2a5xha5xhxa", "1", "CANCELLED x:TIMEDOUT CANCELLED x:TIMEDOUT x:0 CANCELLED n1");
}
END_RULE

/* 247, 62 */
RULE(so_it_is_in_level_scopes)
{
    runs("se2a5axhaxa", "1", "CANCELLED CANCELLED x:TIMEDOUT 0 x:0 CANCELLED n1");
    runs("ese2aa5axhaxaxa", "1",
         "0 CANCELLED CANCELLED x:TIMEDOUT 0 x:0 CANCELLED x:CANCELLED 0 n1");
}
END_RULE

/* 247, 136 */
RULE(so_it_is_in_the_cleanup_after_a_first_cancel)
{
    runs("a9sd2a5xhaxa", "1 2", "CANCELLED CANCELLED x:TIMEDOUT 0 x:0 CANCELLED n2");
    runs("a9usd2a5xhaxa", "1 2", "CANCELLED u:0 CANCELLED x:TIMEDOUT 0 x:0 CANCELLED n1");
    runs("cssd2a5xhaxxa", "1", "CANCELLED x:TIMEDOUT 0 x:0 x:0 CANCELLED n2");
}
END_RULE

/* ---- where it goes when the shield is left ---- */

/* 247, 58 */
RULE(a_deadline_between_two_shields_is_delivered_between_them)
{
    runs("sd2sa5xa1xhaxa", "1", "0 x:0 CANCELLED x:TIMEDOUT 0 x:0 CANCELLED n1");
    runs("sd2sa5xxaxa", "1", "0 x:0 x:0 0 x:0 CANCELLED n1");
    runs("sd2sa5xa1xhaxa", "", "0 x:0 CANCELLED x:TIMEDOUT 0 x:0 0 n0");
}
END_RULE

/* 247, 58 */
RULE(nested_shields_hold_a_request_until_the_outermost_is_left)
{
    runs("sssa3xaxaxa", "1", "0 x:0 0 x:0 0 x:0 CANCELLED n1");
    runs("snsa3xaxaxa", "1", "0 x:0 0 x:0 0 x:0 CANCELLED n1");
}
END_RULE

/* 247, 130 */
RULE(a_scope_around_the_shield_does_not_take_the_request_for_its_own)
{
    runs("d2sa5xa1xa", "1", "0 x:0 CANCELLED x:CANCELLED 0 n1");
    runs("d2sa5xa1xa", "", "0 x:0 CANCELLED x:TIMEDOUT 0 n0");
    runs("d9sa5xa1xa", "1", "0 x:0 CANCELLED x:CANCELLED 0 n1");
}
END_RULE

/* ---- withdrawn while it is held ---- */

/* 248, 53 */
RULE(a_request_that_is_withdrawn_while_it_is_held_is_not_delivered)
{
    runs("sa5xa", "1 u2", "0 x:0 0 n0");
    runs("ssa5xaxa", "1 u2", "0 x:0 0 x:0 0 n0");
    runs("sd3a5xhaxa", "1 u2", "CANCELLED x:TIMEDOUT 0 x:0 0 n0");
    runs("sa5xa", "1 2 u3", "0 x:0 CANCELLED n1");
    runs("sa5xa", "1 u2 u3 u4", "0 x:0 0 n0");
}
END_RULE

/* 248 */
RULE(what_the_body_has_seen_is_withdrawn_before_what_is_held)
{
    runs("a9hsuaxa", "1", "CANCELLED u:0 0 x:0 0 n0");
    runs("a9sa5uaxa", "1 2", "CANCELLED 0 u:1 0 x:CANCELLED CANCELLED n1");
    runs("a9hsa5uuaxa", "1 2", "CANCELLED 0 u:1 u:0 0 x:0 0 n0");
}
END_RULE

/* 248 */
RULE(a_withdrawal_takes_what_others_asked_and_not_what_a_scope_did)
{
    runs("sd2sa5uxa1xhaxa", "1", "0 u:1 x:0 CANCELLED x:TIMEDOUT 0 x:0 0 n0");
}
END_RULE

/* ---- groups ---- */

/* 247, 150 */
RULE(a_group_in_a_shield_does_not_take_a_held_request_for_one_of_its_body)
{
    runs("sgk3a1Gaxa", "0.5", "0 G:0 0 x:0 CANCELLED n1");
    runs("sgf2a5Ghaxa", "1", "CANCELLED G:FULL 0 x:0 CANCELLED n1");
    runs("sgk5d2a5xhGaxa", "1", "CANCELLED x:TIMEDOUT G:0 0 x:0 CANCELLED n1");
}
END_RULE

/* 247, 150 */
RULE(a_group_whose_exit_is_shielded_withdraws_its_own_request_and_no_other)
{
    runs("gf2k9sa5Gaxa", "", "0 G:FULL 0 x:FULL 0 n0");
    runs("gf2k9sa5Gaxa", "1", "0 G:FULL 0 x:FULL CANCELLED n1");
    runs("gf2k9sa5Gaxa", "3", "0 G:FULL 0 x:FULL CANCELLED n1");
    runs("gf2k9sa5xhGa", "", "0 x:0 G:FULL 0 n0");
}
END_RULE

/* ---- in every order ---- */

static weft_task *task;
static bool begun, timed_out, hit;
static int after; /* requests that stood after the shield, less those that came then */

/* A shield with a deadline in it; the cancels may come anywhere. */
struct shielded {
    weft_gen gen;
    weft_scope shield, limit;
};

static weft_step shielded(void *frame)
{
    struct shielded *f = frame;

    WEFT_BEGIN(f);
    begun = true;
    ck_assert_int_eq(weft_scope_enter(&f->shield, WEFT_NEVER, WEFT_SCOPE_SHIELD), 0);
    ck_assert_int_eq(weft_scope_enter(&f->limit, 2, 0), 0);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 3));
    timed_out = weft_scope_exit(&f->limit, weft_failed(f)) == WEFT_ETIMEDOUT;
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1));
    hit = weft_failed(f) != 0;
    ck_assert_int_eq(weft_scope_exit(&f->shield, 0), 0);
    after = weft_task_cancelling(weft_current_task()) > 0;
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 0));
    after -= weft_failed(f) == WEFT_ECANCELLED;
    WEFT_END(f);
}
WEFT_GEN_TYPE(shielded);

static void start(weft_explorer *explorer, void *arg)
{
    (void)arg;
    begun = timed_out = hit = false;
    after = 0;
    task = weft_task_new(NULL, WEFT_CALL(shielded));
    weft_explore_task(explorer, task);
    ck_assert_int_eq(weft_spawn(NULL, WEFT_CALL(child, .seconds = 2)), 0);
}

static const char *check(void *arg)
{
    (void)arg;
    if (!begun)
        return weft_future_is_cancelled(task) ? NULL : "it did not run, and was not cancelled";
    if (!timed_out)
        return "the deadline did not come out as one";
    if (hit)
        return "a cancel came through the shield";
    return after > 0 ? "a cancel that was held was lost" : NULL;
}

/* 247, 129, 130 */
RULE(a_shielded_deadline_and_cancels_at_every_point_are_told_apart)
{
    explore((weft_scenario){.start = start, .check = check, .cancels = 2});
}
END_RULE

RUN_SUITE("scope_shield", a_deadline_inside_a_shield_that_holds_a_request_is_a_timeout,
          a_request_that_comes_after_the_deadline_changes_nothing_of_it,
          so_it_is_in_nested_shields_and_for_a_shields_own_deadline, so_it_is_in_level_scopes,
          so_it_is_in_the_cleanup_after_a_first_cancel,
          a_deadline_between_two_shields_is_delivered_between_them,
          nested_shields_hold_a_request_until_the_outermost_is_left,
          a_scope_around_the_shield_does_not_take_the_request_for_its_own,
          a_request_that_is_withdrawn_while_it_is_held_is_not_delivered,
          what_the_body_has_seen_is_withdrawn_before_what_is_held,
          a_withdrawal_takes_what_others_asked_and_not_what_a_scope_did,
          a_group_in_a_shield_does_not_take_a_held_request_for_one_of_its_body,
          a_group_whose_exit_is_shielded_withdraws_its_own_request_and_no_other,
          a_shielded_deadline_and_cancels_at_every_point_are_told_apart)
