#include "textflag.h"

// Calls of libc, and where Go finds them.

TEXT libc_socket_trampoline<>(SB), NOSPLIT, $0-0
	JMP libc_socket(SB)

GLOBL ·socketTrampoline(SB), RODATA, $8
DATA ·socketTrampoline(SB)/8, $libc_socket_trampoline<>(SB)

TEXT libc_bind_trampoline<>(SB), NOSPLIT, $0-0
	JMP libc_bind(SB)

GLOBL ·bindTrampoline(SB), RODATA, $8
DATA ·bindTrampoline(SB)/8, $libc_bind_trampoline<>(SB)

TEXT libc_recvfrom_trampoline<>(SB), NOSPLIT, $0-0
	JMP libc_recvfrom(SB)

GLOBL ·recvfromTrampoline(SB), RODATA, $8
DATA ·recvfromTrampoline(SB)/8, $libc_recvfrom_trampoline<>(SB)

TEXT libc_sendto_trampoline<>(SB), NOSPLIT, $0-0
	JMP libc_sendto(SB)

GLOBL ·sendtoTrampoline(SB), RODATA, $8
DATA ·sendtoTrampoline(SB)/8, $libc_sendto_trampoline<>(SB)
