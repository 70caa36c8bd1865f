// The launches of the direct kernels, and the bias gradient.
#include "cuda/launch.h"
#include "kernels/conv/cuda_direct.h"
#include "kernels/conv/cuda_ways.h"

namespace pynn::cuda {
namespace {

// images: x, or dy for the data gradient; result: the size of what the kernel writes, or of dy for the
// weight's.
template <class T>
DirectConv<T> direct_of(const Conv& c, const Images& images, const void* w, const int64_t* result) {
  DirectConv<T> p = {};
  p.x = static_cast<const T*>(images.data), p.w = static_cast<const T*>(w);
  p.image = images.image, p.channel = images.channel;
  p.group_channels = int(c.group_channels()), p.group_filters = int(c.group_filters());
  p.groups = int(c.groups), p.images = int(c.images);
  for (int d = 0; d < 3; ++d) {
    p.at[d] = images.at[d];
    p.in[d] = int(c.in[d]), p.kernel[d] = int(c.kernel[d]), p.out[d] = int(c.out[d]);
    p.stride[d] = int(c.stride[d]), p.before[d] = int(c.before[d]), p.dilation[d] = int(c.dilation[d]);
  }
  p.grid = grid_of(result);
  p.pixels = int(c.images * result[0] * result[1] * result[2]);
  return p;
}

// How the pixels of dy are shared among blocks where there are `sums` sums.
Parts pixel_parts(int64_t sums, int64_t pixels) {
  int64_t count = 4 * kNominalProcessors / (sums > 0 ? sums : 1);
  if (count > pixels / 1024) count = pixels / 1024;
  if (count < 1) count = 1;
  const int64_t length = pixels > 0 ? ceil_div(pixels, count) : 1;
  return {pixels > 0 ? int(ceil_div(pixels, length)) : 1, int(length)};
}

Parts weight_parts(const Conv& c) {
  return pixel_parts(c.filters * c.group_channels() * c.taps(), c.images * c.out_size());
}

size_t sum_bytes(const Parts& parts, int64_t sums, int dtype) {
  return parts.count > 1 ? rounded(parts.count * sums * (dtype == PYNN_FLOAT64 ? 8 : 4)) : 0;
}

template <class T>
Status add(const Compute<T>* sums, int count, int64_t size, void* out, cudaStream_t stream) {
  return launch(add_parts<T>, dim3(unsigned(ceil_div(size, 256))), dim3(256), 0, stream, sums, count,
                int(size), static_cast<T*>(out));
}

// The grids below have the groups' filters or the channels along y.
constexpr int64_t kMostRows = 65535;
Status too_many(const char* what, int64_t count) {
  return Status(PYNN_UNSUPPORTED, "a convolution with %lld %s; the direct kernels take up to %lld",
                (long long)count, what, (long long)kMostRows);
}

}  // namespace

Status direct_forward_pass(const Conv& c, const Images& x, const void* w, const void* bias, bool relu,
                           void* y, cudaStream_t stream) {
  return dispatch_float(c.dtype, [&](auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    DirectConv<T> p = direct_of<T>(c, x, w, c.out);
    p.bias = static_cast<const T*>(bias), p.y = static_cast<T*>(y), p.relu = relu;
    const bool several = c.group_filters() >= 4;
    const int64_t rows = c.groups * (several ? ceil_div(c.group_filters(), 8) : c.group_filters());
    if (rows > kMostRows) return too_many("filters", c.filters);
    const dim3 grid(unsigned(ceil_div(p.pixels, 256)), unsigned(rows));
    return several ? launch(direct_forward<T, 8>, grid, dim3(256), 0, stream, p)
                   : launch(direct_forward<T, 1>, grid, dim3(256), 0, stream, p);
  });
}

Status direct_data_pass(const Conv& c, const Images& dy, const void* w, void* dx, cudaStream_t stream) {
  return dispatch_float(c.dtype, [&](auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    DirectConv<T> p = direct_of<T>(c, dy, w, c.in);
    p.y = static_cast<T*>(dx);
    if (c.channels > kMostRows) return too_many("channels", c.channels);
    return launch(direct_data<T>, dim3(unsigned(ceil_div(p.pixels, 256)), unsigned(c.channels)), dim3(256), 0,
                  stream, p);
  });
}

size_t direct_weight_workspace(const Conv& c) {
  return sum_bytes(weight_parts(c), c.filters * c.group_channels() * c.taps(), c.dtype);
}

Status direct_weight_pass(const Conv& c, const Images& x, const Images& dy, void* dw, void* workspace,
                          cudaStream_t stream) {
  return dispatch_float(c.dtype, [&](auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    const Parts parts = weight_parts(c);
    const int64_t weights = c.filters * c.group_channels() * c.taps();
    DirectWeight<T> p = {};
    p.conv = direct_of<T>(c, x, nullptr, c.out);
    p.dy = static_cast<const T*>(dy.data), p.dy_image = dy.image, p.dy_channel = dy.channel;
    for (int d = 0; d < 3; ++d) p.dy_at[d] = dy.at[d];
    p.dw = static_cast<T*>(dw), p.part = parts.length;
    p.parts = parts.count > 1 ? static_cast<Compute<T>*>(workspace) : nullptr;
    PYNN_TRY(
        launch(direct_weight<T>, dim3(unsigned(weights), unsigned(parts.count)), dim3(256), 0, stream, p));
    return p.parts ? add<T>(p.parts, parts.count, weights, dw, stream) : Status();
  });
}

size_t conv_bias_workspace(const Conv& c) {
  return sum_bytes(pixel_parts(c.filters, c.images * c.out_size()), c.filters, c.dtype);
}

Status conv_bias(const Conv& c, const Images& dy, void* db, void* workspace, cudaStream_t stream) {
  if (c.filters == 0) return Status();
  return dispatch_float(c.dtype, [&](auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    using Sum = Compute<T>;
    const int64_t pixels = c.images * c.out_size();
    const Parts parts = pixel_parts(c.filters, pixels);
    const T* from = static_cast<const T*>(dy.data);
    const dim3 grid(unsigned(c.filters), unsigned(parts.count));
    if (parts.count == 1) {
      return launch(sum_channel<T, T>, grid, dim3(256), 0, stream, from, dy.image, dy.channel, dy.at[0],
                    dy.at[1], dy.at[2], grid_of(c.out), int(pixels), parts.length, static_cast<T*>(db));
    }
    Sum* sums = static_cast<Sum*>(workspace);
    PYNN_TRY(launch(sum_channel<T, Sum>, grid, dim3(256), 0, stream, from, dy.image, dy.channel, dy.at[0],
                    dy.at[1], dy.at[2], grid_of(c.out), int(pixels), parts.length, sums));
    return add<T>(sums, parts.count, c.filters, db, stream);
  });
}

}  // namespace pynn::cuda
