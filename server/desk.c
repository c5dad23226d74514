/* The thread of the operator's rules, and the queues to it and from it.
 * SPDX-License-Identifier: MIT */
#include "server/desk.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    OPEN_MAX = 4096, /* questions that the plug-in may owe an answer */
    CLOSE_S = 1,
    LINES_LOST_LEVEL = 1, /* a warning, as tryst_policy_host counts levels */
};

enum job_kind { ASK, EXPIRE, RELOAD };

struct job {
    struct job *next;
    enum job_kind kind;
    struct tr_question question; /* ASK; of EXPIRE only the ticket */
};

struct note {
    struct note *next;
    struct tr_desk_note note;
};

/* A question at the plug-in, under a ticket of the desk's own: those that want no answer have one, too,
 * so that what goes wrong with them has a name. */
struct owed {
    uint32_t own_ticket;
    uint32_t ticket;
    uint32_t hook;
};

struct tr_desk {
    pthread_t thread;
    pthread_mutex_t mutex; /* guards what follows, up to the line */
    pthread_cond_t changed;
    bool is_open;  /* the plug-in was opened, or was not */
    bool is_ended; /* the thread is through */
    bool is_closing;
    struct job *first_job, *last_job;
    uint32_t job_count;
    struct note *first_note, *last_note;
    uint32_t line_count, lines_lost;
    /* ------------------------------------------------- of the thread from here on */
    int to_thread[2]; /* pipes: something was put */
    int to_loop[2];
    const struct tryst_policy_plugin *plugin;
    struct tryst_policy *policy;
    struct tryst_policy_settings settings;
    struct tryst_policy_host host;
    char *script;
    uint32_t hooks;
    uint32_t asked; /* questions so far: the next own ticket */
    struct owed owed[OPEN_MAX];
    char error[TR_PLUGIN_ERROR];
};

static void ring(const int pipe_ends[2])
{
    /* A full pipe rings already. */
    while (write(pipe_ends[1], "", 1) < 0 && errno == EINTR)
        continue;
}

static void silence(int descriptor)
{
    char bytes[256];

    while (read(descriptor, bytes, sizeof bytes) > 0)
        continue;
}

/* --- Towards the loop -------------------------------------------------------------------------- */

static void put_note(struct tr_desk *desk, const struct tr_desk_note *said)
{
    struct note *note = malloc(sizeof *note);
    bool is_line = said->news == TR_DESK_LINE;

    pthread_mutex_lock(&desk->mutex);
    if (note == NULL || (is_line && desk->line_count == TR_DESK_LINES)) {
        desk->lines_lost++;
        free(note);
    } else {
        *note = (struct note){.note = *said};
        *(desk->first_note == NULL ? &desk->first_note : &desk->last_note->next) = note;
        desk->last_note = note;
        desk->line_count += is_line;
    }
    pthread_mutex_unlock(&desk->mutex);
    ring(desk->to_loop);
}

static void host_answer(void *context, uint32_t ticket, const struct tryst_policy_answer *answer)
{
    struct tr_desk *desk = context;
    struct owed *owed = &desk->owed[ticket % OPEN_MAX];
    struct tr_desk_note note = {.news = TR_DESK_ANSWER};

    if (ticket == 0 || owed->own_ticket != ticket || answer == NULL)
        return;
    note.ticket = owed->ticket;
    note.hook = owed->hook;
    memset(owed, 0, sizeof *owed);
    memcpy(&note.answer, answer,
           answer->struct_size < sizeof note.answer ? answer->struct_size : sizeof note.answer);
    put_note(desk, &note);
}

static void host_log(void *context, uint32_t level, const char *text)
{
    struct tr_desk_note note = {.news = TR_DESK_LINE, .level = level};

    snprintf(note.text, sizeof note.text, "%s", text != NULL ? text : "");
    put_note(context, &note);
}

bool tr_desk_take(struct tr_desk *desk, struct tr_desk_note *note)
{
    struct note *first;
    uint32_t lost = 0;

    silence(desk->to_loop[0]);
    pthread_mutex_lock(&desk->mutex);
    first = desk->first_note;
    if (first != NULL) {
        desk->first_note = first->next;
        desk->line_count -= first->note.news == TR_DESK_LINE;
    } else {
        lost = desk->lines_lost;
        desk->lines_lost = 0;
    }
    pthread_mutex_unlock(&desk->mutex);
    if (first != NULL) {
        *note = first->note;
        free(first);
        return true;
    }
    if (lost == 0)
        return false;
    *note = (struct tr_desk_note){.news = TR_DESK_LINE, .level = LINES_LOST_LEVEL};
    snprintf(note->text, sizeof note->text, "%u lines of the rules are left out", lost);
    return true;
}

/* --- Towards the thread ------------------------------------------------------------------------ */

