/*
 * From a reply to libmicrohttpd: headers, the audit hook, counting. Internal to http/.
 */
#pragma once

#include <microhttpd.h>

#include "http/request.h"

/* A UUID for correlation, not for secrecy: counted and scrambled, without a system call for each request. */
void answer_make_id(char id[static REQUEST_ID_LEN + 1]);

/* Sends the request's reply; one without status becomes a 500. Event thread only. */
enum MHD_Result answer_queue(struct request *request);
