// A second file, whose function is inlined into the first one's when the linker optimizes.
#include "inline.h"

char *greeting(int count) {
    char *text = take_text(count);
    for (int i = 0; i < count; i++)
        text[i] = '!';
    return text;
}
