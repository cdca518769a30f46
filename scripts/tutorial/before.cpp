// Sums up JSON records, with three memory faults that docs/tutorial.md finds. after.cpp is the same without.
#include "records.h"

#include <string>
#include <vector>

struct Record {
    std::vector<int> values;
    double amount;
};

// Fault 2: the record is converted to a string, only to look for something in it.
size_t find(std::string record, std::string_view field) {
    return record.find(field) + field.size();
}

// Fault 1: the vector grows without reserve, and is copied each time.
std::vector<int> parse_values(std::string_view record) {
    std::vector<int> values;
    size_t at = find(std::string(record), "\"values\":[");
    while (record[at - 1] != ']') values.push_back(number(record, at));
    return values;
}

// Fault 3: a buffer made afresh for each record.
double parse_amount(std::string_view record) {
    size_t at = find(std::string(record), "\"amount\":");
    std::vector<char> buffer(256);
    size_t length = record.copy(buffer.data(), record.find(',', at) - at, at);
    buffer[length] = 0;
    return std::atof(buffer.data());
}

int main() {
    Input input;
    std::vector<Record> records;
    records.reserve(RECORDS);
    for (std::string_view record; input.next(record);)
        records.push_back({parse_values(record), parse_amount(record)});

    double sum = 0;
    for (const auto &record : records) sum += record.amount * record.values.back();
    std::printf("%zu records, sum %.0f\n", records.size(), sum);
}
