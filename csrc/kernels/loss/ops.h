// Losses of two tensors element by element: what each is.
//
// A loss is a struct over the vectors of one element type: value(x, y), by_x(x, y) and by_y(x, y), its
// derivatives. rest(): values of x and y at which all three are finite, for the lanes behind the end.
#pragma once
#if !defined(PYNN_CUDA_MATH)  // on a GPU an element is the vector: cuda/math.h
#include "simd/math.h"
#endif

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace loss {

template <class T>
PYNN_INLINE Vec<T> number(double value) {
  return set1(T(value));
}
template <class T>
PYNN_INLINE Vec<T> clipped(Vec<T> x, Vec<T> limit) {
  return min(limit, max(-limit, x));  // NaN stays
}
// -1, 0 or 1; 0 for NaN, as torch's sign
template <class T>
PYNN_INLINE Vec<T> sign(Vec<T> x) {
  const Vec<T> nothing = zero<T>(), one = number<T>(1);
  return select(x > nothing, one, select(x < nothing, -one, nothing));
}
// log(1 + exp(-|x|))
template <class T>
PYNN_INLINE Vec<T> log1p_exp(Vec<T> x) {
  return log1p(exp(-abs(x)));
}

struct Squared {
  template <class T>
  struct Of {
    typedef Vec<T> V;
    PYNN_INLINE explicit Of(const double*) {}
    PYNN_INLINE V value(V x, V y) const {
      const V d = x - y;
      return d * d;
    }
    PYNN_INLINE V by_x(V x, V y) const {
      const V d = x - y;
      return d + d;
    }
    PYNN_INLINE V by_y(V x, V y) const { return by_x(y, x); }
    static constexpr double rest = 0;
  };
};

struct Absolute {
  template <class T>
  struct Of {
    typedef Vec<T> V;
    PYNN_INLINE explicit Of(const double*) {}
    PYNN_INLINE V value(V x, V y) const { return abs(x - y); }
    PYNN_INLINE V by_x(V x, V y) const { return sign(x - y); }
    PYNN_INLINE V by_y(V x, V y) const { return sign(y - x); }
    static constexpr double rest = 0;
  };
};

struct SmoothAbsolute {  // beta
  template <class T>
  struct Of {
    typedef Vec<T> V;
    V beta, half;
    PYNN_INLINE explicit Of(const double* o) : beta(number<T>(o[0])), half(number<T>(0.5)) {}
    PYNN_INLINE V value(V x, V y) const {
      const V size = abs(x - y);
      return select(size < beta, half * size * size / beta, size - half * beta);
    }
    PYNN_INLINE V by_x(V x, V y) const { return clipped((x - y) / beta, number<T>(1)); }
    PYNN_INLINE V by_y(V x, V y) const { return by_x(y, x); }
    static constexpr double rest = 0;
  };
};

struct Huber {  // delta
  template <class T>
  struct Of {
    typedef Vec<T> V;
    V delta, half;
    PYNN_INLINE explicit Of(const double* o) : delta(number<T>(o[0])), half(number<T>(0.5)) {}
    PYNN_INLINE V value(V x, V y) const {
      const V size = abs(x - y);
      return select(size <= delta, half * size * size, delta * (size - half * delta));
    }
    PYNN_INLINE V by_x(V x, V y) const { return clipped(x - y, delta); }
    PYNN_INLINE V by_y(V x, V y) const { return by_x(y, x); }
    static constexpr double rest = 0;
  };
};

// Logarithms are limited to -100, as in torch, so that a wrong certainty costs a finite loss.
struct BinaryCrossEntropy {
  template <class T>
  struct Of {
    typedef Vec<T> V;
    V one, floor;
    PYNN_INLINE explicit Of(const double*) : one(number<T>(1)), floor(number<T>(-100)) {}
    PYNN_INLINE V log_of(V x) const { return max(floor, log(x)); }
    // log(1 - x), to its last digits where 1 - x rounds.
    PYNN_INLINE V log_rest(V x) const {
      const V u = one - x, lost = (one - u) - x;
      return max(floor, log(u) + select(u > zero<T>(), lost / u, zero<T>()));
    }
    PYNN_INLINE V value(V x, V y) const { return -(y * log_of(x) + (one - y) * log_rest(x)); }
    PYNN_INLINE V by_x(V x, V y) const { return (x - y) / max(number<T>(1e-12), x * (one - x)); }
    PYNN_INLINE V by_y(V x, V) const { return log_rest(x) - log_of(x); }
    static constexpr double rest = 0.5;
  };
};

struct BinaryCrossEntropyLogits {
  template <class T>
  struct Of {
    typedef Vec<T> V;
    PYNN_INLINE explicit Of(const double*) {}
    PYNN_INLINE V value(V x, V y) const { return max(zero<T>(), x) - x * y + log1p_exp(x); }
    PYNN_INLINE V by_x(V x, V y) const { return sigmoid(x) - y; }
    PYNN_INLINE V by_y(V x, V) const { return -x; }
    static constexpr double rest = 0;
  };
};

// y * (log y - x), 0 where y is 0
struct Divergence {
  template <class T>
  struct Of {
    typedef Vec<T> V;
    V one;
    PYNN_INLINE explicit Of(const double*) : one(number<T>(1)) {}
    PYNN_INLINE V log_of(V y) const { return log(select(y == zero<T>(), one, y)); }
    PYNN_INLINE V value(V x, V y) const { return y * (log_of(y) - x); }
    PYNN_INLINE V by_x(V, V y) const { return -y; }
    PYNN_INLINE V by_y(V x, V y) const { return log_of(y) - x + select(y == zero<T>(), zero<T>(), one); }
    static constexpr double rest = 0.5;
  };
};

// exp(y) * (y - x): y a logarithm too
struct LogDivergence {
  template <class T>
  struct Of {
    typedef Vec<T> V;
    V one;
    PYNN_INLINE explicit Of(const double*) : one(number<T>(1)) {}
    PYNN_INLINE V value(V x, V y) const { return exp(y) * (y - x); }
    PYNN_INLINE V by_x(V, V y) const { return -exp(y); }
    PYNN_INLINE V by_y(V x, V y) const { return exp(y) * (y - x + one); }
    static constexpr double rest = 0;
  };
};

// Stirling's approximation of log(y!), for y > 1, where `full` asks for it
template <class T>
struct Stirling {
  typedef Vec<T> V;
  bool full;
  PYNN_INLINE V value(V y) const {
    if (!full) return zero<T>();
    const V one = number<T>(1), v = select(y > one, y, one);
    const V log_v = log(v);
    return select(y > one, v * log_v - v + number<T>(0.5) * (number<T>(1.8378770664093453) + log_v),
                  zero<T>());
  }
  PYNN_INLINE V slope(V y) const {
    if (!full) return zero<T>();
    const V one = number<T>(1), v = select(y > one, y, one);
    return select(y > one, log(v) + number<T>(0.5) / v, zero<T>());
  }
};

struct PoissonLog {  // exp(x) - x y; full
  template <class T>
  struct Of {
    typedef Vec<T> V;
    Stirling<T> more;
    PYNN_INLINE explicit Of(const double* o) : more{o[0] != 0} {}
    PYNN_INLINE V value(V x, V y) const { return exp(x) - y * x + more.value(y); }
    PYNN_INLINE V by_x(V x, V y) const { return exp(x) - y; }
    PYNN_INLINE V by_y(V x, V y) const { return more.slope(y) - x; }
    static constexpr double rest = 0;
  };
};

struct Poisson {  // x - y log(x + eps); full, eps
  template <class T>
  struct Of {
    typedef Vec<T> V;
    Stirling<T> more;
    V eps;
    PYNN_INLINE explicit Of(const double* o) : more{o[0] != 0}, eps(number<T>(o[1])) {}
    PYNN_INLINE V value(V x, V y) const { return x - y * log(x + eps) + more.value(y); }
    PYNN_INLINE V by_x(V x, V y) const { return number<T>(1) - y / (x + eps); }
    PYNN_INLINE V by_y(V x, V y) const { return more.slope(y) - log(x + eps); }
    static constexpr double rest = 0.5;
  };
};

struct Hinge {  // x where y is not -1, and max(0, margin - x) where it is not 1; margin
  template <class T>
  struct Of {
    typedef Vec<T> V;
    V margin, one;
    PYNN_INLINE explicit Of(const double* o) : margin(number<T>(o[0])), one(number<T>(1)) {}
    PYNN_INLINE V sum(V near, V far, V y) const {
      return select(y == -one, zero<T>(), near) + select(y == one, zero<T>(), far);
    }
    PYNN_INLINE V value(V x, V y) const {
      const V room = margin - x;
      return sum(x, select(room < zero<T>(), zero<T>(), room), y);
    }
    PYNN_INLINE V by_x(V x, V y) const {
      return sum(one, select(margin - x < zero<T>(), zero<T>(), -one), y);
    }
    PYNN_INLINE V by_y(V, V) const { return zero<T>(); }
    static constexpr double rest = 0;
  };
};

struct SoftMargin {  // log(1 + exp(-x y))
  template <class T>
  struct Of {
    typedef Vec<T> V;
    PYNN_INLINE explicit Of(const double*) {}
    PYNN_INLINE V value(V x, V y) const {
      const V z = -(x * y);
      return max(zero<T>(), z) + log1p_exp(z);
    }
    PYNN_INLINE V by_x(V x, V y) const { return -(y * sigmoid(-(x * y))); }
    PYNN_INLINE V by_y(V x, V y) const { return by_x(y, x); }
    static constexpr double rest = 0;
  };
};

}  // namespace loss
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
