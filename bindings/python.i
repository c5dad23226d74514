/* How Python sees what tryst.i says: values, exceptions and waits of its own kind. The classes come
 * out as tryst.core; tryst/__init__.py gives them what only Python can say.
 * SPDX-License-Identifier: MIT */
%{
#include <tryst/tryst.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
%}
%insert("header") "python_gate.h"
%insert("header") "insight_view.h"
%insert("header") "handles.h"
%insert("header") "insight_handles.h"
%insert("header") "request_view.h"
%insert("header") "python_values.h"
%insert("header") "python_views.h"

%feature("autodoc", "0");

%init %{
    if (tr_py_init(m) < 0 || tr_py_init_views(m) < 0)
#if SWIG_VERSION >= 0x040400 /* %init stands in a function that returns int from there on */
        return -1;
#else
        return NULL;
#endif
%}
%native(_set_words) PyObject *tr_py_set_words(PyObject *self, PyObject *args);

/* No NULL self, whatever a caller makes of None. SWIGTYPE, as self is spelt in several ways. */
%typemap(check) SWIGTYPE *self
{
    if ($1 == NULL) {
        PyErr_SetString(PyExc_ReferenceError, "$symname: there is no object");
        SWIG_fail;
    }
}

/* The buffer is held for the whole call. */
%typemap(in) (const void *data, size_t size) (Py_buffer view)
{
    if (tr_py_bytes($input, &view) < 0)
        SWIG_fail;
    $1 = view.buf;
    $2 = (size_t)view.len;
}
%typemap(arginit) (const void *data, size_t size)
{
    memset(&view$argnum, 0, sizeof(view$argnum));
}
%typemap(freearg) (const void *data, size_t size)
{
    if (view$argnum.obj != NULL)
        PyBuffer_Release(&view$argnum);
}
%typemap(doctype) (const void *data, size_t size) "bytes-like or None"
%apply (const void *data, size_t size) { (const void *seed, size_t seed_size) };

%typemap(in) const uint8_t key[ANY] (uint8_t bytes[TRYST_KEY_SIZE])
{
    if (tr_py_key($input, bytes) < 0)
        SWIG_fail;
    $1 = bytes;
}

%typemap(in) const char *
{
    $1 = ($1_ltype)tr_py_text($input, 0);
    if ($1 == NULL)
        SWIG_fail;
}
%typemap(in) const char *app, const char *path, const char *relay,
    const char *port_mapping, const char *spray
{
    $1 = ($1_ltype)tr_py_text($input, 1);
    if ($1 == NULL && PyErr_Occurred())
        SWIG_fail;
}
%typemap(freearg) const char *, const char *app, const char *path, const char *relay,
    const char *port_mapping, const char *spray "";

%typemap(in) const tr_seconds *timeout (tr_seconds seconds)
{
    if (tr_py_seconds($input, &seconds) < 0)
        SWIG_fail;
    $1 = &seconds;
}
%typemap(out) tr_seconds
{
    $result = $1 < 0 ? tr_py_ref(Py_None) : PyFloat_FromDouble($1);
}
%typemap(out) tr_moment
{
    $result = $1 == TRYST_NEVER ? tr_py_ref(Py_None) : PyLong_FromUnsignedLongLong($1);
}

%typemap(in) const struct tryst_address * (struct tryst_address value)
{
    if (tr_py_address($input, SWIGTYPE_p_tryst_address, &value) < 0)
        SWIG_fail;
    $1 = &value;
}
%typemap(in) const struct tryst_address *to (struct tryst_address value)
{
    if ($input != Py_None) {
        if (tr_py_address($input, SWIGTYPE_p_tryst_address, &value) < 0)
            SWIG_fail;
        $1 = &value;
    }
}
%typemap(freearg) const struct tryst_address *, const struct tryst_address *to "";
%typemap(in) (const struct tryst_address *addresses, size_t count)
    (struct tryst_address list[TR_PY_ADDRESSES_MAX], size_t listed)
{
    if (tr_py_addresses($input, SWIGTYPE_p_tryst_address, list, &listed) < 0)
        SWIG_fail;
    $1 = list;
    $2 = listed;
}

