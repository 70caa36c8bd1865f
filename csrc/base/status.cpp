#include "base/status.h"

#include <cstdarg>
#include <cstdio>

namespace pynn {
namespace {
thread_local char last_message[512] = "";
}

pynn_status fail(pynn_status code, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(last_message, sizeof last_message, format, arguments);
  va_end(arguments);
  return code;
}

const char* last_error() { return last_message; }

}  // namespace pynn
