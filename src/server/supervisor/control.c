#include "supervisor/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/codes.h"
#include "base/json.h"
#include "channel/socket.h"

/* Descriptors per message; the system takes 253. */
#define FDS_PER_MESSAGE 64
/* Where a client cannot be taken. */
#define ACCEPT_PAUSE_MS 1000

enum stage {
    STAGE_NONE,     /* no connection */
    STAGE_READING,  /* its line comes */
    STAGE_SERVING,  /* its answer is being made */
    STAGE_ANSWERING /* its answer goes out */
};

struct connection {
    enum stage stage;
    int fd;
    uid_t uid;
    int64_t deadline_ms;
    size_t line_len;
    char line[PYW_COMMAND_LINE];
    struct pyw_call call;
    size_t sent;
    size_t fds_sent;
};

struct pyw_control {
    int listener;         /* -1: takes no clients */
    int64_t accept_at_ms; /* not before */
    pyw_supervisor_log *log;
    pyw_control_serve *serve;
    void *context;
    struct connection connections[PYW_CONTROL_CONNECTIONS];
};

bool pyw_call_add_fd(struct pyw_call *call, int fd)
{
    int *more = realloc(call->fds, (call->fd_count + 1) * sizeof(*more));

    if (more == NULL) {
        return false;
    }
    call->fds = more;
    call->fds[call->fd_count++] = fd;
    return true;
}

static void drop(struct connection *connection)
{
    if (connection->stage == STAGE_NONE) {
        return;
    }
    close(connection->fd);
    for (size_t i = 0; i < connection->call.fd_count; i++) {
        close(connection->call.fds[i]);
    }
    free(connection->call.fds);
    pyw_bytes_free(&connection->call.answer);
    memset(connection, 0, sizeof(*connection));
}

struct pyw_control *pyw_control_create(int listener, pyw_supervisor_log *log,
                                       pyw_control_serve *serve, void *context)
{
    struct pyw_control *control = calloc(1, sizeof(*control));

    if (control != NULL) {
        control->listener = listener;
        control->log = log;
        control->serve = serve;
        control->context = context;
    }
    return control;
}

void pyw_control_destroy(struct pyw_control *control)
{
    for (size_t i = 0; control != NULL && i < PYW_CONTROL_CONNECTIONS; i++) {
        drop(&control->connections[i]);
    }
    free(control);
}

void pyw_control_close_listener(struct pyw_control *control)
{
    control->listener = -1;
}

/* --- what to wait for --- */

static struct connection *find_free(struct pyw_control *control)
{
    for (size_t i = 0; i < PYW_CONTROL_CONNECTIONS; i++) {
        if (control->connections[i].stage == STAGE_NONE) {
            return &control->connections[i];
        }
    }
    return NULL;
}

void pyw_control_fill(const struct pyw_control *control, struct pollfd *polled)
{
    /* While it is served, only that the client has gone, which needs no asking. */
    static const short events[] = {0, POLLIN, 0, POLLOUT};
    bool has_room = false;

    for (size_t i = 0; i < PYW_CONTROL_CONNECTIONS; i++) {
        const struct connection *connection = &control->connections[i];

        has_room |= connection->stage == STAGE_NONE;
        polled[1 + i].fd = connection->stage != STAGE_NONE ? connection->fd : -1;
        polled[1 + i].events = events[connection->stage];
        polled[1 + i].revents = 0;
    }
    has_room &= pyw_clock_now_ms() >= control->accept_at_ms;
    polled[0].fd = has_room ? control->listener : -1;
    polled[0].events = POLLIN;
    polled[0].revents = 0;
}

int64_t pyw_control_deadline(const struct pyw_control *control)
{
    int64_t deadline = pyw_clock_now_ms() < control->accept_at_ms
                           ? control->accept_at_ms
                           : PYW_CLOCK_NEVER;

    for (size_t i = 0; i < PYW_CONTROL_CONNECTIONS; i++) {
        const struct connection *connection = &control->connections[i];

        if (connection->stage != STAGE_NONE && connection->deadline_ms < deadline) {
            deadline = connection->deadline_ms;
        }
    }
    return deadline;
}

/* --- one connection --- */

static void send_some(struct connection *connection);

static void begin_answer(struct connection *connection)
{
    pyw_bytes_put_u8(&connection->call.answer, '\n');
    if (connection->call.answer.failed) {
        drop(connection); /* no memory: the end of the connection has to do */
        return;
    }
    connection->stage = STAGE_ANSWERING;
    connection->deadline_ms = pyw_clock_now_ms() + PYW_CONTROL_PATIENCE_MS;
    send_some(connection);
}

static void refuse(struct connection *connection, const char *why)
{
    struct pyw_json json;

    pyw_json_begin(&json, &connection->call.answer);
    pyw_json_open_object(&json, NULL);
    pyw_json_put_bool(&json, "ok", false);
    pyw_json_put_text(&json, "error", why);
    pyw_json_close_object(&json);
    begin_answer(connection);
}

