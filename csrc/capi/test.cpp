// The checks all entry points share: what they refuse, and that the message says what was received.
#include <vector>

#include "base/testing.h"
#include "capi/arrays.h"

namespace {

using namespace pynn::testing;
using namespace pynn::capi;

pynn_array array_of(void* data, const std::vector<int64_t>& shape, const int64_t* strides = nullptr,
                    int dtype = PYNN_FLOAT32) {
  return {data, shape.data(), strides, int32_t(shape.size()), dtype};
}

void test_text() {
  const std::vector<int64_t> none, one{7}, two{2, 3}, many(PYNN_MAX_DIMS, INT64_MAX);
  float x = 0;
  CHECK(std::strcmp(ShapeText(array_of(&x, none)).c_str(), "()") == 0);
  CHECK(std::strcmp(ShapeText(array_of(&x, one)).c_str(), "(7,)") == 0);
  CHECK(std::strcmp(ShapeText(array_of(&x, two)).c_str(), "(2, 3)") == 0);
  const std::string cut = ShapeText(array_of(&x, many)).c_str();
  CHECK(cut.size() > 5 && cut.substr(cut.size() - 6) == ", ...)");
  CHECK(std::strcmp(dtype_name(PYNN_BFLOAT16), "bfloat16") == 0 && dtype_size(PYNN_BFLOAT16) == 2);
  CHECK(std::strcmp(dtype_name(-1), "unknown") == 0 && dtype_size(-1) == 0 && dtype_size(10) == 0);
}

void test_layout() {
  float x[8] = {};
  const std::vector<int64_t> shape{2, 1, 3}, empty{int64_t(1) << 62, 8, 0};
  const int64_t dense[] = {12, 999, 4}, turned[] = {4, 0, 8}, odd[] = {6, 0, 4};
  int64_t out[3];
  CHECK(is_contiguous(array_of(x, shape)) && is_contiguous(array_of(x, shape, dense)));
  CHECK(!is_contiguous(array_of(x, shape, turned)));
  CHECK_EQ(element_count(array_of(x, empty)), 0);
  CHECK(is_contiguous(array_of(x, empty, odd)));
  byte_strides(array_of(x, shape), out);
  CHECK(out[0] == 12 && out[1] == 12 && out[2] == 4);
  CHECK(element_strides(array_of(x, shape, turned), out));
  CHECK(out[0] == 1 && out[1] == 0 && out[2] == 2);
  CHECK(!element_strides(array_of(x, shape, odd), out));
}

void test_checks() {
  float x[8] = {};
  const std::vector<int64_t> shape{2, 3}, negative{2, -3}, huge{int64_t(1) << 40, int64_t(1) << 30},
      empty{int64_t(1) << 40, 0, int64_t(1) << 30}, nothing{0, 3};
  const int64_t still[] = {0, 4};
  const pynn_array good = array_of(x, shape);
  CHECK_EQ(int(check_array("f", "x", &good)), int(PYNN_OK));
  CHECK_EQ(int(check_array("f", "x", nullptr)), int(PYNN_INVALID));
  CHECK(says("f: x is a null pointer"));
  CHECK_EQ(int(check_array("f", "x", &good, 3)), int(PYNN_INVALID));
  CHECK(says("2 dimensions: expected 3 to 16"));
  CHECK_EQ(int(check_array("f", "x", &good, 4, 4)), int(PYNN_INVALID));
  CHECK(says("2 dimensions: expected 4"));
  pynn_array bad = good;
  bad.ndim = PYNN_MAX_DIMS + 1;
  CHECK_EQ(int(check_array("f", "x", &bad)), int(PYNN_INVALID));
  bad.ndim = -1;
  CHECK_EQ(int(check_array("f", "x", &bad)), int(PYNN_INVALID));
  bad = array_of(x, negative);
  CHECK_EQ(int(check_array("f", "x", &bad)), int(PYNN_INVALID));
  CHECK(says("(2, -3)"));
  for (const auto* sizes : {&huge, &empty}) {
    bad = array_of(x, *sizes);
    CHECK_EQ(int(check_array("f", "x", &bad)), int(PYNN_INVALID));
    CHECK(says("more than memory can hold"));
  }
  bad = array_of(nullptr, shape);
  CHECK_EQ(int(check_array("f", "x", &bad)), int(PYNN_INVALID));
  CHECK(says("no data"));
  bad = array_of(nullptr, nothing);
  CHECK_EQ(int(check_array("f", "x", &bad)), int(PYNN_OK));
  bad = good;
  bad.shape = nullptr;
  CHECK_EQ(int(check_array("f", "x", &bad)), int(PYNN_INVALID));
  CHECK(says("no shape"));
  bad = array_of(x, shape, nullptr, 77);
  CHECK_EQ(int(check_array("f", "x", &bad)), int(PYNN_INVALID));
  CHECK(says("77"));
  bad = array_of(x, shape, still);
  CHECK_EQ(int(check_output("f", "x", bad)), int(PYNN_INVALID));
  CHECK(says("stride 0 over 2 elements in dimension 0"));
  CHECK_EQ(int(check_output("f", "x", good)), int(PYNN_OK));
  CHECK_EQ(int(check_contiguous("f", "x", bad, " (NCHW)")), int(PYNN_UNSUPPORTED));
  CHECK(says("not contiguous (NCHW)"));
  CHECK_EQ(int(check_activation("f", pynn_activation(-1))), int(PYNN_INVALID));
  CHECK_EQ(int(check_activation("f", PYNN_ACT_RELU)), int(PYNN_OK));
  const pynn_array wide = array_of(x, shape, nullptr, PYNN_FLOAT64);
  const char* const names[] = {"a", "b", "c", nullptr};
  const pynn_array *const same[] = {&wide, nullptr, &wide}, *const mixed[] = {&good, &good, &wide};
  CHECK_EQ(int(check_float_dtypes("f", names, same)), int(PYNN_OK));
  CHECK_EQ(int(check_float_dtypes("f", names, mixed)), int(PYNN_UNSUPPORTED));
  CHECK(says("a is float32 but c is float64"));
}

}  // namespace

int main() {
  test_text();
  test_layout();
  test_checks();
  return summary();
}
