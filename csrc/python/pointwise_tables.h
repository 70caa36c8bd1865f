// Which operation of pynn/pointwise.h each op of Python is: for the bindings of the CPU and of the GPU alike.
#pragma once
#include "pynn/pointwise.h"

namespace pynn::python {

struct Point {
  const char* name;
  const char* inplace_name;
  int count;
  pynn_pointwise_op op;
  int mirrored;  // the operation with the operands changed over, or -1
};
inline constexpr Point kPoints[] = {
    {"bitwise_not", nullptr, 1, PYNN_P_BITWISE_NOT, -1},
    {"logical_not", nullptr, 1, PYNN_P_LOGICAL_NOT, -1},
    {"isnan", nullptr, 1, PYNN_P_ISNAN, -1},
    {"isinf", nullptr, 1, PYNN_P_ISINF, -1},
    {"isfinite", nullptr, 1, PYNN_P_ISFINITE, -1},
    {"bitwise_and", "bitwise_and_", 2, PYNN_P_BITWISE_AND, PYNN_P_BITWISE_AND},
    {"bitwise_or", "bitwise_or_", 2, PYNN_P_BITWISE_OR, PYNN_P_BITWISE_OR},
    {"bitwise_xor", "bitwise_xor_", 2, PYNN_P_BITWISE_XOR, PYNN_P_BITWISE_XOR},
    {"logical_and", nullptr, 2, PYNN_P_LOGICAL_AND, PYNN_P_LOGICAL_AND},
    {"logical_or", nullptr, 2, PYNN_P_LOGICAL_OR, PYNN_P_LOGICAL_OR},
    {"eq", nullptr, 2, PYNN_P_EQ, PYNN_P_EQ},
    {"ne", nullptr, 2, PYNN_P_NE, PYNN_P_NE},
    {"lt", nullptr, 2, PYNN_P_LT, PYNN_P_GT},
    {"le", nullptr, 2, PYNN_P_LE, PYNN_P_GE},
    {"gt", nullptr, 2, PYNN_P_GT, PYNN_P_LT},
    {"ge", nullptr, 2, PYNN_P_GE, PYNN_P_LE},
    {"where", nullptr, 3, PYNN_P_WHERE, -1},
    {"lerp", "lerp_", 3, PYNN_P_LERP, -1},
};

// addcmul and addcdiv: (x, a, b, value).
struct Scaled {
  const char* name;
  const char* inplace_name;
  pynn_pointwise_op op;
};
inline constexpr Scaled kScaled[] = {{"addcmul", "addcmul_", PYNN_P_ADDCMUL},
                                     {"addcdiv", "addcdiv_", PYNN_P_ADDCDIV}};

}  // namespace pynn::python
