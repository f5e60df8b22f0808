#include "textflag.h"

DATA low<>+0(SB)/8, $0x0f0f0f0f0f0f0f0f
GLOBL low<>(SB), RODATA|NOPTR, $8

// The signs of the lanes that a step of the transform subtracts.
DATA odd<>+0(SB)/8, $0x8000000000000000
DATA odd<>+8(SB)/8, $0x8000000000000000
DATA odd<>+16(SB)/8, $0x8000000000000000
DATA odd<>+24(SB)/8, $0x8000000000000000
GLOBL odd<>(SB), RODATA|NOPTR, $32

DATA pairs<>+0(SB)/8, $0
DATA pairs<>+8(SB)/8, $0x8000000080000000
DATA pairs<>+16(SB)/8, $0
DATA pairs<>+24(SB)/8, $0x8000000080000000
GLOBL pairs<>(SB), RODATA|NOPTR, $32

DATA upper<>+0(SB)/8, $0
DATA upper<>+8(SB)/8, $0
DATA upper<>+16(SB)/8, $0x8000000080000000
DATA upper<>+24(SB)/8, $0x8000000080000000
GLOBL upper<>(SB), RODATA|NOPTR, $32

// BOUND turns the sums in acc (eight, as double words) into bounds, compares them with the
// threshold and puts the outcome into bits shift.. of AX. Offsets are those of the eight
// rows within bases (at BX) and factors (256 bytes further).
// Y10 mul, Y11 add, Y12 spread, Y13 threshold, Y14 the mask of a slope.
#define BOUND(acc, offset, shift) \
	VCVTDQ2PS acc, Y2               \
	VMULPS    Y10, Y2, Y2           \
	VADDPS    Y11, Y2, Y2           \
	VMOVDQU   (256+offset)(BX), Y3  \
	VPAND     Y14, Y3, Y4           \
	VMULPS    Y4, Y2, Y2            \
	VADDPS    (offset)(BX), Y2, Y2  \
	VPSLLD    $16, Y3, Y3           \
	VMULPS    Y12, Y3, Y3           \
	VADDPS    Y3, Y2, Y2            \
	VCMPPS    $13, Y13, Y2, Y2      \
	VMOVMSKPS Y2, DX                \
	SHLQ      $shift, DX            \
	ORQ       DX, AX

// func scanAVX2(block *byte, codes int, nibbles *byte, b *bounds) uint64
TEXT ·scanAVX2(SB), NOSPLIT, $0-40
	MOVQ block+0(FP), BX
	MOVQ codes+8(FP), CX
	MOVQ nibbles+16(FP), SI
	MOVQ b+24(FP), DI

	VPBROADCASTQ low<>(SB), Y15
	VPXOR        Y6, Y6, Y6     // words: rows of even lanes 0..31, with those of odd lanes 256 times
	VPXOR        Y7, Y7, Y7     // words: rows of odd lanes 0..31
	VPXOR        Y8, Y8, Y8     // the same of lanes 32..63
	VPXOR        Y9, Y9, Y9

