// Which loss of pynn/loss.h each op of Python is: for the bindings of the CPU and of the GPU alike.
#pragma once
#include "pynn/loss.h"

namespace pynn::python {

struct Kind {
  const char* name;
  const char* backward_name;
  pynn_loss_kind kind;
  int options;
  bool chosen;  // whether the first option, where it is true, means `otherwise`, and the others are its
                // options
  pynn_loss_kind otherwise;
};
inline constexpr Kind kKinds[] = {
    {"mse_loss", "mse_loss.backward", PYNN_LOSS_MSE, 0, false, PYNN_LOSS_MSE},
    {"l1_loss", "l1_loss.backward", PYNN_LOSS_L1, 0, false, PYNN_LOSS_L1},
    {"smooth_l1_loss", "smooth_l1_loss.backward", PYNN_LOSS_SMOOTH_L1, 1, false, PYNN_LOSS_SMOOTH_L1},
    {"huber_loss", "huber_loss.backward", PYNN_LOSS_HUBER, 1, false, PYNN_LOSS_HUBER},
    {"binary_cross_entropy", "binary_cross_entropy.backward", PYNN_LOSS_BCE, 0, false, PYNN_LOSS_BCE},
    {"binary_cross_entropy_with_logits", "binary_cross_entropy_with_logits.backward", PYNN_LOSS_BCE_LOGITS, 0,
     false, PYNN_LOSS_BCE_LOGITS},
    {"kl_div", "kl_div.backward", PYNN_LOSS_KL_DIV, 1, true, PYNN_LOSS_KL_DIV_LOG},
    {"poisson_nll_loss", "poisson_nll_loss.backward", PYNN_LOSS_POISSON, 3, true, PYNN_LOSS_POISSON_LOG},
    {"hinge_embedding_loss", "hinge_embedding_loss.backward", PYNN_LOSS_HINGE, 1, false, PYNN_LOSS_HINGE},
    {"soft_margin_loss", "soft_margin_loss.backward", PYNN_LOSS_SOFT_MARGIN, 0, false, PYNN_LOSS_SOFT_MARGIN},
};

}  // namespace pynn::python
