#include "textflag.h"

// reaperCode is a whole program: it never returns, uses no memory but its stack, and
// runs wherever it is put. Numbers of system calls are those of x86-64.
TEXT reaperCode<>(SB), NOSPLIT|NOFRAME, $0
	// R12 = the program's process id, argv[1] in decimal.
	MOVQ	16(SP), SI
	XORL	R12, R12
digit:
	MOVBLZX	(SI), AX
	SUBL	$48, AX
	CMPL	AX, $9
	JHI	begin
	IMUL3Q	$10, R12, R12
	ADDQ	AX, R12
	INCQ	SI
	JMP	digit

begin:
	// 0: set of signals; 16: siginfo, its si_pid at 32; 160: the message, which is
	// a zero, the status at 164 and struct rusage at 168.
	SUBQ	$512, SP
	MOVQ	$0x14000, AX			// SIGCHLD, SIGTERM
	MOVQ	AX, 0(SP)
	MOVL	$0, 160(SP)
	MOVL	$1, AX				// write(5, message, 1): it runs
	MOVL	$5, DI
	LEAQ	160(SP), SI
	MOVL	$1, DX
	SYSCALL

collect:
	MOVL	$61, AX				// wait4(-1, status, WNOHANG, rusage)
	MOVQ	$-1, DI
	LEAQ	164(SP), SI
	MOVL	$1, DX
	LEAQ	168(SP), R10
	SYSCALL
	CMPQ	AX, $0
	JEQ	wait
	JLT	failed
	CMPQ	AX, R12
	JNE	collect

	MOVL	$1, AX				// write(5, message, 48)
	MOVL	$5, DI
	LEAQ	160(SP), SI
	MOVL	$48, DX
	SYSCALL
	XORL	DI, DI
	JMP	exit

wait:
	MOVL	$128, AX			// rt_sigtimedwait(set, info, NULL, 8)
	LEAQ	0(SP), DI
	LEAQ	16(SP), SI
	XORL	DX, DX
	MOVL	$8, R10
	SYSCALL
	CMPQ	AX, $15				// SIGTERM
	JNE	collect
	CMPL	32(SP), $0			// from outside of the sandbox
	JNE	wait
	MOVL	$62, AX				// kill(-program, SIGTERM)
	MOVQ	R12, DI
	NEGQ	DI
	MOVL	$15, SI
	SYSCALL
	JMP	wait

failed:
	MOVL	$1, DI
exit:
	MOVL	$231, AX			// exit_group
	SYSCALL
	INT	$3

// func reaperText() *[reaperSize]byte
TEXT ·reaperText(SB), NOSPLIT, $0-8
	LEAQ	reaperCode<>(SB), AX
	MOVQ	AX, ret+0(FP)
	RET

// bequestCode is a function of C that a process calls to leave its memory to a child
// and turn into another program; see bequest. What happens in memory that two
// processes share happens in registers, since they share the stack too.
//
// long bequest(path, argv, envp, int *left, int *tid)
TEXT bequestCode<>(SB), NOSPLIT|NOFRAME, $0
	PUSHQ	BX
	PUSHQ	R12
	PUSHQ	R13
	PUSHQ	R14
	MOVQ	DI, BX
	MOVQ	SI, R12
	MOVQ	DX, R13
	MOVQ	CX, R14
	MOVL	$1, (R14)
	MOVL	$218, AX			// set_tid_address(left)
	MOVQ	R14, DI
	SYSCALL
	MOVL	$56, AX				// clone(CLONE_VM|CLONE_CHILD_SETTID|SIGCHLD, 0, 0, tid, 0)
	MOVL	$0x1000111, DI
	XORL	SI, SI
	XORL	DX, DX
	MOVQ	R8, R10
	XORL	R8, R8
	SYSCALL
	CMPQ	AX, $0
	JEQ	child
	JLT	back
	CMPL	AX, $2				// as argv says
	JNE	leave
	MOVL	$59, AX				// execve(path, argv, envp)
	MOVQ	BX, DI
	MOVQ	R12, SI
	MOVQ	R13, DX
	SYSCALL
leave:
	MOVL	$231, AX			// exit_group(1)
	MOVL	$1, DI
	SYSCALL

child:
	MOVL	$202, AX			// futex(left, FUTEX_WAIT, 1, NULL)
	MOVQ	R14, DI
	XORL	SI, SI
	MOVL	$1, DX
	XORL	R10, R10
	SYSCALL
	CMPL	(R14), $0
	JNE	child
	XORL	AX, AX
back:
	POPQ	R14
	POPQ	R13
	POPQ	R12
	POPQ	BX
	RET
	INT	$3

// func bequestText() *[bequestSize]byte
TEXT ·bequestText(SB), NOSPLIT, $0-8
	LEAQ	bequestCode<>(SB), AX
	MOVQ	AX, ret+0(FP)
	RET
