// Lambdas and functions that exist only where they were inlined: gcc gives these no linkage names.
#include <cstdlib>
void *volatile sink;
template <class F> inline void run(F f) { f(); }
struct Widget { int *p; Widget(int n) { p = (int *)malloc(n); sink = p; } };
static void lambdas() {
  auto small = [] { sink = malloc(1000); };
  auto large = [] { sink = malloc(900000); };
  run(small);
  run(large);
}
namespace {
inline void hidden(int n) { sink = malloc(n); }
}
namespace outer {
struct Inner {
  template <class T> inline void twice(T n) {
    hidden(n);
    // Of each instance one.
    auto again = [](int n) { sink = malloc(2 * n); };
    again(n);
  }
};
}
int main(int argc, char **) {
  lambdas();
  Widget a(50), b(60);
  outer::Inner().twice(argc);
}