loop:
	VBROADCASTI128 (SI), Y0
	VBROADCASTI128 16(SI), Y1
	VMOVDQU        (BX), Y2
	VMOVDQU        32(BX), Y3
	VPAND          Y15, Y2, Y4
	VPAND          Y15, Y3, Y5
	VPSRLW         $4, Y2, Y2
	VPSRLW         $4, Y3, Y3
	VPAND          Y15, Y2, Y2
	VPAND          Y15, Y3, Y3
	VPSHUFB        Y4, Y0, Y4
	VPSHUFB        Y5, Y0, Y5
	VPSHUFB        Y2, Y1, Y2
	VPSHUFB        Y3, Y1, Y3
	VPADDB         Y4, Y2, Y2
	VPADDB         Y5, Y3, Y3
	VPADDW         Y2, Y6, Y6
	VPADDW         Y3, Y8, Y8
	VPSRLW         $8, Y2, Y2
	VPSRLW         $8, Y3, Y3
	VPADDW         Y2, Y7, Y7
	VPADDW         Y3, Y9, Y9
	ADDQ           $64, BX
	ADDQ           $32, SI
	DECQ           CX
	JNZ            loop

	// Take the odd lanes out of the even ones.
	VPSLLW $8, Y7, Y0
	VPSUBW Y0, Y6, Y6
	VPSLLW $8, Y9, Y0
	VPSUBW Y0, Y8, Y8

	VBROADCASTSS 0(DI), Y10
	VBROADCASTSS 4(DI), Y11
	VBROADCASTSS 8(DI), Y12
	VBROADCASTSS 12(DI), Y13
	VPCMPEQD     Y14, Y14, Y14
	VPSRLD       $16, Y14, Y15
	VPSLLD       $16, Y14, Y14
	XORQ         AX, AX

	VPAND  Y15, Y6, Y0
	BOUND(Y0, 0, 0)
	VPAND  Y15, Y8, Y0
	BOUND(Y0, 32, 8)
	VPAND  Y15, Y7, Y0
	BOUND(Y0, 64, 16)
	VPAND  Y15, Y9, Y0
	BOUND(Y0, 96, 24)
	VPSRLD $16, Y6, Y0
	BOUND(Y0, 128, 32)
	VPSRLD $16, Y8, Y0
	BOUND(Y0, 160, 40)
	VPSRLD $16, Y7, Y0
	BOUND(Y0, 192, 48)
	VPSRLD $16, Y9, Y0
	BOUND(Y0, 224, 56)

	VZEROUPPER
	MOVQ AX, ret+32(FP)
	RET

// func dotsAVX2(rough *byte, stride int, rows *int32, count int, q *int16, n int, out *int32)
TEXT ·dotsAVX2(SB), NOSPLIT, $0-56
	MOVQ rough+0(FP), R8
	MOVQ stride+8(FP), R9
	MOVQ rows+16(FP), R10
	MOVQ count+24(FP), R11
	MOVQ q+32(FP), R12
	MOVQ out+48(FP), R13

row:
	// Fetch the beginning of the row eight further; the processor sees by itself what follows.
	CMPQ       R11, $8
	JLE        fetched
	MOVLQSX    32(R10), AX
	IMULQ      R9, AX
	PREFETCHT0 (R8)(AX*1)
	PREFETCHT0 64(R8)(AX*1)

fetched:
	MOVLQSX (R10), SI
	IMULQ   R9, SI
	ADDQ    R8, SI
	MOVQ    R12, DI
	MOVQ    n+40(FP), CX
	VPXOR   Y0, Y0, Y0
	VPXOR   Y1, Y1, Y1
	SUBQ    $32, CX
	JL      rest

loop:
	VPMOVSXBW (SI), Y2
	VPMOVSXBW 16(SI), Y3
	VPMADDWD  (DI), Y2, Y2
	VPMADDWD  32(DI), Y3, Y3
	VPADDD    Y2, Y0, Y0
	VPADDD    Y3, Y1, Y1
	ADDQ      $32, SI
	ADDQ      $64, DI
	SUBQ      $32, CX
	JGE       loop

rest:
	ADDQ $32, CX
	JZ   done

eight:
	VPMOVSXBW (SI), X2
	VPMADDWD  (DI), X2, X2
	VPADDD    Y2, Y0, Y0   // the upper half of Y2 is zero
	ADDQ      $8, SI
	ADDQ      $16, DI
	SUBQ      $8, CX
	JNZ       eight

done:
	VPADDD       Y1, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPADDD       X1, X0, X0
	VPSHUFD      $0x4e, X0, X1
	VPADDD       X1, X0, X0
	VPSHUFD      $0xb1, X0, X1
	VPADDD       X1, X0, X0
	VMOVD        X0, AX
	MOVL         AX, (R13)
	ADDQ         $4, R10
	ADDQ         $4, R13
	DECQ         R11
	JNZ          row
	VZEROUPPER
	RET

