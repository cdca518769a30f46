# 200,000 inlined calls, each inside the one before: more than a stack holds of whoever recurses.
    .text
    .globl main
main:
    .fill 100, 1, 0x90
    ret
.Lend:
    .section .debug_abbrev
    .byte 1, 0x11, 1, 0x11, 0x01, 0x12, 0x07, 0, 0              # unit: low_pc, high_pc
    .byte 2, 0x2e, 0, 0x03, 0x08, 0, 0                          # function: name
    .byte 3, 0x2e, 1, 0x03, 0x08, 0x11, 0x01, 0x12, 0x07, 0, 0  # function: name, low_pc, high_pc
    .byte 4, 0x1d, 1, 0x31, 0x13, 0x11, 0x01, 0x12, 0x07, 0, 0  # inlined: origin, low_pc, high_pc
    .byte 0

    .section .debug_info
.Lunit:
    .long .Lunit_end - .Lversion
.Lversion:
    .short 4
    .long .debug_abbrev
    .byte 8
    .byte 1
    .quad main, .Lend - main
.Ldeep:
    .byte 2
    .asciz "deep"
    .byte 3
    .asciz "main"
    .quad main, .Lend - main
    .rept 200000
    .byte 4
    .long .Ldeep - .Lunit
    .quad main, .Lend - main
    .endr
    .fill 200002, 1, 0
.Lunit_end:
    .section .note.GNU-stack
