/* Python values from and to the library's: bytes, text, addresses, events, datagrams, counters, and
 * failures as exceptions. Written into the generated wrapper.
 * SPDX-License-Identifier: MIT */
#ifndef TR_PYTHON_VALUES_H
#define TR_PYTHON_VALUES_H

enum { TR_PY_ADDRESSES_MAX = 64 };

/* What tryst/__init__.py hands over: enum members by number, and what makes an exception. */
enum { TR_PY_TYPES, TR_PY_PATHS, TR_PY_KINDS, TR_PY_STAGES, TR_PY_REASONS, TR_PY_WORDS };
static PyObject *tr_py_words[TR_PY_WORDS]; /* dicts */
static PyObject *tr_py_failure;            /* (code, errno) -> exception */
static PyTypeObject *tr_py_event_type, *tr_py_datagram_type, *tr_py_stats_type;
static PyTypeObject *tr_py_participant_type;

static PyObject *tr_py_ref(PyObject *object) /* Py_NewRef is of 3.10 */
{
    Py_INCREF(object);
    return object;
}

static PyObject *tr_py_set_words(PyObject *self, PyObject *args)
{
    PyObject *failure, *words[TR_PY_WORDS];
    (void)self;
    if (!PyArg_ParseTuple(args, "OO!O!O!O!O!", &failure, &PyDict_Type, &words[0], &PyDict_Type,
                          &words[1], &PyDict_Type, &words[2], &PyDict_Type, &words[3], &PyDict_Type,
                          &words[4]))
        return NULL;
    for (int i = 0; i < TR_PY_WORDS; i++) {
        PyObject *old = tr_py_words[i];
        tr_py_words[i] = tr_py_ref(words[i]);
        Py_XDECREF(old);
    }
    PyObject *old = tr_py_failure;
    tr_py_failure = tr_py_ref(failure);
    Py_XDECREF(old);
    return tr_py_ref(Py_None);
}

static void tr_py_raise(tryst_result code)
{
    int error = errno;
    PyObject *exception;
    if (tr_py_failure == NULL) {
        PyErr_SetString(PyExc_RuntimeError, tryst_result_text(code));
        return;
    }
    exception = PyObject_CallFunction(tr_py_failure, "ii", (int)code, error);
    if (exception == NULL)
        return;
    PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    Py_DECREF(exception);
}

/* --- In --------------------------------------------------------------------------------------- */

/* None is no bytes. */
static int tr_py_bytes(PyObject *object, Py_buffer *view)
{
    if (object == Py_None)
        return 0;
    return PyObject_GetBuffer(object, view, PyBUF_SIMPLE);
}

static int tr_py_key(PyObject *object, uint8_t key[TRYST_KEY_SIZE])
{
    Py_buffer view;
    int result = -1;
    if (PyObject_GetBuffer(object, &view, PyBUF_SIMPLE) < 0)
        return -1;
    if (view.len == TRYST_KEY_SIZE) {
        memcpy(key, view.buf, TRYST_KEY_SIZE);
        result = 0;
    } else {
        PyErr_Format(PyExc_ValueError, "a key has %d bytes, not %zd", TRYST_KEY_SIZE, view.len);
    }
    PyBuffer_Release(&view);
    return result;
}

/* Text of the object's own, without NUL: what C would cut short is refused. */
static const char *tr_py_text(PyObject *object, int is_optional)
{
    Py_ssize_t size;
    const char *text;
    if (is_optional && object == Py_None)
        return NULL;
    if (!PyUnicode_Check(object)) {
        PyErr_Format(PyExc_TypeError, "expected str, not %R", (PyObject *)Py_TYPE(object));
        return NULL;
    }
    text = PyUnicode_AsUTF8AndSize(object, &size);
    if (text != NULL && strlen(text) != (size_t)size) {
        PyErr_SetString(PyExc_ValueError, "embedded null character");
        return NULL;
    }
    return text;
}

