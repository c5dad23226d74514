/* What a script's client or endpoint is asked of its pairs and its NAT. Written into the generated
 * wrappers, behind handles.h.
 * SPDX-License-Identifier: MIT */
#ifndef TR_INSIGHT_HANDLES_H
#define TR_INSIGHT_HANDLES_H

static struct tr_path_list tr_view_paths(const struct tryst_client *client,
                                         const struct tryst_endpoint *endpoint, uint32_t peer)
{
    struct tr_path_list paths;
    memset(&paths, 0, sizeof(paths));
    if (client != NULL)
        paths.count = tryst_client_paths(client, peer, paths.list, TRYST_CANDIDATES_MAX);
    else if (endpoint != NULL)
        paths.count = tryst_endpoint_paths(endpoint, peer, paths.list, TRYST_CANDIDATES_MAX);
    else
        paths.count = TRYST_E_CLOSED;
    if (paths.count > TRYST_CANDIDATES_MAX)
        paths.count = TRYST_CANDIDATES_MAX;
    return paths;
}

static tryst_result tr_client_handle_why(struct tr_client_handle *handle, uint32_t peer,
                                         struct tryst_why *why)
{
    struct tryst_client *client = tr_client_handle_enter(handle);
    return client != NULL ? tryst_client_why(client, peer, why) : TRYST_E_CLOSED;
}

static struct tr_path_list tr_client_handle_paths(struct tr_client_handle *handle, uint32_t peer)
{
    return tr_view_paths(tr_client_handle_enter(handle), NULL, peer);
}

static tryst_result tr_client_handle_survey(struct tr_client_handle *handle,
                                            struct tryst_survey *survey)
{
    struct tryst_client *client = tr_client_handle_enter(handle);
    return client != NULL ? tryst_client_survey(client, survey) : TRYST_E_CLOSED;
}

static tryst_result tr_client_handle_portmap(struct tr_client_handle *handle,
                                             struct tryst_portmap *portmap)
{
    struct tryst_client *client = tr_client_handle_enter(handle);
    return client != NULL ? tryst_client_portmap(client, portmap) : TRYST_E_CLOSED;
}

static tryst_result tr_endpoint_handle_why(struct tr_endpoint_handle *handle, uint32_t peer,
                                           struct tryst_why *why)
{
    return handle->endpoint != NULL ? tryst_endpoint_why(handle->endpoint, peer, why)
                                    : TRYST_E_CLOSED;
}

static struct tr_path_list tr_endpoint_handle_paths(struct tr_endpoint_handle *handle,
                                                    uint32_t peer)
{
    return tr_view_paths(NULL, handle->endpoint, peer);
}

static tryst_result tr_endpoint_handle_survey(struct tr_endpoint_handle *handle,
                                              struct tryst_survey *survey)
{
    return handle->endpoint != NULL ? tryst_endpoint_survey(handle->endpoint, survey)
                                    : TRYST_E_CLOSED;
}

#endif
