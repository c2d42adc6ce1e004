/* resolver.h - a name with the addresses that a test likes: getaddrinfo(3), overlaid.
 *
 * "several.test" has the numbers in `several`, in that order; everything else goes to the system's.  Asked for
 * numbers only, it is no name, so the library asks for it in a thread, as for any other.
 */
#ifndef WEFT_TESTS_RESOLVER_H
#define WEFT_TESTS_RESOLVER_H

#include <dlfcn.h>
#include <netdb.h>
#include <string.h>

static const char *const *several; /* up to a NULL */
static int lookups;                /* how many calls there were */

typedef int resolve_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **result)
{
    struct addrinfo numeric = hints ? *hints : (struct addrinfo){.ai_family = AF_UNSPEC};
    struct addrinfo **end = result;
    resolve_fn *resolve;

    *(void **)&resolve = dlsym(RTLD_NEXT, "getaddrinfo");
    __atomic_add_fetch(&lookups, 1, __ATOMIC_RELAXED);
    if (!host || strcmp(host, "several.test") != 0 || numeric.ai_flags & AI_NUMERICHOST)
        return resolve(host, service, hints, result);
    numeric.ai_flags |= AI_NUMERICHOST;
    *result = NULL;
    for (const char *const *number = several; number && *number; number++) {
        if (resolve(*number, service, &numeric, end) != 0)
            continue; /* of another family */
        while (*end)
            end = &(*end)->ai_next;
    }
    return *result ? 0 : EAI_NONAME;
}

#endif
