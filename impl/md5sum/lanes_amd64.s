//go:build !apusexact

#include "funcdata.h"
#include "textflag.h"

// MD5 (RFC 1321) of 8 or 16 streams, one 32-bit word of each in a register.
//
// Registers: SI the state, DI the base pointers, R12 the offset into every
// stream, R13 the end of it, BX the constants. A group of 8 streams has its
// state a, b, c, d and two temporaries in Y0-Y5; the second in Y8-Y13. The
// words of the current block lie on the stack, word after word, 8 streams
// each: the first group's at 0(SP), the second's at 512(SP).
//
// Each function exists twice. AVX-512VL has what MD5 is made of: any function
// of three words is one instruction, and so is a rotation, so that a step
// takes six instructions instead of ten. It is used on registers of the same
// width, which leaves the rest of the code alone and does not slow down the
// clock.

// COLUMN(o, w) turns 4 words of 8 streams, o bytes into their blocks, into 4
// columns at w(SP). A register starts with a row of one stream in its lower
// half and of the fourth after it in its upper, so that halves never change
// places.
#define COLUMN(o, w) \
	VMOVDQU     o(AX)(R12*1), X0; \
	VMOVDQU     o(CX)(R12*1), X1; \
	VMOVDQU     o(DX)(R12*1), X2; \
	VMOVDQU     o(R8)(R12*1), X3; \
	VINSERTI128 $1, o(R9)(R12*1), Y0, Y0; \
	VINSERTI128 $1, o(R10)(R12*1), Y1, Y1; \
	VINSERTI128 $1, o(R11)(R12*1), Y2, Y2; \
	VINSERTI128 $1, o(R15)(R12*1), Y3, Y3; \
	VPUNPCKLDQ  Y1, Y0, Y4; \
	VPUNPCKHDQ  Y1, Y0, Y5; \
	VPUNPCKLDQ  Y3, Y2, Y6; \
	VPUNPCKHDQ  Y3, Y2, Y7; \
	VPUNPCKLQDQ Y6, Y4, Y0; \
	VPUNPCKHQDQ Y6, Y4, Y1; \
	VPUNPCKLQDQ Y7, Y5, Y2; \
	VPUNPCKHQDQ Y7, Y5, Y3; \
	VMOVDQU     Y0, (w+0)(SP); \
	VMOVDQU     Y1, (w+32)(SP); \
	VMOVDQU     Y2, (w+64)(SP); \
	VMOVDQU     Y3, (w+96)(SP)

// TRANSPOSE(p, w) turns the blocks of the 8 streams whose base pointers are at
// p(DI) into 16 columns at w(SP).
#define TRANSPOSE(p, w) \
	MOVQ (p+0)(DI), AX; \
	MOVQ (p+8)(DI), CX; \
	MOVQ (p+16)(DI), DX; \
	MOVQ (p+24)(DI), R8; \
	MOVQ (p+32)(DI), R9; \
	MOVQ (p+40)(DI), R10; \
	MOVQ (p+48)(DI), R11; \
	MOVQ (p+56)(DI), R15; \
	COLUMN(0, w); \
	COLUMN(16, (w+128)); \
	COLUMN(32, (w+256)); \
	COLUMN(48, (w+384))

// The four functions of AVX2 add f(b, c, d) to a. What does not need b, which comes
// last, is done first.

// F = d ^ (b & (c ^ d))
#define F(a, b, c, d, t, u) \
	VPXOR  c, d, t; \
	VPAND  b, t, t; \
	VPXOR  d, t, t; \
	VPADDD t, a, a

// G = (~d & c) + (d & b)
#define G(a, b, c, d, t, u) \
	VPANDN c, d, u; \
	VPADDD u, a, a; \
	VPAND  b, d, t; \
	VPADDD t, a, a

// H = b ^ c ^ d
#define H(a, b, c, d, t, u) \
	VPXOR  c, d, t; \
	VPXOR  b, t, t; \
	VPADDD t, a, a

// I = c ^ (b | ~d) = ~(c ^ (~b & d)) = -(c ^ (~b & d)) - 1, where the
// constants contain the 1.
#define I(a, b, c, d, t, u) \
	VPANDN d, b, t; \
	VPXOR  c, t, t; \
	VPSUBD t, a, a

