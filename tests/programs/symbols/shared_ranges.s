# 20,000 functions that share one list of 20,000 ranges: 400 million ranges in a megabyte.
    .text
    .globl main
main:
    .fill 100, 1, 0x90
    ret
.Lend:
    .section .debug_abbrev
    .byte 1, 0x11, 1, 0x11, 0x01, 0x12, 0x07, 0, 0  # unit: low_pc, high_pc
    .byte 2, 0x2e, 0, 0x03, 0x08, 0x55, 0x17, 0, 0  # function: name, ranges
    .byte 0

    .section .debug_ranges
    .rept 20000
    .quad 0, .Lend - main
    .endr
    .quad 0, 0

    .section .debug_info
    .long .Lunit_end - .Lversion
.Lversion:
    .short 4
    .long .debug_abbrev
    .byte 8
    .byte 1
    .quad main, .Lend - main
    .rept 20000
    .byte 2
    .asciz "shared"
    .long .debug_ranges
    .endr
    .byte 0
.Lunit_end:
    .section .note.GNU-stack
