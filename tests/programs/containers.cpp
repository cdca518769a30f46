// Containers of the standard library; the lines that a profile should lead to say so.
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

struct Order {
    std::string item;
    int amount;
};

int main() {
    std::vector<int> numbers;
    std::vector<Order> orders;
    std::map<int, std::string> names;
    std::unordered_map<std::string, Order> by_name;
    std::list<Order> list;
    std::deque<Order> queue;
    std::set<int> set;
    std::string text;
    std::vector<std::shared_ptr<Order>> shared;
    for (int i = 0; i < 1000; i++) {
        numbers.push_back(i);                                     // own
        orders.push_back(Order{std::string(50, 'x'), i});         // own
        names[i] = "a string that is too long to be in place";    // own
        by_name["a key that is too long " + std::to_string(i)];   // own
        list.emplace_back();                                      // own
        queue.emplace_back();                                     // own
        set.insert(i);                                            // own
        text += "some more text";                                 // own
        shared.push_back(std::make_shared<Order>());              // own
    }
    numbers.reserve(100000);                                      // own
}
