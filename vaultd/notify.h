/*
 * systemd's readiness protocol, without its library: one datagram a state to
 * $NOTIFY_SOCKET. The socket is opened before the sandbox closes.
 */
#pragma once

/* Remembers where to send; without $NOTIFY_SOCKET nothing is ever sent. A socket that cannot be reached is no error. */
void notify_open(void);
/* "READY=1", "STOPPING=1", "STATUS=...", with newlines between several. */
void notify_send(const char *state);