// func productsAVX2(a, b *float32, q *float64, n int, sums *[8]float64)
TEXT ·productsAVX2(SB), NOSPLIT, $0-40
	MOVQ  a+0(FP), SI
	MOVQ  b+8(FP), DI
	MOVQ  q+16(FP), DX
	MOVQ  n+24(FP), CX
	MOVQ  sums+32(FP), BX
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1

loop:
	VMOVUPD    (DX), Y2
	VCVTPS2PD  (SI), Y3
	VCVTPS2PD  (DI), Y4
	VMULPD     Y2, Y3, Y3
	VMULPD     Y2, Y4, Y4
	VADDPD     Y3, Y0, Y0
	VADDPD     Y4, Y1, Y1
	ADDQ       $16, SI
	ADDQ       $16, DI
	ADDQ       $32, DX
	SUBQ       $4, CX
	JNZ        loop

	VMOVUPD Y0, (BX)
	VMOVUPD Y1, 32(BX)
	VZEROUPPER
	RET

// func dotsVNNI(rough *byte, stride int, rows *int32, count int, halves *byte, n int, sum int32, out *int32)
// The coordinates plus 128 are bytes without a sign, which the instruction multiplies by bytes with a sign. So sum comes off in the end.
TEXT ·dotsVNNI(SB), NOSPLIT, $0-64
	MOVQ         rough+0(FP), R8
	MOVQ         stride+8(FP), R9
	MOVQ         rows+16(FP), R10
	MOVQ         count+24(FP), R11
	MOVQ         halves+32(FP), R12
	MOVQ         n+40(FP), BX
	MOVL         sum+48(FP), DX
	MOVQ         out+56(FP), R13
	MOVQ         BX, CX
	ANDQ         $63, CX
	MOVQ         $1, AX
	SHLQ         CX, AX
	DECQ         AX
	KMOVQ        AX, K1         // the coordinates of the last part
	MOVL         $0x80808080, AX
	VPBROADCASTD AX, Z15

row:
	// Fetch the row eight further, 256 bytes of it.
	CMPQ       R11, $8
	JLE        fetched
	MOVLQSX    32(R10), AX
	IMULQ      R9, AX
	PREFETCHT0 (R8)(AX*1)
	PREFETCHT0 64(R8)(AX*1)
	PREFETCHT0 128(R8)(AX*1)
	PREFETCHT0 192(R8)(AX*1)

fetched:
	MOVLQSX (R10), SI
	IMULQ   R9, SI
	ADDQ    R8, SI
	MOVQ    R12, DI
	MOVQ    BX, CX
	VPXORD  Z0, Z0, Z0
	VPXORD  Z1, Z1, Z1
	SUBQ    $64, CX
	JL      last

loop:
	VPXORD   (SI), Z15, Z2
	VPDPBUSD (DI), Z2, Z0
	VPDPBUSD 64(DI), Z2, Z1
	ADDQ     $64, SI
	ADDQ     $128, DI
	SUBQ     $64, CX
	JGE      loop

last:
	ADDQ       $64, CX
	JZ         done
	VMOVDQU8.Z (SI), K1, Z2
	VPXORD     Z15, Z2, Z2
	VPDPBUSD   (DI), Z2, Z0
	VPDPBUSD   64(DI), Z2, Z1

done:
	VPSLLD        $8, Z1, Z1
	VPADDD        Z1, Z0, Z0
	VEXTRACTI64X4 $1, Z0, Y1
	VPADDD        Y1, Y0, Y0
	VEXTRACTI128  $1, Y0, X1
	VPADDD        X1, X0, X0
	VPSHUFD       $0x4e, X0, X1
	VPADDD        X1, X0, X0
	VPSHUFD       $0xb1, X0, X1
	VPADDD        X1, X0, X0
	VMOVD         X0, AX
	SUBL          DX, AX
	MOVL          AX, (R13)
	ADDQ          $4, R10
	ADDQ          $4, R13
	DECQ          R11
	JNZ           row
	VZEROUPPER
	RET