static bool put_job(struct tr_desk *desk, enum job_kind kind, const struct tr_question *question)
{
    struct job *job = malloc(sizeof *job);
    bool is_put;

    if (job == NULL)
        return false;
    *job = (struct job){.kind = kind, .question = *question};
    pthread_mutex_lock(&desk->mutex);
    is_put = kind != ASK || desk->job_count < TR_DESK_JOBS;
    if (is_put) {
        *(desk->first_job == NULL ? &desk->first_job : &desk->last_job->next) = job;
        desk->last_job = job;
        desk->job_count++;
    }
    pthread_mutex_unlock(&desk->mutex);
    if (is_put)
        ring(desk->to_thread);
    else
        free(job);
    return is_put;
}

bool tr_desk_ask(struct tr_desk *desk, const struct tr_question *question)
{
    return put_job(desk, ASK, question);
}

void tr_desk_reload(struct tr_desk *desk)
{
    put_job(desk, RELOAD, &(struct tr_question){0});
}

void tr_desk_expire(struct tr_desk *desk, uint32_t ticket)
{
    struct job **place = &desk->first_job;
    struct job *previous = NULL;
    struct job *job;

    pthread_mutex_lock(&desk->mutex);
    while ((job = *place) != NULL && (job->kind != ASK || job->question.ticket != ticket)) {
        previous = job;
        place = &job->next;
    }
    if (job != NULL) {
        *place = job->next;
        if (desk->last_job == job)
            desk->last_job = previous;
        desk->job_count--;
    }
    pthread_mutex_unlock(&desk->mutex);
    if (job == NULL) {
        put_job(desk, EXPIRE, &(struct tr_question){.ticket = ticket});
        return;
    }
    free(job->question.data);
    free(job);
}

static struct job *take_job(struct tr_desk *desk, bool *is_closing)
{
    struct job *job;

    pthread_mutex_lock(&desk->mutex);
    job = desk->first_job;
    if (job != NULL) {
        desk->first_job = job->next;
        desk->job_count--;
    }
    *is_closing = desk->is_closing;
    pthread_mutex_unlock(&desk->mutex);
    return job;
}

/* --- The thread -------------------------------------------------------------------------------- */

static void submit(struct tr_desk *desk, const struct tr_question *question)
{
    uint32_t own_ticket = ++desk->asked;

    if (own_ticket == 0)
        own_ticket = ++desk->asked;
    desk->owed[own_ticket % OPEN_MAX] =
        (struct owed){.own_ticket = own_ticket, .ticket = question->ticket, .hook = question->hook};
    desk->plugin->submit(desk->policy, own_ticket, question->data, question->size);
}

static void expire(struct tr_desk *desk, uint32_t ticket)
{
    for (uint32_t i = 0; i < OPEN_MAX; i++) {
        struct owed *owed = &desk->owed[i];
        uint32_t own_ticket = owed->own_ticket;

        if (own_ticket == 0 || owed->ticket != ticket)
            continue;
        memset(owed, 0, sizeof *owed);
        if (desk->plugin->expire != NULL)
            desk->plugin->expire(desk->policy, own_ticket);
        return;
    }
}

static void reload(struct tr_desk *desk)
{
    struct tr_desk_note note = {.news = TR_DESK_RELOAD};

    snprintf(note.text, sizeof note.text, "this plug-in loads its rules once");
    note.is_good = desk->plugin->reload != NULL &&
                   desk->plugin->reload(desk->policy, note.text, sizeof note.text) == TRYST_OK;
    note.hooks = desk->plugin->hooks(desk->policy);
    put_note(desk, &note);
}

static void do_job(struct tr_desk *desk, struct job *job)
{
    switch (job->kind) {
    case ASK:
        submit(desk, &job->question);
        break;
    case EXPIRE:
        expire(desk, job->question.ticket);
        break;
    case RELOAD:
        reload(desk);
        break;
    }
    free(job->question.data);
    free(job);
}

/* Waits for a job, or for the plug-in's own descriptor or time. */
static void wait(struct tr_desk *desk)
{
    const struct tryst_policy_plugin *plugin = desk->plugin;
    struct pollfd polled[2] = {{.fd = desk->to_thread[0], .events = POLLIN},
                               {.fd = -1, .events = POLLIN}};
    int timeout_ms = -1;

    if (plugin->descriptor != NULL)
        polled[1].fd = plugin->descriptor(desk->policy);
    if (plugin->timeout_ms != NULL)
        timeout_ms = plugin->timeout_ms(desk->policy);

    int ready = poll(polled, 2, timeout_ms);

    if (polled[0].revents != 0)
        silence(desk->to_thread[0]);
    if (plugin->process != NULL && (ready == 0 || polled[1].revents != 0))
        plugin->process(desk->policy);
}

static void work(struct tr_desk *desk)
{
    bool is_closing = false;

    while (!is_closing) {
        struct job *job = take_job(desk, &is_closing);

        if (job != NULL)
            do_job(desk, job);
        else if (!is_closing)
            wait(desk);
    }
    desk->plugin->close(desk->policy);
}

