/* 2. A future: the bookshop that calls back.
 *
 * You ask for a book that is out of stock.  You do not wait at the counter: you leave your number and go on
 * with your day, and when the book has arrived, the shop calls.  The order is a future: a result that is
 * not there yet, with the numbers of those who want to hear of it.
 *
 *     def ask(shop):                                  ask
 *         shop.order = loop.create_future()               weft_future_new(shop->loop)
 *         loop.call_later(2, arrives, shop)               weft_call_later(shop->loop, 2, arrives, shop, NULL)
 *         return shop.order
 *
 *     order = ask(shop)                               order = ask(&shop);
 *     order.add_done_callback(my_number)              weft_future_add_done_callback(order, my_number, arg)
 *     ...
 *     shop.order.set_result(book)                     weft_future_set_result(shop->order, book)
 *
 * set_result runs nobody's code.  It queues the callbacks, and the loop calls them in its next round, in the
 * order in which they were added.
 *
 * It prints:
 *     you: ask for "Futures"
 *     shop: out of stock, we shall call you
 *     you: leave your number, go home
 *     shop: it has arrived; call those who wait
 *     shop: back to work
 *     you: the shop calls, "Futures" is there
 *     your friend: the shop calls, "Futures" is there
 */
#include <stdio.h>
#include <weft.h>

struct shop {
    weft_loop *loop;
    weft_future *order; /* who can set the result holds a reference, as does who wants it */
};

static void arrives(void *arg)
{
    struct shop *shop = arg;

    printf("shop: it has arrived; call those who wait\n");
    weft_future_set_result(shop->order, "Futures");
    printf("shop: back to work\n");
    weft_future_unref(shop->order);
}

static weft_future *ask(struct shop *shop)
{
    printf("shop: out of stock, we shall call you\n");
    shop->order = weft_future_new(shop->loop);
    weft_call_later(shop->loop, 2, arrives, shop, NULL);
    return weft_future_ref(shop->order);
}

static void my_number(weft_future *order, void *who)
{
    void *book;

    if (weft_future_result(order, &book) == 0)
        printf("%s: the shop calls, \"%s\" is there\n", (const char *)who, (const char *)book);
}

int main(void)
{
    struct shop shop = {.loop = weft_loop_new(NULL)};
    weft_future *order;
    int error;

    if (!shop.loop)
        return 1;
    printf("you: ask for \"Futures\"\n");
    order = ask(&shop);
    weft_future_add_done_callback(order, my_number, "you");
    weft_future_add_done_callback(order, my_number, "your friend");
    printf("you: leave your number, go home\n");

    error = weft_run_until_complete(shop.loop, order, NULL); /* takes your reference */
    weft_loop_unref(shop.loop);
    return error ? 1 : 0;
}
