/* SPDX-License-Identifier: Apache-2.0 */
/* Giving root up: one way for the workers of the pools and for the runner. */
#include "base/privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

enum err
privilege_drop(const char *name, struct errctx *ctx)
{
	if (!*name || geteuid() != 0)
		return OK;
	const struct passwd *entry = getpwnam(name);
	if (!entry)
		return err_set(ctx, ERR_CONFIG, "user", "there is no user \"%s\"", name);
	uid_t uid = entry->pw_uid;
	gid_t gid = entry->pw_gid;
	if (initgroups(name, gid) || setgid(gid) || setuid(uid))
		return err_set(ctx, ERR_CONFIG, "user", "cannot become \"%s\": %s", name,
		    strerror(errno));
	if (uid != 0 && setuid(0) == 0)
		return err_set(ctx, ERR_CONFIG, "user", "root could be taken back");
	return OK;
}
