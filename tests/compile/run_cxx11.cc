// the same without designators, in C++11
// prints: nap nap 0
#include <cstdio>
#include <weft.h>

struct nap {
    weft_gen gen;
    double seconds;
};

static weft_step nap(void *frame)
{
    struct nap *f = static_cast<struct nap *>(frame);

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_sleep(NULL, f->seconds));
    std::printf("nap ");
    WEFT_END(f);
}
static const weft_gen_type nap_type = {
    sizeof(weft_gen_type), "nap", sizeof(struct nap), nap, NULL, NULL, 0, 0};

static weft_task *napping(weft_loop *loop, double seconds)
{
    struct nap frame = {};

    frame.seconds = seconds;
    return weft_task_new(loop, weft_gen_copy(&nap_type, &frame));
}

int main()
{
    weft_loop *loop = weft_loop_new(NULL);
    weft_queue_options options = {};
    weft_queue *queue;
    int error = weft_run_until_complete(
        loop, weft_gather(loop, WEFT_FUTURES(napping(loop, 2), napping(loop, 1)), 0), NULL);

    options.struct_size = sizeof(options);
    options.size = 1;
    queue = weft_queue_new_with(loop, &options);
    if (!error)
        error = weft_queue_put_nowait(queue, NULL);
    weft_queue_unref(queue);
    std::printf("%s\n", weft_errname(error));
    weft_loop_unref(loop);
    return error ? 1 : 0;
}