// ROTATE rotates a to the left by s.
#define ROTATE(a, t, s) \
	VPSLLD $s, a, t; \
	VPSRLD $(32-s), a, a; \
	VPOR   t, a, a

// The same of AVX-512VL. VPTERNLOGD finds bit 4d+2b+c of its constant for
// each bit of d, b and c. I is again the complement of the function.
#define F512(a, b, c, d, t, u) \
	VMOVDQA    d, t; \
	VPTERNLOGD $0xb8, c, b, t; \
	VPADDD     t, a, a

#define G512(a, b, c, d, t, u) \
	VMOVDQA    d, t; \
	VPTERNLOGD $0xca, c, b, t; \
	VPADDD     t, a, a

#define H512(a, b, c, d, t, u) \
	VMOVDQA    d, t; \
	VPTERNLOGD $0x96, c, b, t; \
	VPADDD     t, a, a

#define I512(a, b, c, d, t, u) \
	VMOVDQA    d, t; \
	VPTERNLOGD $0x9a, c, b, t; \
	VPSUBD     t, a, a

#define ROTATE512(a, t, s) \
	VPROLD $s, a, a

// STEP is a = b + (a + f(b, c, d) + word + constant) rotated left by s. The
// word is at w(SP), the constant is number k.
#define STEP(f, rot, a, b, c, d, t, u, w, k, s) \
	VPBROADCASTD ((k)*4)(BX), t; \
	VPADDD       (w)(SP), t, t; \
	VPADDD       t, a, a; \
	f(a, b, c, d, t, u); \
	rot(a, t, s); \
	VPADDD       b, a, a

// STEPS8 and STEPS16 are four steps, after which the state's words are in
// their places again: for the words number w0 to w3 of one group or two.
#define STEPS8(f, rot, w0, w1, w2, w3, k, s0, s1, s2, s3) \
	STEP(f, rot, Y0, Y1, Y2, Y3, Y4, Y5, w0*32, k+0, s0); \
	STEP(f, rot, Y3, Y0, Y1, Y2, Y4, Y5, w1*32, k+1, s1); \
	STEP(f, rot, Y2, Y3, Y0, Y1, Y4, Y5, w2*32, k+2, s2); \
	STEP(f, rot, Y1, Y2, Y3, Y0, Y4, Y5, w3*32, k+3, s3)

#define STEPS16(f, rot, w0, w1, w2, w3, k, s0, s1, s2, s3) \
	STEP(f, rot, Y0, Y1, Y2, Y3, Y4, Y5, w0*32, k+0, s0); \
	STEP(f, rot, Y8, Y9, Y10, Y11, Y12, Y13, w0*32+512, k+0, s0); \
	STEP(f, rot, Y3, Y0, Y1, Y2, Y4, Y5, w1*32, k+1, s1); \
	STEP(f, rot, Y11, Y8, Y9, Y10, Y12, Y13, w1*32+512, k+1, s1); \
	STEP(f, rot, Y2, Y3, Y0, Y1, Y4, Y5, w2*32, k+2, s2); \
	STEP(f, rot, Y10, Y11, Y8, Y9, Y12, Y13, w2*32+512, k+2, s2); \
	STEP(f, rot, Y1, Y2, Y3, Y0, Y4, Y5, w3*32, k+3, s3); \
	STEP(f, rot, Y9, Y10, Y11, Y8, Y12, Y13, w3*32+512, k+3, s3)

