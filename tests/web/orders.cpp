// A small order service with four memory problems of the kind that tutorials show. It answers a fixed number
// of requests from memory, so it needs no network.

#include <cstdio>
#include <cstring>
#include <string>
#include <unordered_map>
#include <vector>

struct Order {
    int id;
    std::string customer;
    std::vector<std::string> items;
};

// Problem 1: the answer grows byte by byte, with no reserve.
std::string render(const Order &order) {
    std::string text;
    for (const auto &item : order.items) {
        text += "{\"order\":" + std::to_string(order.id) + ",\"item\":\"";
        for (char c : item) text.push_back(c);
        text += "\"},";
    }
    return text;
}

// Problem 2: the order is copied, with all its items, only to be counted.
size_t count_items(Order order) { return order.items.size(); }

// Problem 3: a buffer made afresh for each request.
unsigned checksum(const std::string &text) {
    std::vector<char> buffer(256 * 1024);
    std::memcpy(buffer.data(), text.data(), text.size());
    unsigned sum = 0;
    for (size_t i = 0; i < text.size(); i++) sum = sum * 31 + buffer[i];
    return sum;
}

// Problem 4: a cache of answers that nobody ever evicts.
std::unordered_map<int, std::string> &cache = *new std::unordered_map<int, std::string>;

unsigned handle(const Order &order) {
    std::string text = render(order);
    unsigned sum = checksum(text) + count_items(order);
    cache[order.id] = std::move(text);
    return sum;
}

int main() {
    unsigned sum = 0;
    for (int id = 0; id < 8000; id++) {
        Order order{id, "customer-" + std::to_string(id % 100), {}};
        for (int i = 0; i < 40; i++) order.items.push_back("article number " + std::to_string(i * id) + ", in a box");
        sum += handle(order);
    }
    std::printf("8000 orders, %zu answers cached, checksum %u\n", cache.size(), sum);
}