// func prefetchAVX2(p *float32)
TEXT ·prefetchAVX2(SB), NOSPLIT, $0-8
	MOVQ       p+0(FP), AX
	PREFETCHT0 (AX)
	PREFETCHT0 64(AX)
	PREFETCHT0 128(AX)
	PREFETCHT0 192(AX)
	RET

// func transformAVX2(x, flips *float32, n int)
TEXT ·transformAVX2(SB), NOSPLIT, $0-24
	MOVQ    x+0(FP), DI
	MOVQ    flips+8(FP), SI
	MOVQ    n+16(FP), CX
	VMOVUPS odd<>(SB), Y13
	VMOVUPS pairs<>(SB), Y14
	VMOVUPS upper<>(SB), Y15
	XORQ    AX, AX

// The flips, and the first three steps within a register: a lane and its partner, added, with the sign of one of them turned.
first:
	VMOVUPS    (DI)(AX*4), Y0
	VMULPS     (SI)(AX*4), Y0, Y0
	VPERMILPS  $0xb1, Y0, Y1
	VXORPS     Y13, Y0, Y0
	VADDPS     Y1, Y0, Y0
	VPERMILPS  $0x4e, Y0, Y1
	VXORPS     Y14, Y0, Y0
	VADDPS     Y1, Y0, Y0
	VPERM2F128 $0x01, Y0, Y0, Y1
	VXORPS     Y15, Y0, Y0
	VADDPS     Y1, Y0, Y0
	VMOVUPS    Y0, (DI)(AX*4)
	ADDQ       $8, AX
	CMPQ       AX, CX
	JLT        first

	MOVQ  $8, R8  // the distance of partners
	BSRQ  CX, R9
	SUBQ  $3, R9  // steps that are left
	TESTQ $1, R9
	JZ    steps
	XORQ  AX, AX

single:
	VMOVUPS (DI)(AX*4), Y0
	VMOVUPS 32(DI)(AX*4), Y1
	VADDPS  Y1, Y0, Y2
	VSUBPS  Y1, Y0, Y3
	VMOVUPS Y2, (DI)(AX*4)
	VMOVUPS Y3, 32(DI)(AX*4)
	ADDQ    $16, AX
	CMPQ    AX, CX
	JLT     single
	MOVQ    $16, R8

// Two steps at once.
steps:
	CMPQ R8, CX
	JGE  transformed
	XORQ AX, AX

part:
	LEAQ (DI)(AX*4), R10
	LEAQ (R10)(R8*4), R11
	LEAQ (R11)(R8*4), R12
	LEAQ (R12)(R8*4), R13
	XORQ BX, BX

four:
	VMOVUPS (R10)(BX*4), Y0
	VMOVUPS (R11)(BX*4), Y1
	VMOVUPS (R12)(BX*4), Y2
	VMOVUPS (R13)(BX*4), Y3
	VADDPS  Y1, Y0, Y4
	VSUBPS  Y1, Y0, Y5
	VADDPS  Y3, Y2, Y6
	VSUBPS  Y3, Y2, Y7
	VADDPS  Y6, Y4, Y0
	VADDPS  Y7, Y5, Y1
	VSUBPS  Y6, Y4, Y2
	VSUBPS  Y7, Y5, Y3
	VMOVUPS Y0, (R10)(BX*4)
	VMOVUPS Y1, (R11)(BX*4)
	VMOVUPS Y2, (R12)(BX*4)
	VMOVUPS Y3, (R13)(BX*4)
	ADDQ    $8, BX
	CMPQ    BX, R8
	JLT     four
	LEAQ    (AX)(R8*4), AX
	CMPQ    AX, CX
	JLT     part
	SHLQ    $2, R8
	JMP     steps

transformed:
	VZEROUPPER
	RET