/* None is no limit. */
static int tr_py_seconds(PyObject *object, tr_seconds *seconds)
{
    *seconds = -1.0;
    if (object == Py_None)
        return 0;
    *seconds = PyFloat_AsDouble(object);
    if (*seconds == -1.0 && PyErr_Occurred())
        return -1;
    if (*seconds >= 0)
        return 0;
    PyErr_SetString(PyExc_ValueError, "a timeout is None, or seconds from 0 on");
    return -1;
}

/* (host, port), (host, port, flow, scope), as the socket module has them. */
static int tr_py_socket_address(PyObject *tuple, struct tryst_address *address)
{
    const char *host;
    char plain[TRYST_ADDRESS_TEXT_SIZE];
    int port, flow = 0;
    unsigned scope = 0;
    tryst_result result;
    if (!PyArg_ParseTuple(tuple,
                          "si|iI;an address as a tuple is (host, port) or (host, port, flow, "
                          "scope)",
                          &host, &port, &flow, &scope))
        return -1;
    snprintf(plain, sizeof(plain), "%.*s", (int)strcspn(host, "%"), host);
    result = port < 0 ? TRYST_E_FORMAT : tr_address_read(address, plain, port);
    if (result != TRYST_OK) {
        tr_py_raise(result);
        return -1;
    }
    address->scope = scope;
    return 0;
}

static int tr_py_address(PyObject *object, swig_type_info *type, struct tryst_address *address)
{
    void *found = NULL;
    const char *text;
    tryst_result result;
    if (PyTuple_Check(object))
        return tr_py_socket_address(object, address);
    if (!PyUnicode_Check(object)) {
        if (SWIG_IsOK(SWIG_ConvertPtr(object, &found, type, 0)) && found != NULL) {
            *address = *(const struct tryst_address *)found;
            return 0;
        }
        PyErr_Format(PyExc_TypeError, "expected an Address, str or tuple, not %R",
                     (PyObject *)Py_TYPE(object));
        return -1;
    }
    text = tr_py_text(object, 0);
    if (text == NULL)
        return -1;
    result = tryst_address_parse(address, text);
    if (result != TRYST_OK)
        tr_py_raise(result);
    return result == TRYST_OK ? 0 : -1;
}

/* Any iterable but a str, which would be taken for its letters. */
static int tr_py_addresses(PyObject *object, swig_type_info *type, struct tryst_address *list,
                           size_t *count)
{
    PyObject *items, *item;
    int result = 0;
    *count = 0;
    if (PyUnicode_Check(object)) {
        PyErr_SetString(PyExc_TypeError, "expected a list of addresses, not one str");
        return -1;
    }
    items = PyObject_GetIter(object);
    if (items == NULL)
        return -1;
    while (result == 0 && (item = PyIter_Next(items)) != NULL) {
        if (*count == TR_PY_ADDRESSES_MAX) {
            PyErr_Format(PyExc_ValueError, "more than %d addresses", TR_PY_ADDRESSES_MAX);
            result = -1;
        } else {
            result = tr_py_address(item, type, &list[(*count)++]);
        }
        Py_DECREF(item);
    }
    Py_DECREF(items);
    return result < 0 || PyErr_Occurred() ? -1 : 0;
}

/* --- Out -------------------------------------------------------------------------------------- */

static PyObject *tr_py_new_address(const struct tryst_address *address, swig_type_info *type)
{
    struct tryst_address *copy;
    if (address->family == 0)
        return tr_py_ref(Py_None);
    copy = (struct tryst_address *)malloc(sizeof(*copy));
    if (copy == NULL)
        return PyErr_NoMemory();
    *copy = *address;
    return SWIG_NewPointerObj(copy, type, SWIG_POINTER_OWN);
}

