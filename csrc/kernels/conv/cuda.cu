// Convolutions: which way, what is packed for it, and the data gradient's phases.
#include "cuda/launch.h"
#include "kernels/conv/cuda.h"
#include "kernels/conv/cuda_pack.h"
#include "kernels/conv/cuda_ways.h"

namespace pynn::cuda {
namespace {

constexpr int64_t kMostSide = 1 << 14;  // coordinates, with padding and dilation, fit into 16 bits

Status check(const Conv& c) {
  constexpr int64_t kMost = (int64_t(1) << 31) - 1024;
  const int64_t in = c.images * c.in_size(), out = c.images * c.out_size();
  if (in < kMost && out < kMost && c.channels < kMost && c.filters < kMost && c.taps() < kMost)
    return Status();
  return Status(
      PYNN_UNSUPPORTED,
      "a convolution of %lld images of %lld channels and %lld pixels into %lld of %lld; the kernels count "
      "fewer than 2^31 pixels",
      (long long)c.images, (long long)c.channels, (long long)c.in_size(), (long long)c.filters,
      (long long)c.out_size());
}

bool is_empty(const Conv& c) { return c.images == 0 || c.filters == 0 || c.out_size() == 0; }

// In one dimension: the pixels of dx that are `phase` off the stride, how many they are, and the taps that
// reach them.
struct Phase {
  int64_t first, pixels;     // of dx
  int64_t tap, apart, taps;  // the first tap, its step, how many
  int64_t origin, tap_step;  // pixel q reads dy at q + origin + t * tap_step
};
Phase phase_of(int64_t phase, int64_t size, int64_t kernel, int64_t stride, int64_t before,
               int64_t dilation) {
  Phase out = {};
  out.first = phase;
  out.pixels = phase < size ? ceil_div(size - phase, stride) : 0;
  int64_t apart = 1;  // taps that meet one pixel repeat after so many
  while (apart * dilation % stride != 0) ++apart;
  out.apart = apart;
  for (int64_t r = 0; r < kernel && r < apart; ++r) {
    const int64_t at = phase + before - r * dilation;
    if (((at % stride) + stride) % stride != 0) continue;
    out.tap = r;
    out.taps = ceil_div(kernel - r, apart);
    out.origin = at / stride;  // exact
    out.tap_step = -(apart * dilation / stride);
    return out;
  }
  return out;
}

// The product of one phase of the data gradient; false where no pixel of dx is in it. A phase that no tap
// reaches has taps of count 0: its pixels are zeros.
bool data_job(const Conv& c, const PackedImages& dy, const void* w, void* dx, const int64_t* phase,
              GatherJob* job) {
  *job = {};
  job->dtype = c.dtype, job->float32 = c.float32;
  job->source = dy, job->source_pixels = c.out_size();
  job->w = w, job->turned = true;
  job->images = c.images, job->groups = c.groups, job->rows = c.group_channels(),
  job->channels = c.group_filters();
  job->to = dx, job->result_size = c.in_size();
  int64_t step = 1;
  for (int d = 2; d >= 0; --d) {
    const Phase p = phase_of(phase[d], c.in[d], c.kernel[d], c.stride[d], c.before[d], c.dilation[d]);
    if (p.pixels == 0) return false;
    job->kernel[d] = c.kernel[d];
    job->first[d] = p.tap, job->tap_apart[d] = p.apart;
    job->taps.count[d] = int(p.taps), job->taps.step[d] = 1;
    job->taps.origin[d] = int(p.origin), job->taps.tap_step[d] = int(p.tap_step);
    job->taps.size[d] = int(c.out[d]);
    job->grid[d] = p.pixels;
    job->result_step[d] = step * c.stride[d];
    job->result_first += step * p.first;
    step *= c.in[d];
  }
  return true;
}

template <class Body>
Status each_phase(const Conv& c, const Body& body) {
  for (int64_t z = 0; z < c.stride[0]; ++z) {
    for (int64_t y = 0; y < c.stride[1]; ++y) {
      for (int64_t x = 0; x < c.stride[2]; ++x) {
        const int64_t phase[3] = {z, y, x};
        PYNN_TRY(body(phase));
      }
    }
  }
  return Status();
}

GatherJob forward_job(const Conv& c, const PackedImages& x, const void* w, const void* bias, bool relu,
                      void* y) {
  GatherJob job = {};
  job.dtype = c.dtype, job.float32 = c.float32;
  job.source = x, job.source_pixels = c.in_size();
  job.w = w;
  job.images = c.images, job.groups = c.groups, job.rows = c.group_filters(),
  job.channels = c.group_channels();
  job.bias = bias, job.relu = relu, job.to = y, job.result_size = c.out_size();
  int64_t step = 1;
  for (int d = 2; d >= 0; --d) {
    job.kernel[d] = c.kernel[d], job.tap_apart[d] = 1;
    job.taps.count[d] = int(c.kernel[d]), job.taps.step[d] = int(c.stride[d]);
    job.taps.origin[d] = -int(c.before[d]), job.taps.tap_step[d] = int(c.dilation[d]);
    job.taps.size[d] = int(c.in[d]);
    job.grid[d] = c.out[d];
    job.result_step[d] = step;
    step *= c.out[d];
  }
  return job;
}

WeightJob weight_job(const Conv& c, const PackedImages& x, const PackedImages& dy, void* dw) {
  WeightJob job = {};
  job.dtype = c.dtype, job.float32 = c.float32;
  job.x = x, job.dy = dy, job.x_pixels = c.in_size();
  job.images = c.images, job.groups = c.groups, job.channels = c.group_channels(),
  job.filters = c.group_filters();
  job.dw = dw;
  for (int d = 0; d < 3; ++d) {
    job.kernel[d] = c.kernel[d], job.grid[d] = c.out[d];
    job.taps.count[d] = int(c.kernel[d]), job.taps.step[d] = int(c.stride[d]);
    job.taps.origin[d] = -int(c.before[d]), job.taps.tap_step[d] = int(c.dilation[d]);
    job.taps.size[d] = int(c.in[d]);
  }
  return job;
}

// Images as they will be packed, for plans made before they are.
PackedImages to_be_packed(int64_t channels, int64_t groups, size_t item) {
  const int fill = filled(channels / groups, item);
  return {nullptr, groups * fill, fill};
}

}  // namespace

bool by_products(const Conv& c, Pass pass) {
  const bool tensor_cores = c.dtype == PYNN_FLOAT16 || c.dtype == PYNN_BFLOAT16 ||
                            (c.dtype == PYNN_FLOAT32 && c.float32 != Float32::exact);
  if (!tensor_cores || path() == Path::simt || c.channels == 0 || is_empty(c)) return false;
  for (int d = 0; d < 3; ++d) {
    const int64_t reach = c.dilation[d] * c.kernel[d] + c.before[d];
    if (c.in[d] + reach > kMostSide || c.out[d] * c.stride[d] + reach > kMostSide || c.stride[d] > 64)
      return false;
  }
  if (path() != Path::automatic) return true;
  const int64_t filters = c.group_filters(), channels = c.group_channels();
  // Chunks and tiles of few channels are mostly zeros; so few products wait for memory anyway.
  if (pass == Pass::forward) return filters >= 8 && channels * c.taps() > 32;
  if (pass == Pass::data) return channels >= 8 && filters * c.taps() > 32;
  return filters >= 8 && channels * c.taps() >= 8;
}

bool lies_packed(const Images& x, int64_t channels, int64_t groups, const int64_t* size, size_t item) {
  if (channels / groups != filled(channels / groups, item) || reinterpret_cast<uintptr_t>(x.data) % 16 != 0)
    return false;
  int64_t step = channels;
  for (int d = 2; d >= 0; --d) {
    if (size[d] != 1 && x.at[d] != step) return false;
    step *= size[d];
  }
  return x.image == step && (x.channel == 1 || channels == 1);
}

size_t packed_bytes(const Images& x, int64_t images, int64_t channels, int64_t groups, const int64_t* size,
                    size_t item) {
  if (lies_packed(x, channels, groups, size, item)) return 0;
  return rounded(images * size[0] * size[1] * size[2] * groups * filled(channels / groups, item) *
                 int64_t(item));
}

template <class Word>
static Status pack_as(const Images& x, int64_t images, int64_t channels, int64_t groups, const int64_t* size,
                      int fill, void* to, cudaStream_t stream) {
  PackImages<Word> job = {};
  job.from = static_cast<const Word*>(x.data);
  job.image = x.image, job.channel = x.channel;
  for (int d = 0; d < 3; ++d) job.at[d] = x.at[d];
  job.to = static_cast<Word*>(to);
  job.grid = grid_of(size);
  job.pixels = int(images * size[0] * size[1] * size[2]);
  job.groups = int(groups), job.channels = int(channels / groups), job.filled = fill;
  job.tiles = int(ceil_div(groups * fill, kImageTile));
  job.channels_last = x.channel == 1;
  const int64_t blocks = ceil_div(job.pixels, kImageTile) * job.tiles;
  return launch(pack_images<Word>, dim3(unsigned(blocks)), dim3(256), 0, stream, job);
}

Status pack(const Images& x, int64_t images, int64_t channels, int64_t groups, const int64_t* size,
            size_t item, void* to, cudaStream_t stream, PackedImages* out) {
  *out = to_be_packed(channels, groups, item);
  out->data = lies_packed(x, channels, groups, size, item) ? x.data : to;
  if (out->data != to) return Status();
  return item == 2 ? pack_as<uint16_t>(x, images, channels, groups, size, out->filled, to, stream)
                   : pack_as<uint32_t>(x, images, channels, groups, size, out->filled, to, stream);
}

size_t conv_forward_workspace(const Conv& c, const Images& x) {
  if (is_empty(c) || !by_products(c, Pass::forward)) return 0;
  const size_t item = size_of(c.dtype);
  const GatherJob job =
      forward_job(c, to_be_packed(c.channels, c.groups, item), nullptr, nullptr, false, nullptr);
  return packed_bytes(x, c.images, c.channels, c.groups, c.in, item) + gather_workspace(job);
}

Status conv_forward(const Conv& c, const Images& x, const void* w, const void* bias, pynn_activation act,
                    void* y, void* workspace, cudaStream_t stream) {
  PYNN_TRY(check(c));
  if (is_empty(c)) return Status();
  const bool relu = act == PYNN_ACT_RELU;
  if (!by_products(c, Pass::forward)) return direct_forward_pass(c, x, w, bias, relu, y, stream);
  const size_t item = size_of(c.dtype);
  PackedImages source;
  PYNN_TRY(pack(x, c.images, c.channels, c.groups, c.in, item, workspace, stream, &source));
  return gather(forward_job(c, source, w, bias, relu, y),
                static_cast<char*>(workspace) + packed_bytes(x, c.images, c.channels, c.groups, c.in, item),
                stream);
}

size_t conv_data_workspace(const Conv& c, const Images& dy) {
  if (c.images == 0 || c.channels == 0 || c.in_size() == 0 || !by_products(c, Pass::data)) return 0;
  const size_t item = size_of(c.dtype);
  size_t most = 0;  // phases come one after another and use the same place
  (void)each_phase(c, [&](const int64_t* phase) {
    GatherJob job;
    if (data_job(c, to_be_packed(c.filters, c.groups, item), nullptr, nullptr, phase, &job)) {
      most = std::max(most, gather_workspace(job));
    }
    return Status();
  });
  return packed_bytes(dy, c.images, c.filters, c.groups, c.out, item) + most;
}

Status conv_data(const Conv& c, const Images& dy, const void* w, void* dx, void* workspace,
                 cudaStream_t stream) {
  PYNN_TRY(check(c));
  if (c.images == 0 || c.channels == 0 || c.in_size() == 0) return Status();
  if (!by_products(c, Pass::data)) return direct_data_pass(c, dy, w, dx, stream);
  const size_t item = size_of(c.dtype);
  PackedImages source = to_be_packed(c.filters, c.groups, item);
  PYNN_TRY(pack(dy, c.images, c.filters, c.groups, c.out, item, workspace, stream, &source));
  char* rest = static_cast<char*>(workspace) + packed_bytes(dy, c.images, c.filters, c.groups, c.out, item);
  return each_phase(c, [&](const int64_t* phase) {
    GatherJob job;
    return data_job(c, source, w, dx, phase, &job) ? gather(job, rest, stream) : Status();
  });
}

size_t conv_weight_workspace(const Conv& c, const Images& x, const Images& dy) {
  if (!by_products(c, Pass::weight)) return direct_weight_workspace(c);
  const size_t item = size_of(c.dtype);
  const WeightJob job = weight_job(c, to_be_packed(c.channels, c.groups, item),
                                   to_be_packed(c.filters, c.groups, item), nullptr);
  return packed_bytes(x, c.images, c.channels, c.groups, c.in, item) +
         packed_bytes(dy, c.images, c.filters, c.groups, c.out, item) + weight_workspace(job);
}

Status conv_weight(const Conv& c, const Images& x, const Images& dy, void* dw, void* workspace,
                   cudaStream_t stream) {
  PYNN_TRY(check(c));
  if (c.filters == 0 || c.channels == 0 || c.taps() == 0) return Status();
  if (!by_products(c, Pass::weight)) return direct_weight_pass(c, x, dy, dw, workspace, stream);
  const size_t item = size_of(c.dtype);
  PackedImages from, gradient;
  char* place = static_cast<char*>(workspace);
  PYNN_TRY(pack(x, c.images, c.channels, c.groups, c.in, item, place, stream, &from));
  place += packed_bytes(x, c.images, c.channels, c.groups, c.in, item);
  PYNN_TRY(pack(dy, c.images, c.filters, c.groups, c.out, item, place, stream, &gradient));
  place += packed_bytes(dy, c.images, c.filters, c.groups, c.out, item);
  return weight(weight_job(c, from, gradient, dw), place, stream);
}

}  // namespace pynn::cuda