#define ROUNDS(STEPS, f, g, h, i, rot) \
	STEPS(f, rot, 0, 1, 2, 3, 0, 7, 12, 17, 22); \
	STEPS(f, rot, 4, 5, 6, 7, 4, 7, 12, 17, 22); \
	STEPS(f, rot, 8, 9, 10, 11, 8, 7, 12, 17, 22); \
	STEPS(f, rot, 12, 13, 14, 15, 12, 7, 12, 17, 22); \
	STEPS(g, rot, 1, 6, 11, 0, 16, 5, 9, 14, 20); \
	STEPS(g, rot, 5, 10, 15, 4, 20, 5, 9, 14, 20); \
	STEPS(g, rot, 9, 14, 3, 8, 24, 5, 9, 14, 20); \
	STEPS(g, rot, 13, 2, 7, 12, 28, 5, 9, 14, 20); \
	STEPS(h, rot, 5, 8, 11, 14, 32, 4, 11, 16, 23); \
	STEPS(h, rot, 1, 4, 7, 10, 36, 4, 11, 16, 23); \
	STEPS(h, rot, 13, 0, 3, 6, 40, 4, 11, 16, 23); \
	STEPS(h, rot, 9, 12, 15, 2, 44, 4, 11, 16, 23); \
	STEPS(i, rot, 0, 7, 14, 5, 48, 6, 10, 15, 21); \
	STEPS(i, rot, 12, 3, 10, 1, 52, 6, 10, 15, 21); \
	STEPS(i, rot, 8, 15, 6, 13, 56, 6, 10, 15, 21); \
	STEPS(i, rot, 4, 11, 2, 9, 60, 6, 10, 15, 21)

// LOAD and ADD move the state of a group, s bytes from SI on.
#define LOAD(s, a, b, c, d) \
	VMOVDQU (s+0)(SI), a; \
	VMOVDQU (s+32)(SI), b; \
	VMOVDQU (s+64)(SI), c; \
	VMOVDQU (s+96)(SI), d

#define ADD(s, a, b, c, d) \
	VPADDD  (s+0)(SI), a, a; \
	VPADDD  (s+32)(SI), b, b; \
	VPADDD  (s+64)(SI), c, c; \
	VPADDD  (s+96)(SI), d, d; \
	VMOVDQU a, (s+0)(SI); \
	VMOVDQU b, (s+32)(SI); \
	VMOVDQU c, (s+64)(SI); \
	VMOVDQU d, (s+96)(SI)

// BEGIN and END are what the functions have around the work on a block.
#define BEGIN \
	MOVQ state+0(FP), SI; \
	MOVQ base+8(FP), DI; \
	MOVQ size+16(FP), R13; \
	MOVQ k+24(FP), BX; \
	XORQ R12, R12; \
loop: \
	CMPQ R12, R13; \
	JGE  done

#define END \
	ADDQ $64, R12; \
	JMP  loop; \
done: \
	VZEROUPPER; \
	RET

// BLOCKS8 and BLOCKS16 are the bodies of the functions.
#define BLOCKS8(f, g, h, i, rot) \
	BEGIN; \
	TRANSPOSE(0, 0); \
	LOAD(0, Y0, Y1, Y2, Y3); \
	ROUNDS(STEPS8, f, g, h, i, rot); \
	ADD(0, Y0, Y1, Y2, Y3); \
	END

#define BLOCKS16(f, g, h, i, rot) \
	BEGIN; \
	TRANSPOSE(0, 0); \
	TRANSPOSE(64, 512); \
	LOAD(0, Y0, Y1, Y2, Y3); \
	LOAD(128, Y8, Y9, Y10, Y11); \
	ROUNDS(STEPS16, f, g, h, i, rot); \
	ADD(0, Y0, Y1, Y2, Y3); \
	ADD(128, Y8, Y9, Y10, Y11); \
	END

// func blocks8AVX2(state *group, base *[8]*byte, size int, k *[64]uint32)
TEXT ·blocks8AVX2(SB), 0, $512-32
	NO_LOCAL_POINTERS
	BLOCKS8(F, G, H, I, ROTATE)

// func blocks16AVX2(state *[2]group, base *[16]*byte, size int, k *[64]uint32)
TEXT ·blocks16AVX2(SB), 0, $1024-32
	NO_LOCAL_POINTERS
	BLOCKS16(F, G, H, I, ROTATE)

// func blocks8AVX512(state *group, base *[8]*byte, size int, k *[64]uint32)
TEXT ·blocks8AVX512(SB), 0, $512-32
	NO_LOCAL_POINTERS
	BLOCKS8(F512, G512, H512, I512, ROTATE512)

// func blocks16AVX512(state *[2]group, base *[16]*byte, size int, k *[64]uint32)
TEXT ·blocks16AVX512(SB), 0, $1024-32
	NO_LOCAL_POINTERS
	BLOCKS16(F512, G512, H512, I512, ROTATE512)
