# An allocator by the names of one that is known (hm_mallocx makes the prefix), whose functions begin in all ways
# that are hard to patch. Blocks come from one piece of memory, one behind the other.
        .intel_syntax noprefix
        .text

        .macro function name
        .p2align 4
        .globl \name
        .type \name, @function
\name:
        .endm
        .macro end name
        .size \name, . - \name
        .endm

# A mark for indirect calls, and then a load that is relative to its place.
function hm_malloc
        endbr64
        mov rax, [rip + next]
        lea rcx, [rax + rdi + 15]
        and rcx, -16
        mov [rip + next], rcx
        ret
end hm_malloc

# Compares memory that is relative to its place with a constant that follows the distance.
function hm_mallocx
        cmp dword ptr [rip + ready], 1
        je hm_malloc
        ud2
end hm_mallocx

# Jumps to another function, which is no allocator's.
function hm_memalign
        jmp behind
end hm_memalign

        .p2align 4
behind:
        mov rax, [rip + next]
        lea rax, [rax + rdi - 1]
        neg rdi
        and rax, rdi
        lea rcx, [rax + rsi + 15]
        and rcx, -16
        mov [rip + next], rcx
        ret

# Begins with a short conditional jump; its other part is elsewhere and jumps back behind the first bytes.
function hm_calloc
        test rdi, rdi
        je 1f
        imul rdi, rsi
        jmp cold
1:      xor eax, eax
        ret
back:   ret
end hm_calloc

# Begins with a call.
function hm_realloc
        push rbx
        mov rbx, rsi
        call hm_same
        pop rbx
        ret
end hm_realloc

hm_same:
        push rdi
        mov rdi, rsi
        sub rsp, 8
        call new_block
        add rsp, 8
        pop rdi
        ret

# Is shorter than a jump, and only padding follows.
function hm_free
        xor eax, eax
        ret
end hm_free

# Comes back to what is just behind the jump.
function hm_valloc
        mov eax, 1
1:      dec eax
        jns 1b
        jmp new_block
end hm_valloc

# Comes back to what would be in the middle of the jump.
function hm_pvalloc
        push rbx
1:      inc rdi
        test dil, 7
        jne 1b
        pop rbx
        jmp new_block
end hm_pvalloc

        .section .text.unlikely, "ax"
cold:   call new_block
        jmp back

        .text
new_block:
        mov rax, [rip + next]
        lea rcx, [rax + rdi + 15]
        and rcx, -16
        mov [rip + next], rcx
        ret

        .data
        .p2align 4
next:   .quad memory
ready:  .long 1
        .bss
        .p2align 12
memory: .zero 1 << 24
        .section .note.GNU-stack, "", @progbits
