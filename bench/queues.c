/* The retry queue as one would write it in C: a heap of the attempts under way, and a line for each length of wait.

   A wait of one length is over in the order in which it began, so a line is a linked list, and neither adding to it nor taking from it
   costs more than a few assignments. What is due at one time is taken in order of (ends of attempts before all else, number of the message).

   usage: queues INPUT OUTPUT [log]
   INPUT is what bench/instance.py writes. OUTPUT gets int32 attempts[], then float64 left[], with the horizon for what has not left. With
   `log` every attempt is also kept in memory (when, how long, which message), as the transport keeps it. Prints user CPU seconds and the
   number of attempts: of the play, without reading and writing. */

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define NONE (-1)
#define MOST_WAITS 16

typedef struct {
    double at, seconds, when; /* when: the end of an attempt or of a wait */
    int32_t last, attempts, next;
} Message;

typedef struct {
    double wait;
    int32_t head, tail;
} Line;

typedef struct {
    double at, seconds;
    int32_t message;
} Attempt;

static int64_t count, connections, stages;
static double until, expiry, now;
static double waits[MOST_WAITS];
static Message *messages;
static double *left;

static Line lines[MOST_WAITS]; /* of messages that wait to be tried again, one for each different length */
static int lines_used, line_of[MOST_WAITS];
static Line asking = {0.0, NONE, NONE}; /* for a connection */

static int32_t *heap; /* messages under way, the one that ends first in front */
static int64_t under_way;

static Attempt *made;
static int64_t made_count, made_room;
static int logs;

static void fail(const char *what)
{
    fprintf(stderr, "queues: %s\n", what);
    exit(1);
}

static void *room(size_t items, size_t size)
{
    void *found = calloc(items ? items : 1, size);
    if (!found)
        fail("no memory");
    return found;
}

static void append(Line *line, int32_t m)
{
    messages[m].next = NONE;
    if (line->tail == NONE)
        line->head = m;
    else
        messages[line->tail].next = m;
    line->tail = m;
}

static int32_t first(Line *line)
{
    int32_t m = line->head;
    line->head = messages[m].next;
    if (line->head == NONE)
        line->tail = NONE;
    return m;
}

static int sooner(int32_t m, int32_t other)
{
    return messages[m].when < messages[other].when || (messages[m].when == messages[other].when && m < other);
}

static void push(int32_t m)
{
    int64_t k = under_way++;
    while (k > 0 && sooner(m, heap[(k - 1) / 2])) {
        heap[k] = heap[(k - 1) / 2];
        k = (k - 1) / 2;
    }
    heap[k] = m;
}

static int32_t pop(void)
{
    int32_t found = heap[0], m = heap[--under_way];
    int64_t k = 0;
    for (;;) {
        int64_t child = 2 * k + 1;
        if (child >= under_way)
            break;
        if (child + 1 < under_way && sooner(heap[child + 1], heap[child]))
            child++;
        if (!sooner(heap[child], m))
            break;
        heap[k] = heap[child];
        k = child;
    }
    heap[k] = m;
    return found;
}

static void start(int32_t m)
{
    Message *message = &messages[m];
    message->attempts++;
    message->when = now + message->seconds;
    push(m);
    if (logs) {
        if (made_count == made_room) {
            made_room = made_room ? made_room * 3 / 2 : 1024;
            made = realloc(made, made_room * sizeof *made);
            if (!made)
                fail("no memory");
        }
        made[made_count] = (Attempt){now, message->seconds, m};
    }
    made_count++;
}

static void request(int32_t m)
{
    if (under_way < connections)
        start(m);
    else
        append(&asking, m);
}

static void end(int32_t m)
{
    Message *message = &messages[m];
    int32_t stage = message->attempts < stages ? message->attempts - 1 : (int32_t)stages - 1;
    double again = now + waits[stage];
    if (asking.head != NONE)
        start(first(&asking));
    if (message->attempts == message->last || again > message->at + expiry) {
        left[m] = now;
    } else {
        message->when = again;
        append(&lines[line_of[stage]], m);
    }
}

static void play(void)
{
    int32_t next = 0; /* message to come */
    for (;;) {
        double at = under_way ? messages[heap[0]].when : INFINITY;
        int32_t who = NONE; /* whose wait is over, or who comes; NONE: an attempt ends */
        Line *from = NULL;
        for (int n = 0; n < lines_used; n++) {
            int32_t m = lines[n].head;
            if (m != NONE && (messages[m].when < at || (messages[m].when == at && who != NONE && m < who))) {
                at = messages[m].when;
                who = m;
                from = &lines[n];
            }
        }
        if (next < count && (messages[next].at < at || (messages[next].at == at && who != NONE && next < who))) {
            at = messages[next].at;
            who = next;
            from = NULL;
        }
        if (!(at < until))
            return;
        now = at;
        if (who == NONE)
            end(pop());
        else {
            if (from)
                first(from);
            else
                next++;
            request(who);
        }
    }
}

static void read_in(const char *name)
{
    FILE *file = fopen(name, "rb");
    int64_t sizes[3];
    double times[2];
    if (!file || fread(sizes, sizeof *sizes, 3, file) != 3 || fread(times, sizeof *times, 2, file) != 2)
        fail("the input cannot be read");
    count = sizes[0], connections = sizes[1], stages = sizes[2];
    until = times[0], expiry = times[1];
    if (stages < 1 || stages > MOST_WAITS || fread(waits, sizeof *waits, stages, file) != (size_t)stages)
        fail("so many waits cannot be read");
    messages = room(count, sizeof *messages);
    left = room(count, sizeof *left);
    heap = room(connections < count ? connections : count, sizeof *heap);
    double *values = room(count, sizeof *values);
    int32_t *numbers = room(count, sizeof *numbers);
    if (fread(values, sizeof *values, count, file) != (size_t)count)
        fail("the input is too short");
    for (int64_t m = 0; m < count; m++)
        messages[m].at = values[m], left[m] = until;
    if (fread(values, sizeof *values, count, file) != (size_t)count || fread(numbers, sizeof *numbers, count, file) != (size_t)count)
        fail("the input is too short");
    for (int64_t m = 0; m < count; m++)
        messages[m].seconds = values[m], messages[m].last = numbers[m];
    free(values), free(numbers);
    fclose(file);
    for (int stage = 0; stage < stages; stage++) {
        int n = 0;
        while (n < lines_used && lines[n].wait != waits[stage])
            n++;
        if (n == lines_used)
            lines[lines_used++] = (Line){waits[stage], NONE, NONE};
        line_of[stage] = n;
    }
}

static double cpu(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_utime.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        fail("usage: queues INPUT OUTPUT [log]");
    logs = argc > 3 && !strcmp(argv[3], "log");
    read_in(argv[1]);
    double began = cpu();
    play();
    double spent = cpu() - began;
    FILE *file = fopen(argv[2], "wb");
    if (!file)
        fail("the output cannot be written");
    for (int64_t m = 0; m < count; m++)
        fwrite(&messages[m].attempts, sizeof messages[m].attempts, 1, file);
    fwrite(left, sizeof *left, count, file);
    if (fclose(file))
        fail("the output cannot be written");
    printf("%.6f %lld\n", spent, (long long)made_count);
    return 0;
}
