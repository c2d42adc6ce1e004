#include "record.h"

#include <sys/mman.h>

static size_t size_of(size_t count)
{
    return sizeof(struct record) + count * sizeof(struct row);
}

struct record *record_new(size_t count)
{
    struct record *record = mmap(NULL, size_of(count), PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (record == MAP_FAILED)
        return NULL;
    record->count = count;
    return record;
}

void record_free(struct record *record)
{
    if (record)
        munmap(record, size_of(record->count));
}

size_t record_failed(const struct record *record)
{
    size_t failed = 0;

    for (size_t i = 0; i < record->count; i++)
        failed += record->rows[i].error[0] || record->rows[i].times.at[MARK_ENDED] == 0;
    return failed;
}