static void serve(struct pyw_control *control, struct connection *connection)
{
    if (control->serve(control->context, &connection->call)) {
        begin_answer(connection);
    } else {
        connection->deadline_ms = PYW_CLOCK_NEVER;
    }
}

static void take_line(struct pyw_control *control, struct connection *connection,
                      size_t len)
{
    char shown[PYW_COMMAND_LINE];
    const char *why;

    memcpy(shown, connection->line, len);
    why = pyw_command_parse(connection->line, len, &connection->call.command);
    if (why != NULL) {
        refuse(connection, why);
        return;
    }
    if (connection->call.command.verb != PYW_VERB_STATUS) {
        PYW_LOG(control->log, NULL, CONTROL_ASKED, (unsigned)connection->uid, (int)len,
                shown);
    }
    connection->call.came_ms = pyw_clock_now_ms();
    connection->stage = STAGE_SERVING;
    serve(control, connection);
}

static void read_some(struct pyw_control *control, struct connection *connection)
{
    ssize_t got = recv(connection->fd, connection->line + connection->line_len,
                       sizeof(connection->line) - connection->line_len, MSG_DONTWAIT);
    const char *end;

    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got < 0 || (got == 0 && connection->line_len == 0)) {
        drop(connection);
        return;
    }
    if (got == 0) {
        take_line(control, connection, connection->line_len);
        return;
    }
    end = memchr(connection->line + connection->line_len, '\n', (size_t)got);
    connection->line_len += (size_t)got;
    if (end != NULL) {
        take_line(control, connection, (size_t)(end - connection->line));
    } else if (connection->line_len == sizeof(connection->line)) {
        refuse(connection, "The line is too long.");
    }
}

/* As many descriptors as one message takes; the rest follows with the next bytes. */
static ssize_t send_message(struct connection *connection, size_t fd_count)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(FDS_PER_MESSAGE * sizeof(int))];
    } control = {0};
    struct pyw_writer *answer = &connection->call.answer;
    bool is_last = connection->fds_sent + fd_count == connection->call.fd_count;
    struct iovec data = {answer->data + connection->sent,
                         is_last ? answer->len - connection->sent : 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    struct cmsghdr *header;

    if (fd_count > 0) {
        message.msg_control = control.room;
        message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(header), connection->call.fds + connection->fds_sent,
               fd_count * sizeof(int));
    }
    return sendmsg(connection->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void send_some(struct connection *connection)
{
    const struct pyw_call *call = &connection->call;

    while (connection->sent < call->answer.len) {
        size_t fd_count = call->fd_count - connection->fds_sent;
        ssize_t done;

        fd_count = fd_count < FDS_PER_MESSAGE ? fd_count : FDS_PER_MESSAGE;
        done = send_message(connection, fd_count);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done < 0 && errno == EAGAIN) {
            return;
        }
        if (done <= 0) {
            break; /* it has gone */
        }
        connection->sent += (size_t)done;
        connection->fds_sent += fd_count;
        connection->deadline_ms = pyw_clock_now_ms() + PYW_CONTROL_PATIENCE_MS;
    }
    drop(connection);
}

/* --- a round --- */

static void accept_one(struct pyw_control *control)
{
    struct connection *connection = find_free(control);
    int fd = connection != NULL ? pyw_socket_accept(control->listener) : -EAGAIN;
    uid_t uid;

    if (fd < 0) {
        if (fd != -EAGAIN) { /* descriptors are short */
            control->accept_at_ms = pyw_clock_now_ms() + ACCEPT_PAUSE_MS;
        }
        return;
    }
    if (pyw_socket_peer(fd, &uid) != 0) {
        close(fd);
        return;
    }
    if (uid != 0 && uid != geteuid()) {
        PYW_LOG(control->log, NULL, CONTROL_PEER, (unsigned)uid, (unsigned)geteuid());
        close(fd);
        return;
    }
    connection->fd = fd;
    connection->uid = uid;
    connection->stage = STAGE_READING;
    connection->deadline_ms = pyw_clock_now_ms() + PYW_CONTROL_PATIENCE_MS;
}

static void run_one(struct pyw_control *control, struct connection *connection,
                    short revents)
{
    if (connection->stage == STAGE_READING && revents != 0) {
        read_some(control, connection);
    } else if (connection->stage == STAGE_SERVING) {
        if ((revents & (POLLHUP | POLLERR)) != 0) {
            drop(connection); /* what it began goes on */
        } else {
            serve(control, connection);
        }
    } else if (connection->stage == STAGE_ANSWERING && revents != 0) {
        send_some(connection);
    }
    if (connection->stage != STAGE_NONE &&
        pyw_clock_now_ms() >= connection->deadline_ms) {
        drop(connection);
    }
}

void pyw_control_run(struct pyw_control *control, const struct pollfd *polled)
{
    for (size_t i = 0; i < PYW_CONTROL_CONNECTIONS; i++) {
        run_one(control, &control->connections[i],
                polled != NULL ? polled[1 + i].revents : 0);
    }
    if (polled != NULL && polled[0].revents != 0 && control->listener >= 0) {
        accept_one(control);
    }
}
