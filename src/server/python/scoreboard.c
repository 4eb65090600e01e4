#include "python/scoreboard.h"

#include "python/dicts.h"
#include "python/pyw_gil.h"

static pyw_scoreboard_read *offered;

void pyw_scoreboard_offer(pyw_scoreboard_read *read)
{
    offered = read;
}

static double seconds(int64_t us)
{
    return (double)us / 1e6;
}

/* New reference, in the encoding of environ. */
static PyObject *text(struct pyw_span span)
{
    return PyUnicode_DecodeLatin1(span.data, (Py_ssize_t)span.len, NULL);
}

/* Each of these: new reference; NULL with an exception, or without where what was read
 * is no scoreboard. */

static PyObject *describe_worker(struct pyw_reader *reader, unsigned number)
{
    struct pyw_scoreboard_worker worker;

    if (pyw_scoreboard_get_worker(reader, &worker) != 0) {
        return NULL;
    }
    return Py_BuildValue("{sIsIsCsKsKsdsdsdsNsNsN}", "thread_num", number, "generation",
                         worker.generation, "status", worker.status, "access_count",
                         (unsigned long long)worker.accesses, "bytes_served",
                         (unsigned long long)worker.bytes, "start_time",
                         seconds(worker.start_us), "stop_time", seconds(worker.stop_us),
                         "last_used", seconds(worker.last_us), "client",
                         text(worker.client), "request", text(worker.request), "vhost",
                         text(worker.vhost));
}

static PyObject *describe_workers(struct pyw_reader *reader, unsigned count)
{
    PyObject *list = PyList_New(0);

    for (unsigned i = 0; list != NULL && i < count; i++) {
        PyObject *row = describe_worker(reader, i);

        if (row == NULL || PyList_Append(list, row) != 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(row);
    }
    return list;
}

static PyObject *describe_process(struct pyw_reader *reader, unsigned number,
                                  unsigned workers)
{
    struct pyw_scoreboard_process process;
    PyObject *list;

    if (pyw_scoreboard_get_process(reader, &process) != 0) {
        return NULL;
    }
    list = describe_workers(reader, workers);
    if (list == NULL) {
        return NULL;
    }
    return Py_BuildValue("{sIsLsIsNsN}", "process_num", number, "pid",
                         (long long)process.pid, "generation", process.generation,
                         "quiescing", PyBool_FromLong(process.is_quiescing), "workers",
                         list);
}

static PyObject *describe_processes(struct pyw_reader *reader,
                                    const struct pyw_scoreboard *board)
{
    PyObject *list = PyList_New(0);

    for (unsigned i = 0; list != NULL && i < board->processes; i++) {
        PyObject *row = describe_process(reader, i, board->workers);

        if (row == NULL || PyList_Append(list, row) != 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(row);
    }
    return list;
}

static PyObject *describe(const struct pyw_writer *snapshot)
{
    struct pyw_scoreboard board;
    struct pyw_reader reader;
    PyObject *processes;

    pyw_bytes_read_from(&reader, snapshot->data, snapshot->len);
    if (pyw_scoreboard_get(&reader, &board) != 0) {
        return NULL;
    }
    processes = describe_processes(&reader, &board);
    if (processes == NULL) {
        return NULL;
    }
    return Py_BuildValue("{sIsIsIsdsdsLsN}", "server_limit", board.processes,
                         "thread_limit", board.workers, "running_generation",
                         board.generation, "restart_time", seconds(board.restart_us),
                         "current_time", seconds(board.now_us), "running_time",
                         (long long)((board.now_us - board.restart_us) / 1000000),
                         "processes", processes);
}

PyObject *pyw_scoreboard_describe(void)
{
    struct pyw_writer snapshot;
    PyObject *dict = NULL;
    void *token;
    int rv;

    if (offered == NULL) {
        Py_RETURN_NONE;
    }
    pyw_bytes_init(&snapshot);
    token = pyw_gil_release();
    rv = offered(&snapshot);
    pyw_gil_acquire(token);
    if (rv == 0 && !snapshot.failed) {
        dict = describe(&snapshot);
    }
    pyw_bytes_free(&snapshot);
    return dict == NULL && !PyErr_Occurred() ? Py_NewRef(Py_None) : dict;
}
