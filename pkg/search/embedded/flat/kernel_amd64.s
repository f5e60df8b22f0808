#include "textflag.h"

DATA low<>+0(SB)/8, $0x0f0f0f0f0f0f0f0f
GLOBL low<>(SB), RODATA|NOPTR, $8

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

// func dotsAVX512(rough *byte, stride int, rows *int32, count int, q *int16, n int, out *int32)
TEXT ·dotsAVX512(SB), NOSPLIT, $0-56
	MOVQ rough+0(FP), R8
	MOVQ stride+8(FP), R9
	MOVQ rows+16(FP), R10
	MOVQ count+24(FP), R11
	MOVQ q+32(FP), R12
	MOVQ out+48(FP), R13

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
	MOVQ    n+40(FP), CX
	VPXORD  Z0, Z0, Z0
	VPXORD  Z1, Z1, Z1
	VPXOR   X4, X4, X4
	SUBQ    $64, CX
	JL      half

loop:
	VPMOVSXBW (SI), Z2
	VPMOVSXBW 32(SI), Z3
	VPDPWSSD  (DI), Z2, Z0
	VPDPWSSD  64(DI), Z3, Z1
	ADDQ      $64, SI
	ADDQ      $128, DI
	SUBQ      $64, CX
	JGE       loop

half:
	ADDQ      $64, CX
	CMPQ      CX, $32
	JL        rest
	VPMOVSXBW (SI), Z2
	VPDPWSSD  (DI), Z2, Z0
	ADDQ      $32, SI
	ADDQ      $64, DI
	SUBQ      $32, CX

rest:
	TESTQ CX, CX
	JZ    done

eight:
	VPMOVSXBW (SI), X2
	VPMADDWD  (DI), X2, X2
	VPADDD    X2, X4, X4
	ADDQ      $8, SI
	ADDQ      $16, DI
	SUBQ      $8, CX
	JNZ       eight

done:
	VPADDD        Z1, Z0, Z0
	VEXTRACTI64X4 $1, Z0, Y1
	VPADDD        Y1, Y0, Y0
	VEXTRACTI128  $1, Y0, X1
	VPADDD        X1, X0, X0
	VPADDD        X4, X0, X0
	VPSHUFD       $0x4e, X0, X1
	VPADDD        X1, X0, X0
	VPSHUFD       $0xb1, X0, X1
	VPADDD        X1, X0, X0
	VMOVD         X0, AX
	MOVL          AX, (R13)
	ADDQ          $4, R10
	ADDQ          $4, R13
	DECQ          R11
	JNZ           row
	VZEROUPPER
	RET