static void *run(void *context)
{
    struct tr_desk *desk = context;

    desk->policy =
        desk->plugin->open(&desk->settings, &desk->host, desk->error, sizeof desk->error);
    if (desk->policy != NULL)
        desk->hooks = desk->plugin->hooks(desk->policy);
    pthread_mutex_lock(&desk->mutex);
    desk->is_open = true;
    pthread_cond_signal(&desk->changed);
    pthread_mutex_unlock(&desk->mutex);
    if (desk->policy != NULL)
        work(desk);
    pthread_mutex_lock(&desk->mutex);
    desk->is_ended = true;
    pthread_cond_signal(&desk->changed);
    pthread_mutex_unlock(&desk->mutex);
    return NULL;
}

/* --- Opening and closing ----------------------------------------------------------------------- */

static bool make_pipe(int ends[2])
{
    if (pipe(ends) != 0) {
        ends[0] = ends[1] = -1;
        return false;
    }
    for (int i = 0; i < 2; i++)
        if (fcntl(ends[i], F_SETFL, O_NONBLOCK) != 0 || fcntl(ends[i], F_SETFD, FD_CLOEXEC) != 0)
            return false;
    return true;
}

static void destroy(struct tr_desk *desk)
{
    bool is_closing;
    struct job *job;
    struct note *note;

    while ((job = take_job(desk, &is_closing)) != NULL) {
        free(job->question.data);
        free(job);
    }
    while ((note = desk->first_note) != NULL) {
        desk->first_note = note->next;
        free(note);
    }
    for (int i = 0; i < 2; i++) {
        if (desk->to_thread[i] >= 0)
            close(desk->to_thread[i]);
        if (desk->to_loop[i] >= 0)
            close(desk->to_loop[i]);
    }
    pthread_cond_destroy(&desk->changed);
    pthread_mutex_destroy(&desk->mutex);
    free(desk->script);
    free(desk);
}

static struct tr_desk *create(const struct tryst_policy_settings *settings)
{
    struct tr_desk *desk = calloc(1, sizeof *desk);
    pthread_condattr_t attributes;

    if (desk == NULL)
        return NULL;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&desk->mutex, NULL);
    pthread_cond_init(&desk->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    desk->to_loop[0] = desk->to_loop[1] = -1;
    desk->script = strdup(settings->script);
    desk->settings = *settings;
    desk->settings.struct_size = sizeof desk->settings;
    desk->settings.script = desk->script;
    desk->host = (struct tryst_policy_host){
        .struct_size = sizeof desk->host, .context = desk, .answer = host_answer, .log = host_log};
    if (make_pipe(desk->to_thread) && make_pipe(desk->to_loop) && desk->script != NULL)
        return desk;
    destroy(desk);
    return NULL;
}

struct tr_desk *tr_desk_open(const char *folder, const struct tryst_policy_settings *settings,
                             char error[TR_PLUGIN_ERROR])
{
    const struct tryst_policy_plugin *plugin = tr_plugin_load(folder, settings->script, error);
    struct tr_desk *desk = plugin != NULL ? create(settings) : NULL;

    if (plugin == NULL)
        return NULL;
    snprintf(error, TR_PLUGIN_ERROR, "no memory, descriptors or threads left");
    if (desk == NULL)
        return NULL;
    desk->plugin = plugin;
    if (pthread_create(&desk->thread, NULL, run, desk) != 0) {
        destroy(desk);
        return NULL;
    }
    pthread_mutex_lock(&desk->mutex);
    while (!desk->is_open)
        pthread_cond_wait(&desk->changed, &desk->mutex);
    pthread_mutex_unlock(&desk->mutex);
    if (desk->policy != NULL)
        return desk;
    snprintf(error, TR_PLUGIN_ERROR, "%s",
             desk->error[0] != '\0' ? desk->error : "no reason given");
    tr_desk_close(desk);
    return NULL;
}

void tr_desk_close(struct tr_desk *desk)
{
    struct timespec until;
    bool is_ended;

    if (desk == NULL)
        return;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += CLOSE_S;
    pthread_mutex_lock(&desk->mutex);
    desk->is_closing = true;
    pthread_mutex_unlock(&desk->mutex);
    ring(desk->to_thread);
    pthread_mutex_lock(&desk->mutex);
    while (!desk->is_ended && pthread_cond_timedwait(&desk->changed, &desk->mutex, &until) == 0)
        continue;
    is_ended = desk->is_ended;
    pthread_mutex_unlock(&desk->mutex);
    if (!is_ended) {
        pthread_detach(desk->thread);
        return;
    }
    pthread_join(desk->thread, NULL);
    destroy(desk);
}

uint32_t tr_desk_hooks(const struct tr_desk *desk)
{
    return desk->hooks;
}

int tr_desk_descriptor(const struct tr_desk *desk)
{
    return desk->to_loop[0];
}
