dnl SPDX-License-Identifier: Apache-2.0
dnl The libraries Bailee stands on; each error names the Debian package that brings it.

dnl BAILEE_PKG(VARIABLE, MODULE, DEBIAN-PACKAGE)
AC_DEFUN([BAILEE_PKG], [
	PKG_CHECK_MODULES([$1], [$2], [], [AC_MSG_ERROR([$2 is missing (Debian: $3)])])
])

AC_DEFUN([BAILEE_LIBRARIES], [
	BAILEE_PKG([JANSSON], [jansson >= 2.14], [libjansson-dev])
	BAILEE_PKG([MARIADB], [libmariadb >= 3.3], [libmariadb-dev])
	BAILEE_PKG([CURL], [libcurl >= 7.88], [libcurl4-openssl-dev])
	BAILEE_PKG([OPENSSL], [libssl >= 3.0 libcrypto >= 3.0], [libssl-dev])
	BAILEE_PKG([INIH], [inih], [libinih-dev])
	BAILEE_PKG([PCRE2], [libpcre2-8], [libpcre2-dev])
	BAILEE_PKG([ZLIB], [zlib], [zlib1g-dev])
	BAILEE_PKG([PSL], [libpsl], [libpsl-dev])
	BAILEE_PKG([JOSE], [jose >= 11], [libjose-dev])
	BAILEE_PKG([GLIB], [glib-2.0 >= 2.74], [libglib2.0-dev])
	BAILEE_PKG([XML2], [libxml-2.0 >= 2.9.14], [libxml2-dev])
	PKG_CHECK_MODULES([CMOCKA], [cmocka], [have_cmocka=yes], [have_cmocka=no])
	AM_CONDITIONAL([HAVE_CMOCKA], [test "x$have_cmocka" = xyes])
	AS_IF([test "x$have_cmocka" = xno],
	    [AC_MSG_WARN([cmocka is missing (Debian: libcmocka-dev): no unit tests])])

	AC_CHECK_HEADER([fcgiapp.h], [], [AC_MSG_ERROR([fcgiapp.h is missing (Debian: libfcgi-dev)])])
	bailee_save_libs=$LIBS
	AC_CHECK_LIB([fcgi], [FCGX_Accept_r], [AC_SUBST([FCGI_LIBS], [-lfcgi])],
	    [AC_MSG_ERROR([libfcgi is missing (Debian: libfcgi-dev)])])
	LIBS=$bailee_save_libs
])
