/* SPDX-License-Identifier: Apache-2.0 */
/* baileectl: the operator's command line. */
#include "ctl/command.h"

int
main(int argc, char **argv)
{
	return ctl_main(argc, argv);
}
