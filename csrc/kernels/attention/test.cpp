// Attention and its gradients against plain loops in float64: shapes, strides, masks, dropout; guard zones;
// threads.
#include <cmath>
#include <vector>

#include "base/pool.h"
#include "base/testing.h"
#include "kernels/attention/attention.h"

using namespace pynn::testing;

namespace {

enum class Masked { none, boolean, added, keys };

struct Case {
  int64_t batch, heads, shared;  // query heads, and how many of them share a head of keys
  int64_t length, keys, width, value_width;
  bool causal, turned;  // heads cut out of (batch, rows, heads, width)
  Masked masked;
  double dropout;
};

// (batch, heads, groups, rows, cols) in row-major order, or with the rows before the heads.
template <class T>
struct Operand {
  int64_t shape[5], strides[5], steps[5];
  Guarded<T> data;
  Operand(int64_t b, int64_t h, int64_t s, int64_t rows, int64_t cols, bool turned, int64_t pad)
      : shape{b, h, s, rows, cols}, data(b * h * s * rows * (cols + pad)) {
    const int64_t row = cols + pad;
    steps[4] = 1;
    steps[3] = turned ? h * s * row : row;
    steps[2] = turned ? row : rows * row;
    steps[1] = s * steps[2];
    steps[0] = h * s * rows * row;
    for (int i = 0; i < 5; ++i) strides[i] = steps[i] * int64_t(sizeof(T));
  }
  T& at(int64_t b, int64_t h, int64_t s, int64_t i, int64_t j) {
    return data[b * steps[0] + h * steps[1] + s * steps[2] + i * steps[3] + j];
  }
  pynn_array array() { return {data.data(), shape, strides, 5, dtype_of<T>}; }
  void fill(Random& random) {
    for (int64_t i = 0; i < data.size(); ++i) data[i] = T(random.normal());
  }
};

uint32_t word(uint64_t seed, uint64_t offset, int64_t i) {
  uint32_t four[4];
  pynn_random_words(seed, offset + uint64_t(i / 4), 4, four);
  return four[i % 4];
}

template <class T>
void check(const Case& c, Random& random) {
  const int64_t own = c.heads / c.shared, L = c.length, S = c.keys, E = c.width, V = c.value_width;
  const int64_t pad = c.turned ? 3 : 0;
  Operand<T> q(c.batch, own, c.shared, L, E, c.turned, pad), k(c.batch, own, 1, S, E, c.turned, pad),
      v(c.batch, own, 1, S, V, c.turned, 0), g(c.batch, own, c.shared, L, V, c.turned, pad);
  Operand<T> out(c.batch, own, c.shared, L, V, c.turned, 0), dq(c.batch, own, c.shared, L, E, c.turned, 0),
      dk(c.batch, own, 1, S, E, c.turned, 0), dv(c.batch, own, 1, S, V, c.turned, 0);
  q.fill(random), k.fill(random), v.fill(random), g.fill(random);
  const int64_t lse_shape[] = {c.batch, own, c.shared, L};
  Guarded<T> lse(c.batch * c.heads * L), g_lse(c.batch * c.heads * L);
  for (int64_t i = 0; i < g_lse.size(); ++i) g_lse[i] = T(random.normal());
  Guarded<uint8_t> seen(c.masked == Masked::keys ? c.batch * S : L * S);
  Guarded<T> added(L * S);
  for (int64_t i = 0; i < seen.size(); ++i) seen[i] = random.below(4) != 0;
  for (int64_t i = 0; i < added.size(); ++i)
    added[i] = random.below(9) == 0 ? T(-INFINITY) : T(random.normal());
  const int64_t all[] = {L, S}, keys[] = {c.batch, 1, 1, 1, S};
  pynn_array mask = {seen.data(), all, nullptr, 2, PYNN_BOOL};
  if (c.masked == Masked::added) mask = {added.data(), all, nullptr, 2, dtype_of<T>};
  if (c.masked == Masked::keys) mask = {seen.data(), keys, nullptr, 5, PYNN_BOOL};
  pynn_array aq = q.array(), ak = k.array(), av = v.array(), ao = out.array(), ag = g.array();
  pynn_array al = {lse.data(), lse_shape, nullptr, 4, dtype_of<T>},
             agl = {g_lse.data(), lse_shape, nullptr, 4, dtype_of<T>};
  pynn_array adq = dq.array(), adk = dk.array(), adv = dv.array();
  const double scale = 0.6;
  const pynn_attention args = {
      &aq, &ak, &av, c.masked == Masked::none ? nullptr : &mask, c.causal, scale, c.dropout, 5, 9};
  CHECK_EQ(pynn_attention_forward(&args, &ao, &al), PYNN_OK);
  CHECK_EQ(pynn_attention_backward(&args, &ao, &al, &ag, &agl, &adq, &adk, &adv), PYNN_OK);

  const double eps = double(std::numeric_limits<T>::epsilon()), slack = 64 * eps;
  std::vector<double> rdk(size_t(c.batch * own * S * E)), rdv(size_t(c.batch * own * S * V));
  std::vector<double> p(static_cast<size_t>(S)), factor(p), slope(p);
  const double scores_size = 3 * std::sqrt(double(E)) + 3;  // what the exponential magnifies
  for (int64_t b = 0; b < c.batch; ++b) {
    for (int64_t h = 0; h < own; ++h) {
      for (int64_t s = 0; s < c.shared; ++s) {
        const int64_t n = (b * own + h) * c.shared + s;
        for (int64_t i = 0; i < L; ++i) {
          double most = -INFINITY, sum = 0;
          for (int64_t j = 0; j < S; ++j) {
            double score = 0;
            for (int64_t e = 0; e < E; ++e)
              score += double(q.at(b, h, s, i, e)) * double(k.at(b, h, 0, j, e));
            score *= scale;
            if (c.causal && j > i) score = -INFINITY;
            if (c.masked == Masked::boolean && !seen[i * S + j]) score = -INFINITY;
            if (c.masked == Masked::keys && !seen[b * S + j]) score = -INFINITY;
            if (c.masked == Masked::added) score += double(added[i * S + j]);
            p[size_t(j)] = score;
            most = std::fmax(most, score);
            const bool dropped = c.dropout > 0 && double(word(5, 9, (n * L + i) * S + j) >> 8) * 0x1p-24 <
                                                      double(float(c.dropout));
            factor[size_t(j)] = dropped ? 0 : 1 / (1 - c.dropout);
          }
          for (double& x : p) sum += x = most > -INFINITY ? std::exp(x - most) : 0;
          for (double& x : p) x = sum > 0 ? x / sum : 0;
          CHECK_CLOSE(lse[n * L + i], most > -INFINITY ? most + std::log(sum) : -INFINITY,
                      slack * scores_size);
          double delta = -double(g_lse[n * L + i]);
          for (int64_t e = 0; e < V; ++e) {
            double value = 0;
            for (int64_t j = 0; j < S; ++j)
              value += p[size_t(j)] * factor[size_t(j)] * double(v.at(b, h, 0, j, e));
            CHECK_CLOSE(out.at(b, h, s, i, e), value, slack * scores_size);
            delta += value * double(g.at(b, h, s, i, e));
          }
          for (int64_t j = 0; j < S; ++j) {
            double dp = 0;
            for (int64_t e = 0; e < V; ++e) {
              dp += double(g.at(b, h, s, i, e)) * double(v.at(b, h, 0, j, e));
              rdv[size_t(((b * own + h) * S + j) * V + e)] +=
                  p[size_t(j)] * factor[size_t(j)] * double(g.at(b, h, s, i, e));
            }
            slope[size_t(j)] = p[size_t(j)] * (dp * factor[size_t(j)] - delta) * scale;
            for (int64_t e = 0; e < E; ++e) {
              rdk[size_t(((b * own + h) * S + j) * E + e)] += slope[size_t(j)] * double(q.at(b, h, s, i, e));
            }
          }
          for (int64_t e = 0; e < E; ++e) {
            double value = 0;
            for (int64_t j = 0; j < S; ++j) value += slope[size_t(j)] * double(k.at(b, h, 0, j, e));
            CHECK_CLOSE(dq.at(b, h, s, i, e), value, slack * scores_size * (4 + std::sqrt(double(V))) * 4);
          }
        }
      }
      const double sums =
          slack * scores_size * (4 + std::sqrt(double(V))) * (4 + std::sqrt(double(L * c.shared)));
      for (int64_t j = 0; j < S; ++j) {
        for (int64_t e = 0; e < E; ++e) {
          CHECK_CLOSE(dk.at(b, h, 0, j, e), rdk[size_t(((b * own + h) * S + j) * E + e)], sums);
        }
        for (int64_t e = 0; e < V; ++e) {
          CHECK_CLOSE(dv.at(b, h, 0, j, e), rdv[size_t(((b * own + h) * S + j) * V + e)], sums);
        }
      }
    }
  }
  CHECK(out.data.intact() && lse.intact() && dq.data.intact() && dk.data.intact() && dv.data.intact());
}

void test_cases(const char* isa) {
  CHECK(std::string(pynn::attention::table().isa) == isa);
  Random random(1);
  const Case cases[] = {
      {1, 1, 1, 1, 1, 1, 1, false, false, Masked::none, 0},
      {2, 2, 1, 5, 7, 4, 6, false, true, Masked::boolean, 0},
      {1, 2, 1, 17, 17, 16, 16, true, true, Masked::none, 0},
      {1, 2, 1, 65, 33, 33, 17, true, false, Masked::none, 0.3},
      {1, 4, 2, 20, 31, 8, 40, false, true, Masked::added, 0.5},
      {2, 2, 2, 9, 70, 5, 3, false, false, Masked::keys, 0},
      {1, 1, 1, 70, 300, 9, 8, true, false, Masked::added, 0},
      {1, 1, 1, 530, 20, 4, 4, true, false, Masked::boolean, 0},
      {1, 1, 1, 140, 270, 16, 16, true, true, Masked::none, 0.2},
  };
  int number = 0;
  for (const Case& c : cases) {
    set_context(std::string(isa) + " case " + std::to_string(number++));
    check<float>(c, random);
    check<double>(c, random);
  }
}

void test_special_rows() {
  const float inf = std::numeric_limits<float>::infinity();
  const int64_t one[] = {1, 1}, keys[] = {3, 1}, value[] = {3, 2}, made[] = {1, 2}, rows[] = {1};
  float q[] = {1}, v[] = {1, 2, 3, 4, 5, 6}, out[2], lse[1];
  for (float x : {std::nanf(""), inf, -inf}) {
    float k[] = {1, x, 2};
    pynn_array aq = {q, one, nullptr, 2, PYNN_FLOAT32}, ak = {k, keys, nullptr, 2, PYNN_FLOAT32},
               av = {v, value, nullptr, 2, PYNN_FLOAT32}, ao = {out, made, nullptr, 2, PYNN_FLOAT32},
               al = {lse, rows, nullptr, 1, PYNN_FLOAT32};
    const pynn_attention args = {&aq, &ak, &av, nullptr, 0, 1, 0, 0, 0};
    CHECK_EQ(pynn_attention_forward(&args, &ao, &al), PYNN_OK);
    if (x == -inf) {  // weighs nothing
      const double e = std::exp(-1.0);
      CHECK_CLOSE(out[0], (e * 1 + 5) / (1 + e), 1e-6);
    } else {
      CHECK(std::isnan(out[0]) && std::isnan(out[1]));
    }
  }
  uint8_t nothing[] = {0, 0, 0};
  float k[] = {1, 2, 3};
  const int64_t shape[] = {1, 3};
  pynn_array aq = {q, one, nullptr, 2, PYNN_FLOAT32}, ak = {k, keys, nullptr, 2, PYNN_FLOAT32},
             av = {v, value, nullptr, 2, PYNN_FLOAT32}, ao = {out, made, nullptr, 2, PYNN_FLOAT32},
             al = {lse, rows, nullptr, 1, PYNN_FLOAT32}, mask = {nothing, shape, nullptr, 2, PYNN_BOOL};
  const pynn_attention args = {&aq, &ak, &av, &mask, 0, 1, 0, 0, 0};
  CHECK_EQ(pynn_attention_forward(&args, &ao, &al), PYNN_OK);
  CHECK(out[0] == 0 && out[1] == 0 && lse[0] == -inf);
}

void test_threads_give_the_same_bits() {
  for (int64_t batch : {1, 12}) {
    const int64_t L = 200, E = 24;
    Random random(3);
    Operand<float> q(batch, 1, 1, L, E, false, 0), k(batch, 1, 1, L, E, false, 0),
        v(batch, 1, 1, L, E, false, 0);
    q.fill(random), k.fill(random), v.fill(random);
    pynn_array aq = q.array(), ak = k.array(), av = v.array();
    const pynn_attention args = {&aq, &ak, &av, nullptr, 1, 0.2, 0.1, 1, 2};
    std::vector<float> first;
    for (int threads : {1, 2}) {
      pynn::set_num_threads(threads);
      Operand<float> out(batch, 1, 1, L, E, false, 0), dq(batch, 1, 1, L, E, false, 0),
          dk(batch, 1, 1, L, E, false, 0), dv(batch, 1, 1, L, E, false, 0);
      std::vector<float> lse(size_t(batch * L));
      const int64_t rows[] = {batch, 1, 1, L};
      pynn_array ao = out.array(), al = {lse.data(), rows, nullptr, 4, PYNN_FLOAT32};
      pynn_array adq = dq.array(), adk = dk.array(), adv = dv.array();
      CHECK_EQ(pynn_attention_forward(&args, &ao, &al), PYNN_OK);
      CHECK_EQ(pynn_attention_backward(&args, &ao, &al, &aq, nullptr, &adq, &adk, &adv), PYNN_OK);
      std::vector<float> found;
      for (Operand<float>* x : {&out, &dq, &dk, &dv}) {
        for (int64_t i = 0; i < x->data.size(); ++i) found.push_back(x->data[i]);
      }
      if (threads == 1) {
        first = found;
      } else {
        CHECK(std::memcmp(first.data(), found.data(), found.size() * sizeof(float)) == 0);
      }
    }
  }
}

void test_wrong_arguments() {
  float x[24] = {}, y[24], sums[4];
  uint8_t seen[4] = {};
  const int64_t shape[] = {2, 3}, other[] = {3, 2}, rows[] = {2}, mask_shape[] = {3, 2}, spread[] = {4, 8};
  pynn_array q = {x, shape, nullptr, 2, PYNN_FLOAT32}, k = q, v = q,
             out = {y, shape, nullptr, 2, PYNN_FLOAT32}, lse = {sums, rows, nullptr, 1, PYNN_FLOAT32},
             mask = {seen, mask_shape, nullptr, 2, PYNN_BOOL};
  pynn_attention args = {&q, &k, &v, nullptr, 0, 1, 0, 0, 0};
  CHECK_EQ(pynn_attention_forward(nullptr, &out, &lse), PYNN_INVALID);
  CHECK_EQ(pynn_attention_forward(&args, nullptr, &lse), PYNN_INVALID);
  k.shape = other;
  CHECK_EQ(pynn_attention_forward(&args, &out, &lse), PYNN_INVALID);
  CHECK(says("k (3, 2)"));
  k.shape = shape;
  args.mask = &mask;
  CHECK_EQ(pynn_attention_forward(&args, &out, &lse), PYNN_INVALID);
  CHECK(says("mask is (3, 2)"));
  args.mask = nullptr;
  args.dropout_p = 1;
  CHECK_EQ(pynn_attention_forward(&args, &out, &lse), PYNN_INVALID);
  args.dropout_p = 0;
  k.strides = spread;
  CHECK_EQ(pynn_attention_forward(&args, &out, &lse), PYNN_UNSUPPORTED);
  k.strides = nullptr;
  lse.shape = other;
  CHECK_EQ(pynn_attention_forward(&args, &out, &lse), PYNN_INVALID);
  lse.shape = rows;
  CHECK_EQ(pynn_attention_forward(&args, &out, &lse), PYNN_OK);
  CHECK_EQ(pynn_attention_backward(&args, &out, &lse, &q, nullptr, &out, &out, nullptr), PYNN_INVALID);
}

}  // namespace

int main() {
  for_each_isa([](const char* isa) {
    test_cases(isa);
    test_special_rows();
    test_threads_give_the_same_bits();
    fuzz([&](Random& random) {
      Case c;
      c.batch = 1 + random.below(3);
      c.shared = 1 + random.below(2);
      c.heads = c.shared * (1 + random.below(3));
      c.length = 1 + random.below(40);
      c.keys = 1 + random.below(40);
      c.width = 1 + random.below(36);
      c.value_width = 1 + random.below(36);
      c.causal = random.below(2) != 0;
      c.turned = random.below(2) != 0;
      c.masked = Masked(random.below(4));
      c.dropout = random.below(3) == 0 ? 0.25 : 0;
      check<float>(c, random);
      check<double>(c, random);
    });
  });
  test_wrong_arguments();
  return summary();
}
