# 30,000 units, each with another part of one table of 30,000 abbreviations: 450 million to read.
    .text
    .globl main
main:
    .fill 100, 1, 0x90
    ret
.Lend:
    .section .debug_abbrev
    .set code, 20000  # from here on a code takes three bytes, and its abbreviation seven
    .rept 30000
    .uleb128 code
    .byte 0x34, 0, 0, 0
    .set code, code + 1
    .endr
    .byte 1, 0x11, 0, 0x11, 0x01, 0x12, 0x07, 0, 0  # unit: low_pc, high_pc
    .byte 0

    .section .debug_info
    .set part, 0
    .rept 30000
    .long 24
    .short 4
    .long .debug_abbrev + 7 * part
    .byte 8
    .byte 1
    .quad main, .Lend - main
    .set part, part + 1
    .endr
    .section .note.GNU-stack
