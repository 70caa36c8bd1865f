// What a function that launches kernels returns. Failing is rare, so the message may cost an allocation.
#pragma once
#include <cstdarg>
#include <cstdio>
#include <string>

#include "pynn/pynn.h"

namespace pynn::cuda {

class [[nodiscard]] Status {
 public:
  Status() = default;
  // printf-style.
  __attribute__((format(printf, 3, 4))) Status(pynn_status code, const char* format, ...) : code_(code) {
    char text[512];
    va_list values;
    va_start(values, format);
    std::vsnprintf(text, sizeof text, format, values);
    va_end(values);
    message_ = text;
  }
  bool ok() const { return code_ == PYNN_OK; }
  pynn_status code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  pynn_status code_ = PYNN_OK;
  std::string message_;
};

// Returns from a launching function where a step failed.
#define PYNN_TRY(call)                                                  \
  do {                                                                  \
    if (::pynn::cuda::Status tried = (call); !tried.ok()) return tried; \
  } while (0)

}  // namespace pynn::cuda
