/*
 * The limits of limits.h, which bound what strangers may cost.
 *
 * A connection that a peer dials goes through them three times: as somebody's first datagram
 * (iq_limits_screen), when its handshake is complete (iq_conn_admit), and while it lives.
 */
#ifndef IQ_CONN_LIMITS_H
#define IQ_CONN_LIMITS_H

#include "conn_state.h"

enum iq_screening { IQ_SCREEN_WELCOME, IQ_SCREEN_REFUSE, IQ_SCREEN_DROP };

/* What the limits say of somebody's first datagram, before anything is done for it. */
enum iq_screening iq_limits_screen(struct iq_conn_env *env, const struct iq_path *path);

/* And whether he has to prove his address first. */
bool iq_limits_want_retry(struct iq_conn_env *env);

/* Counts a connection that a peer dials, until it is freed.  IQ_ERR_NOMEM. */
IQ_MUST_CHECK int iq_conn_count(struct iq_conn *conn, bool addr_is_validated);
void iq_conn_uncount(struct iq_conn *conn);

/* The handshake is complete.  False: that was one too many, and the end of the connection. */
IQ_MUST_CHECK bool iq_conn_admit(struct iq_conn *conn);

/* It has ended: its peer, and its address, may have another one. */
void iq_conn_make_place(struct iq_conn *conn);

/* A stream of the peer has ended.  It may open another one: now, or when its time has come. */
void iq_conn_replace_stream(struct iq_conn *conn, const struct iq_stream *stream);
void iq_conn_give_owed_streams(struct iq_conn *conn);
uint64_t iq_conn_owed_streams_at(const struct iq_conn *conn); /* IQ_NEVER: there are none */

/* Allows the peer one stream more now, and one less later: a frame that the next packet carries,
 * whatever else is in it.  Not if too many are ahead. */
void iq_conn_allow_stream_ahead(struct iq_conn *conn);

/* Whether the peer may have another connection id in the place of one that it has retired. */
bool iq_conn_may_have_cid(struct iq_conn *conn);

/* Decides whether we keep the connection alive, or let it end by its idle time-out. */
void iq_conn_keep_alive(struct iq_conn *conn);

/* After how much silence the peer is asked whether it is there; UINT64_MAX: it is not. */
uint64_t iq_conn_keep_alive_ns(const struct iq_conn *conn);

/* Closes the connections that hold the most, if all of them hold too much. */
void iq_limits_shed(struct iq_conn_env *env);

#endif
