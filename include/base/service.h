/* SPDX-License-Identifier: Apache-2.0 */
/* What a program that systemd has started says to it and gets from it. */
#ifndef BAILEE_BASE_SERVICE_H
#define BAILEE_BASE_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* How a program ends: 0, 78 (EX_CONFIG) for what stays as it is until somebody changes
 * configuration, key files or schema, which the units do not try again, or 75 (EX_TEMPFAIL). */
int service_exit_status(enum err err);

/* Notes for a service manager, by the protocol of sd_notify(3). Nothing happens when none asked
 * for them (NOTIFY_SOCKET); nobody waits, and a note that cannot be delivered is lost. Only the
 * main process is listened to: master or runner, not a worker. */
void service_ready(void);
void service_stopping(void);
/* One line for `systemctl status`; more lines become one. */
void service_status(const char *text);

/* For how long the manager waits for a service_alive() of this process before it ends it, in ms
 * (WATCHDOG_USEC, WATCHDOG_PID of sd_watchdog_enabled(3)); 0: it does not watch, and need not be
 * told. */
int64_t service_watchdog_ms(void);
void service_alive(void);

/* True for a file right in the folder of the unit's credentials: CREDENTIALS_DIRECTORY of
 * systemd.exec(5), which nobody but root and the unit's user can enter. */
bool service_is_credential(const char *path);

#endif
