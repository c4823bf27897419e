dnl SPDX-License-Identifier: Apache-2.0
dnl Compiler and linker flags, each tried before it is used, so that gcc and clang both build.

dnl BAILEE_TRY_FLAGS(VARIABLE, FLAGS): append each of FLAGS the compiler takes without a word.
AC_DEFUN([BAILEE_TRY_FLAGS], [
	for bailee_flag in m4_normalize([$2]); do
		AC_MSG_CHECKING([whether $CC takes $bailee_flag])
		bailee_save_cflags=$CFLAGS
		CFLAGS="$CFLAGS -Werror $bailee_flag"
		AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
		    [AC_MSG_RESULT([yes]); $1="[$]$1 $bailee_flag"], [AC_MSG_RESULT([no])])
		CFLAGS=$bailee_save_cflags
	done
])

dnl BAILEE_TRY_LINK(VARIABLE, FLAGS): the same for the linker.
AC_DEFUN([BAILEE_TRY_LINK], [
	for bailee_flag in m4_normalize([$2]); do
		AC_MSG_CHECKING([whether the linker takes $bailee_flag])
		bailee_save_ldflags=$LDFLAGS
		bailee_save_cflags=$CFLAGS
		CFLAGS="$CFLAGS $BAILEE_CFLAGS -Werror"
		LDFLAGS="$LDFLAGS $bailee_flag"
		AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
		    [AC_MSG_RESULT([yes]); $1="[$]$1 $bailee_flag"], [AC_MSG_RESULT([no])])
		LDFLAGS=$bailee_save_ldflags
		CFLAGS=$bailee_save_cflags
	done
])

dnl BAILEE_NEED(FLAGS): what was asked for by an option must work, or configure says so.
AC_DEFUN([BAILEE_NEED], [
	AC_MSG_CHECKING([whether $CC compiles and links with $1])
	bailee_save_cflags=$CFLAGS
	CFLAGS="$CFLAGS $1"
	AC_LINK_IFELSE([$2], [AC_MSG_RESULT([yes])],
	    [AC_MSG_RESULT([no]); AC_MSG_ERROR([$CC cannot build with $1])])
	CFLAGS=$bailee_save_cflags
])

AC_DEFUN([BAILEE_HARDENING], [
	BAILEE_TRY_FLAGS([BAILEE_CFLAGS], [-fPIE -fstack-protector-strong -fstack-clash-protection
	    -fcf-protection])
	BAILEE_TRY_LINK([BAILEE_LDFLAGS], [-pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack])
	AC_MSG_CHECKING([whether to set _FORTIFY_SOURCE])
	AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[
		#if !defined(__OPTIMIZE__) || defined(_FORTIFY_SOURCE)
		#error "no optimisation, or set by the caller"
		#endif
	]], [])], [bailee_fortify=yes], [bailee_fortify=no])
	AS_IF([test "x$enable_sanitizers" = xyes], [bailee_fortify=no])
	AC_MSG_RESULT([$bailee_fortify])
	AS_IF([test $bailee_fortify = yes],
	    [BAILEE_CPPFLAGS="$BAILEE_CPPFLAGS -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"])
])

AC_DEFUN([BAILEE_WARNINGS], [
	BAILEE_TRY_FLAGS([BAILEE_WARN], [-Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes
	    -Wmissing-prototypes -Wold-style-definition -Wpointer-arith -Wcast-qual
	    -Wwrite-strings -Wformat=2 -Wundef -Wvla -Wswitch-enum -Wimplicit-fallthrough
	    -Wnull-dereference -Wdouble-promotion -Wlogical-op -Wduplicated-cond
	    -Wduplicated-branches -Walloca])
	dnl gcc says of itself that these are unreliable among the code the sanitizers insert; the
	dnl optimised build without sanitizers, which ./check makes as well, keeps them.
	AS_IF([test "x$enable_sanitizers" = xyes], [
		BAILEE_TRY_FLAGS([BAILEE_WARN], [-Wno-restrict -Wno-maybe-uninitialized
		    -Wno-null-dereference -Wno-stringop-overflow -Wno-stringop-overread
		    -Wno-format-truncation])])
	BAILEE_WARN="$BAILEE_WARN -Werror"
])

AC_DEFUN([BAILEE_FLAGS], [
	BAILEE_CPPFLAGS=
	BAILEE_CFLAGS=
	BAILEE_LDFLAGS=
	BAILEE_WARN='-Wall -Wextra'
	BAILEE_TRY_FLAGS([BAILEE_CFLAGS], [-fno-common])
	BAILEE_TRY_LINK([BAILEE_LDFLAGS], [-Wl,--as-needed])
	AS_IF([test "x$enable_hardening" = xyes], [BAILEE_HARDENING])
	AS_IF([test "x$enable_developer_warnings" = xyes], [BAILEE_WARN=; BAILEE_WARNINGS])
	AS_IF([test "x$enable_analyzer" = xyes], [
		BAILEE_NEED([-fanalyzer], [AC_LANG_PROGRAM([], [])])
		BAILEE_CFLAGS="$BAILEE_CFLAGS -fanalyzer"])
	AS_IF([test "x$enable_sanitizers" = xyes], [
		bailee_san='-fsanitize=address,undefined -fno-sanitize-recover=all'
		BAILEE_NEED([$bailee_san], [AC_LANG_PROGRAM([], [])])
		BAILEE_CFLAGS="$BAILEE_CFLAGS $bailee_san -fno-omit-frame-pointer"
		BAILEE_LDFLAGS="$BAILEE_LDFLAGS $bailee_san"])
	AS_IF([test "x$enable_fuzzing" = xyes], [
		BAILEE_NEED([-fsanitize=fuzzer], [AC_LANG_SOURCE([[
			#include <stddef.h>
			int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
			int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
			{ return data && size > 9 ? 0 : 0; }
		]])])
		BAILEE_CFLAGS="$BAILEE_CFLAGS -fsanitize=fuzzer-no-link"
		BAILEE_LDFLAGS="$BAILEE_LDFLAGS -fsanitize=fuzzer-no-link"])
	AC_SUBST([BAILEE_CPPFLAGS])
	AC_SUBST([BAILEE_CFLAGS])
	AC_SUBST([BAILEE_LDFLAGS])
	AC_SUBST([BAILEE_WARN])
])