/* The failure as an exception, else nothing. */
%typemap(out) tryst_result
{
    if ($1 < 0) {
        tr_py_raise($1);
        SWIG_fail;
    }
    $result = tr_py_ref(Py_None);
}
%typemap(out) tr_answer
{
    if (PyErr_Occurred())
        SWIG_fail;
    if ($1 < 0) {
        tr_py_raise($1);
        SWIG_fail;
    }
    $result = PyBool_FromLong($1);
}
%typemap(out) tr_answer_number
{
    if ($1 < 0) {
        tr_py_raise($1);
        SWIG_fail;
    }
    $result = PyLong_FromLong($1);
}
%typemap(in, numinputs=0) tryst_result *result (tryst_result failure = TRYST_OK)
{
    $1 = &failure;
}
%typemap(argout) tryst_result *result
{
    if (*$1 < 0) {
        Py_XDECREF($result);
        tr_py_raise(*$1);
        SWIG_fail;
    }
}

%typemap(out) struct tr_text
{
    if ($1.length < 0) {
        tr_py_raise($1.length);
        SWIG_fail;
    }
    $result = PyUnicode_DecodeUTF8($1.text, $1.length, "replace");
}
%typemap(out) struct tr_key_bytes
{
    $result = PyBytes_FromStringAndSize((const char *)$1.bytes, sizeof($1.bytes));
}
%typemap(out) struct tr_bytes
{
    $result = PyBytes_FromStringAndSize((const char *)($1.data != NULL ? $1.data : $1.own),
                                        (Py_ssize_t)$1.size);
}
%typemap(out) struct tr_address_value
{
    $result = tr_py_new_address(&$1.value, SWIGTYPE_p_tryst_address);
}
%typemap(out) tr_reason
{
    $result = tr_py_member(TR_PY_REASONS, $1);
}
%typemap(out) struct tr_participants
{
    $result = tr_py_participants($1.request);
}
%typemap(out) struct tr_counters
{
    $result = tr_py_counters($1.request);
}
%typemap(out) struct tr_address_list
{
    if ($1.count < 0) {
        tr_py_raise($1.count);
        SWIG_fail;
    }
    $result = tr_py_address_list(&$1, SWIGTYPE_p_tryst_address);
}

%typemap(out) struct tr_path_list
{
    if ($1.count < 0) {
        tr_py_raise($1.count);
        SWIG_fail;
    }
    $result = tr_py_path_list(&$1, SWIGTYPE_p_tryst_address);
}

/* What a call writes becomes its result; nothing where it wrote nothing. */
%define TR_PY_RESULT(type, make)
%typemap(in, numinputs=0) struct type *OUTPUT (struct type written)
{
    $1 = &written;
}
%typemap(argout) struct type *OUTPUT
{
    Py_XDECREF($result);
    $result = make;
    if ($result == NULL)
        SWIG_fail;
}
%enddef
TR_PY_RESULT(tryst_event,
             result > 0 ? tr_py_event($1, SWIGTYPE_p_tryst_address) : tr_py_ref(Py_None))
TR_PY_RESULT(tryst_datagram,
             result > 0 ? tr_py_datagram($1, SWIGTYPE_p_tryst_address) : tr_py_ref(Py_None))
TR_PY_RESULT(tryst_stats, tr_py_stats($1))
TR_PY_RESULT(tryst_why, tr_py_view(TR_PY_WHY, $1, SWIGTYPE_p_tryst_address))
TR_PY_RESULT(tryst_survey, tr_py_view(TR_PY_SURVEY, $1, SWIGTYPE_p_tryst_address))
TR_PY_RESULT(tryst_portmap, tr_py_view(TR_PY_PORTMAP, $1, SWIGTYPE_p_tryst_address))
TR_PY_RESULT(tr_key_bytes, PyBytes_FromStringAndSize((const char *)$1->bytes, TRYST_KEY_SIZE))
%apply struct tryst_event *OUTPUT { struct tryst_event *event };
%apply struct tryst_datagram *OUTPUT { struct tryst_datagram *datagram };
%apply struct tryst_stats *OUTPUT { struct tryst_stats *stats };
%apply struct tryst_why *OUTPUT { struct tryst_why *why };
%apply struct tryst_survey *OUTPUT { struct tryst_survey *survey };
%apply struct tryst_portmap *OUTPUT { struct tryst_portmap *portmap };
%apply struct tr_key_bytes *OUTPUT { struct tr_key_bytes *public_key };
