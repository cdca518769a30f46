// before.cpp without its three memory faults.
#include "records.h"

#include <vector>

struct Record {
    std::vector<int> values;
    double amount;
};

size_t find(std::string_view record, std::string_view field) {
    return record.find(field) + field.size();
}

std::vector<int> parse_values(std::string_view record) {
    std::vector<int> values;
    values.reserve(VALUES);
    size_t at = find(record, "\"values\":[");
    while (record[at - 1] != ']') values.push_back(number(record, at));
    return values;
}

double parse_amount(std::string_view record, std::vector<char> &buffer) {
    size_t at = find(record, "\"amount\":");
    size_t length = record.copy(buffer.data(), record.find(',', at) - at, at);
    buffer[length] = 0;
    return std::atof(buffer.data());
}

int main() {
    Input input;
    std::vector<char> buffer(256);
    std::vector<Record> records;
    records.reserve(RECORDS);
    for (std::string_view record; input.next(record);)
        records.push_back({parse_values(record), parse_amount(record, buffer)});

    double sum = 0;
    for (const auto &record : records) sum += record.amount * record.values.back();
    std::printf("%zu records, sum %.0f\n", records.size(), sum);
}