static PyObject *tr_py_address_list(const struct tr_address_list *addresses, swig_type_info *type)
{
    PyObject *list = PyList_New(0);
    for (tryst_result i = 0; list != NULL && i < addresses->count && i < TRYST_LOCAL_MAX; i++) {
        PyObject *item = tr_py_new_address(&addresses->list[i], type);
        if (item == NULL || PyList_Append(list, item) < 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

/* A number that no member has yet stays a number. */
static PyObject *tr_py_member(int words, uint32_t number)
{
    PyObject *key = PyLong_FromUnsignedLong(number);
    PyObject *member =
        key != NULL && tr_py_words[words] != NULL ? PyDict_GetItem(tr_py_words[words], key) : NULL;
    if (member == NULL)
        return key;
    Py_DECREF(key);
    return tr_py_ref(member);
}

/* Gives up the sequence if one of its items could not be made. */
static PyObject *tr_py_whole(PyObject *sequence, Py_ssize_t count)
{
    for (Py_ssize_t i = 0; i < count; i++) {
        if (PyStructSequence_GET_ITEM(sequence, i) != NULL)
            continue;
        Py_DECREF(sequence);
        return NULL;
    }
    return sequence;
}

static PyStructSequence_Field tr_py_event_fields[] = {
    {"type", "EventType"},
    {"peer", "handle of a participant, 0 for none"},
    {"data", "bytes of a MESSAGE, user data of a JOINED; else empty"},
    {"path", "PathType"},
    {"kind", "Kind of the address that answered"},
    {"stage", "Stage where something failed"},
    {"reason", "Reason why"},
    {"rtt_us", "round trip, microseconds"},
    {"retry_ms", "REFUSED: try again after this, 0 never"},
    {"address", "Address of the peer's end, or the own public one; or None"},
    {"local_address", "Address of this end; or None"},
    {"key", "32 bytes: the participant's public key; or None"},
    {"text", "REFUSED: the server's words"},
    {NULL, NULL}};
static PyStructSequence_Desc tr_py_event_desc = {"tryst.Event", "What the game is told.",
                                                 tr_py_event_fields, 3};
enum { TR_PY_EVENT_FIELDS = 13 };

static PyObject *tr_py_event(const struct tryst_event *event, swig_type_info *address_type)
{
    static const uint8_t no_key[sizeof(event->key)] = {0};
    PyObject *made = PyStructSequence_New(tr_py_event_type);
    if (made == NULL)
        return NULL;
    PyObject *items[TR_PY_EVENT_FIELDS] = {
        tr_py_member(TR_PY_TYPES, event->type),
        PyLong_FromUnsignedLong(event->peer),
        PyBytes_FromStringAndSize((const char *)event->data, (Py_ssize_t)event->size),
        tr_py_member(TR_PY_PATHS, event->path),
        tr_py_member(TR_PY_KINDS, event->kind),
        tr_py_member(TR_PY_STAGES, event->stage),
        tr_py_member(TR_PY_REASONS, event->reason),
        PyLong_FromUnsignedLong(event->rtt_us),
        PyLong_FromUnsignedLong(event->retry_ms),
        tr_py_new_address(&event->address, address_type),
        tr_py_new_address(&event->local, address_type),
        memcmp(event->key, no_key, sizeof(no_key)) == 0
            ? tr_py_ref(Py_None)
            : PyBytes_FromStringAndSize((const char *)event->key, sizeof(event->key)),
        PyUnicode_DecodeUTF8(event->text, (Py_ssize_t)strnlen(event->text, sizeof(event->text)),
                             "replace")};
    for (Py_ssize_t i = 0; i < TR_PY_EVENT_FIELDS; i++)
        PyStructSequence_SetItem(made, i, items[i]);
    return tr_py_whole(made, TR_PY_EVENT_FIELDS);
}

static PyStructSequence_Field tr_py_datagram_fields[] = {
    {"to", "Address to send it to"},
    {"data", "its bytes"},
    {"source", "Address to send it from (its port is 0); or None for any"},
    {"ttl", "hops; 0 for the system's default"},
    {NULL, NULL}};
static PyStructSequence_Desc tr_py_datagram_desc = {"tryst.Datagram", "A datagram to send.",
                                                    tr_py_datagram_fields, 4};

static PyObject *tr_py_datagram(const struct tryst_datagram *datagram, swig_type_info *address_type)
{
    PyObject *made = PyStructSequence_New(tr_py_datagram_type);
    if (made == NULL)
        return NULL;
    PyStructSequence_SetItem(made, 0, tr_py_new_address(&datagram->to, address_type));
    PyStructSequence_SetItem(
        made, 1,
        PyBytes_FromStringAndSize((const char *)datagram->data, (Py_ssize_t)datagram->size));
    PyStructSequence_SetItem(made, 2, tr_py_new_address(&datagram->from, address_type));
    PyStructSequence_SetItem(made, 3, PyLong_FromUnsignedLong(datagram->ttl));
    return tr_py_whole(made, 4);
}

#define TR_PY_STATS_FIELD(name) {#name, NULL},
#define TR_PY_STATS_ONE(name) +1
static PyStructSequence_Field tr_py_stats_fields[] = {TR_STATS(TR_PY_STATS_FIELD){NULL, NULL}};
static PyStructSequence_Desc tr_py_stats_desc = {"tryst.Stats", "Counters since creation.",
                                                 tr_py_stats_fields, TR_STATS(TR_PY_STATS_ONE)};

static PyObject *tr_py_stats(const struct tryst_stats *stats)
{
    PyObject *made = PyStructSequence_New(tr_py_stats_type);
    Py_ssize_t at = 0;
    if (made == NULL)
        return NULL;
#define TR_PY_STATS_SET(name)                                                                      \
    PyStructSequence_SetItem(made, at++, PyLong_FromUnsignedLongLong(stats->name));
    TR_STATS(TR_PY_STATS_SET)
#undef TR_PY_STATS_SET
    return tr_py_whole(made, at);
}

static PyStructSequence_Field tr_py_participant_fields[] = {
    {"key", "32 bytes: its public key"}, {"present_s", "seconds it has been there"}, {NULL, NULL}};
static PyStructSequence_Desc tr_py_participant_desc = {
    "tryst.Participant", "Who is in a session already.", tr_py_participant_fields, 2};

static PyObject *tr_py_participants(const struct tryst_policy_request *request)
{
    uint32_t count = tryst_policy_request_participants(request);
    PyObject *list = PyList_New(0);
    for (uint32_t i = 0; list != NULL && i < count; i++) {
        const uint8_t *key = tryst_policy_request_participant_key(request, i);
        double present_s = (double)tryst_policy_request_participant_ms(request, i) / 1000.0;
        PyObject *made = PyStructSequence_New(tr_py_participant_type);
        if (made != NULL) {
            PyStructSequence_SetItem(made, 0,
                                     PyBytes_FromStringAndSize((const char *)key, TRYST_KEY_SIZE));
            PyStructSequence_SetItem(made, 1, PyFloat_FromDouble(present_s));
            made = tr_py_whole(made, 2);
        }
        if (made == NULL || PyList_Append(list, made) < 0)
            Py_CLEAR(list);
        Py_XDECREF(made);
    }
    return list;
}

static PyObject *tr_py_counters(const struct tryst_policy_request *request)
{
    uint32_t count = tryst_policy_request_counters(request);
    PyObject *counters = PyDict_New();
    for (uint32_t i = 0; counters != NULL && i < count; i++) {
        PyObject *value =
            PyLong_FromUnsignedLongLong(tryst_policy_request_counter_value(request, i));
        if (value == NULL ||
            PyDict_SetItemString(counters, tryst_policy_request_counter_name(request, i), value) <
                0)
            Py_CLEAR(counters);
        Py_XDECREF(value);
    }
    return counters;
}

static int tr_py_add(PyObject *module, const char *name, PyStructSequence_Desc *description,
                     PyTypeObject **type)
{
    *type = PyStructSequence_NewType(description);
    if (*type == NULL)
        return -1;
    Py_INCREF((PyObject *)*type);
    return PyModule_AddObject(module, name, (PyObject *)*type);
}

static int tr_py_init(PyObject *module)
{
    if (tr_py_add(module, "Event", &tr_py_event_desc, &tr_py_event_type) < 0 ||
        tr_py_add(module, "Datagram", &tr_py_datagram_desc, &tr_py_datagram_type) < 0 ||
        tr_py_add(module, "Stats", &tr_py_stats_desc, &tr_py_stats_type) < 0 ||
        tr_py_add(module, "Participant", &tr_py_participant_desc, &tr_py_participant_type) < 0)
        return -1;
    return 0;
}

#endif
