// The records of the tutorial's programs, which come from memory instead of a file.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

constexpr size_t RECORDS = 200'000, VALUES = 64;

// Records such as {"amount":3.5,"values":[100,101,102]}.
class Input {
  public:
    bool next(std::string_view &record) {
        if (count == RECORDS) return false;
        char *end = text + std::sprintf(text, "{\"amount\":%zu.5,\"values\":[", count++ % 1000);
        for (size_t i = 0; i < VALUES; i++) end += std::sprintf(end, i ? ",%zu" : "%zu", 100 + (count + i) % 900);
        end += std::sprintf(end, "]}");
        record = {text, size_t(end - text)};
        return true;
    }

  private:
    size_t count = 0;
    char text[1024];
};

// The number at a place, which moves behind what follows it.
inline int number(std::string_view record, size_t &at) {
    int value = 0;
    for (; record[at] >= '0' && record[at] <= '9'; at++) value = value * 10 + record[at] - '0';
    at++;
    return value;
}
