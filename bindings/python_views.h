/* Insights as Python values: a struct sequence for each struct, by the tables of insight_view.h. Written
 * into the generated wrapper.
 * SPDX-License-Identifier: MIT */
#ifndef TR_PYTHON_VIEWS_H
#define TR_PYTHON_VIEWS_H

enum { TR_PY_VIEW_FIELDS_MAX = 32 };

struct tr_py_view {
    const char *name; /* as the module has it */
    const char *full_name;
    const char *doc;
    const struct tr_view_field *fields;
    PyTypeObject *type;
    PyStructSequence_Field rows[TR_PY_VIEW_FIELDS_MAX];
};

enum {
    TR_PY_SIDE,
    TR_PY_CANDIDATE,
    TR_PY_WHY,
    TR_PY_PATH_STATS,
    TR_PY_SURVEY,
    TR_PY_PORTMAP,
    TR_PY_VIEWS
};
static struct tr_py_view tr_py_views[TR_PY_VIEWS] = {
    {"Side",
     "tryst.Side",
     "What a side says of the NAT that it is behind.",
     tr_view_side,
     NULL,
     {{0}}},
    {"Candidate",
     "tryst.Candidate",
     "One address of a peer, and what came of it.",
     tr_view_candidate,
     NULL,
     {{0}}},
    {"Why", "tryst.Why", "Why a pair is connected as it is.", tr_view_why, NULL, {{0}}},
    {"PathStats", "tryst.PathStats", "The figures of one path.", tr_view_path_stats, NULL, {{0}}},
    {"Survey", "tryst.Survey", "What is known of the own NAT.", tr_view_survey, NULL, {{0}}},
    {"Portmap",
     "tryst.Portmap",
     "The port that the home router was asked for.",
     tr_view_portmap,
     NULL,
     {{0}}},
};

static PyObject *tr_py_view(int view, const void *value, swig_type_info *address_type);

static PyObject *tr_py_candidates(const struct tryst_why *why, swig_type_info *address_type)
{
    PyObject *list = PyList_New(0);
    for (uint32_t i = 0; list != NULL && i < why->candidate_count && i < TRYST_CANDIDATES_MAX;
         i++) {
        PyObject *item = tr_py_view(TR_PY_CANDIDATE, &why->candidates[i], address_type);
        if (item == NULL || PyList_Append(list, item) < 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

static PyObject *tr_py_view_field(const struct tr_view_field *field, const void *value,
                                  swig_type_info *address_type)
{
    const char *at = (const char *)value + field->offset;
    int32_t number;
    switch (field->kind) {
    case TR_VIEW_SIGNED:
        memcpy(&number, at, sizeof(number));
        return PyLong_FromLong(number);
    case TR_VIEW_FLAG:
        return PyBool_FromLong(tr_view_number(field, value) != 0);
    case TR_VIEW_WORD:
    case TR_VIEW_OUTLOOK:
        return PyUnicode_FromString(tr_view_word(field, value));
    case TR_VIEW_PATH:
        return tr_py_member(TR_PY_PATHS, (uint32_t)tr_view_number(field, value));
    case TR_VIEW_KIND:
        return tr_py_member(TR_PY_KINDS, (uint32_t)tr_view_number(field, value));
    case TR_VIEW_REASON:
        return tr_py_member(TR_PY_REASONS, (uint32_t)tr_view_number(field, value));
    case TR_VIEW_ADDRESS:
        return tr_py_new_address((const struct tryst_address *)(const void *)at, address_type);
    case TR_VIEW_TEXT:
        return PyUnicode_DecodeUTF8(at, (Py_ssize_t)strnlen(at, field->size), "replace");
    case TR_VIEW_SIDE:
        return tr_py_view(TR_PY_SIDE, at, address_type);
    case TR_VIEW_CANDIDATES:
        return tr_py_candidates((const struct tryst_why *)value, address_type);
    default:
        return PyLong_FromUnsignedLongLong(tr_view_number(field, value));
    }
}

static PyObject *tr_py_view(int view, const void *value, swig_type_info *address_type)
{
    const struct tr_view_field *fields = tr_py_views[view].fields;
    PyObject *made = PyStructSequence_New(tr_py_views[view].type);
    Py_ssize_t at = 0;
    if (made == NULL)
        return NULL;
    for (; fields[at].name != NULL; at++)
        PyStructSequence_SetItem(made, at, tr_py_view_field(&fields[at], value, address_type));
    return tr_py_whole(made, at);
}

static PyObject *tr_py_path_list(const struct tr_path_list *paths, swig_type_info *address_type)
{
    PyObject *list = PyList_New(0);
    for (tryst_result i = 0; list != NULL && i < paths->count; i++) {
        PyObject *item = tr_py_view(TR_PY_PATH_STATS, &paths->list[i], address_type);
        if (item == NULL || PyList_Append(list, item) < 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

static int tr_py_init_views(PyObject *module)
{
    for (int i = 0; i < TR_PY_VIEWS; i++) {
        struct tr_py_view *view = &tr_py_views[i];
        PyStructSequence_Desc description = {view->full_name, view->doc, view->rows, 0};
        for (; view->fields[description.n_in_sequence].name != NULL; description.n_in_sequence++)
            view->rows[description.n_in_sequence].name =
                view->fields[description.n_in_sequence].name;
        if (tr_py_add(module, view->name, &description, &view->type) < 0)
            return -1;
    }
    return 0;
}

#endif
